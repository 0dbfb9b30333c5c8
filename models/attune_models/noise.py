"""How large rewards are and how far predictions are off, in whatever unit rewards come."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from attune_models.state import check_not_negative

_PRIOR = 30.0
"""How many interactions the variance of the rewards stands for."""


class NoiseScale:
    """Sums over interactions, from which the deviation of the noise follows.

    `sigma^2 = (30 V + sum of squared errors) / (30 + n)`: the variance V of all rewards, which is the error of one who
    knows their mean only, stands for 30 interactions. With fewer, predictions that were right by chance pass for
    knowledge, and what was never tried is not tried. In units of sigma nothing changes when all rewards are multiplied
    by a constant.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.n_learned, self._total, self._squares, self._errors = 0.0, 0.0, 0.0, 0.0

    @property
    def mean(self) -> float:
        """Mean of the rewards; 0 where there are none."""
        return self._total / self.n_learned if self.n_learned else 0.0

    @property
    def sigma(self) -> float:
        """Deviation of the noise, in the reward's unit; 1 where all rewards were 0, greater than 0 in any case."""
        if not self.n_learned:
            return 1.0
        variance = max(0.0, self._squares / self.n_learned - self.mean**2)
        return sqrt((_PRIOR * variance + self._errors) / (_PRIOR + self.n_learned)) or 1.0

    def add(self, reward: float, error: float, expected: float) -> None:
        """Take in one interaction.

        Args:
            reward: What it earned.
            error: By how much the reward was above the prediction, which was made without it.
            expected: Expected square of that error, in units of sigma^2; at least 1.
        """
        self.n_learned += 1.0
        self._total += reward
        self._squares += reward * reward
        self._errors += error * error / expected

    def discount(self, factor: float) -> None:
        """Let all that was taken in count less."""
        self.n_learned *= factor
        self._total *= factor
        self._squares *= factor
        self._errors *= factor

    def array(self) -> NDArray[np.float64]:
        """Return the state: float64, shape (4,)."""
        return np.array([self.n_learned, self._total, self._squares, self._errors])

    @classmethod
    def restored(cls, array: NDArray[np.float64]) -> "NoiseScale":
        """Return what `array` was made of.

        Raises:
            PolicyError: A sum that cannot be negative is.
            ValueError: There are not 4 numbers.
        """
        scale = cls()
        scale.n_learned, scale._total, scale._squares, scale._errors = array.tolist()
        check_not_negative("noise", scale.n_learned, scale._squares, scale._errors)
        return scale
