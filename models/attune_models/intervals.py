"""How sure an estimate is: confidence intervals for a number of rounds that was fixed before.

    rounds --estimators--> estimate --intervals--> Interval
           --confidence_sequences--> Interval at every time, also when somebody looks and stops as soon as it suits

Which one when: `gaussian` for any estimator, when there are enough rounds for the central limit theorem (rare large
weights break it); `empirical_bernstein` and `clopper_pearson` hold for every number of rounds but need a bound on the
weights and are wide; `cressie_read` uses that weights average to 1 and is narrow, and holds for many rounds.
"""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: Lower bound, in reward a round.
        high: Upper bound, at least low.
        confidence: How probable it is at least, before the rounds were drawn, that it covers the truth; 0 to 1.
        method: `gaussian`, `clopper-pearson`, `empirical-bernstein`, `cressie-read`, `bootstrap` or `anytime`.
    """

    low: float
    high: float
    confidence: float
    method: str

    @property
    def width(self) -> float:
        """High minus low."""
        return self.high - self.low


def check_confidence(confidence: float) -> None:
    """Refuse what is no confidence.

    Raises:
        ValueError: It is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence!r}")


def check_rewards(low: float, high: float) -> None:
    """Refuse what is no range of rewards.

    Raises:
        ValueError: The bounds are not finite, or the low one is not below the high one.
    """
    if not (isfinite(low) and isfinite(high) and low < high):
        raise ValueError(f"reward_low, reward_high: expected two finite numbers in rising order, got {low!r}, {high!r}")
