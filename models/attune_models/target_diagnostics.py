"""What the weights of one target policy say about any estimate that is made with them.

    log --target policy--> weights --> TargetDiagnostics --> verdict

Importance weighting answers "what would this policy have earned" from decisions that another one made. It works as long
as both choose alike often enough: what is counted here is how often that is. Constant memory, and one pass.
"""

from dataclasses import dataclass
from math import copysign, sqrt
from typing import Self

import numpy as np

from attune_models.rounds import FloatArray
from attune_models.state import check_not_negative, check_shapes, pack, refusing, unpack
from attune_models.sums import added

_KIND = "target-diagnostics-1"
_N_TOTALS = 7
_ROUNDING = 1e-9
LARGEST_Z = 99.0
"""What is as sure as that needs no larger number; where all weights are alike and wrong there would be none."""


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """How much of a log speaks for a target policy.

    Attributes:
        rows: How many decisions were weighed.
        effective_sample_size: `(sum w)^2 / sum w^2`: so many decisions of the target policy's own would give the same
            error (Kish, "Survey Sampling", 1965); 0 without rows, or where all weights are 0.
        effective_rewards: The same of `|w r|`: 1 / its root is about the relative error of the estimate. For rewards
            that are 0 or 1 it says how many of those that are 1 the estimate rests on.
        largest_weight: Of a single decision.
        largest_share: Of all weight, 0 to 1, the part that is on that decision.
        mean_weight: Near `1 - zero_support_mass`, if the propensities are right.
        mean_weight_error: Its standard error.
        zero_support_share: Share of the decisions where the target policy could have drawn what the logger could not.
        zero_support_mass: Mean probability of drawing such an action.
        support_known: Share of the decisions whose log says what the logger could draw. The two above are about them.
    """

    rows: int
    effective_sample_size: float
    effective_rewards: float
    largest_weight: float
    largest_share: float
    mean_weight: float
    mean_weight_error: float
    zero_support_share: float
    zero_support_mass: float
    support_known: float

    @property
    def mean_weight_z(self) -> float:
        """How many standard errors the mean weight is from what it should be; at most `LARGEST_Z` either way."""
        off = self.mean_weight - (1.0 - self.zero_support_mass)
        # All weights alike: what is left is rounding, unless they are all wrong.
        if abs(off) <= _ROUNDING * max(1.0, self.mean_weight):
            return 0.0
        reach = LARGEST_Z * self.mean_weight_error
        return off / self.mean_weight_error if abs(off) < reach else copysign(LARGEST_Z, off)


class TargetDiagnostics:
    """Adds up the weights of a target policy."""

    def __init__(self) -> None:
        """Start without any."""
        self._rows = 0
        self._largest = 0.0
        # Sums of w, w^2, |w r|, (w r)^2; unsupported mass, rows that have some, rows where that is known.
        self._totals: FloatArray = np.zeros(_N_TOTALS)

    def add(self, weight: FloatArray, reward: FloatArray, unsupported: FloatArray | None = None) -> None:
        """Count decisions.

        Args:
            weight: Importance weights, of all slots of a decision together; float64, shape (n_rounds,), at least 0.
            reward: What they earned; float64, shape (n_rounds,).
            unsupported: Probability that the target policy draws what the logger could not have drawn; float64, shape
                (n_rounds,), 0 to 1, NaN where nobody knows. None where nobody knows for any of them.

        Raises:
            ValueError: See `check_weights`.
        """
        check_weights(weight, reward)
        if not len(weight):
            return
        earned = np.abs(weight * reward)
        mass = np.full(len(weight), np.nan) if unsupported is None else unsupported
        known = ~np.isnan(mass)
        mass = np.where(known, mass, 0.0)
        rows = np.column_stack([weight, weight**2, earned, earned**2, mass, mass > 0.0, known])
        self._totals = added(self._totals, rows)
        self._largest = max(self._largest, float(weight.max()))
        self._rows += len(weight)

    def figures(self) -> TargetFigures:
        """Return what was counted so far."""
        rows = max(self._rows, 1)
        weights, squares, earned, earned_squares, mass, with_some, known = self._totals.tolist()
        mean = weights / rows
        return TargetFigures(
            rows=self._rows,
            effective_sample_size=_kish(weights, squares),
            effective_rewards=_kish(earned, earned_squares),
            largest_weight=self._largest,
            largest_share=self._largest / weights if weights else 0.0,
            mean_weight=mean,
            mean_weight_error=sqrt(max(squares / rows - mean * mean, 0.0) / rows),
            zero_support_share=with_some / max(known, 1.0),
            zero_support_mass=mass / max(known, 1.0),
            support_known=known / rows,
        )

    def dumps(self) -> bytes:
        """Return the state; equal counts give equal bytes."""
        return pack(_KIND, self._rows, {"totals": self._totals, "largest": np.array([self._largest])})

    @classmethod
    def loads(cls, state: bytes) -> Self:
        """Return what `dumps` put away.

        Raises:
            PolicyError: It is no such state.
        """
        rows, arrays = unpack(_KIND, state)
        check_shapes(arrays, {"totals": (_N_TOTALS,), "largest": (1,)})
        loaded = cls()
        with refusing(_KIND):
            loaded._rows = int(rows)  # type: ignore[call-overload]
        loaded._totals, loaded._largest = arrays["totals"], float(arrays["largest"][0])
        check_not_negative(_KIND, loaded._rows, loaded._largest, *loaded._totals.tolist())
        return loaded


def check_weights(weight: FloatArray, reward: FloatArray) -> None:
    """Refuse weights and rewards that would spoil every figure.

    Raises:
        ValueError: A weight is negative, or a number is not finite.
    """
    # Written so that NaN, which compares false with everything, is refused too.
    if not ((weight >= 0.0).all() and np.isfinite(weight).all() and np.isfinite(reward).all()):
        raise ValueError(f"expected finite weights of at least 0 and finite rewards, got {weight!r} and {reward!r}")


def _kish(total: float, squares: float) -> float:
    return total * total / squares if squares else 0.0
