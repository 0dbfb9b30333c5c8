"""What is predicted for a known set of actions is what Vowpal Wabbit predicts, for every kind of policy.

The reference is the library itself: the same policy, asked about the same situation without being told of a set.
"""

import gc
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import numpy as np
import pytest

from attune_models import vw_rows
from attune_models.features import situation, with_slot
from attune_models.policy import PolicySpec, build
from attune_models.types import (
    ActionSet,
    FeatureSet,
    Interaction,
    PlainAction,
    Pmf,
    PolicyError,
    Situation,
    ValueList,
)
from attune_models.vw import (
    CbType,
    Crossing,
    Crossings,
    Epsilon,
    Exploration,
    First,
    Listed,
    Softmax,
    SquareCb,
    VwPolicy,
    VwSpec,
)
from attune_models.vw_actions import action_tables
from attune_models.vw_pmfs import needs_predictions_only
from vw_policies import BITS, EXPLORATIONS, SPECS, TUNED_SPECS

N_ACTIONS = 12
# The library computes with 24 bits: scores of magnitude 1 are off by some 1e-7 each, and so are probabilities.
ALIKE = {"rel": 0.0, "abs": 1e-6}
LISTED = Listed(
    (
        Crossing(("user",), ("topic",)),
        Crossing(("user", "device"), ("ü|", "price")),
        Crossing(("age", "likes"), ("e",)),
        Crossing(("", "user"), ("",)),
        Crossing(("likes",)),
        Crossing(("device",), ("rare",)),
    )
)
COMPUTED: dict[str, Exploration] = {
    name: exploration for name, exploration in EXPLORATIONS.items() if needs_predictions_only(exploration)
} | {"first, later": First(5), "greedy": Epsilon(0.0), "steep": SquareCb(1000.0, 1.0)}
CROSSED = {
    f"{name}, {getattr(crossings, 'name', 'LISTED')}, alone {alone}": VwSpec(
        exploration, crossings, context_alone=alone, bits=BITS
    )
    for crossings in [*Crossings, LISTED]
    for alone in (False, True)
    for name, exploration in COMPUTED.items()
}
FORGETTING = {
    f"{name}, half-life": VwSpec(exploration, bits=BITS, half_life=20) for name, exploration in COMPUTED.items()
}
ALL = SPECS | TUNED_SPECS | CROSSED | FORGETTING
# In every run each exploration, each setting, and each way of crossing once: all of them together take half a minute.
_SHORT = ("squarecb, ", "squarecb mtr", "epsilon", "softmax, LISTED", "first, later, LISTED", "regcb mtr", "bag mtr")
CASES = [
    pytest.param(spec, id=name, marks=[] if name in TUNED_SPECS or name.startswith(_SHORT) else [pytest.mark.long])
    for name, spec in ALL.items()
]
every_spec = pytest.mark.parametrize("spec", CASES)


def offer(number: int) -> PlainAction:
    """Return an action with features of every kind; only some have all of them."""
    known = FeatureSet(
        numeric={"price": number / 3, "a:b": -1.5e-3},
        categorical={"topic": f"topic {number % 3}", "ü|": "%"} | ({"rare": "x"} if number % 4 == 0 else {}),
        tags={"t": ValueList(["x", f"y{number}"])} if number % 2 else {},
        dense={"e": ValueList([0.1, -0.25, 2.0])},
    )
    return PlainAction(f"offer {number}", known)


ACTIONS = situation(FeatureSet(), map(offer, range(N_ACTIONS)))
KNOWN = ActionSet(ACTIONS.action_ids, ACTIONS.actions)


def situations(seed: int, number: int) -> Iterator[Situation]:
    """Yield situations in which any of all actions may be drawn; some are of later slots."""
    random = Random(seed)
    for _ in range(number):
        context = FeatureSet(
            numeric={"age": random.uniform(0, 3), "hour": float(random.randrange(24)) / 24},
            categorical={"user": f"u {random.randrange(5)}", "device": random.choice(("mobile", "desktop")), "x": ""},
            tags={"likes": ValueList(random.sample(["run", "yoga", "read"], 2))} if random.random() < 0.7 else {},
            dense={"v": ValueList([random.random(), 0.5])},
        )
        asked = replace(situation(context, []), action_ids=ACTIONS.action_ids, actions=ACTIONS.actions)
        yield replace(asked, context=with_slot(asked.context, random.choice((0, 0, 1, 2))))


def of_set(asked: Situation) -> Situation:
    return replace(asked, known=KNOWN)


def part(asked: Situation, positions: Sequence[int]) -> Situation:
    """Return the situation in which only some actions may be drawn, without the set."""
    ids, actions = [asked.action_ids[i] for i in positions], [asked.actions[i] for i in positions]
    return Situation(asked.context, ids, actions)


def taken_up(spec: VwSpec, n_rounds: int = 60, seed: int = 1) -> VwPolicy:
    """Return a policy that has learned and was then loaded, as one that serves."""
    random, learned, policy = Random(seed), VwPolicy(spec), VwPolicy(spec)
    for asked in situations(seed, n_rounds):
        chosen = random.randrange(N_ACTIONS)
        learned.learn(Interaction(asked, chosen, 0.25, float(random.random() < 0.1 + 0.8 * (chosen % 3 == 0))))
    policy.loads(learned.dumps())
    return policy


def assert_alike(policy: VwPolicy, asked: Situation, expected: Pmf) -> None:
    """Assert that a pmf is the library's, but for which of several actions is the best where it cannot tell."""
    pmf = policy.pmf(asked)
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-9)
    second, first = np.sort(policy.scores(asked))[-2:]
    if first == second or first - second > ALIKE["abs"]:
        assert pmf == pytest.approx(expected, **ALIKE)


@every_spec
def test_probabilities_and_scores_are_the_librarys_and_a_part_of_the_set_is_as_good(spec: VwSpec) -> None:
    policy, random = taken_up(spec), Random(3)
    for asked in situations(2, 6):
        assert_alike(policy, of_set(asked), policy.pmf(asked))
        positions = random.sample(range(N_ACTIONS), random.randint(2, N_ACTIONS))
        some = part(asked, positions)
        some_of_set = replace(some, known=KNOWN, positions=positions)
        assert_alike(policy, some_of_set, policy.pmf(some))
        assert policy.scores(some_of_set).tolist() == policy.scores(of_set(asked))[positions].tolist()
    explained = [each.score for each in policy.explain(asked)]
    assert policy.scores(of_set(asked)) == pytest.approx(explained, rel=1e-9, abs=1e-12)
    assert policy.scores(asked) == pytest.approx(explained, rel=1e-9, abs=1e-12)


def test_what_needs_predictions_only_is_computed_here_with_every_cost_type() -> None:
    """And not by chance equal because the library was asked."""
    for exploration in COMPUTED.values():
        kinds = [CbType.MTR] if isinstance(exploration, SquareCb) else list(CbType)
        for kind in kinds:
            policy, asked = taken_up(VwSpec(exploration, bits=10, cb_type=kind), 10), next(situations(5, 1))
            expected = policy.pmf(asked)
            policy._model.action_scores = None  # type: ignore[method-assign,assignment]  # noqa: SLF001 - fails if asked
            assert_alike(policy, of_set(asked), expected)


@pytest.mark.parametrize("exploration", COMPUTED.values(), ids=COMPUTED)
def test_before_anything_is_learned_all_actions_tie_as_in_the_library(exploration: Exploration) -> None:
    policy = VwPolicy(VwSpec(exploration, bits=BITS))
    for asked in situations(6, 3):
        assert policy.pmf(of_set(asked)) == pytest.approx(policy.pmf(asked), **ALIKE)


@pytest.mark.parametrize("exploration", COMPUTED.values(), ids=COMPUTED)
def test_actions_that_tie_share_as_in_the_library(exploration: Exploration) -> None:
    """New offers with equal features have equal scores until one of them is learned from."""
    actions = [PlainAction(name, FeatureSet(categorical={"k": "x"})) for name in "abcde"]
    asked = situation(FeatureSet(categorical={"u": "1"}), actions)
    learned, policy = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for reward in (1.0, 0.0, 0.0):
        learned.learn(Interaction(asked, 2, 0.2, reward))
    policy.loads(learned.dumps())
    known = replace(asked, known=ActionSet(asked.action_ids, asked.actions))
    assert policy.pmf(known) == pytest.approx(policy.pmf(asked), **ALIKE)


def test_a_single_action_is_certain() -> None:
    for exploration in COMPUTED.values():
        policy, asked = taken_up(VwSpec(exploration, bits=BITS), 10), next(situations(7, 1))
        assert policy.pmf(replace(part(asked, [3]), known=KNOWN, positions=[3])) == pytest.approx([1.0], abs=1e-12)


def test_a_context_without_features_and_one_of_many_are_the_librarys() -> None:
    policy = taken_up(VwSpec(bits=BITS))
    for n_words in (0, 1, 10, 11, 40):
        context = FeatureSet(categorical={f"w{i}": "x" for i in range(n_words)})
        asked = replace(ACTIONS, context=situation(context, []).context)
        assert policy.pmf(of_set(asked)) == pytest.approx(policy.pmf(asked), **ALIKE)


def test_a_thousand_actions_are_the_librarys() -> None:
    asked = situation(FeatureSet({"age": 2.5}, {"user": "u 1", "x": ""}), map(offer, range(1000)))
    policy = taken_up(VwSpec())
    known = replace(asked, known=ActionSet(asked.action_ids, asked.actions))
    pmf = policy.pmf(known)
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-9)
    # What is left over for the best action, the library finds by adding 999 numbers of 24 bits.
    assert pmf == pytest.approx(policy.pmf(asked), rel=1e-4, abs=1e-6)
    best = pmf.index(max(pmf))
    assert policy.pmf(asked)[best] == pytest.approx(pmf[best], abs=1000 * 2**-24)


# --- the same bits


def test_bits_do_not_depend_on_what_was_asked_before() -> None:
    policy, fresh = taken_up(VwSpec(bits=BITS)), taken_up(VwSpec(bits=BITS))
    asked = [of_set(each) for each in situations(8, 30)]
    expected = [policy.pmf(each) for each in asked]
    assert [fresh.pmf(each) for each in reversed(asked)] == expected[::-1]
    assert [policy.pmf(each) for each in asked] == expected


def test_bits_do_not_depend_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, asked = VwSpec(bits=BITS), [of_set(each) for each in situations(9, 30)]
    policy = taken_up(spec)
    expected = [policy.scores(each).tolist() for each in asked]
    monkeypatch.setattr(vw_rows, "_KEPT_BYTES", 2000)
    monkeypatch.setattr(vw_rows, "_TERMS_AT_A_TIME", 1)
    policy = taken_up(spec)
    assert [policy.scores(each).tolist() for each in asked] == expected
    assert [pmf for each in asked for pmf in policy.pmfs([each])] == [policy.pmf(each) for each in asked]
    monkeypatch.setattr(vw_rows, "_FEW", 0)
    policy = taken_up(spec)
    assert [policy.scores(each).tolist() for each in asked] == expected


# --- many situations at once


@pytest.mark.parametrize(
    "spec", [pytest.param(spec, id=name) for name, spec in CROSSED.items() if "CONTEXT_ACTION" not in name]
)
def test_many_at_once_have_the_bits_that_each_has_by_itself(spec: VwSpec) -> None:
    """Contexts with other features, another slot or none at all are in one batch."""
    policy = taken_up(spec, 20)
    asked = [of_set(each) for each in situations(16, 12)] + [replace(of_set(ACTIONS), context="")]
    expected = [policy.pmf(each) for each in asked]
    policy.pmf = None  # type: ignore[method-assign,assignment] # fails if asked
    assert policy.pmfs(asked) == expected
    assert policy.pmfs(asked[::-1]) == expected[::-1]
    assert policy.pmfs(asked[3:4]) == expected[3:4]
    assert policy.pmfs([]) == []


@pytest.mark.parametrize("n_actions", [1, 2, 32, 33, 64, 65, 130, 1000])
@pytest.mark.parametrize("exploration", COMPUTED.values(), ids=COMPUTED)
def test_sets_of_every_size_have_the_same_bits_in_a_batch(exploration: Exploration, n_actions: int) -> None:
    policy, asked = taken_up(VwSpec(exploration, bits=BITS), 20), situation(FeatureSet(), map(offer, range(n_actions)))
    known = ActionSet(asked.action_ids, asked.actions)
    batch = [Situation(each.context, asked.action_ids, asked.actions, known) for each in situations(17, 8)]
    assert policy.pmfs(batch) == [policy.pmf(each) for each in batch]


def test_a_batch_that_is_more_than_is_computed_at_a_time_has_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, asked = taken_up(VwSpec(bits=BITS)), [of_set(each) for each in situations(18, 11)]
    expected = policy.pmfs(asked)
    for at_a_time in (1, 3 * N_ACTIONS, 4 * N_ACTIONS):
        monkeypatch.setattr("attune_models.vw._NUMBERS_AT_A_TIME", at_a_time)
        assert policy.pmfs(asked) == expected


@pytest.mark.parametrize("name", ["squarecb", "bag mtr"])
def test_whatever_is_not_all_of_one_known_set_is_answered_one_by_one(name: str) -> None:
    policy, asked = taken_up(ALL[name] if name in ALL else VwSpec(bits=BITS)), list(situations(19, 6))
    other = ActionSet(list(KNOWN.action_ids), list(KNOWN.actions))
    mixed = [
        of_set(asked[0]),
        asked[1],
        replace(part(asked[2], [4, 2]), known=KNOWN, positions=[4, 2]),
        replace(asked[3], known=other),
        of_set(asked[4]),
    ]
    assert policy.pmfs(mixed) == [policy.pmf(each) for each in mixed]
    assert policy.pmfs(mixed[1:]) == [policy.pmf(each) for each in mixed[1:]]


def test_a_policy_that_has_learned_answers_one_by_one() -> None:
    policy, asked = taken_up(VwSpec(bits=BITS)), [of_set(each) for each in situations(20, 3)]
    policy.learn(Interaction(asked[0], 0, 0.5, 1.0))
    assert policy.pmfs(asked) == [policy.pmf(each) for each in asked]


def test_one_situation_that_has_no_pmf_stops_the_batch_and_spoils_nothing() -> None:
    policy, asked = taken_up(VwSpec(bits=BITS)), [of_set(each) for each in situations(21, 3)]
    expected = policy.pmfs(asked)
    damaged = replace(asked[1], context=f"{asked[1].context} z:nan")
    with pytest.raises(PolicyError, match="expected finite scores"):
        policy.pmfs([asked[0], damaged, asked[2]])
    with pytest.raises(PolicyError, match="expected finite scores"):
        policy.pmf(damaged)
    assert policy.pmfs(asked) == expected


def test_what_is_kept_is_bounded_though_names_never_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's id as a word of the context, beside a long vector, whose rows all of these contexts share."""
    monkeypatch.setattr(vw_rows, "_KEPT_BYTES", 1 << 20)
    policy = taken_up(VwSpec(bits=BITS), 10)
    rows = policy._reading().scorer._rows_of(KNOWN)  # noqa: SLF001 - what is looked at lies below the policy
    vector, n_starts = " ".join(f"v@{i}:0.5" for i in range(100)), []
    for i in range(300):
        policy.pmf(replace(of_set(ACTIONS), context=f"user=u{i} {vector}"))
        n_starts.append(len(rows.starts))
        # 100 factors with a number take 10 kB.
        assert n_starts[-1] * 10_000 <= rows._bytes_besides <= 1 << 20 or not n_starts[-1]  # noqa: SLF001 - see above
    assert 50 < max(n_starts) < 100
    assert len({id(row) for start in rows.starts.values() for row in start.few_rows}) == 100


_ELSEWHERE = """
import sys
from attune_models.types import ActionSet, Situation
from attune_models.vw import VwPolicy, VwSpec
policy = VwPolicy(VwSpec(bits={bits}))
policy.loads(sys.stdin.buffer.read())
actions = {actions!r}
known = ActionSet([str(i) for i in range(len(actions))], actions)
print(policy.pmf(Situation({context!r}, known.action_ids, actions, known)))
"""


def test_bits_are_the_same_in_another_process() -> None:
    policy, asked = taken_up(VwSpec(bits=BITS)), next(situations(10, 1))
    source = _ELSEWHERE.format(bits=BITS, actions=list(asked.actions), context=asked.context)
    ran = subprocess.run([sys.executable, "-c", source], input=policy.dumps(), capture_output=True, check=True)
    assert ran.stdout.decode().strip() == str(policy.pmf(of_set(asked)))


# --- states and what is kept


def test_what_is_learned_or_loaded_counts_at_once() -> None:
    spec, asked = VwSpec(bits=BITS), next(situations(11, 1))
    policy, former = taken_up(spec, 10), None
    for seed in (1, 2, 3):
        policy.learn(Interaction(asked, seed, 0.5, 1.0))
        learned = policy.pmf(of_set(asked))
        policy.loads(policy.dumps())
        assert policy.pmf(of_set(asked)) == pytest.approx(learned, **ALIKE)
        assert learned != former
        former = learned


def test_a_policy_that_learns_does_not_read_its_weights_again_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, asked = taken_up(VwSpec(bits=BITS), 10), next(situations(12, 1))
    policy.learn(Interaction(asked, 0, 0.5, 1.0))
    monkeypatch.setattr("attune_models.vw._Reading", None)  # fails where one is made
    assert policy.pmf(of_set(asked)) == policy.pmf(asked)


def test_predicting_for_a_set_leaves_no_trace_in_the_model() -> None:
    asked, silent = taken_up(VwSpec(bits=BITS)), taken_up(VwSpec(bits=BITS))
    asked.prepare(KNOWN)
    for each in situations(13, 5):
        asked.pmf(of_set(each))
        asked.scores(of_set(each))
    assert asked.dumps() == silent.dumps()


def test_a_set_is_kept_as_long_as_somebody_draws_from_it() -> None:
    spec = VwSpec(Softmax(3.5), bits=BITS)
    policy, known = VwPolicy(spec), ActionSet(list(ACTIONS.action_ids), list(ACTIONS.actions))
    policy.prepare(known)
    tables = action_tables(spec)._tables  # noqa: SLF001 - what is looked at lies below the policy
    assert known in tables
    n_before = len(tables)
    del known
    gc.collect()
    assert len(tables) == n_before - 1


def test_more_sets_than_are_kept_are_predicted_alike() -> None:
    policy, asked = taken_up(VwSpec(bits=BITS)), next(situations(14, 1))
    sets = [ActionSet(list(ACTIONS.action_ids), list(ACTIONS.actions)) for _ in range(10)]
    assert len({tuple(policy.pmf(replace(asked, known=known))) for known in sets * 2}) == 1
    assert len(policy._reading().scorer._rows) < len(sets)  # noqa: SLF001 - see above


def test_a_floor_is_mixed_in_behind_it() -> None:
    policy = build(PolicySpec(VwSpec(Epsilon(0.0), bits=BITS), min_probability=0.01))
    policy.loads(taken_up(VwSpec(Epsilon(0.0), bits=BITS)).dumps())
    asked = next(situations(15, 1))
    policy.prepare(KNOWN)
    assert policy.pmf(of_set(asked)) == pytest.approx(policy.pmf(asked), **ALIKE)
    assert min(policy.pmf(of_set(asked))) == pytest.approx(0.01, abs=1e-12)
