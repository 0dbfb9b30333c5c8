r"""What an estimator is, and the two shapes that nearly all of them have: a mean, and a ratio of means.

    rounds --columns--> means over all rounds --value--> estimate
           \--per_round--> kernel: one number a round, whose mean is the estimate on just these rounds

The columns are what can be added up over a log of any length and drawn again by a bootstrap: a ratio is then resampled
as a ratio. `estimators` and `slot_estimators` have one class for each formula.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np

from attune_models.rounds import FloatArray

RoundsT_contra = TypeVar("RoundsT_contra", contravariant=True)
"""`Rounds`, or `SlotRounds` for decisions of several slots."""


class Estimator(Protocol[RoundsT_contra]):
    """Estimates from logged rounds what a target policy would have earned a round."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    @property
    def needs_model(self) -> bool:
        """Whether it uses the predictions of a reward model."""
        ...

    @property
    def n_columns(self) -> int:
        """How many columns there are: k."""
        ...

    def per_round(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return the kernel, float64, shape (n_rounds,); its mean is the estimate on these rounds.

        What is normalised is normalised by these rounds. NaN where the estimate is not defined.
        """
        ...

    def columns(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return what the estimate is a smooth function of the means of: float64, shape (n_rounds, k)."""
        ...

    def value(self, means: FloatArray, n_rounds: int, /) -> FloatArray:
        """Return the estimate.

        Args:
            means: Means of the columns over all rounds, shape (..., k).
            n_rounds: How many rounds they are the means of; at least 1.

        Returns:
            float64, shape (...); NaN where the estimate is not defined, as a ratio whose denominator is 0.
        """
        ...

    def gradient(self, means: FloatArray, n_rounds: int, /) -> FloatArray:
        """Return the derivatives of `value` by each mean, for the delta method.

        Args:
            means: Shape (k,).
            n_rounds: How many rounds they are the means of.

        Returns:
            float64, shape (k,).
        """
        ...


class PlainMean(ABC, Generic[RoundsT_contra]):
    """An estimate that is the mean of its kernel."""

    n_columns: ClassVar[int] = 1

    @abstractmethod
    def per_round(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return the kernel, float64, shape (n_rounds,)."""

    def columns(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return the kernel as the only column."""
        return self.per_round(rounds)[:, np.newaxis]

    def value(self, means: FloatArray, _n_rounds: int, /) -> FloatArray:
        """Return the mean."""
        return means[..., 0]

    def gradient(self, means: FloatArray, _n_rounds: int, /) -> FloatArray:
        """Return 1."""
        return np.ones_like(means)


class Ratio(ABC, Generic[RoundsT_contra]):
    """An estimate `mean(numerator) / mean(denominator)`, plus the mean of a third column where there is one."""

    n_columns: ClassVar[int] = 2

    @abstractmethod
    def parts(self, rounds: RoundsT_contra, /) -> Sequence[FloatArray]:
        """Return numerator, denominator and, of three columns, what is added; each of shape (n_rounds,)."""

    def per_round(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return `numerator / mean(denominator) + added`, shape (n_rounds,)."""
        numerator, denominator, *added = self.parts(rounds)
        total = denominator.sum(keepdims=True)
        return _divided(numerator * len(numerator), total) + sum(added)

    def columns(self, rounds: RoundsT_contra, /) -> FloatArray:
        """Return the parts, shape (n_rounds, k)."""
        # A column is one piece of memory: what is done with it is done fast.
        return np.stack(self.parts(rounds)).T

    def value(self, means: FloatArray, _n_rounds: int, /) -> FloatArray:
        """Return the ratio of the means, plus what is added; NaN where the denominator is 0."""
        added: FloatArray = means[..., 2:].sum(axis=-1)
        return _divided(means[..., 0], means[..., 1]) + added

    def gradient(self, means: FloatArray, _n_rounds: int, /) -> FloatArray:
        """Return `(1 / d, -n / d^2, 1)`."""
        gradient = np.ones_like(means)
        gradient[0] = _divided(gradient[0], means[1])
        gradient[1] = -gradient[0] * _divided(means[0], means[1])
        return gradient


def _divided(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    # Without any weight there is no estimate; that is NaN, and not a warning.
    nothing = denominator == 0.0
    return np.where(nothing, np.nan, numerator / np.where(nothing, 1.0, denominator))
