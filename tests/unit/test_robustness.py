"""Whatever comes, for every kind of policy: refused or clipped; weights stay finite, and a pmf sums to 1.

What is refused before any policy sees it (features, the bounds of a reward) is here once; what reaches a policy is
here for every kind. Details of one kind are in its own tests.
"""

import math
import struct
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.baselines import FixedSpec, UniformSpec
from attune_models.features import MAX_NUMBER, FeatureError, situation
from attune_models.linear import LinearThompsonSpec, LinearUcbSpec
from attune_models.policy import KindSpec, Policy, PolicySpec, build
from attune_models.popularity import PopularitySpec, RewardModel
from attune_models.rewards import Aggregation, Outcome, OutcomeRule, RewardSpec, fold
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, PolicyError, Situation, ValueList
from attune_models.vw import VwSpec
from vw_policies import SPECS, TUNED_SPECS

KINDS: dict[str, KindSpec] = {
    **{f"vw {name}": replace(spec, bits=10) for name, spec in (SPECS | TUNED_SPECS).items()},
    "ucb": LinearUcbSpec(bits=6, offer_bits=4),
    "thompson": LinearThompsonSpec(bits=6, offer_bits=4),
    "forgetful ucb": LinearUcbSpec(bits=6, offer_bits=4, half_life=50.0),
    "forgetful thompson": LinearThompsonSpec(bits=6, offer_bits=4, half_life=50.0),
    "bernoulli popularity": PopularitySpec(),
    "gaussian popularity": PopularitySpec(RewardModel.GAUSSIAN),
    "forgetful popularity": PopularitySpec(half_life=50.0),
    "uniform": UniformSpec(),
    "fixed": FixedSpec("b"),
}
LEARNING = {name: kind for name, kind in KINDS.items() if not isinstance(kind, UniformSpec | FixedSpec)}
# A record of a Vowpal Wabbit file: the weight's position, three numbers.
RECORD = 16


def cases(kinds: dict[str, KindSpec]) -> list[Any]:
    """Return every policy once; what ips and dr change is looked at by `make test-long`."""
    return [
        pytest.param(kind, id=name, marks=[pytest.mark.long] if name.endswith((" ips", " dr")) else [])
        for name, kind in kinds.items()
    ]


every_kind = pytest.mark.parametrize("kind", cases(KINDS))
every_learning_kind = pytest.mark.parametrize("kind", cases(LEARNING))


def new(kind: KindSpec) -> Policy:
    return build(PolicySpec(kind))


def among(n_actions: int) -> Situation:
    """Return a situation with so many actions; 10 features of each are only its own."""
    actions = [
        PlainAction(f"{i}", FeatureSet({"price": i % 7 / 7}, {f"f{10 * i + j}": "x" for j in range(10)}))
        for i in range(n_actions)
    ]
    return situation(FeatureSet(categorical={"user": "1", "device": "mobile"}), actions)


def trained(kind: KindSpec, n_rounds: int = 30) -> Policy:
    policy, seen = new(kind), among(3)
    for i in range(n_rounds):
        policy.learn(Interaction(seen, i % 3, 1 / 3, float(i % 3 == 1)))
    return policy


def check(pmf: Pmf, n_actions: int) -> None:
    """A distribution over exactly these actions."""
    assert len(pmf) == n_actions
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-9)
    assert min(pmf) >= 0.0


def check_whole(policy: Policy, kind: KindSpec) -> None:
    """Every number of the state is finite: dumping and loading both look at each of them."""
    new(kind).loads(policy.dumps())


# --- before any policy


not_numbers = st.sampled_from([math.nan, math.inf, -math.inf, 1e300, -1e300, math.nextafter(MAX_NUMBER, math.inf)])


@given(number=not_numbers, name=st.sampled_from(["x", "price"]))
def test_no_policy_sees_a_feature_that_is_not_a_number_within_the_limits(number: float, name: str) -> None:
    for features in (FeatureSet({name: number}), FeatureSet(dense={name: ValueList([0.0, number])})):
        with pytest.raises(FeatureError, match="expected a number between -1e6 and 1e6"):
            situation(features, [PlainAction("a")])
        with pytest.raises(FeatureError, match="expected a number between -1e6 and 1e6"):
            situation(FeatureSet(), [PlainAction("a", features)])


outcomes = st.builds(Outcome, st.sampled_from("xyz"), st.floats(allow_nan=False, allow_infinity=False))
rules = st.builds(OutcomeRule, st.floats(-1e6, 1e6).filter(bool), st.sampled_from(Aggregation))


@given(
    heard=st.lists(outcomes, max_size=5),
    of=st.fixed_dictionaries({"x": rules, "y": rules}),
    bounds=st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(sorted),
)
def test_no_policy_sees_a_reward_outside_its_bounds(
    heard: list[Outcome], of: dict[str, OutcomeRule], bounds: list[float]
) -> None:
    """Finite outcomes whose sum overflows are clipped, too."""
    assert bounds[0] <= fold(RewardSpec(of, 0.0, *bounds), heard) <= bounds[1]


# --- in every policy


@every_learning_kind
@pytest.mark.parametrize("reward", [math.nan, math.inf, -math.inf, 1.1e6, -1e300])
def test_an_impossible_reward_is_refused_and_changes_nothing(kind: KindSpec, reward: float) -> None:
    policy = trained(kind)
    before = policy.dumps()
    with pytest.raises(ValueError, match="expected a reward between"):
        policy.learn(Interaction(among(3), 0, 0.5, reward))
    assert policy.dumps() == before


@every_kind
def test_a_single_action_is_certain(kind: KindSpec) -> None:
    policy = new(kind)
    for reward in (1.0, -5.0, 0.0):
        policy.learn(Interaction(among(1), 0, 1.0, reward))
        assert policy.pmf(among(1)) == pytest.approx([1.0], abs=1e-12)
    check_whole(policy, kind)


@every_kind
def test_a_thousand_actions_with_ten_thousand_features_are_learned(kind: KindSpec) -> None:
    policy, wide = new(kind), among(1000)
    for chosen in (0, 999, 500, 500):
        policy.learn(Interaction(wide, chosen, 0.001, float(chosen == 500)))
    check(policy.pmf(wide), 1000)
    check_whole(policy, kind)


numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e6, -1e6, 1e-30, 5e-324]))
lessons = st.tuples(numbers, numbers, numbers, st.integers(0, 2), st.floats(1e-12, 1.0))


@every_kind
@settings(deadline=None, max_examples=4, derandomize=True)
@given(rounds=st.lists(lessons, min_size=1, max_size=8))
def test_no_legal_number_breaks_it(kind: KindSpec, rounds: list[tuple[float, float, float, int, float]]) -> None:
    policy = new(kind)
    for context, feature, reward, chosen, propensity in rounds:
        features = FeatureSet({"x": context}, {"c": "v"}, dense={"e": ValueList([feature, -context])})
        actions = [PlainAction("a", FeatureSet({"x": feature})), PlainAction("b", features), PlainAction("c")]
        policy.learn(Interaction(situation(features, actions), chosen, propensity, reward))
        try:
            check(policy.pmf(situation(features, actions)), 3)
        except PolicyError:
            # Refused, and said so: rnd squares its predictions. The service then draws uniformly (MODE_FALLBACK).
            assert isinstance(kind, VwSpec)
            assert "rnd" in kind.exploration.arguments()
    check_whole(policy, kind)


# --- weight files


def poisoned(kind: KindSpec, state: bytes, number: float) -> bytes:
    """Return a state whose last number is another one, with a checksum that fits."""
    if isinstance(kind, VwSpec):
        # The last number is a scale, the one before a sum of squared gradients, which may be infinite.
        return state[:-4] + struct.pack("<f", number)
    magic, body = state[: state.index(b"\n") + 1], state[state.index(b"\n") + 5 : -8] + struct.pack("<d", number)
    return magic + zlib.crc32(body).to_bytes(4, "little") + body


@every_learning_kind
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_poisoned_weight_file_is_refused_and_changes_nothing(kind: KindSpec, number: float) -> None:
    policy = trained(kind)
    before = policy.dumps()
    policy.loads(poisoned(kind, before, 1.0))
    policy.loads(before)
    with pytest.raises(PolicyError, match="finite"):
        policy.loads(poisoned(kind, before, number))
    assert policy.dumps() == before


@every_learning_kind
def test_half_a_weight_file_is_refused_and_changes_nothing(kind: KindSpec) -> None:
    """Vowpal Wabbit itself loads one that ends behind a whole weight; the store compares length and checksum before."""
    policy = trained(kind)
    predicted = policy.pmf(among(3))
    before = policy.dumps()
    half = len(before) // 2
    for n_bytes in range(half, half + RECORD):
        is_whole_records = isinstance(kind, VwSpec) and (len(before) - n_bytes) % RECORD == 0
        if not is_whole_records:
            with pytest.raises(PolicyError):
                policy.loads(before[:n_bytes])
    assert policy.dumps() == before
    assert policy.pmf(among(3)) == predicted


@pytest.mark.parametrize("kind", [UniformSpec(), FixedSpec()], ids=["uniform", "fixed"])
def test_what_has_no_weights_takes_none(kind: KindSpec) -> None:
    with pytest.raises(PolicyError, match="expected an empty state"):
        new(kind).loads(b"\0")
