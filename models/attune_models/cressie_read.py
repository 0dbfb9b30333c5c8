"""The empirical likelihood estimate of a target policy's value, by the divergence of Cressie and Read of power -2.

Its interval is in `intervals`; the other estimators are in `estimators`.
"""

from dataclasses import dataclass
from math import inf, isinf
from typing import ClassVar

import numpy as np

from attune_models.rounds import FloatArray, Rounds

# A mean weight of 1 is on the edge between two cases; sums of a million weights are that far from it by rounding alone.
_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class CressieRead:
    r"""Empirical likelihood: reweights the rounds as little as makes the mean weight 1, as it must be.

    With an extra round of weight f, which is `weight_low` where `mean w >= 1` and `weight_high` where it is less, and
    means over n + 1 rounds `a = mean w`, `b = mean w^2`, every round gets the factor `Q = g + h w` with

        g = (b - a) / (b - a^2)        h = (1 - a) / (b - a^2)

    The estimate is `sum Q w r / (n + 1)`, plus the mean logged reward times the share of weight that is missing. Where
    `weight_high` is infinite and the mean weight below 1, that is `mean w r + (1 - mean w) mean r`.
    A bias of order 1 / n_rounds; less variance than IPS, as that of SNIPS and often below.

    Nikos Karampatziakis, John Langford, Paul Mineiro: Empirical Likelihood for Contextual Bandits, 2020.

    Attributes:
        weight_low: Smallest weight that a round could have, not the smallest seen; from 0 to below 1.
        weight_high: Largest weight that a round could have, not the largest seen; greater than 1. What it is known to
            be makes the estimate better; nothing known is infinity.
    """

    weight_low: float = 0.0
    weight_high: float = inf
    name: ClassVar[str] = "cressie-read"
    needs_model: ClassVar[bool] = False
    n_columns: ClassVar[int] = 5

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            ValueError: A mean weight of 1 is not between them.
        """
        if not 0.0 <= self.weight_low < 1.0 < self.weight_high:
            raise ValueError(
                "weight_low, weight_high: expected at least 0 and below 1, and above 1, "
                f"got {self.weight_low:g} and {self.weight_high:g}"
            )

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `Q w r n / (n + 1) + missing r`, shape (n_rounds,)."""
        n_rounds = len(rounds.weight)
        if n_rounds == 0:
            return np.zeros(0)
        plain, by_weight, missing = self._factors(self.columns(rounds).mean(axis=0), n_rounds)
        return ((plain + by_weight * rounds.weight) * rounds.weight + missing) * rounds.reward

    def columns(self, rounds: Rounds, /) -> FloatArray:
        """Return w, `w^2`, `w r`, `w^2 r` and r: shape (n_rounds, 5).

        Raises:
            ValueError: A weight is beyond what was said to be possible.
        """
        weight, reward = rounds.weight, rounds.reward
        if weight.size and not self.weight_low <= weight.min() <= weight.max() <= self.weight_high:
            raise ValueError(
                f"weight: expected {self.weight_low:g} to {self.weight_high:g}, as this estimator was told, "
                f"got {weight.min():g} to {weight.max():g}"
            )
        weighted = weight * reward
        return np.stack([weight, weight * weight, weighted, weight * weighted, reward]).T

    def value(self, means: FloatArray, n_rounds: int, /) -> FloatArray:
        """Return the estimate for each set of means, shape (...)."""
        plain, by_weight, missing = self._factors(means, n_rounds)
        return plain * means[..., 2] + by_weight * means[..., 3] + missing * means[..., 4]

    def gradient(self, means: FloatArray, n_rounds: int, /) -> FloatArray:
        """Return the derivatives by the five means, within the case that the mean weight is in."""
        plain, by_weight, missing = self._factors(means, n_rounds)
        weight, square, weighted, square_weighted, reward = means
        # What each factor goes up by with the mean of w and with that of w^2.
        slopes = self._slopes(means, n_rounds)
        lost = reward * float(missing > 0.0)
        own = np.array([plain, by_weight])
        by_means = slopes @ np.array([weighted - lost * weight, square_weighted - lost * square]) - lost * own
        return np.array([*by_means, plain, by_weight, missing])

    def _factors(self, means: FloatArray, n_rounds: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return `g n / (n + 1)`, `h n / (n + 1)` and the share of weight that is missing, each of shape (...)."""
        weight, square = means[..., 0], means[..., 1]
        extra, share = self._extra(weight), n_rounds / (1 + n_rounds)
        finite = np.where(np.isinf(extra), 0.0, extra)
        a = finite / (1 + n_rounds) + share * weight
        b = finite**2 / (1 + n_rounds) + share * square
        spread = np.where(np.isinf(extra), 1.0, b - a * a)
        plain = np.where(np.isinf(extra), 1.0, share * (b - a) / spread)
        by_weight = np.where(np.isinf(extra), 0.0, share * (1 - a) / spread)
        return plain, by_weight, np.maximum(0.0, 1.0 - plain * weight - by_weight * square)

    def _slopes(self, means: FloatArray, n_rounds: int) -> FloatArray:
        """Return the derivatives of the first two factors: rows by the means of w and `w^2`, a column for each."""
        extra = float(self._extra(means[0]))
        if isinf(extra):
            return np.zeros((2, 2))
        share = n_rounds / (1 + n_rounds)
        a = extra / (1 + n_rounds) + share * means[0]
        b = extra**2 / (1 + n_rounds) + share * means[1]
        spread = b - a * a
        by_a = [(2 * a * (b - a) - spread) / spread**2, (2 * a * (1 - a) - spread) / spread**2]
        by_b = [(a - a * a) / spread**2, (a - 1) / spread**2]
        return share**2 * np.array([by_a, by_b])

    def _extra(self, weight: FloatArray) -> FloatArray:
        return np.where(weight < 1.0 - _EDGE, self.weight_high, self.weight_low)
