"""Slots are drawn for one after the other, without replacement, each with an exact conditional pmf."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import permutations
from math import fsum, prod
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models import pmf as pmfs
from attune_models import slots
from attune_models.baselines import FixedSpec, UniformSpec
from attune_models.features import situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import Policy, PolicySpec, build
from attune_models.popularity import PopularitySpec
from attune_models.types import ActionSet, FeatureSet, Interaction, PlainAction, Pmf, Situation
from attune_models.vw import Bag, Epsilon, Softmax, SquareCb, VwSpec

SITUATION = situation(FeatureSet(categorical={"device": "mobile"}, numeric={"age": 3.5}), map(PlainAction, "abcd"))
SPECS = {
    "squarecb": PolicySpec(VwSpec(SquareCb(), bits=10)),
    "epsilon": PolicySpec(VwSpec(Epsilon(), bits=10)),
    "floored softmax": PolicySpec(VwSpec(Softmax(), bits=10), min_probability=0.05),
    "bag": PolicySpec(VwSpec(Bag(), bits=10)),
    "linear ucb": PolicySpec(LinearUcbSpec(bits=5, offer_bits=4)),
    "linear thompson": PolicySpec(LinearThompsonSpec(bits=5, offer_bits=4)),
    "popularity": PolicySpec(PopularitySpec()),
    "uniform": PolicySpec(UniformSpec()),
    "fixed": PolicySpec(FixedSpec("c")),
    "floored fixed": PolicySpec(FixedSpec("c"), min_probability=0.1),
}
every_policy = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def trained(spec: PolicySpec) -> Policy:
    """A policy that has learned, from 60 decisions of two slots, that c is liked in slot 0 and b in slot 1."""
    policy, random = build(spec), Random(3)
    for _ in range(60):
        first, second = random.sample(range(4), 2)
        policy.learn(slots.interaction(SITUATION, [], first, 1 / 4, float(first == 2)))
        policy.learn(slots.interaction(SITUATION, [first], second, 1 / 3, float(second == 1)))
    return policy


def seeded(event_id: str, slot: int) -> float:
    return pmfs.unit_interval("draw", "home", event_id, str(slot))


def drawn_for(policy: Policy, event_id: str, n_slots: int, asked: Situation = SITUATION) -> list[slots.SlotDraw]:
    return list(slots.draws(asked, [], n_slots, policy.pmf, lambda slot: seeded(event_id, slot)))


def conditional(policy: Policy, selection: tuple[int, ...]) -> float:
    """The probability of the last action of a selection, given those before."""
    (draw,) = slots.draws(SITUATION, selection[:-1], len(selection), policy.pmf, lambda _: 0.5)
    return draw.pmf[selection[-1]]


def test_the_first_slot_is_the_decision_itself() -> None:
    assert slots.situation_of(SITUATION, []) is SITUATION
    assert slots.interaction(SITUATION, [], 2, 0.25, 1.0) == Interaction(SITUATION, 2, 0.25, 1.0)


def test_a_later_slot_has_its_number_as_a_feature_and_what_is_left() -> None:
    asked = slots.situation_of(SITUATION, [2, 0])
    assert asked == Situation("=2 age:3.5 device=mobile", ["b", "d"], ["=b", "=d"])
    assert slots.situation_of(SITUATION, [0, 2]) == asked  # what was drawn matters, not in which order


def test_a_later_slot_draws_from_the_same_known_set() -> None:
    """Its actions are where they were, whatever was left out of the set before."""
    known = ActionSet([*"xabycd"], ["=x", "=a", "=b", "=y", "=c", "=d"])
    whole = Situation("", known.action_ids, known.actions, known)
    assert slots.situation_of(whole, [0, 3]).positions == [1, 2, 4, 5]
    some = slots.situation_of(Situation("", [*"abcd"], ["=a", "=b", "=c", "=d"], known, [1, 2, 4, 5]), [1])
    assert (some.known, some.positions) == (known, [1, 4, 5])
    assert [known.action_ids[i] for i in some.positions] == some.action_ids == ["a", "c", "d"]


def test_what_is_learned_names_the_action_among_those_left() -> None:
    interactions = [slots.interaction(SITUATION, drawn, 2, 0.5, 1.0) for drawn in ([3], [0], [1, 0], [1, 3, 0])]
    chosen = [(each.chosen, each.situation.action_ids[each.chosen]) for each in interactions]
    assert chosen == [(2, "c"), (1, "c"), (0, "c"), (0, "c")]


@every_policy
def test_each_conditional_pmf_sums_to_1_and_leaves_out_what_was_drawn(spec: PolicySpec) -> None:
    policy = trained(spec)
    for event in range(20):
        before: list[int] = []
        for draw in drawn_for(policy, f"{event}", 4):
            assert fsum(draw.pmf) == pytest.approx(1.0, abs=1e-12)
            assert [draw.pmf[i] for i in before] == [0.0] * len(before)
            assert draw.pmf[draw.chosen] > 0.0
            before.append(draw.chosen)
        assert sorted(before) == [0, 1, 2, 3]


@every_policy
def test_one_slot_is_drawn_as_if_there_were_no_slots(spec: PolicySpec) -> None:
    policy = trained(spec)
    pmf = policy.pmf(SITUATION)
    for event in range(20):
        expected = slots.SlotDraw(pmf, pmfs.draw(pmf, seeded(f"{event}", 0)))
        assert drawn_for(policy, f"{event}", 1) == [expected]
        assert drawn_for(policy, f"{event}", 3)[0] == expected


@every_policy
def test_what_was_drawn_before_may_be_handed_in(spec: PolicySpec) -> None:
    policy = trained(spec)
    whole = drawn_for(policy, "e", 4)
    rest = slots.draws(SITUATION, [whole[0].chosen], 4, policy.pmf, lambda slot: seeded("e", slot))
    assert list(rest) == whole[1:]


@every_policy
def test_the_probabilities_of_all_selections_sum_to_1(spec: PolicySpec) -> None:
    policy = trained(spec)
    selections = [chosen for chosen in permutations(range(4), 3) if _is_possible(policy, chosen)]
    total = fsum(prod(conditional(policy, chosen[: k + 1]) for k in range(3)) for chosen in selections)
    assert total == pytest.approx(1.0, abs=1e-12)


def _is_possible(policy: Policy, chosen: tuple[int, ...]) -> bool:
    return all(conditional(policy, chosen[: k + 1]) > 0.0 for k in range(len(chosen)))


class _Arbitrary:
    """States probabilities that depend on everything it is told, some of them 0."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def pmf(self, asked: Situation) -> Pmf:
        key = repr((self._seed, asked)).encode()
        weights = [blake2b(key, key=b"%d" % i, digest_size=1).digest()[0] // 64 for i in range(len(asked.actions))]
        return pmfs.normalised(weights) if any(weights) else pmfs.uniform(len(weights))


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 6))
def test_whatever_the_policy_is_a_selection_is_as_probable_as_its_slots_say(
    seed: int, n_actions: int, n_slots: int
) -> None:
    """Exact enumeration: the whole tree of draws, each branch taken by a number in the middle of its share."""
    asked = situation(FeatureSet(), (PlainAction(f"{i}") for i in range(n_actions)))
    policy = _Arbitrary(seed)

    def mass(drawn: list[int]) -> float:
        if len(drawn) == min(n_slots, n_actions):
            return 1.0
        (pmf,) = {tuple(draw.pmf) for draw in slots.draws(asked, drawn, len(drawn) + 1, policy.pmf, lambda _: 0.0)}
        total = 0.0
        for action, probability in enumerate(pmf):
            if probability > 0.0:
                u = fsum(pmf[:action]) + probability / 2
                (draw,) = slots.draws(asked, drawn, len(drawn) + 1, policy.pmf, lambda _, u=u: u)  # type: ignore[misc]
                assert draw.chosen == action
                total += probability * mass([*drawn, action])
        return total

    assert mass([]) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("n_actions", "n_slots", "drawn"), [(1, 3, 1), (3, 3, 3), (3, 20, 3), (4, 2, 2), (30, 20, 20)])
def test_there_are_as_many_draws_as_slots_or_actions(n_actions: int, n_slots: int, drawn: int) -> None:
    asked = situation(FeatureSet(), (PlainAction(f"{i}") for i in range(n_actions)))
    for spec in (SPECS["squarecb"], SPECS["popularity"]):
        result = drawn_for(build(spec), "e", n_slots, asked)
        assert len({draw.chosen for draw in result}) == len(result) == drawn


def test_a_policy_learns_what_is_liked_in_each_slot() -> None:
    """Slot 0 likes c and slot 1 likes b, after whatever was drawn first."""
    policy = trained(SPECS["squarecb"])
    assert conditional(policy, (2,)) == max(conditional(policy, (i,)) for i in range(4))
    for first in (0, 2, 3):
        others = [conditional(policy, (first, i)) for i in range(4)]
        assert others[1] == max(others)


def test_what_a_draw_withdraws_is_left_for_no_slot_after_it() -> None:
    """Where a and b go together, and c and d: after two draws nothing is left."""
    partner = {0: 1, 1: 0, 2: 3, 3: 2}

    def withdrawn(drawn: Sequence[int]) -> list[int]:
        return sorted({partner[each] for each in drawn} - set(drawn))

    policy = trained(SPECS["floored softmax"])
    for event_id in "abcdefgh":
        asked = slots.draws(SITUATION, [], 4, policy.pmf, lambda k, e=event_id: seeded(e, k), withdrawn_by=withdrawn)  # type: ignore[misc]
        first, second = asked
        assert [list(first.withdrawn), list(second.withdrawn)] == [[], [partner[first.chosen]]]
        assert first.pmf == policy.pmf(SITUATION)
        left = slots.situation_of(SITUATION, [first.chosen], second.withdrawn)
        rest = [i for i in range(4) if i not in (first.chosen, partner[first.chosen])]
        assert list(left.action_ids) == [SITUATION.action_ids[i] for i in rest]
        assert [second.pmf[i] for i in rest] == policy.pmf(left)
        assert sum(second.pmf) == pytest.approx(1.0)
        taught = slots.interaction(
            SITUATION, [first.chosen], second.chosen, second.pmf[second.chosen], 1.0, withdrawn=second.withdrawn
        )
        assert taught == Interaction(left, rest.index(second.chosen), second.pmf[second.chosen], 1.0)
