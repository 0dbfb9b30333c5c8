"""What is learned counts half after a half-life, in weights, in steps and in exploration; without one, nothing changes.

That a policy which forgets is recovered bit for bit is shown in test_vw_recovery.py.
"""

import math
from dataclasses import replace

import numpy as np
import pytest

from attune_models.types import PolicyError
from attune_models.vw import Epsilon, SquareCb, VwPolicy, VwSpec
from attune_models.vw_forgetting import Forgetting, with_count, with_gamma, without_count
from vw_policies import BITS, bits_of, every_spec, interactions, situation_for, trained

HALF_LIFE = 200.0
PERIOD = 50
HEADER_BYTES = len(with_count(b"", 0))
RECORD = np.dtype([("index", "<u4"), ("weight", "<f4"), ("gradients", "<f4"), ("scale", "<f4")])


def forgetful(spec: VwSpec) -> VwSpec:
    return replace(spec, half_life=HALF_LIFE)


def unforgetful(spec: VwSpec) -> VwSpec:
    """Return the spec of a policy with the same regressions, whose gamma does not grow either."""
    is_squarecb = isinstance(spec.exploration, SquareCb)
    return replace(spec, exploration=SquareCb(gamma_exponent=0.0)) if is_squarecb else spec


def records(state: bytes) -> np.ndarray:
    """Return the weights of a model file with at least 60 of them."""
    return np.frombuffer(state[-60 * RECORD.itemsize :], RECORD)


# --- what is discounted


@every_spec
def test_until_the_first_period_is_over_nothing_is_forgotten(spec: VwSpec) -> None:
    state = trained(forgetful(spec), PERIOD - 1).dumps()
    assert state == with_count(trained(unforgetful(spec), PERIOD - 1).dumps(), PERIOD - 1)


@every_spec
def test_then_weights_and_squared_gradients_are_discounted_and_nothing_else(spec: VwSpec) -> None:
    state, plain = trained(forgetful(spec), PERIOD).dumps()[HEADER_BYTES:], trained(unforgetful(spec), PERIOD).dumps()
    n_bytes = records(plain).nbytes
    assert state[:-n_bytes].startswith(plain[:100])
    after, before = records(state), records(plain)
    discount = np.float32(0.5 ** (PERIOD / HALF_LIFE))
    assert (after["index"] == before["index"]).all()
    assert (after["weight"] == before["weight"] * discount).all()
    assert (after["gradients"] == before["gradients"] * discount).all()
    assert (after["scale"] == before["scale"]).all()
    assert before["weight"].any()
    assert before["gradients"].any()


def test_the_same_holds_for_weights_that_were_forgotten_before() -> None:
    spec = VwSpec(Epsilon(), bits=BITS, half_life=HALF_LIFE)
    policy, log = VwPolicy(spec), list(interactions(3 * PERIOD))
    for interaction in log[: 2 * PERIOD]:
        policy.learn(interaction)
    halfway = policy.dumps()
    undiscounted = VwPolicy(replace(spec, half_life=0.0))
    undiscounted.loads(without_count(halfway)[0])
    for interaction in log[2 * PERIOD :]:
        policy.learn(interaction)
        undiscounted.learn(interaction)
    discount = np.float32(0.5 ** (PERIOD / HALF_LIFE))
    assert (records(policy.dumps())["weight"] == records(undiscounted.dumps())["weight"] * discount).all()


@every_spec
def test_without_a_half_life_a_state_is_vowpal_wabbits_own_file(spec: VwSpec) -> None:
    policy = trained(spec, 2 * PERIOD)
    assert policy.dumps() == policy._model.save()  # noqa: SLF001 - the file itself
    assert b"attune" not in policy.dumps()


@every_spec
def test_with_the_shortest_half_life_numbers_stay_finite(spec: VwSpec) -> None:
    policy, taken_up = trained(replace(spec, half_life=10.0), 40 * PERIOD), VwPolicy(replace(spec, half_life=10.0))
    taken_up.loads(policy.dumps())
    assert bits_of(taken_up, 20) == bits_of(policy, 20)
    assert math.fsum(policy.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


def test_explanations_follow_what_is_forgotten() -> None:
    """What was read for an explanation must not outlive the discount."""
    policy = VwPolicy(VwSpec(bits=BITS, half_life=10.0))
    log = list(interactions(50))
    for interaction in log[:-1]:
        policy.learn(interaction)
    situation = log[0].situation
    before = [explanation.score for explanation in policy.explain(situation)]
    policy.learn(log[-1])
    after = [explanation.score for explanation in policy.explain(situation)]
    reloaded = VwPolicy(VwSpec(bits=BITS, half_life=10.0))
    reloaded.loads(policy.dumps())
    assert after == [explanation.score for explanation in reloaded.explain(situation)]
    assert max(map(abs, after)) < 0.2 * max(map(abs, before))


def test_kept_actions_follow_what_is_forgotten() -> None:
    """They are parsed before, and their weights are looked up after."""
    spec = forgetful(VwSpec(bits=BITS))
    asked, silent = VwPolicy(spec), VwPolicy(spec)
    for interaction in interactions(3 * PERIOD):
        asked.pmf(interaction.situation)
        asked.learn(interaction)
        silent.learn(interaction)
    assert bits_of(asked) == bits_of(silent)


# --- when, and how much


@pytest.mark.parametrize(
    ("half_life", "period"),
    [
        (10.0, 50),  # not all the time
        (200.0, 50),
        (1000.0, 250),  # a quarter
        (1e9, 250_000_000),
    ],
)
def test_a_half_life_has_a_few_periods(half_life: float, period: int) -> None:
    forgetting = Forgetting(half_life)
    assert forgetting.period == period
    assert forgetting.discount ** (half_life / period) == pytest.approx(0.5)
    assert [n for n in (1, period - 1, period, period + 1, 3 * period) if forgetting.is_due(n)] == [period, 3 * period]


@pytest.mark.parametrize("half_life", [10.0, 333.0, 1e9])
@pytest.mark.parametrize("n_learned", [0, 1, 2, 1000])
def test_each_interaction_counts_half_after_a_half_life(half_life: float, n_learned: int) -> None:
    expected = math.fsum(0.5 ** (age / half_life) for age in range(n_learned))
    assert Forgetting(half_life).discounted_count(n_learned) == pytest.approx(expected, rel=1e-9)


def test_a_count_grows_to_a_limit() -> None:
    assert Forgetting(1000.0).discounted_count(10**12) == pytest.approx(1000 / math.log(2) + 0.5, rel=1e-6)


# --- gamma


@pytest.mark.parametrize("factor", [0.0, 0.3, 1.0, 40.0])
@pytest.mark.parametrize("n_actions", [1, 2, 7, 100])
def test_gamma_is_changed_as_if_vowpal_wabbit_had_had_that_one(factor: float, n_actions: int) -> None:
    asked, scale = situation_for("1", n_actions), 10.0
    known = trained(VwSpec(SquareCb(scale, 0.0), bits=BITS)).pmf(asked)
    expected = trained(VwSpec(SquareCb(max(factor * scale, 1e-9), 0.0), bits=BITS)).pmf(asked)
    assert with_gamma(known, factor) == pytest.approx(expected, rel=2e-4, abs=1e-6)


def test_a_probability_of_0_stays_one() -> None:
    assert with_gamma([1.0, 0.0, 0.0], 7.0) == pytest.approx([1.0, 0.0, 0.0], abs=1e-200)


@pytest.mark.parametrize("n_rounds", [0, 1, PERIOD - 1])
def test_under_squarecb_gamma_grows_with_the_discounted_count(n_rounds: int) -> None:
    """Before the first discount the regressions are those of a policy without a half-life; gamma is not."""
    half_life, asked = 20.0, situation_for("1")
    pmf = trained(VwSpec(SquareCb(10.0, 0.5), bits=BITS, half_life=half_life), n_rounds).pmf(asked)
    count = math.fsum(0.5 ** (age / half_life) for age in range(n_rounds))
    fixed = VwSpec(SquareCb(max(10.0 * count**0.5, 1e-9), 0.0), bits=BITS)
    assert pmf == pytest.approx(trained(fixed, n_rounds).pmf(asked), rel=1e-4)


# --- state


def test_a_state_says_how_much_was_learned() -> None:
    assert without_count(with_count(b"model", 123)) == (b"model", 123)


@pytest.mark.parametrize("state", [b"", b"attune-forgetting-1\n", trained(VwSpec(bits=BITS), 20).dumps()])
def test_what_does_not_begin_with_a_count_is_refused(state: bytes) -> None:
    policy = trained(forgetful(VwSpec(bits=BITS)), 60)
    predicted = bits_of(policy, 20)
    with pytest.raises(PolicyError, match="expected a state of a policy that forgets, got "):
        policy.loads(state)
    assert bits_of(policy, 20) == predicted


def test_a_policy_that_does_not_forget_refuses_a_count() -> None:
    spec = VwSpec(bits=BITS)
    with pytest.raises(PolicyError, match=r"Vowpal Wabbit refuses the model|expected "):
        VwPolicy(spec).loads(trained(forgetful(spec), 60).dumps())
