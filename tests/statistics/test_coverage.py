"""Intervals cover the truth as often as they say: on logs of a shop whose truth is known, seed by seed.

On 500 logs, 95 % intervals must cover between 93 % and 97.5 % (a true 95 % misses that with a probability of 3 %), and
confidence sequences at least 95 % at every one of the times 1 to n simultaneously. The short versions have fewer logs,
and bounds that follow from their number.
"""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest

from known_truth import (
    COLLECTORS,
    LARGEST,
    LEARNERS,
    Log,
    covered,
    difference_holds,
    held,
    shadow,
    uniform_log,
    value_holds,
    value_of,
)

LOGS = 500
ROUNDS = {"uniform": 2000, "squarecb": 2000, "epsilon": 2000, "linear_ucb": 1000, "linear_thompson": 1000}
"""How long the logs are, by what collected them: a step of a linear policy takes many times as long."""


def check_sequences(logs: Iterator[Log], n_logs: int, max_weight: float, most_misses: float) -> None:
    """Assert that every sequence covers at all times at once, but for a few logs."""
    misses = ~np.array([held(log, max_weight) for log in logs])
    assert len(misses) == n_logs
    assert (misses.sum(axis=0) <= most_misses).all(), misses.sum(axis=0)


def check_intervals(logs: Iterator[Log], fewest: float, most: float, resamples: int) -> None:
    """Assert that Gaussian and bootstrap intervals of IPS, SNIPS and DR cover a share of the logs within bounds."""
    share = np.mean([covered(log, seed, resamples) for seed, log in enumerate(logs)], axis=0)
    assert ((fewest <= share) & (share <= most)).all(), share


def binomial_range(logs: int) -> tuple[float, float]:
    """Return between which shares a true 95 % stays with a probability of 99.5 % on each side."""
    low, high = (quantile(share, logs, 0.95) / logs for share in (0.005, 0.995))
    return low, high


def most_misses(logs: int) -> float:
    """Return how many logs may be missed if each is with 5 %: more have a probability of at most 1 %."""
    return quantile(0.99, logs, 0.05)


def quantile(share: float, n: int, p: float) -> int:
    """Return the smallest number of successes among `n` with at least this share of the binomial distribution."""
    terms = (math.comb(n, k) * p**k * (1.0 - p) ** (n - k) for k in range(n + 1))
    return next(k for k, below in enumerate(itertools.accumulate(terms)) if below >= share)


def test_intervals_cover_on_uniform_logs() -> None:
    check_intervals((uniform_log(1000, seed) for seed in range(100)), *binomial_range(100), resamples=200)


def test_sequences_cover_at_all_times_on_uniform_logs() -> None:
    logs = (uniform_log(2000, seed) for seed in range(100))
    check_sequences(logs, 100, LARGEST["uniform"], most_misses(100))


@pytest.mark.parametrize("name", list(LEARNERS))
def test_sequences_cover_on_logs_of_a_policy_that_learns(name: str) -> None:
    n_logs, n_rounds = (5, 100) if name.startswith("linear") else (20, 500)
    logs = (COLLECTORS[name](n_rounds, seed) for seed in range(n_logs))
    check_sequences(logs, n_logs, LARGEST[name], most_misses(n_logs))


def check_shadow(n_logs: int, n_rounds: int, allowed: float) -> None:
    """Assert that sequences cover for a target that learns from the log: the average of its values so far."""
    misses = np.zeros(2)
    for seed in range(n_logs):
        log = uniform_log(n_rounds, seed)
        target = shadow(LEARNERS["squarecb"], log)
        weight, value = log.weight(target), value_of(target)
        ones, difference = np.ones_like(log.reward), value - value_of(log.pmfs)
        misses += [
            not value_holds(weight, log.reward, value).all(),
            not difference_holds((weight, ones), log.reward, difference).all(),
        ]
    assert (misses <= allowed).all(), misses


def test_sequences_cover_for_a_challenger_that_learns_in_the_shadow() -> None:
    check_shadow(20, 500, most_misses(20))


@pytest.mark.long
@pytest.mark.parametrize("name", list(COLLECTORS))
def test_intervals_and_sequences_cover_on_500_logs(name: str) -> None:
    intervals, sequences = [], []
    for seed in range(LOGS):
        log = COLLECTORS[name](ROUNDS[name], seed)
        intervals.append(covered(log, seed))
        sequences.append(held(log, LARGEST[name]))
    shares, at_all_times = np.mean(intervals, axis=0), np.mean(sequences, axis=0)
    assert (at_all_times >= 0.95).all(), at_all_times
    assert ((shares >= 0.93) & (shares <= 0.975)).all(), shares


@pytest.mark.long
def test_sequences_cover_for_a_challenger_on_500_logs() -> None:
    check_shadow(LOGS, 2000, 0.05 * LOGS)
