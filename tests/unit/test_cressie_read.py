"""The empirical likelihood estimate; beside vw-estimators' figures it is in tests/statistics/test_ope_reference.py."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from attune_models.cressie_read import CressieRead
from attune_models.rounds import Rounds
from attune_models.tally import Tally
from rounds import some_rounds


def estimate(rounds: Rounds, estimator: CressieRead) -> float:
    tally = Tally(estimator)
    tally.add(rounds)
    return tally.estimate


def test_missing_weight_earns_the_mean_logged_reward() -> None:
    """With no bound on the weights and a mean weight below 1: `mean w r + (1 - mean w) mean r`."""
    rounds = replace(some_rounds(100), weight=np.full(100, 0.75))
    assert estimate(rounds, CressieRead()) == pytest.approx(rounds.reward.mean(), abs=1e-15)


def test_a_constant_reward_is_estimated_as_it_is() -> None:
    for seed in range(6):
        rounds = replace(some_rounds(50, seed), reward=np.full(50, 0.7))
        assert estimate(rounds, CressieRead()) == pytest.approx(0.7, abs=1e-12)
        assert estimate(rounds, CressieRead(weight_high=7.0)) == pytest.approx(0.7, abs=1e-12)


def test_the_reweighted_rounds_and_the_extra_one_have_a_mean_weight_of_one() -> None:
    """What the paper's factors are for; seed 3 has a mean weight above 1, so the extra round has weight 0."""
    rounds = some_rounds(400, 3)
    assert rounds.weight.mean() > 1.0
    weighted = replace(rounds, reward=np.ones(400))
    means = CressieRead().columns(weighted).mean(axis=0)
    plain, by_weight = CressieRead().gradient(means, 400)[2:4]
    factors = plain + by_weight * rounds.weight
    # The factors are divided by n + 1 instead of n already; an extra round of weight 0 adds nothing.
    assert (factors * rounds.weight).mean() == pytest.approx(1.0, abs=1e-12)


def test_rounding_does_not_decide_on_which_side_of_one_the_mean_weight_is() -> None:
    """Weights .4 and 1.6 have a mean of 1, but the mean of many is off by 1e-16 either way."""
    weight = np.tile([0.4, 1.6], 500)
    estimator = CressieRead()
    columns = estimator.columns(replace(some_rounds(1000), weight=weight))
    exact = columns.mean(axis=0)
    off = np.array([1.0 - 2e-16, 1.0, 1.0 + 2e-16])
    means = np.tile(exact, (3, 1))
    means[:, 0] = off
    values = estimator.value(means, 1000)
    assert values == pytest.approx([values[1]] * 3, abs=1e-14)


def test_a_weight_beyond_what_was_said_to_be_possible_is_refused() -> None:
    rounds = replace(some_rounds(3), weight=np.array([0.2, 8.5, 1.0]))
    with pytest.raises(ValueError, match=r"weight: expected 0 to 8, as this estimator was told, got 0.2 to 8.5"):
        CressieRead(weight_high=8.0).columns(rounds)


@pytest.mark.parametrize(("low", "high"), [(-0.1, inf), (1.0, inf), (0.0, 1.0)])
def test_bounds_have_a_mean_weight_of_one_between_them(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="weight_low, weight_high: expected at least 0 and below 1, and above 1, got"):
        CressieRead(low, high)
