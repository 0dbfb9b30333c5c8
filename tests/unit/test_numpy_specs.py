"""The NumPy half of a spec: every default is written down, and everything reaches the core."""

import pytest

from attune.serving.specs import policy_spec, with_defaults
from attune.v1.placement_pb2 import (
    REWARD_MODEL_BERNOULLI,
    REWARD_MODEL_GAUSSIAN,
    REWARD_MODEL_UNSPECIFIED,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardModel,
)
from attune_models import linear, popularity
from attune_models import policy as core

FULL_MODEL = LinearModelSpec(ridge=0.1, bits=8, offer_bits=6, max_offers=256, pairs=True)


def filled(spec: PolicySpec) -> PolicySpec:
    return with_defaults(Placement(name="home_hero", policy=spec)).policy


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # The kind is all that is said.
        (
            PolicySpec(linear_ucb=LinearUcbSpec()),
            PolicySpec(
                linear_ucb=LinearUcbSpec(model=FULL_MODEL, exploration=1.0, gamma_scale=10.0, gamma_exponent=0.5)
            ),
        ),
        (
            PolicySpec(linear_thompson=LinearThompsonSpec()),
            PolicySpec(linear_thompson=LinearThompsonSpec(model=FULL_MODEL, exploration=0.7)),
        ),
        (
            PolicySpec(popularity=PopularitySpec()),
            PolicySpec(popularity=PopularitySpec(rewards=REWARD_MODEL_BERNOULLI, max_offers=10_000)),
        ),
        # A part of the model is said, and `pairs: false` is not an absent one; nor are zeros of what has presence.
        (
            PolicySpec(
                linear_ucb=LinearUcbSpec(
                    model=LinearModelSpec(bits=4, pairs=False), exploration=0.0, gamma_exponent=0.0
                )
            ),
            PolicySpec(
                linear_ucb=LinearUcbSpec(
                    model=LinearModelSpec(ridge=0.1, bits=4, offer_bits=6, max_offers=256, pairs=False),
                    exploration=0.0,
                    gamma_scale=10.0,
                    gamma_exponent=0.0,
                )
            ),
        ),
        # A floor and a half-life stay.
        (
            PolicySpec(
                popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN, max_offers=5),
                half_life=100.0,
                min_probability=0.01,
            ),
            PolicySpec(
                popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN, max_offers=5),
                half_life=100.0,
                min_probability=0.01,
            ),
        ),
    ],
)
def test_absent_parameters_are_filled_in_and_what_is_said_stays(spec: PolicySpec, expected: PolicySpec) -> None:
    assert filled(spec) == expected
    assert filled(expected) == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # Nothing said is the core's default.
        (PolicySpec(linear_ucb=LinearUcbSpec()), linear.LinearUcbSpec()),
        (PolicySpec(linear_thompson=LinearThompsonSpec()), linear.LinearThompsonSpec()),
        (PolicySpec(popularity=PopularitySpec()), popularity.PopularitySpec()),
        # Everything said, away from the defaults and from each other.
        (
            PolicySpec(
                linear_ucb=LinearUcbSpec(
                    model=LinearModelSpec(ridge=2.0, bits=5, offer_bits=3, max_offers=9, pairs=False),
                    exploration=0.25,
                    gamma_scale=7.0,
                    gamma_exponent=0.75,
                ),
                half_life=50.0,
            ),
            linear.LinearUcbSpec(
                ridge=2.0,
                bits=5,
                offer_bits=3,
                max_actions=9,
                half_life=50.0,
                pairs=False,
                exploration=0.25,
                gamma_scale=7.0,
                gamma_exponent=0.75,
            ),
        ),
        (
            PolicySpec(
                linear_thompson=LinearThompsonSpec(
                    model=LinearModelSpec(ridge=2.0, bits=5, offer_bits=3, max_offers=9, pairs=False), exploration=3.0
                ),
                half_life=50.0,
            ),
            linear.LinearThompsonSpec(
                ridge=2.0, bits=5, offer_bits=3, max_actions=9, half_life=50.0, pairs=False, exploration=3.0
            ),
        ),
        (
            PolicySpec(popularity=PopularitySpec(rewards=REWARD_MODEL_GAUSSIAN, max_offers=9), half_life=50.0),
            popularity.PopularitySpec(popularity.RewardModel.GAUSSIAN, half_life=50.0, max_actions=9),
        ),
    ],
)
def test_a_spec_reaches_the_core_without_loss(spec: PolicySpec, expected: core.KindSpec) -> None:
    assert policy_spec(filled(spec)) == core.PolicySpec(expected)


def test_a_floor_reaches_the_core() -> None:
    spec = PolicySpec(linear_thompson=LinearThompsonSpec(), min_probability=0.02)
    assert policy_spec(filled(spec)) == core.PolicySpec(linear.LinearThompsonSpec(), 0.02)


def test_every_reward_model_of_the_contract_has_one_of_the_core() -> None:
    known = [value for value in RewardModel.values() if value != REWARD_MODEL_UNSPECIFIED]
    kinds = [policy_spec(filled(PolicySpec(popularity=PopularitySpec(rewards=value)))).kind for value in known]
    assert [kind.rewards for kind in kinds if isinstance(kind, popularity.PopularitySpec)] == list(
        popularity.RewardModel
    )
