"""Quotients and their errors, by hand: with few units each has a bucket of its own."""

from math import sqrt

import numpy as np
import pytest

from attune_models.grouped_sums import BUCKETS, CONTROL, FEWEST_BUCKETS, POLICY, GroupedSums

N = 25


def sums_of(policy: list[float], control: list[float]) -> GroupedSums:
    """Return the sums of units of one round each, with a value each."""
    sums = GroupedSums(2)
    for arm, values in ((POLICY, policy), (CONTROL, control)):
        for unit, value in enumerate(values):
            sums.add(arm, unit, np.array([1.0, value]))
    return sums


def test_a_quotient_and_its_error() -> None:
    """25 units, 10 of which earn 1: the sample variance 0.25 over 25, as of a mean."""
    values = [1.0] * 10 + [0.0] * 15
    measured = sums_of(values, []).quotient(POLICY, 1, 0)
    assert measured is not None
    assert (measured.value, measured.count, measured.n_buckets) == (0.4, 25.0, 25)
    assert measured.error == pytest.approx(sqrt(np.var(values, ddof=1) / 25))


def test_a_lift_and_its_error() -> None:
    """Both arms vary alike: the error is that of a difference of two means."""
    policy, control = [2.0, 4.0] * 15, [1.0, 3.0] * 15
    lift = sums_of(policy, control).lift(1, 0)
    assert lift is not None
    assert lift.value == pytest.approx(1.0)
    assert lift.error == pytest.approx(sqrt(np.var(policy, ddof=1) / 30 + np.var(control, ddof=1) / 30))
    assert lift.count == 60


def test_rounds_of_one_unit_are_alike() -> None:
    """Ten rounds of each unit with the same value: no more is known than from one round of each."""
    rng = np.random.default_rng(1)
    values = rng.random(100)
    once, often = GroupedSums(2), GroupedSums(2)
    for unit, value in enumerate(values):
        once.add(POLICY, unit, np.array([1.0, value]))
        for _ in range(10):
            often.add(POLICY, unit, np.array([1.0, value]))
    alone, together = once.quotient(POLICY, 1, 0), often.quotient(POLICY, 1, 0)
    assert alone is not None
    assert together is not None
    assert together.error == pytest.approx(alone.error)


def test_units_that_share_a_bucket_leave_the_error_as_it_is() -> None:
    """100 times as many units as buckets: the error is that of a mean, within three errors of such a variance."""
    rng = np.random.default_rng(2)
    sums, values = GroupedSums(2), rng.exponential(size=100 * BUCKETS)
    for value, unit in zip(values, rng.integers(0, 2**60, len(values)), strict=True):
        sums.add(POLICY, int(unit), np.array([1.0, value]))
    measured = sums.quotient(POLICY, 1, 0)
    assert measured is not None
    assert measured.error is not None
    ratio = measured.error**2 * len(values) / np.var(values)
    assert abs(ratio - 1.0) < 3 * sqrt(2 / BUCKETS)


def test_an_arm_varies_at_least_as_both_do_together() -> None:
    """30 of control without a single conversion: they could have had some."""
    lift = sums_of([1.0, 0.0] * 30, [0.0] * 30).lift(1, 0)
    control = sums_of([1.0, 0.0] * 30, [0.0] * 30).quotient(CONTROL, 1, 0)
    assert lift is not None
    assert control is not None
    pooled = (60 * 0.25 * 60 / 59) / 90
    assert control.error == pytest.approx(sqrt(pooled / 30))
    assert lift.error == pytest.approx(sqrt(0.25 * 60 / 59 / 60 + pooled / 30))


def test_a_change_within_an_arm() -> None:
    """Weighted minus plain mean: the error is that of the sum of influences."""
    rng = np.random.default_rng(3)
    weight, reward = rng.random(N) + 0.5, rng.random(N)
    sums = GroupedSums(4)
    for unit in range(N):
        sums.add(POLICY, unit, np.array([1.0, reward[unit], weight[unit], weight[unit] * reward[unit]]))
    change = sums.change(POLICY, (3, 2), (1, 0))
    assert change is not None
    weighted = float(weight @ reward / weight.sum())
    influence = weight * (reward - weighted) / weight.sum() - (reward - reward.mean()) / N
    assert change.value == pytest.approx(weighted - reward.mean())
    assert change.error == pytest.approx(sqrt((influence**2).sum() * N / (N - 1)))


def test_nothing_is_said_about_nothing() -> None:
    empty = GroupedSums(2)
    assert empty.quotient(POLICY, 1, 0) is None
    assert empty.lift(1, 0) is None
    assert empty.change(POLICY, (1, 0), (1, 0)) is None
    assert sums_of([1.0], []).lift(1, 0) is None


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0] * (FEWEST_BUCKETS // 2 - 1),  # too few units
        [0.0] * 100,  # nothing came of any of them
        [0.1] * 100,  # the same of all, but for rounding
    ],
)
def test_there_is_no_interval_without_an_error(values: list[float]) -> None:
    measured = sums_of(values, []).quotient(POLICY, 1, 0)
    assert measured is not None
    assert measured.error is None
    assert measured.interval(0.95) is None
