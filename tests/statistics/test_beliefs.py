"""Right beliefs help from the first decision on, and wrong ones are overruled: Tom and Anna, with the default policy.

Each seed is played with and without beliefs, with the same visits: differences are taken seed by seed, and bounds are
three standard errors of their mean.
"""

import numpy as np
import pytest

from attune_models.beliefs import Belief
from attune_models.policy import PolicySpec, started
from tom_and_anna import ARTICLES, LIKED, play, situation_of

SEEDS = range(1, 9)
STRENGTH = 50
# A service learns a little behind the decisions: the reward window has to close.
DELAY = 20
FIRST, ROUNDS, LAST = 300, 5000, 1000


def clicks(n_rounds: int, liked_next: int | None, seeds: range = SEEDS) -> np.ndarray:
    """Return whether each round ended in a click: bool, shape (n_seeds, n_rounds).

    Args:
        n_rounds: How many rounds.
        liked_next: How many articles further than the liked one the believed one is; None for no beliefs.
        seeds: The seeds.
    """
    spec = PolicySpec(beliefs=() if liked_next is None else beliefs(liked_next))
    return np.array([play(started(spec), n_rounds, seed, DELAY) for seed in seeds])


def beliefs(further: int) -> tuple[Belief, ...]:
    """Believe that in each of the four situations an article is always clicked on."""
    believed = []
    for visit, liked in LIKED.items():
        situation, article = situation_of(visit), (ARTICLES.index(liked) + further) % len(ARTICLES)
        believed.append(Belief(situation.context, ARTICLES[article], situation.actions[article], 1.0, STRENGTH))
    return tuple(believed)


def bound(differences: np.ndarray) -> float:
    """Return three standard errors of the mean of differences, float64, shape (n_seeds,)."""
    return float(3 * differences.std(ddof=1) / np.sqrt(len(differences)))


def test_right_beliefs_bring_more_clicks_at_the_start() -> None:
    gains = clicks(FIRST, 0).mean(axis=1) - clicks(FIRST, None).mean(axis=1)
    assert gains.mean() > bound(gains)


@pytest.mark.long
def test_wrong_beliefs_are_overruled() -> None:
    """At first they cost clicks; in the last rounds nothing is left of them."""
    wrong, none = clicks(ROUNDS, 3), clicks(ROUNDS, None)
    losses = none[:, :FIRST].mean(axis=1) - wrong[:, :FIRST].mean(axis=1)
    assert losses.mean() > bound(losses)
    losses = none[:, -LAST:].mean(axis=1) - wrong[:, -LAST:].mean(axis=1)
    assert losses.mean() <= bound(losses)
    assert wrong[:, -LAST:].mean(axis=1).min() >= 0.9


def test_wrong_beliefs_are_overruled_in_a_shorter_run() -> None:
    assert clicks(1500, 3, SEEDS[:2])[:, -300:].mean() >= 0.9
