"""Intervals against vw-estimators and scipy, and at the edges of what they are defined for."""

from math import inf
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from attune_models.intervals import (
    RewardRange,
    clopper_pearson,
    cressie_read,
    empirical_bernstein,
    gaussian,
    ips_gaussian,
)
from attune_models.weighted_sums import WeightedSums
from vw_estimators import vectors

UNIT = RewardRange()


def test_intervals_are_those_of_vw_estimators(reference_data: Path) -> None:
    """All thirteen vectors, within 1e-6."""
    count = 0
    for vector in vectors(reference_data):
        sums = WeightedSums.of(vector.weight, vector.reward)
        rewards = RewardRange(vector.reward_low, vector.reward_high)
        found = {
            "gaussian": ips_gaussian(sums),
            "clopper_pearson": clopper_pearson(sums, rewards),
            "cressieread": cressie_read(sums, rewards, vector.max_weight),
        }
        for kind, interval in found.items():
            expected = pytest.approx(vector.interval[kind], abs=1e-6)
            assert [interval.low, interval.high] == expected, (vector.name, kind)
        count += 1
    assert count == 13


def test_gaussian_is_the_normal_quantile_times_the_deviation() -> None:
    interval = gaussian(0.3, 0.04, 0.9)
    reach = stats.norm.ppf(0.95) * 0.2
    assert (interval.low, interval.high) == pytest.approx((0.3 - reach, 0.3 + reach), abs=1e-14)
    assert (interval.confidence, interval.method) == (0.9, "gaussian")


def test_clopper_pearson_is_exact_for_coins() -> None:
    """With weights of 1 and rewards of 0 and 1, scipy's exact interval."""
    for successes, n in ((0, 20), (3, 20), (20, 20), (70, 1000)):
        reward = (np.arange(n) < successes).astype(np.float64)
        interval = clopper_pearson(WeightedSums.of(np.ones(n), reward), UNIT, 0.9)
        exact = stats.binomtest(successes, n).proportion_ci(0.9, "exact")
        assert (interval.low, interval.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_empirical_bernstein_is_the_formula_of_maurer_and_pontil() -> None:
    rng = np.random.default_rng(1)
    weight, reward = rng.choice([0.5, 1.5], 4000), rng.uniform(-1.0, 1.0, 4000)
    interval = empirical_bernstein(WeightedSums.of(weight, reward), RewardRange(-1.0, 1.0), 2.0)
    x, rarity = weight * (reward + 1.0) / 4.0, np.log(2.0 / 0.025)
    reach = np.sqrt(2.0 * x.var(ddof=1) * rarity / 4000) + 7.0 * rarity / (3.0 * 3999)
    bounds = -1.0 + 4.0 * (x.mean() + np.array([-reach, reach]))
    assert (interval.low, interval.high) == pytest.approx(tuple(bounds), abs=1e-12)


def test_empirical_bernstein_stays_within_the_range_of_rewards() -> None:
    interval = empirical_bernstein(WeightedSums.of(np.ones(3), np.array([0.0, 5.0, 0.0])), RewardRange(0.0, 5.0), 100.0)
    assert (interval.low, interval.high) == (0.0, 5.0)


def test_a_known_largest_weight_narrows_the_cressie_read_interval() -> None:
    rng = np.random.default_rng(2)
    weight = np.where(rng.random(5000) < 0.1, 5.0, 5.0 / 9.0)
    sums = WeightedSums.of(weight, (rng.random(5000) < 0.05).astype(np.float64))
    known, unknown = cressie_read(sums, UNIT, 5.0), cressie_read(sums, UNIT)
    assert known.low < 0.05 < known.high < 0.07 < unknown.high


def test_what_an_interval_cannot_be_made_of_is_refused() -> None:
    none, one = WeightedSums(), WeightedSums.of(np.array([4.0]), np.ones(1))
    two = one + one
    for refused in (
        # No confidence.
        lambda: gaussian(0.0, 1.0, 1.0),
        lambda: cressie_read(two, UNIT, confidence=0.0),
        # No variance.
        lambda: gaussian(0.0, float("nan")),
        # Too few rounds.
        lambda: ips_gaussian(one),
        lambda: clopper_pearson(none, UNIT),
        lambda: cressie_read(none, UNIT),
        lambda: empirical_bernstein(one, UNIT, 10.0),
        # A weight above the largest possible one; none that is finite.
        lambda: cressie_read(two, UNIT, 3.0),
        lambda: empirical_bernstein(two, UNIT, 3.0),
        lambda: empirical_bernstein(two, UNIT, inf),
        # A target that never does what was done.
        lambda: clopper_pearson(WeightedSums.of(np.zeros(2), np.ones(2)), UNIT),
        # No range.
        lambda: RewardRange(1.0, 1.0),
        lambda: RewardRange(0.0, inf),
    ):
        with pytest.raises(ValueError, match="expected"):
            refused()
