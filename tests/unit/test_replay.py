"""A policy that is led through a log says what it would have said, learns when it would have, and leaves no trace."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import FrozenInstanceError, replace
from math import inf, nan

import numpy as np
import pytest

from attune_models import pmf as pmfs
from attune_models.baselines import FixedSpec, UniformSpec
from attune_models.beliefs import Belief
from attune_models.estimators import Ips, Replay, Snips
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import KindSpec, PolicySpec, build
from attune_models.popularity import PopularitySpec
from attune_models.replay import Step, clone, rejection_replay, replay, rounds
from attune_models.types import Interaction, PolicyError, Situation
from attune_models.vw import Epsilon, SquareCb, VwSpec
from vw_policies import interactions, situation_for

POPULARITY = PolicySpec(PopularitySpec())
SPECS = {
    "squarecb": PolicySpec(VwSpec(SquareCb(), bits=10)),
    "epsilon": PolicySpec(VwSpec(Epsilon(), bits=10)),
    "half-life": PolicySpec(VwSpec(bits=10, half_life=20.0)),
    "floored": PolicySpec(VwSpec(bits=10), min_probability=0.05),
    "linear ucb": PolicySpec(LinearUcbSpec(bits=5, offer_bits=4)),
    "linear thompson": PolicySpec(LinearThompsonSpec(bits=5, offer_bits=4)),
    "popularity": POPULARITY,
    "uniform": PolicySpec(UniformSpec()),
    "fixed": PolicySpec(FixedSpec("offer 1")),
}
every_policy = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
AB = Situation("", ["a", "b"], ["=a", "=b"])
# Thompson sampling of two actions by hand. Nobody knows anything: 1/2. Once a has earned 1, it is Beta(2, 1), and above
# the Beta(1, 1) of b with probability 2/3. Once b has earned 0, it is Beta(1, 2), and below a with probability 5/6.
INTEGRAL = 1e-9
"""How exact that policy's integrals are; see `test_popularity.py`."""
BY_HAND = [Interaction(AB, 0, 0.5, 1.0), Interaction(AB, 1, 0.5, 0.0), Interaction(AB, 0, 0.25, 1.0)]


def uniform_log(n_rounds: int, seed: int = 1) -> list[Interaction]:
    return [replace(each, propensity=0.25) for each in interactions(n_rounds, seed)]


def weights(steps: Iterator[Step]) -> list[float]:
    return [step.weight for step in steps]


def test_a_policy_is_asked_about_each_interaction_before_it_learns_it() -> None:
    steps = list(replay(POPULARITY, BY_HAND))
    assert [step.pmf[0] for step in steps] == pytest.approx([1 / 2, 2 / 3, 5 / 6], abs=INTEGRAL)
    assert [step.weight for step in steps] == pytest.approx([1.0, 2 / 3, 10 / 3], abs=INTEGRAL)
    assert [(step.index, step.chosen, step.reward, step.slot, step.accepted) for step in steps] == [
        (0, 0, 1.0, 0, True),
        (1, 1, 0.0, 0, True),
        (2, 0, 1.0, 0, True),
    ]


def test_the_progressive_estimate_is_the_mean_of_weight_times_reward() -> None:
    counted = rounds(replay(POPULARITY, BY_HAND), seed=1)
    assert np.mean(counted.weight * counted.reward) == pytest.approx((1.0 + 0.0 + 10 / 3) / 3, abs=INTEGRAL)


def test_a_policy_that_does_not_learn_stays_as_it_is() -> None:
    assert weights(replay(POPULARITY, BY_HAND, learns=False)) == pytest.approx([1.0, 1.0, 2.0], abs=INTEGRAL)


def test_weights_of_policies_without_a_state() -> None:
    assert weights(replay(PolicySpec(UniformSpec()), BY_HAND)) == [1.0, 1.0, 2.0]
    assert weights(replay(PolicySpec(FixedSpec("a")), BY_HAND)) == [2.0, 0.0, 4.0]


def test_beliefs_are_known_from_the_first_interaction_on() -> None:
    """One unit of strength: a has earned 1, as by hand."""
    spec = replace(POPULARITY, beliefs=(Belief("", "a", "=a", 1.0, 1),))
    assert next(replay(spec, BY_HAND)).pmf[0] == pytest.approx(2 / 3, abs=INTEGRAL)


@every_policy
def test_a_clone_predicts_and_learns_bit_for_bit_what_its_original_would(spec: PolicySpec) -> None:
    log, original = list(interactions(80)), build(spec)
    for interaction in log[:40]:
        original.learn(interaction)
    steps = list(replay(spec, log[40:], policy=original))
    expected = []
    for interaction in log[40:]:
        expected.append(original.pmf(interaction.situation))
        original.learn(interaction)
    assert [step.pmf for step in steps] == expected


@every_policy
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda spec, log, policy: replay(spec, log, policy=policy), id="progressive"),
        pytest.param(lambda spec, log, policy: rejection_replay(spec, log, seed=1, policy=policy), id="rejection"),
    ],
)
@pytest.mark.parametrize("n_steps", [0, 20, 40])  # not begun, abandoned half-way, to the end
def test_neither_the_policy_nor_the_log_is_changed(
    spec: PolicySpec, way: Callable[..., Iterator[Step]], n_steps: int
) -> None:
    policy, log = build(spec), uniform_log(40)
    for interaction in interactions(30, seed=2):
        policy.learn(interaction)
    state, untouched = policy.dumps(), deepcopy(log)
    steps = way(spec, log, policy)
    for _ in range(n_steps):
        next(steps)
    del steps
    assert policy.dumps() == state
    assert log == untouched


def test_the_clone_is_made_when_replay_is_called() -> None:
    policy = build(POPULARITY)
    steps = replay(POPULARITY, BY_HAND, policy=policy)
    policy.learn(BY_HAND[0])
    assert next(steps).pmf == pytest.approx([1 / 2, 1 / 2], abs=INTEGRAL)


def test_a_state_of_another_spec_is_refused_at_once() -> None:
    with pytest.raises(PolicyError):
        replay(SPECS["linear ucb"], BY_HAND, policy=build(POPULARITY))
    with pytest.raises(PolicyError):
        clone(SPECS["uniform"], build(SPECS["squarecb"]))


def test_a_log_is_read_row_by_row() -> None:
    rows = iter(BY_HAND)
    steps = replay(POPULARITY, rows)
    next(steps)
    assert len(list(rows)) == 2


@pytest.mark.parametrize("steps", [replay(POPULARITY, []), rejection_replay(POPULARITY, [], seed=1)])
def test_an_empty_log_has_no_steps(steps: Iterator[Step]) -> None:
    counted = rounds(steps, seed=1)
    assert [len(getattr(counted, name)) for name in ("reward", "weight", "matched", "q_logged", "q_target")] == [0] * 5


def test_a_step_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        next(replay(POPULARITY, BY_HAND)).weight = 1.0  # type: ignore[misc]


def in_slot(slot: int, chosen: int, reward: float) -> Interaction:
    return Interaction(replace(AB, context=f"={slot}" if slot else ""), chosen, 0.5, reward)


def test_slots_of_a_decision_are_predicted_before_any_of_them_is_learned() -> None:
    log = [in_slot(0, 0, 1.0), in_slot(1, 1, 0.0), in_slot(0, 0, 1.0)]
    steps = list(replay(POPULARITY, log))
    assert [step.pmf[0] for step in steps] == pytest.approx([1 / 2, 1 / 2, 5 / 6], abs=INTEGRAL)
    assert [step.slot for step in steps] == [0, 1, 0]


def test_a_slot_that_does_not_come_after_the_last_one_begins_a_decision() -> None:
    """A log of second slots alone is learned from, and not kept until its end."""
    steps = list(replay(POPULARITY, [in_slot(1, 0, 1.0), in_slot(1, 1, 0.0), in_slot(2, 0, 1.0), in_slot(1, 0, 1.0)]))
    # The third is of one decision with the second, and so knows the first alone. The fourth knows all: a is Beta(3, 1)
    # and b is Beta(1, 2), and P(a > b) is the integral of 3 x^2 (2 x - x^2) over 0 to 1, 6/4 - 3/5.
    assert [step.pmf[0] for step in steps] == pytest.approx([1 / 2, 2 / 3, 2 / 3, 9 / 10], abs=INTEGRAL)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Interaction(AB, 0, 0.0, 1.0), "interaction 2: propensity: expected more than 0 and at most 1, got 0.0"),
        (Interaction(AB, 0, -0.5, 1.0), "interaction 2: propensity: .* got -0.5"),
        (Interaction(AB, 0, nan, 1.0), "interaction 2: propensity: .* got nan"),
        (Interaction(AB, 0, 1.5, 1.0), "interaction 2: propensity: .* got 1.5"),
        (Interaction(AB, 0, 5e-324, 1.0), "interaction 2: propensity: .* got 5e-324"),  # its weight is infinite
        (Interaction(AB, 0, 0.5, nan), "interaction 2: reward: expected between -1e6 and 1e6, got nan"),
        (Interaction(AB, 0, 0.5, -inf), "interaction 2: reward: .* got -inf"),
        (Interaction(AB, 0, 0.5, 2e6), "interaction 2: reward: .* got 2000000.0"),  # more than a policy takes
        (Interaction(AB, 2, 0.5, 1.0), "interaction 2: chosen: expected 0 to 1, got 2"),
        (Interaction(AB, -1, 0.5, 1.0), "interaction 2: chosen: expected 0 to 1, got -1"),
    ],
)
def test_what_cannot_be_weighed_or_learned_from_is_refused_by_name(bad: Interaction, message: str) -> None:
    log = [*BY_HAND[:2], bad]
    for steps in (replay(POPULARITY, log), rejection_replay(POPULARITY, log, seed=1)):
        assert [next(steps).index, next(steps).index] == [0, 1]
        with pytest.raises(ValueError, match=message):
            next(steps)


@pytest.mark.parametrize("kind", [FixedSpec("offer 1"), UniformSpec(), PopularitySpec(), VwSpec(bits=10)])
def test_a_uniform_log_is_accepted_where_the_clone_draws_the_same(kind: KindSpec) -> None:
    log = uniform_log(200)
    steps = list(rejection_replay(PolicySpec(kind), log, seed=3))
    drawn = [pmfs.draw(step.pmf, pmfs.unit_interval("replay", "3", str(step.index))) for step in steps]
    assert [step.accepted for step in steps] == [a == each.chosen for a, each in zip(drawn, log, strict=True)]
    assert rounds(iter(steps), seed=3).matched.tolist() == [step.accepted for step in steps]


def test_a_policy_without_chance_accepts_just_what_it_would_have_done() -> None:
    log = uniform_log(100)
    steps = rejection_replay(PolicySpec(FixedSpec("offer 1")), log, seed=1)
    assert [step.accepted for step in steps] == [each.chosen == 1 for each in log]


@pytest.mark.parametrize("max_weight", [None, 10.0])
def test_accepted_rows_are_learned_as_draws_of_the_clone_itself_and_others_are_not(max_weight: float | None) -> None:
    """With its own probability as the propensity: epsilon's regression weighs by it, so another one changes bits."""
    spec, log = SPECS["epsilon"], uniform_log(300)
    steps = list(rejection_replay(spec, log, seed=1, max_weight=max_weight))
    policy = build(spec)
    for step, row in zip(steps, log, strict=True):
        assert step.pmf == policy.pmf(row.situation)
        assert step.weight == step.pmf[row.chosen] / 0.25
        if step.accepted:
            policy.learn(replace(row, propensity=step.pmf[row.chosen]))
    assert 0 < sum(step.accepted for step in steps) < 300


def test_a_clone_that_does_not_learn_accepts_all_the_same() -> None:
    steps = list(rejection_replay(POPULARITY, uniform_log(400), seed=1, learns=False))
    assert {tuple(step.pmf) for step in steps} == {(0.25,) * 4}
    # Binomial(400, 1/4): within 3 standard deviations of 100.
    assert abs(sum(step.accepted for step in steps) - 100) <= 3 * (400 * 0.25 * 0.75) ** 0.5


def test_the_same_seed_accepts_the_same_rows_and_another_one_others() -> None:
    accepted = [
        [step.accepted for step in rejection_replay(POPULARITY, uniform_log(100), seed=seed)] for seed in (1, 1, 2)
    ]
    assert accepted[0] == accepted[1] != accepted[2]


def test_rows_of_the_policy_itself_are_all_accepted() -> None:
    """Logged by the policy, every weight is 1, and so may the bound be: nothing is thrown away."""
    spec, log = SPECS["squarecb"], []
    policy = build(spec)
    for i in range(100):
        situation = situation_for(f"{i % 5}")
        pmf = policy.pmf(situation)
        chosen = pmfs.draw(pmf, pmfs.unit_interval("log", str(i)))
        log.append(Interaction(situation, chosen, pmf[chosen], float(chosen == i % 4)))
        policy.learn(log[-1])
    steps = list(rejection_replay(spec, log, seed=1, max_weight=1.0))
    assert [(step.accepted, step.weight) for step in steps] == [(True, 1.0)] * 100


def test_a_row_is_accepted_with_its_weight_divided_by_the_bound() -> None:
    """Uniform against propensities of 1/2 and 1/8, bound 2: the weights 1/2 and 2 are accepted in 1/4 and all."""
    situation = situation_for("0")
    log = [Interaction(situation, i % 2, (0.5, 0.125)[i % 2], 1.0) for i in range(1000)]
    accepted = [step.accepted for step in rejection_replay(SPECS["uniform"], log, seed=1, max_weight=2.0)]
    assert all(accepted[1::2])
    # Binomial(500, 1/4): within 3 standard deviations of 125.
    assert abs(sum(accepted[::2]) - 125) <= 3 * (500 * 0.25 * 0.75) ** 0.5


@pytest.mark.parametrize(
    ("log", "max_weight", "message"),
    [
        # Not uniform, and nobody has said how large weights may be.
        ([*BY_HAND], None, "interaction 2: propensity: expected a uniform draw among 2, got 0.25: give max_weight"),
        # Uniform in each row: rows with fewer actions would be accepted more often.
        (
            [BY_HAND[0], Interaction(situation_for("0"), 0, 0.25, 0.0)],
            None,
            "interaction 1: actions: expected 2 as before, got 4: give max_weight",
        ),
        # 1/2 divided by 1/4 is too much for the bound.
        ([BY_HAND[2]], 1.5, "interaction 0: expected a weight of at most 1.5, got 2.0"),
        ([in_slot(0, 0, 1.0), in_slot(1, 0, 1.0)], None, "interaction 1: slot: expected decisions of one slot, got"),
    ],
)
def test_a_log_that_would_give_a_biased_answer_is_refused(
    log: Sequence[Interaction], max_weight: float | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        list(rejection_replay(POPULARITY, log, seed=1, max_weight=max_weight))


@pytest.mark.parametrize("max_weight", [0.0, 0.99, -1.0, nan, inf])
def test_a_bound_that_cannot_be_one_is_refused_at_once(max_weight: float) -> None:
    with pytest.raises(ValueError, match="max_weight: expected a finite number of at least 1, got"):
        rejection_replay(POPULARITY, [], seed=1, max_weight=max_weight)


def test_rounds_are_what_estimators_take() -> None:
    counted = rounds(replay(PolicySpec(FixedSpec("a")), BY_HAND), seed=1)
    assert counted.reward.tolist() == [1.0, 0.0, 1.0]
    assert counted.weight.tolist() == [2.0, 0.0, 4.0]
    assert counted.matched.tolist() == [True, False, True]
    assert counted.q_logged.tolist() == counted.q_target.tolist() == [0.0] * 3
    assert Ips().per_round(counted).tolist() == [2.0, 0.0, 4.0]
    assert Snips().per_round(counted).mean() == 1.0
    assert Replay().per_round(counted).mean() == 1.0
