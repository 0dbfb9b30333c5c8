"""Drift: did the log's second half earn something else than its first?

A log is cut into windows while it is read, without knowing how long it will be: when there are too many, neighbours
become one. An estimate is an average over the whole log, and promises little where the halves differ.

A policy that learns earns more and more, and that is no drift of the world. So rewards are weighted as if every draw
had been uniform, by 1 / (K propensity): what chance would have earned must stay the same.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from attune_models.rounds import FloatArray
from attune_models.sums import add_at

N_WINDOWS = 64
N_TOTALS = 7
"""Of each window: sums of r, r^2, w, w r, w^2, w^2 r, w^2 r^2."""


@dataclass(frozen=True, slots=True)
class Change:
    """A mean reward in both halves of a log.

    Attributes:
        first: Mean of the first half.
        second: Of the second half.
        error: Standard error of the difference; 0 where there are no two halves.
    """

    first: float
    second: float
    error: float

    @property
    def z(self) -> float:
        """The difference in standard errors."""
        return (self.second - self.first) / self.error if self.error > 0.0 else 0.0

    @property
    def share(self) -> float:
        """The difference as a part of the larger mean, 0 where there is none."""
        largest = max(abs(self.first), abs(self.second))
        return abs(self.second - self.first) / largest if largest > 0.0 else 0.0


class Drift:
    """Adds up rewards by when they were earned."""

    def __init__(self, rows: int = 0, windows: FloatArray | None = None) -> None:
        """Start.

        Args:
            rows: How many were counted in `windows`.
            windows: Of another one, to go on from; None to begin.
        """
        self.rows = rows
        self.windows: FloatArray = np.zeros((N_WINDOWS, N_TOTALS)) if windows is None else windows
        """float64, shape (N_WINDOWS, N_TOTALS)."""

    @property
    def rows_per_window(self) -> int:
        """How many successive rows are one window: the smallest power of 2 for which there are enough windows."""
        return 1 << max(0, -(-self.rows // N_WINDOWS) - 1).bit_length()

    def add(self, reward: FloatArray, weight: FloatArray) -> None:
        """Count decisions, in the order in which they were made.

        Args:
            reward: What each earned; float64, shape (n_rounds,).
            weight: 1 / (K propensity) of each; float64, shape (n_rounds,).
        """
        while len(reward):
            room = N_WINDOWS * self.rows_per_window - self.rows
            if not room:
                self.windows = np.vstack([self.windows[::2] + self.windows[1::2], np.zeros((N_WINDOWS // 2, N_TOTALS))])
                room = self.rows
            self._count(reward[:room], weight[:room])
            reward, weight = reward[room:], weight[room:]

    def _count(self, reward: FloatArray, weight: FloatArray) -> None:
        first, self.rows = self.rows, self.rows + len(reward)
        window = np.arange(first, self.rows) // self.rows_per_window
        weighted, squares = weight * reward, weight**2
        columns = (reward, reward**2, weight, weighted, squares, squares * reward, weighted**2)
        for i, column in enumerate(columns):
            add_at(self.windows, (window, i), column)

    def logged(self) -> Change:
        """Return how what was really earned has changed."""
        (first, one), (second, other) = (_mean(n, half) for n, half in self._halves())
        return Change(first, second, sqrt(one + other))

    def uniform(self) -> Change:
        """Return how what chance would have earned has changed; by self-normalised weights."""
        (first, one), (second, other) = (_weighted_mean(half) for _, half in self._halves())
        return Change(first, second, sqrt(one + other))

    def _halves(self) -> list[tuple[int, FloatArray]]:
        size = self.rows_per_window
        n_windows = -(-self.rows // size)
        middle = n_windows // 2
        first = middle * size
        return [(first, self.windows[:middle].sum(axis=0)), (self.rows - first, self.windows[middle:].sum(axis=0))]


def _mean(n: int, totals: FloatArray) -> tuple[float, float]:
    """Return a mean and its variance."""
    if n == 0:
        return 0.0, 0.0
    mean = float(totals[0]) / n
    return mean, max(float(totals[1]) / n - mean * mean, 0.0) / n


def _weighted_mean(totals: FloatArray) -> tuple[float, float]:
    """Return `sum w r / sum w` and its variance, `sum w^2 (r - mean)^2 / (sum w)^2` (delta method)."""
    _, _, weight, weighted, squares, squares_reward, weighted_squares = totals.tolist()
    if weight == 0.0:
        return 0.0, 0.0
    mean = weighted / weight
    spread = weighted_squares - 2.0 * mean * squares_reward + mean * mean * squares
    return mean, max(spread, 0.0) / (weight * weight)
