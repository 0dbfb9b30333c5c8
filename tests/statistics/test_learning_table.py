"""What one and the same default learns, in a short version of `make bench-learning`.

Seeds are fixed; the bounds are those that the learning table is held to.
"""

from pathlib import Path

import numpy as np
from benchmarks.learning.digits import Digits
from benchmarks.learning.environments import Environment
from benchmarks.learning.mushrooms import Mushrooms
from benchmarks.learning.policies import DEFAULT, POLICIES
from benchmarks.learning.readers import DRIFT_TO_NEW, TOM_AND_ANNA
from benchmarks.learning.runner import play

SEEDS = (1, 2)


def mean_reward(environment: Environment, seeds: tuple[int, ...] = SEEDS) -> float:
    """Return the mean reward of the default policy over seeds."""
    return float(np.mean([play(POLICIES[DEFAULT], environment.rounds(seed), seed) for seed in seeds]))


def test_it_learns_what_tom_and_anna_like() -> None:
    assert mean_reward(TOM_AND_ANNA) >= 0.93


def test_it_follows_them_when_they_change_their_minds() -> None:
    assert mean_reward(DRIFT_TO_NEW, seeds=(1,)) >= 0.88


def test_it_learns_digits() -> None:
    """Seeds spread by .02: several are needed to be held to the bound of the mean."""
    assert 1.0 - mean_reward(Digits(), seeds=(1, 2, 3)) <= 0.31


def test_it_learns_mushrooms(reference_data: Path) -> None:
    assert 1.0 - mean_reward(Mushrooms(reference_data), seeds=(1,)) <= 0.012
