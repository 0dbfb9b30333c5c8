"""What one and the same policy learns, in a short version of `make bench-learning`.

Seeds are fixed; the bounds are those that the learning table is held to. The policy is the one that is proposed as the
default: the default of now misses the bounds of digits and mushrooms, and is tested where it holds them.
"""

from pathlib import Path

import numpy as np
import pytest
from benchmarks.learning.coupons import Coupons
from benchmarks.learning.digits import Digits
from benchmarks.learning.environments import Environment
from benchmarks.learning.mushrooms import Mushrooms
from benchmarks.learning.policies import DEFAULT, POLICIES, PROPOSED
from benchmarks.learning.readers import DRIFT_TO_NEW, TOM_AND_ANNA
from benchmarks.learning.runner import play, rewards_of

SEEDS = (1, 2)


both = pytest.mark.parametrize("policy", [DEFAULT, PROPOSED])


def mean_reward(policy: str, environment: Environment, seeds: tuple[int, ...] = SEEDS) -> float:
    """Return the mean reward of a policy over seeds."""
    return float(np.mean([play(POLICIES[policy], environment.rounds(seed), seed) for seed in seeds]))


@both
def test_it_learns_what_tom_and_anna_like(policy: str) -> None:
    assert mean_reward(policy, TOM_AND_ANNA) >= 0.93


@both
def test_it_follows_them_when_they_change_their_minds(policy: str) -> None:
    assert mean_reward(policy, DRIFT_TO_NEW, seeds=(1,)) >= 0.88


def test_it_learns_digits() -> None:
    """Seeds spread by .02: several are needed to be held to the bound of the mean."""
    assert 1.0 - mean_reward(PROPOSED, Digits(), seeds=(1, 2, 3)) <= 0.31


def test_it_learns_mushrooms(reference_data: Path) -> None:
    assert 1.0 - mean_reward(PROPOSED, Mushrooms(reference_data), seeds=(1,)) <= 0.012


@both
def test_it_brings_more_coupons_to_drivers_than_chance(policy: str, reference_data: Path) -> None:
    """Bound: 3 standard errors of the mean difference between a round's reward and every offer's mean in that round.

    The longer version is the table itself: there it has to beat the best constant, too, which takes more rounds.
    """
    rounds = Coupons(reference_data, n_rounds=3_000).rounds(1)
    ahead = rewards_of(POLICIES[policy], rounds, 1) - rounds.rewards.mean(axis=1)
    assert ahead.mean() > 3 * ahead.std(ddof=1) / np.sqrt(len(rounds))
