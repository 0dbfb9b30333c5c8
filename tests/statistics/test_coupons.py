"""Drivers and coupons: what learning brings, and what it brings to know the driver.

Both need the model of answers that `benchmarks.learning.coupons` fits; that takes longer than everything else here.
Seeds are fixed.
"""

import math
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from benchmarks import drivers
from benchmarks.drivers import visits
from benchmarks.learning.coupons import Coupons
from benchmarks.learning.policies import DEFAULT, POLICIES
from benchmarks.learning.runner import rewards_of
from benchmarks.personalization import ALL, CONTEXT_ONLY, Difference, difference, values

WORSE_BY_AT_MOST = 0.02
"""What counts as not worse where nothing is known of a driver: a thirtieth of what a decision earns. The lower end of a
one-sided 95 % interval has to be above it."""
ONE_SIDED = 1.645


def test_it_brings_more_coupons_to_drivers_than_chance(reference_data: Path) -> None:
    """Bound: 3 standard errors of the mean difference between a round's reward and every offer's mean in that round.

    The longer version is the table itself: there it has to beat the best constant, too, which takes more rounds.
    """
    rounds = Coupons(reference_data, n_rounds=3_000).rounds(1)
    ahead = rewards_of(POLICIES[DEFAULT], rounds, 1) - rounds.rewards.mean(axis=1)
    assert ahead.mean() > 3 * ahead.std(ddof=1) / np.sqrt(len(rounds))


def leads(data: Path, n_decisions: int, seed: int) -> tuple[Difference, Difference]:
    """Return what profile and preferences bring: for all drivers, and for those of whom nothing is known."""
    came = visits(data, n_decisions, seed)
    ahead = values(ALL, came, seed) - values(CONTEXT_ONLY, came, seed)
    unknown = came.is_unknown
    return difference(ahead, came.drivers), difference(ahead[unknown], came.drivers[unknown])


def test_to_know_the_driver_brings_more_and_harms_nobody_who_is_not_known(reference_data: Path) -> None:
    """With answers that come a day late. Bound: 3 standard errors, with the drivers as clusters."""
    everybody, unknown = leads(reference_data, 6_000, 1)
    assert everybody.mean > 3 * everybody.standard_error
    assert unknown.mean - ONE_SIDED * unknown.standard_error > -WORSE_BY_AT_MOST


@pytest.mark.long
def test_to_know_the_driver_brings_more_in_play_after_play(reference_data: Path) -> None:
    """Standard errors are those of the mean of plays: what a policy happens to learn early moves all of a play."""
    plays = [leads(reference_data, 12_000, seed) for seed in range(1, 9)]
    everybody, unknown = ([play[i].mean for play in plays] for i in range(2))
    assert fmean(everybody) > 3 * stdev(everybody) / math.sqrt(len(plays))
    assert fmean(unknown) - ONE_SIDED * stdev(unknown) / math.sqrt(len(plays)) > -WORSE_BY_AT_MOST / 2


def test_a_difference_knows_that_a_driver_comes_again() -> None:
    """Two drivers, 1 ahead and 1 behind in each of their 2 decisions.

    The sums are 2 and -2 and their mean is 0: variance (4 + 4) x 2 / (2 - 1) / 4^2 = 1.
    """
    assert difference(np.array([1.0, 1.0, -1.0, -1.0]), np.array([7, 7, 9, 9])) == Difference(0.0, 1.0)


def test_nothing_is_known_of_a_third_and_profiles_grow(reference_data: Path) -> None:
    came = visits(reference_data, 2_000, 1)
    assert abs(came.is_unknown.mean() - 1 / 3) < 0.1
    assert all(not of.ByteSize() for of, unknown in zip(came.profiles, came.is_unknown, strict=True) if unknown)
    tenures = [of.numeric["customer.tenure_days"] for of in came.profiles if "customer.tenure_days" in of.numeric]
    assert drivers.DAYS < max(tenures) <= drivers.DAYS + drivers.DAYS_BEFORE
