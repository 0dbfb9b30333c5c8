"""Sums of parts add up to sums of the whole, and follow rewards that are shifted or negated."""

from dataclasses import astuple

import numpy as np
import pytest

from attune_models.weighted_sums import WeightedSums

WEIGHT = np.array([0.0, 0.5, 3.0, 1.25])
REWARD = np.array([1.0, -2.0, 0.5, 0.0])


def test_sums_are_sums() -> None:
    sums = WeightedSums.of(WEIGHT, REWARD)
    assert astuple(sums) == (4, 4.75, 0.25 + 9.0 + 1.5625, 0.5, -0.5 + 4.5, 1.0 + 2.25, 3.0)


def test_parts_add_up_to_the_whole() -> None:
    parts = WeightedSums.of(WEIGHT[:1], REWARD[:1]) + WeightedSums.of(WEIGHT[1:3], REWARD[1:3]) + WeightedSums()
    assert parts.added(1.25, 0.0) == WeightedSums.of(WEIGHT, REWARD)


def test_sums_of_other_rewards_follow_from_the_sums() -> None:
    sums = WeightedSums.of(WEIGHT, REWARD)
    assert sums.shifted(0.25) == WeightedSums.of(WEIGHT, REWARD - 0.25)
    assert sums.negated() == WeightedSums.of(WEIGHT, -REWARD)


@pytest.mark.parametrize("bad", [(-1.0, 0.0), (np.inf, 0.0), (np.nan, 0.0), (1.0, np.nan), (1.0, -np.inf)])
def test_numbers_that_are_none_are_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"weight, reward: expected finite numbers, .* got"):
        WeightedSums.of(np.array([1.0, bad[0]]), np.array([1.0, bad[1]]))
