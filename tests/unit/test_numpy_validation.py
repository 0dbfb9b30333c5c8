"""Every number of a NumPy policy is bounded, its state is too, and what passes is built, learns and is put away."""

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attune.api.numpy_validation import MAX_STATE_BYTES
from attune.api.validation import check_placement
from attune.errors import InvalidInputError
from attune.serving.specs import policy_spec, with_defaults
from attune.v1.placement_pb2 import (
    REWARD_MODEL_BERNOULLI,
    REWARD_MODEL_GAUSSIAN,
    FixedSpec,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    Placement,
    PolicySpec,
    PopularitySpec,
    UniformSpec,
    VwSpec,
)
from attune_models.policy import Policy, build
from attune_models.types import Interaction, Situation
from vw_policies import situation_for


def violations(spec: PolicySpec) -> list[tuple[str, str]]:
    try:
        check_placement(Placement(name="home_hero", policy=spec))
    except InvalidInputError as error:
        return [(violation.field, violation.description) for violation in error.violations]
    return []


def built(spec: PolicySpec) -> Policy:
    return build(policy_spec(with_defaults(Placement(name="home_hero", policy=spec)).policy))


def ucb(**fields: Any) -> PolicySpec:
    return PolicySpec(linear_ucb=LinearUcbSpec(**fields))


def thompson(**fields: Any) -> PolicySpec:
    return PolicySpec(linear_thompson=LinearThompsonSpec(**fields))


def model(**fields: Any) -> PolicySpec:
    return thompson(model=LinearModelSpec(**fields))


def popularity(**fields: Any) -> PolicySpec:
    return PolicySpec(popularity=PopularitySpec(**fields))


def forgetting(half_life: float) -> PolicySpec:
    return PolicySpec(popularity=PopularitySpec(), half_life=half_life)


HALF_LIFE = "expected 10 to 1e9 interactions, or 0 for never forgetting, got "


@pytest.mark.parametrize(
    ("spec", "field", "description"),
    [
        # What only one kind has.
        (ucb(exploration=-0.1), "linear_ucb.exploration", "expected 0 to 100, got -0.1"),
        (ucb(exploration=100.5), "linear_ucb.exploration", "expected 0 to 100, got 100.5"),
        (ucb(exploration=math.nan), "linear_ucb.exploration", "expected 0 to 100, got nan"),
        (ucb(gamma_scale=0.0), "linear_ucb.gamma_scale", "expected more than 0, at most 1000000, got 0"),
        (ucb(gamma_scale=math.nan), "linear_ucb.gamma_scale", "expected more than 0, at most 1000000, got nan"),
        (ucb(gamma_scale=math.inf), "linear_ucb.gamma_scale", "expected more than 0, at most 1000000, got inf"),
        (ucb(gamma_exponent=1.5), "linear_ucb.gamma_exponent", "expected 0 to 1, got 1.5"),
        (ucb(gamma_exponent=math.nan), "linear_ucb.gamma_exponent", "expected 0 to 1, got nan"),
        (thompson(exploration=0.0), "linear_thompson.exploration", "expected 0.001 to 100, got 0"),
        (thompson(exploration=101.0), "linear_thompson.exploration", "expected 0.001 to 100, got 101"),
        (thompson(exploration=math.nan), "linear_thompson.exploration", "expected 0.001 to 100, got nan"),
        (
            popularity(rewards=7),
            "popularity.rewards",
            "expected one of REWARD_MODEL_BERNOULLI, REWARD_MODEL_GAUSSIAN, got 7",
        ),
        (
            popularity(max_offers=100_001),
            "popularity.max_offers",
            "expected 1 to 100000, or 0 for the default, got 100001",
        ),
        # What both linear kinds have.
        (model(ridge=0.0), "linear_thompson.model.ridge", "expected 1e-06 to 1000000, got 0"),
        (model(ridge=1e7), "linear_thompson.model.ridge", "expected 1e-06 to 1000000, got 10000000"),
        (model(ridge=math.nan), "linear_thompson.model.ridge", "expected 1e-06 to 1000000, got nan"),
        (model(bits=3), "linear_thompson.model.bits", "expected 4 to 11, or 0 for the default, got 3"),
        (model(bits=12), "linear_thompson.model.bits", "expected 4 to 11, or 0 for the default, got 12"),
        # Of a model so large its size is not even computed.
        (
            model(bits=(1 << 32) - 1),
            "linear_thompson.model.bits",
            "expected 4 to 11, or 0 for the default, got 4294967295",
        ),
        (model(offer_bits=1), "linear_thompson.model.offer_bits", "expected 2 to 8, or 0 for the default, got 1"),
        (model(offer_bits=9), "linear_thompson.model.offer_bits", "expected 2 to 8, or 0 for the default, got 9"),
        (
            model(max_offers=10_001),
            "linear_thompson.model.max_offers",
            "expected 1 to 10000, or 0 for the default, got 10001",
        ),
        # Forgetting.
        (forgetting(9.5), "half_life", HALF_LIFE + "9.5"),
        (forgetting(-10.0), "half_life", HALF_LIFE + "-10"),
        (forgetting(2e9), "half_life", HALF_LIFE + "2000000000"),
        (forgetting(math.nan), "half_life", HALF_LIFE + "nan"),
        (forgetting(math.inf), "half_life", HALF_LIFE + "inf"),
        (PolicySpec(half_life=9.0), "half_life", HALF_LIFE + "9"),  # no kind: Vowpal Wabbit, which can forget
        (
            PolicySpec(uniform=UniformSpec(), half_life=100.0),
            "half_life",
            "expected 0, as uniform learns nothing to forget, got 100",
        ),
        (
            PolicySpec(fixed=FixedSpec(), half_life=math.nan),
            "half_life",
            "expected 0, as fixed learns nothing to forget, got nan",
        ),
    ],
)
def test_what_is_out_of_bounds_is_refused(spec: PolicySpec, field: str, description: str) -> None:
    assert violations(spec) == [(f"policy.{field}", description)]


TOO_LARGE = (
    "expected at most 64 MiB of state, got up to {total} MiB: {own} MiB for {offers} offers (lower max_offers or "
    "offer_bits) and {shared} MiB for what they share (lower bits)"
)


@pytest.mark.parametrize(
    ("sizes", "description"),
    [
        # The offers' own regressions, by their size and by their number.
        ({"offer_bits": 8}, TOO_LARGE.format(total="130.1", own="129.6", offers=256, shared="0.5")),
        ({"max_offers": 10_000}, TOO_LARGE.format(total="330.5", own="330.0", offers=10_000, shared="0.5")),
        # Either would do without the other.
        (
            {"bits": 11, "max_offers": 1_000},
            TOO_LARGE.format(total="65.0", own="33.0", offers=1_000, shared="32.0"),
        ),
    ],
)
def test_a_state_that_could_grow_too_large_is_refused(sizes: dict[str, int], description: str) -> None:
    for kind, spec in (("linear_thompson", model(**sizes)), ("linear_ucb", ucb(model=LinearModelSpec(**sizes)))):
        assert violations(spec) == [(f"policy.{kind}.model", description)]


def test_all_violations_are_told_at_once() -> None:
    spec = LinearUcbSpec(exploration=-1.0, gamma_scale=-1.0, model=LinearModelSpec(ridge=0.0, bits=1))
    found = [field for field, _ in violations(PolicySpec(linear_ucb=spec, min_probability=2.0, half_life=1.0))]
    rest = ["exploration", "gamma_scale", "model.ridge", "model.bits"]
    assert found == ["policy.min_probability", "policy.half_life", *(f"policy.linear_ucb.{field}" for field in rest)]


@pytest.mark.parametrize(
    ("sizes", "half_life", "expected"),
    [
        ({}, 67.0, "expected at least 68 interactions with a model of this size"),  # the defaults
        ({"bits": 11}, 6000.0, "expected at least 6926 interactions with a model of this size"),  # 2048 weights
        ({"bits": 2**31}, 10.0, "expected 4 to 11, or 0 for the default, got 2147483648"),  # not to be reckoned with
    ],
)
def test_forgetting_in_small_steps_is_for_small_models(sizes: dict[str, int], half_life: float, expected: str) -> None:
    spec = PolicySpec(linear_ucb=LinearUcbSpec(model=LinearModelSpec(**sizes)), half_life=half_life)
    [(_, description)] = violations(spec)
    assert description.startswith(expected)


@pytest.mark.parametrize("half_life", [0.0, 70.0, 1e9])
@pytest.mark.parametrize("kind", ["vw", "linear_ucb", "linear_thompson", "popularity"])
def test_every_kind_that_learns_may_forget(kind: str, half_life: float) -> None:
    spec = PolicySpec(half_life=half_life)
    getattr(spec, kind).SetInParent()
    assert violations(spec) == []


def learned(spec: PolicySpec, situations: list[Situation]) -> Policy:
    policy = built(spec)
    for situation in situations:
        policy.learn(Interaction(situation, 0, 0.5, 1.0))
    return policy


@pytest.mark.parametrize(
    "spec",
    [
        model(bits=4, offer_bits=3, max_offers=20),
        model(bits=6, offer_bits=2, max_offers=20),
        popularity(max_offers=20),
    ],
)
def test_a_state_is_as_large_as_was_reckoned_with(spec: PolicySpec) -> None:
    """What is refused is reckoned; here is a state that is full, with the longest ids, and nothing beside them."""
    ids = [f"{i:0256}" for i in range(25)]
    size = len(learned(spec, [Situation("user=Tom", [one], [f"={one}"]) for one in ids]).dumps())
    sizes = spec.linear_thompson.model
    weights = [1 << sizes.bits] + [1 << sizes.offer_bits] * 20
    numbers = 20 * 2 if spec.HasField("popularity") else sum(n * (n + 1) + 2 * n for n in weights)
    assert 8 * numbers + 20 * 256 < size < 8 * numbers + 20 * (256 + 40) + 1000


def test_the_largest_state_of_popularity_is_small_enough() -> None:
    n_offers, bytes_each = 100_000, 16 + 256 + 40
    assert n_offers * bytes_each < MAX_STATE_BYTES


@pytest.mark.parametrize(
    "spec",
    [
        ucb(),
        thompson(),
        popularity(),
        # The smallest of everything, and the largest.
        ucb(exploration=0.0, gamma_scale=5e-324, gamma_exponent=0.0, model=LinearModelSpec(ridge=1e-6, max_offers=1)),
        ucb(exploration=100.0, gamma_scale=1e6, gamma_exponent=1.0, model=LinearModelSpec(ridge=1e6, max_offers=1900)),
        thompson(exploration=1e-3, model=LinearModelSpec(bits=4, offer_bits=2, max_offers=10_000)),
        thompson(exploration=100.0, model=LinearModelSpec(offer_bits=8, max_offers=120, pairs=False)),
        popularity(rewards=REWARD_MODEL_GAUSSIAN, max_offers=100_000),
        popularity(max_offers=1),
    ],
)
def test_what_is_within_bounds_is_built_and_decides(spec: PolicySpec) -> None:
    assert violations(spec) == []
    assert math.fsum(built(spec).pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


LINEAR_MODELS = st.builds(
    LinearModelSpec,
    ridge=st.none() | st.floats(1e-6, 1e6),
    bits=st.sampled_from([4, 5, 6]),
    offer_bits=st.sampled_from([0, 2, 3, 5]),
    max_offers=st.sampled_from([0, 1, 2, 3]),
    pairs=st.none() | st.booleans(),
)
LINEAR_UCBS = st.builds(
    LinearUcbSpec,
    model=LINEAR_MODELS,
    exploration=st.none() | st.floats(0, 100),
    gamma_scale=st.none() | st.floats(0, 1e6, exclude_min=True),
    gamma_exponent=st.none() | st.floats(0, 1),
)
LINEAR_THOMPSONS = st.builds(LinearThompsonSpec, model=LINEAR_MODELS, exploration=st.none() | st.floats(1e-3, 100))
POPULARITIES = st.builds(
    PopularitySpec,
    rewards=st.sampled_from([0, REWARD_MODEL_BERNOULLI, REWARD_MODEL_GAUSSIAN]),
    max_offers=st.integers(0, 100_000),
)
VWS = st.builds(
    VwSpec,
    bits=st.just(10),
    learning_rate=st.none() | st.floats(0, 100, exclude_min=True),
    power_t=st.none() | st.floats(0, 1),
    l1=st.floats(0, 1),
    l2=st.floats(0, 1),
)
KINDS = st.one_of(
    st.fixed_dictionaries({"linear_ucb": LINEAR_UCBS}),
    st.fixed_dictionaries({"linear_thompson": LINEAR_THOMPSONS}),
    st.fixed_dictionaries({"popularity": POPULARITIES}),
    st.fixed_dictionaries({"vw": VWS}),
    st.fixed_dictionaries({"uniform": st.builds(UniformSpec)}),
    st.fixed_dictionaries({"fixed": st.builds(FixedSpec, offer_id=st.text(max_size=10))}),
)
SPECS = st.builds(
    lambda kind, half_life, floor: PolicySpec(**kind, half_life=half_life, min_probability=floor),
    KINDS,
    st.sampled_from([0.0, 10.0, 1e3, 1e9]),
    st.sampled_from([0.0, 1e-9, 0.01, 1.0]),
)
SITUATIONS = [situation_for("Tom", 1), situation_for("Tom", 3), situation_for("Anna", 50)]


def checked_pmfs(policy: Policy) -> list[list[float]]:
    """Return the pmf over 1, 3 and 50 actions; each is one."""
    pmfs = [policy.pmf(situation) for situation in SITUATIONS]
    assert [math.fsum(pmf) for pmf in pmfs] == pytest.approx([1.0] * 3, abs=1e-9)
    assert min(map(min, pmfs)) >= 0.0
    return pmfs


@settings(max_examples=30, deadline=None, derandomize=True)
@given(spec=SPECS, rewards=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3))
def test_every_spec_that_is_accepted_makes_a_policy_that_learns_and_is_put_away(
    spec: PolicySpec, rewards: list[float]
) -> None:
    assume(not violations(spec))
    policy, again = built(spec), built(spec)
    checked_pmfs(policy)
    for i, reward in enumerate(rewards):
        policy.learn(Interaction(SITUATIONS[1], i, 1 / 3, reward))
    state = policy.dumps()
    again.loads(state)
    assert again.dumps() == state
    assert checked_pmfs(again) == checked_pmfs(policy)
