"""Calibration: does the logger draw as often as its probabilities say?

With the whole pmf, every probability is a prediction: that this action is drawn. Predictions are put into bins, by how
large they are and by where their action stands in the list; in each bin the draws that came are compared with those
that were to be expected. The first finds probabilities that were smoothed, rounded or taken from another model than the
one that drew; the second finds draws that favour a place, which a uniform log would hide in a single bin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf, log, sqrt

import numpy as np
from numpy.typing import NDArray

from attune_models.rounds import FloatArray
from attune_models.sums import add_at
from attune_models.types import Pmf

_EDGES = np.array([1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99])
"""Bins of probabilities are narrow where weights are large: at small probabilities."""
_N_PLACES = 32
"""Bins of places; the last one has all that come later."""
_N_PROBABILITIES = len(_EDGES) + 1
N_BINS = _N_PROBABILITIES + _N_PLACES


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Predictions that belong together.

    Attributes:
        name: Which ones, for people.
        draws: How many draws could have gone into the bin.
        expected: How many should have, by the probabilities.
        seen: How many have.
    """

    name: str
    draws: float
    expected: float
    seen: float

    @property
    def z(self) -> float:
        """How surprising it is, in standard deviations, with a sign.

        `sqrt(2 n kl(seen / n, expected / n))`: by Hoeffding ("Probability Inequalities for Sums of Bounded Random
        Variables", 1963), chance exceeds z with a probability of at most exp(-z^2 / 2) on each side: for any
        number of draws, for unequal probabilities, and where each is chosen in the light of the draws before.
        """
        # A bin that holds all of a draw's probability says nothing; rounding must not make it say something.
        n, mean = self.draws, min(self.expected, self.draws)
        if n == 0.0 or abs(self.seen - mean) <= 1e-9 * n:
            return 0.0
        twice = 2.0 * (_relative(self.seen, mean) + _relative(n - self.seen, n - mean))
        return sqrt(max(twice, 0.0)) * (1.0 if self.seen > mean else -1.0)

    @property
    def ratio(self) -> float:
        """By what factor weights of this bin are wrong; at least 1, infinite where nothing was seen."""
        if self.expected == self.seen:
            return 1.0
        low, high = sorted((self.expected, self.seen))
        return high / low if low > 0.0 else inf


class Calibration:
    """Counts draws, with the probabilities that they were to have."""

    def __init__(self, counts: FloatArray | None = None) -> None:
        """Start.

        Args:
            counts: From `counts` of another one; None for none.
        """
        self.counts: FloatArray = np.zeros((N_BINS, 3)) if counts is None else counts
        """float64, shape (N_BINS, 3): draws, expected and seen of each bin."""

    def add(self, pmfs: Sequence[Pmf], chosen: Sequence[int]) -> None:
        """Count draws.

        Args:
            pmfs: Probability of each action, of each draw.
            chosen: Position of the action that was drawn, zero-based; as many.
        """
        if not pmfs:
            return
        sizes = np.fromiter(map(len, pmfs), np.int64, len(pmfs))
        flat = np.fromiter(chain.from_iterable(pmfs), np.float64, int(sizes.sum()))
        starts = np.cumsum(sizes) - sizes
        places = np.arange(len(flat)) - np.repeat(starts, sizes)
        drawn = starts + np.fromiter(chosen, np.int64, len(pmfs))
        rows = np.repeat(np.arange(len(pmfs)), sizes)
        probability_bins = np.searchsorted(_EDGES, flat, side="right")
        self._count(probability_bins, rows, flat, drawn)
        self._count(_N_PROBABILITIES + np.minimum(places, _N_PLACES - 1), rows, flat, drawn)

    def _count(
        self, bins: NDArray[np.int64], rows: NDArray[np.int64], flat: FloatArray, drawn: NDArray[np.int64]
    ) -> None:
        # Of the actions of one draw only one is drawn: those that share a bin are one prediction, their sum.
        n_rows = int(rows[-1]) + 1
        # NumPy's annotations say integers, which is so without weights only.
        sums = np.asarray(np.bincount(rows * N_BINS + bins, flat, n_rows * N_BINS), np.float64)
        by_row = sums.reshape(n_rows, N_BINS)
        with_some, which = np.nonzero(by_row)
        add_at(self.counts, (which, 0), np.ones(len(which)))
        add_at(self.counts, (which, 1), by_row[with_some, which])
        add_at(self.counts, (bins[drawn], 2), np.ones(len(drawn)))

    def bins(self) -> list[CalibrationBin]:
        """Return the bins that hold something, those of probabilities first."""
        return [CalibrationBin(_name(i), *row.tolist()) for i, row in enumerate(self.counts) if row[0] > 0.0]


def _relative(seen: float, expected: float) -> float:
    # 0 log 0 is 0. A draw that was said to be impossible is as surprising as a number can say.
    return seen * log(seen / max(expected, 1e-300)) if seen > 0.0 else 0.0


def _name(position: int) -> str:
    if position < _N_PROBABILITIES:
        low = _EDGES[position - 1] if position else 0.0
        high = _EDGES[position] if position < len(_EDGES) else 1.0
        return f"actions with a probability of {low:g} to {high:g}"
    place = position - _N_PROBABILITIES
    return f"actions at place {place + 1}{' or later' if place == _N_PLACES - 1 else ''} of the list"
