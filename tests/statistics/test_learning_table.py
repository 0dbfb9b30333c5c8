"""What the default policy learns, in a short version of `make bench-learning`.

Seeds are fixed; the bounds are those that the learning table is held to.
"""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.learning.coupons import Coupons
from benchmarks.learning.digits import Digits
from benchmarks.learning.environments import Environment
from benchmarks.learning.mushrooms import Mushrooms
from benchmarks.learning.policies import DEFAULT, POLICIES
from benchmarks.learning.readers import DRIFT_TO_KNOWN, DRIFT_TO_NEW, TOM_AND_ANNA
from benchmarks.learning.runner import play, rewards_of

SEEDS = (1, 2)


def default_plays(environment: Environment, seeds: tuple[int, ...] = SEEDS) -> float:
    """Return the mean reward of the default policy over seeds."""
    return float(np.mean([play(POLICIES[DEFAULT], environment.rounds(seed), seed) for seed in seeds]))


def test_it_learns_what_tom_and_anna_like() -> None:
    assert default_plays(TOM_AND_ANNA) >= 0.93


@pytest.mark.parametrize("environment", [DRIFT_TO_KNOWN, DRIFT_TO_NEW], ids=lambda environment: environment.name)
def test_it_follows_them_when_they_change_their_minds(environment: Environment) -> None:
    assert default_plays(environment) >= 0.88


def test_it_learns_digits() -> None:
    assert 1.0 - default_plays(Digits()) <= 0.31


def test_it_learns_mushrooms(reference_data: Path) -> None:
    assert 1.0 - default_plays(Mushrooms(reference_data)) <= 0.012


def test_it_brings_more_coupons_to_drivers_than_chance(reference_data: Path) -> None:
    """Bound: 3 standard errors of the mean difference between a round's reward and every offer's mean in that round.

    The longer version is the table itself: there it has to beat the best constant, too, which takes more rounds.
    """
    rounds = Coupons(reference_data, n_rounds=3_000).rounds(1)
    earned = rewards_of(POLICIES[DEFAULT], rounds, 1)
    ahead = earned - rounds.rewards.mean(axis=1)
    assert ahead.mean() > 3 * ahead.std(ddof=1) / np.sqrt(len(rounds))
