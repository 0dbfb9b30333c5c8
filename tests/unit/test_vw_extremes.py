"""No number within the limits damages Vowpal Wabbit's weights: the largest, the tiniest, and many of them."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation, ValueList
from attune_models.vw import Exploration, Softmax, SquareCb, VwPolicy, VwSpec
from paired_users import (
    FLOAT32,
    SMALL,
    best_of,
    every_exploration,
    situation_for,
    weights_of,
)


@every_exploration
@pytest.mark.parametrize("n_features", [1, 200])
@pytest.mark.parametrize("magnitude", [1e6, -1e6, 1e-9, 1e-30])
@pytest.mark.parametrize(("reward", "propensity"), [(1e6, 1e-12), (-1e6, 1.0)])
def test_extremes_keep_the_weights_finite(
    exploration: Exploration, n_features: int, magnitude: float, reward: float, propensity: float
) -> None:
    """The largest reward, features and crossings that the contract lets through, and propensities far below."""
    features = FeatureSet(numeric={f"f{i}": magnitude for i in range(n_features)})
    extreme = situation(features, [PlainAction("a", features), PlainAction("b", features), PlainAction("c")])
    policy = VwPolicy(VwSpec(exploration, bits=SMALL))
    for i in range(6):
        policy.learn(Interaction(extreme, i % 3, propensity, reward))
    assert np.isfinite(weights_of(policy)).all()
    for asked in (extreme, situation_for("1")):
        pmf = policy.pmf(asked)
        assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)
        assert min(pmf) >= 0.0


# Vowpal Wabbit's own reader of numbers takes the first four for infinity, and the last two for -2.98 and 509076.
TINY = [
    2e-150,
    7.930472470100853e-122,
    -3.6256137521404134e-218,
    5e-324,
    -2.98e-256,
    -2.9824461186856404e-256,
    5.090764015703879e-251,
    math.nextafter(1e-30, 0.0),
]


@pytest.mark.parametrize("exploration", [SquareCb(), Softmax()], ids=["squarecb", "softmax"])
@pytest.mark.parametrize("tiny", TINY)
def test_a_tiny_number_predicts_the_same_bits_as_0(exploration: Exploration, tiny: float) -> None:
    """In the context and in an offer, measured and in a vector; the weights of those features are not 0.

    Where predictions differ, probabilities do, except under epsilon: there they only tell which action is best.
    """

    def asked(number: float) -> Situation:
        features = FeatureSet(numeric={"x": number}, dense={"e": ValueList([number, 1.0])})
        return situation(features, [PlainAction("a", features), PlainAction("b")])

    policy = VwPolicy(VwSpec(exploration, bits=SMALL))
    for i in range(20):
        policy.learn(Interaction(asked(1.0), i % 2, 0.5, float(i % 2)))
    pmf = policy.pmf(asked(tiny))
    assert pmf == policy.pmf(asked(0.0))
    assert pmf != policy.pmf(asked(1.0))
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("tiny", TINY)
def test_learning_from_a_tiny_number_is_learning_from_none(tiny: float) -> None:
    with_it, without = VwPolicy(VwSpec(bits=SMALL)), VwPolicy(VwSpec(bits=SMALL))
    for policy, features in ((with_it, FeatureSet(numeric={"x": tiny})), (without, FeatureSet())):
        for i in range(4):
            asked = situation(features, [PlainAction("a", features), PlainAction("b")])
            policy.learn(Interaction(asked, i % 2, 0.5, float(i % 2)))
    asked = situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])
    assert with_it.pmf(asked) == pytest.approx(without.pmf(asked), abs=FLOAT32)
    assert np.array_equal(weights_of(with_it), weights_of(without))
    assert np.isfinite(weights_of(with_it)).all()


@pytest.mark.parametrize("tiny", TINY)
def test_a_tiny_reward_is_as_good_as_none(tiny: float) -> None:
    tiny_rewarded, unrewarded = VwPolicy(VwSpec(bits=SMALL)), VwPolicy(VwSpec(bits=SMALL))
    tiny_rewarded.learn(Interaction(situation_for("1"), 0, 0.5, tiny))
    unrewarded.learn(Interaction(situation_for("1"), 0, 0.5, 0.0))
    assert tiny_rewarded.dumps() == unrewarded.dumps()


@settings(deadline=None, max_examples=40)
@given(number=st.floats(-1e6, 1e6), reward=st.floats(-1e6, 1e6))
def test_no_number_within_the_limits_makes_weights_infinite(number: float, reward: float) -> None:
    features = FeatureSet(numeric={"x": number}, dense={"e": ValueList([number, -number])})
    asked = situation(features, [PlainAction("a", features), PlainAction("b")])
    policy = VwPolicy(VwSpec(bits=SMALL))
    for chosen in (0, 1, 0):
        policy.learn(Interaction(asked, chosen, 0.5, reward))
    assert np.isfinite(weights_of(policy)).all()
    assert math.fsum(policy.pmf(asked)) == pytest.approx(1.0, abs=1e-12)


@every_exploration
def test_a_thousand_actions_and_ten_thousand_features_are_learned(exploration: Exploration) -> None:
    policy = VwPolicy(VwSpec(exploration))
    actions = [
        PlainAction(f"{i}", FeatureSet(categorical={f"f{10 * i + j}": "x" for j in range(10)})) for i in range(1000)
    ]
    wide = situation(FeatureSet(categorical={"user": "1"}), actions)
    for chosen in (0, 999, 500, 500, 500):
        policy.learn(Interaction(wide, chosen, 0.001, float(chosen == 500)))
    pmf = policy.pmf(wide)
    assert len(pmf) == 1000
    assert best_of(pmf) == 500
    assert np.isfinite(weights_of(policy)).all()
