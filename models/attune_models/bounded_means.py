"""Lower bounds, at all times at once, of what a target policy earns: what confidence sequences are made of.

For rewards r scaled to 0..1 and weights w, `w r` is at least 0, and its mean is the target's value: that is bounded
from below without any bound on the weights. With one, M, `w (r - c) + c` has the same mean for every c that was fixed
before the round, is bounded from below as well (by 1 - M), and has less variance when c is near the value: c is the
estimate from the rounds before. Half the error is given to each, and the better bound counts.

A difference of two targets with weights w and v is the mean of `w r + v (1 - r) - 1`, at least -1, and, with a bound on
the weights, of `(w - v) (r - c)`, at least -M.

Batches are summed row by row, in order: the same rows give the same bits in whatever batches they come.
"""

from math import log
from typing import Final, TypeAlias

import numpy as np

from attune_models.gamma_mixture import lower_bound, reaches
from attune_models.rounds import FloatArray

RHO: Final = 30.0
"""Within a quarter of the tightest where the sum of squares, over scale squared, is from 30 to 100,000."""

Sums: TypeAlias = list[float]
Path: TypeAlias = tuple[FloatArray, FloatArray]
"""Total and variance after each round of a batch, shape (n,) each."""


def _running(start: float, values: FloatArray) -> FloatArray:
    """Return the sum before each value, and the last; shape (n + 1,)."""
    sums = np.empty(len(values) + 1)
    sums[0], sums[1:] = start, values
    # One addition after the other, unlike np.sum: so that batches do not matter.
    return np.cumsum(sums, out=sums)


class BoundedMean:
    """Running sums of numbers which, less a prediction, are at least -scale: what bounds their mean from below.

    Attributes:
        scale: Greater than 0.
        total: Sum of the numbers.
        variance: Sum of the squares of the numbers less their predictions.
    """

    def __init__(self, scale: float) -> None:
        """Start with no numbers."""
        self.scale = scale
        self.total = 0.0
        self.variance = 0.0

    def add(self, values: FloatArray, predictions: FloatArray | float) -> Path:
        """Count numbers in.

        Args:
            values: Shape (n,).
            predictions: Shape (n,), or one for all; values are at least predictions - scale.

        Returns:
            Total and variance after each of them.
        """
        totals, variances = _running(self.total, values), _running(self.variance, (values - predictions) ** 2)
        self.total, self.variance = float(totals[-1]), float(variances[-1])
        return totals[1:], variances[1:]

    def lowest_mean(self, count: int, log_threshold: float, floor: float) -> float:
        """Return the lower bound of the mean; see `gamma_mixture.lower_bound`."""
        total, variance = self._scaled()
        bound = lower_bound(total, variance, count, RHO, log_threshold=log_threshold, floor=floor / self.scale)
        return max(floor, bound * self.scale)

    def rules_out(self, mean: float, count: int, log_threshold: float) -> bool:
        """Return whether the lower bound is above a mean."""
        total, variance = self._scaled()
        return reaches(total - count * mean / self.scale, variance, RHO, log_threshold)

    def _scaled(self) -> tuple[float, float]:
        return self.total / self.scale, self.variance / (self.scale * self.scale)


class _Bound:
    """One side: a lower bound of a mean from one or two sums; each has its part of the side's error."""

    def __init__(self, max_weight: float | None) -> None:
        self._plain = BoundedMean(1.0)
        self._shifted = None if max_weight is None else BoundedMean(max_weight)
        self._moment = 0.0
        """A sum that the next prediction is made from; see the subclasses."""

    @property
    def means(self) -> list[BoundedMean]:
        """What the bound is made from."""
        return [self._plain] if self._shifted is None else [self._plain, self._shifted]

    def lowest_mean(self, count: int, alpha: float, floor: float) -> float:
        """Return the lower bound that fails at some time with probability alpha at most."""
        threshold = log(len(self.means) / alpha)
        return max(mean.lowest_mean(count, threshold, floor) for mean in self.means)

    def rules_out(self, mean: float, count: int, alpha: float) -> bool:
        """Return whether the lower bound is above a mean."""
        threshold = log(len(self.means) / alpha)
        return any(each.rules_out(mean, count, threshold) for each in self.means)

    @property
    def sums(self) -> Sums:
        """All that is known, as numbers."""
        return [number for mean in self.means for number in (mean.total, mean.variance)] + [self._moment]

    @sums.setter
    def sums(self, numbers: Sums) -> None:
        """Go on from numbers that `sums` gave."""
        *pairs, self._moment = numbers
        for mean, total, variance in zip(self.means, pairs[::2], pairs[1::2], strict=True):
            mean.total, mean.variance = total, variance


class ValueBound(_Bound):
    """A lower bound of the value, for rewards scaled to 0..1. The moment is the sum of w."""

    def add(self, weight: FloatArray, reward: FloatArray, count: int) -> list[Path]:
        """Count rounds in; count is how many there were before. Return the paths of `means`."""
        counts = np.arange(count + 1.0, count + 1.0 + len(weight))
        earned = weight * reward
        before = _running(self._plain.total, earned)
        paths = [self._plain.add(earned, np.minimum((before[:-1] + 0.5) / counts, 1.0))]
        if self._shifted is not None:
            weights = _running(self._moment, weight)
            # At least 0 and below 1: no w r is above its w.
            shift = (before[:-1] + 0.5) / (weights[:-1] + 1.0)
            shifted = weight * (reward - shift) + shift
            means = (_running(self._shifted.total, shifted)[:-1] + 0.5) / counts
            paths.append(self._shifted.add(shifted, np.minimum(np.maximum(means, 0.0), 1.0)))
            self._moment = float(weights[-1])
        return paths


class DifferenceBound(_Bound):
    """A lower bound of one target's value less another's, for rewards scaled to 0..1. The moment is the sum of r."""

    def add(self, weight: FloatArray, other: FloatArray, reward: FloatArray, count: int) -> list[Path]:
        """Count rounds in; count is how many there were before. Return the paths of `means`."""
        # w r + v (1 - r) - 1: on average the difference, and at least -1. Where the other is what was logged, v = 1,
        # this is (w - 1) r: a round without a reward says nothing, and there is no noise but that of rewards.
        paths = [self._plain.add(weight * reward + (other * (1.0 - reward) - 1.0), 0.0)]
        if self._shifted is not None:
            rewards = _running(self._moment, reward)
            shift = (rewards[:-1] + 0.5) / np.arange(count + 1.0, count + 1.0 + len(weight))
            paths.append(self._shifted.add((weight - other) * (reward - shift), 0.0))
            self._moment = float(rewards[-1])
        return paths
