"""The bets behind the bounds are fair: what they are worth is not expected to grow, on any path of few rounds.

Every sequence of rounds that a small log can have is played, with its probability, so that the expectation is exact.
"""

from collections.abc import Callable, Sequence
from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.bounded_means import RHO, BoundedMean, DifferenceBound, ValueBound

LARGEST = 5.0
# Probability, weight, weight of another target, reward; weights average to 1.
OUTCOMES = (
    (0.1, 5.0, 0.0, 1.0),
    (0.2, 0.0, 1.5, 0.3),
    (0.1, 5.0, 0.0, 0.0),
    (0.4, 0.0, 1.75, 1.0),
    (0.2, 0.0, 0.0, 0.0),
)
VALUE = sum(p * weight * reward for p, weight, _, reward in OUTCOMES)
OTHER = sum(p * other * reward for p, _, other, reward in OUTCOMES)
Bound = ValueBound | DifferenceBound


NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)
RATES = 0.5 * (NODES + 1.0)
DENSITY = np.exp(-RHO * (1.0 - RATES)) * (1.0 - RATES) ** (RHO - 1.0) * WEIGHTS


def wealth(mean: BoundedMean, truth: float, count: int) -> float:
    """Return the wealth of a mixture of bets, by integration; also where they lose."""
    excess, variance = (mean.total - count * truth) / mean.scale, mean.variance / mean.scale**2
    return float(DENSITY @ np.exp(RATES * excess + (np.log1p(-RATES) + RATES) * variance) / DENSITY.sum())


def value_below(path: Sequence[tuple[float, ...]]) -> Bound:
    bound = ValueBound(LARGEST)
    _, weight, _, reward = np.array(path).T
    bound.add(weight, reward, 0)
    return bound


def value_above(path: Sequence[tuple[float, ...]]) -> Bound:
    bound = ValueBound(LARGEST)
    _, weight, _, reward = np.array(path).T
    bound.add(weight, 1.0 - reward, 0)
    return bound


def difference(path: Sequence[tuple[float, ...]]) -> Bound:
    bound = DifferenceBound(LARGEST)
    _, weight, other, reward = np.array(path).T
    bound.add(weight, other, reward, 0)
    return bound


def opposite(path: Sequence[tuple[float, ...]]) -> Bound:
    bound = DifferenceBound(LARGEST)
    _, weight, other, reward = np.array(path).T
    bound.add(other, weight, reward, 0)
    return bound


@pytest.mark.parametrize(
    ("play", "truth"),
    [(value_below, VALUE), (value_above, 1.0 - VALUE), (difference, VALUE - OTHER), (opposite, OTHER - VALUE)],
)
def test_no_bet_is_expected_to_gain(play: Callable[[Sequence[tuple[float, ...]]], Bound], truth: float) -> None:
    """At the true mean; and at a mean that is too low, some do, or they would be of no use."""
    expected, too_low = np.zeros(2), np.zeros(2)
    for path in product(OUTCOMES, repeat=3):
        bound, probability = play(path), prod(outcome[0] for outcome in path)
        expected += [probability * wealth(mean, truth, 3) for mean in bound.means]
        too_low += [probability * wealth(mean, truth - 0.5, 3) for mean in bound.means]
    assert (expected <= 1.0 + 1e-12).all()
    assert (expected > 0.5).all()
    assert (too_low > 1.0).any()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0.0, LARGEST), st.floats(0.0, LARGEST), st.floats(0.0, 1.0)), min_size=1, max_size=30)
)
def test_no_number_is_further_below_its_prediction_than_it_may_be(rows: list[tuple[float, float, float]]) -> None:
    """The one condition of the inequality: `value - prediction >= -scale`, whatever the weights and rewards."""
    weight, other, reward = np.array(rows).T
    for kind, columns in ((ValueBound, (weight, reward)), (DifferenceBound, (weight, other, reward))):
        bound = kind(LARGEST)
        for row in range(len(rows)):
            before = [(mean.total, mean.variance) for mean in bound.means]
            bound.add(*(column[row : row + 1] for column in columns), row)
            for mean, (total, variance) in zip(bound.means, before, strict=True):
                # The square of (value - prediction) is what the variance grew by. Predictions are at most 1, so that
                # only values below 0 can be far below.
                value, step = mean.total - total, np.sqrt(max(0.0, mean.variance - variance))
                assert value > 0.0 or step <= mean.scale + 1e-6


def test_paths_end_where_the_sums_are() -> None:
    bound = ValueBound(LARGEST)
    weight, reward = np.array([0.0, 5.0, 1.0]), np.array([0.0, 1.0, 0.5])
    bound.add(weight[:1], reward[:1], 0)
    paths = bound.add(weight[1:], reward[1:], 1)
    ends = [(float(totals[-1]), float(variances[-1])) for totals, variances in paths]
    assert ends == [(mean.total, mean.variance) for mean in bound.means]
    assert paths[0][0].tolist() == [5.0, 5.5]
