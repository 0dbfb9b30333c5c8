"""What is kept of two groups of units that are compared: enough for quotients of sums, their differences and errors.

    rounds of units (customers) --add--> sums by arm and bucket --> quotients, differences --reach--> intervals

Decisions of one customer are alike, and a customer is in one arm as a whole: what varies is the customer, not the
decision. So a unit's rounds all go into one of some buckets, by the unit's hash. Buckets are independent, of whatever
number of units, and their spread gives the error. Memory does not grow with units or rounds. (Nicholas Chamandy, Omkar
Muralidharan, Amir Najmi and Siddartha Naidu: Estimating uncertainty for massive data streams, 2012, use buckets so.)
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from attune_models.asymptotic_sequences import reach
from attune_models.rounds import FloatArray

POLICY, CONTROL = 0, 1
BUCKETS = 256
"""With so many, an estimated error is itself off by a twentieth."""
FEWEST_BUCKETS = 20
"""With rounds in fewer buckets of an arm, its error is anybody's guess."""


@dataclass(frozen=True, slots=True)
class Measured:
    """An estimate.

    Attributes:
        value: Its value; finite.
        count: What is below the line: rounds, or what is counted in their place.
        error: Its standard error, more than 0; None where too little is known.
        n_buckets: In how many buckets there is something, of the arm that has the fewest.
    """

    value: float
    count: float
    error: float | None
    n_buckets: int

    def interval(self, confidence: float) -> tuple[float, float] | None:
        """Return bounds that hold at all times at once; None where the error is not known."""
        if self.error is None:
            return None
        half = self.error * reach(max(round(self.count), 1), confidence, degrees=self.n_buckets - 1)
        return self.value - half, self.value + half


class GroupedSums:
    """Sums of some columns, by arm and bucket of units.

    Attributes:
        sums: float64, shape (2, BUCKETS, n_columns); `POLICY` first.
    """

    __slots__ = ("sums",)

    def __init__(self, n_columns: int) -> None:
        """Start without rounds."""
        self.sums: FloatArray = np.zeros((2, BUCKETS, n_columns))

    def add(self, arm: int, unit: int, columns: FloatArray) -> None:
        """Count a round in.

        Args:
            arm: `POLICY` or `CONTROL`.
            unit: A hash of the unit, at least 0.
            columns: Shape (n_columns,).
        """
        self.sums[arm, unit % BUCKETS] += columns

    def total(self, arm: int, column: int) -> float:
        """Return the sum of a column."""
        return float(self.sums[arm, :, column].sum())

    def quotient(self, arm: int, above: int, below: int) -> Measured | None:
        """Return the sum of one column of an arm over that of another.

        Args:
            arm: `POLICY` or `CONTROL`.
            above: A column.
            below: A column of weights or counts, at least 0.

        Returns:
            None where the sum below is 0.
        """
        count = self.total(arm, below)
        if count <= 0.0:
            return None
        variance = max(self._spread([arm], above, below), self._spread([POLICY, CONTROL], above, below)) / count
        n_buckets = self._n_buckets(arm, below)
        return Measured(self.total(arm, above) / count, count, _error(variance, n_buckets), n_buckets)

    def lift(self, above: int, below: int) -> Measured | None:
        """Return the quotient of the policy's arm minus that of control; None where one of both is.

        The spread of an arm counts as at least that of both together: of a small control group without a single
        conversion, nobody believes that it can have none.
        """
        policy, control = self.quotient(POLICY, above, below), self.quotient(CONTROL, above, below)
        if policy is None or control is None:
            return None
        known = policy.error is not None and control.error is not None
        error = sqrt((policy.error or 0.0) ** 2 + (control.error or 0.0) ** 2) if known else None
        n_buckets = min(policy.n_buckets, control.n_buckets)
        return Measured(policy.value - control.value, policy.count + control.count, error, n_buckets)

    def change(self, arm: int, first: tuple[int, int], second: tuple[int, int]) -> Measured | None:
        """Return a quotient of an arm minus another quotient of the same arm.

        Args:
            arm: `POLICY` or `CONTROL`.
            first: Columns above and below the line.
            second: The same of what is subtracted.

        Returns:
            With the count of the second; None where a sum below is 0.
        """
        if self.total(arm, first[1]) <= 0.0 or self.total(arm, second[1]) <= 0.0:
            return None
        influence = self._residuals(arm, *first) / self.total(arm, first[1])
        influence -= self._residuals(arm, *second) / self.total(arm, second[1])
        n_buckets = self._n_buckets(arm, second[1])
        error = _error(_squares(influence, n_buckets), n_buckets)
        value = self.total(arm, first[0]) / self.total(arm, first[1])
        value -= self.total(arm, second[0]) / self.total(arm, second[1])
        return Measured(value, self.total(arm, second[1]), error, n_buckets)

    def _residuals(self, arm: int, above: int, below: int) -> FloatArray:
        """Return by how much each bucket is above what the quotient of the arm makes expected; shape (BUCKETS,)."""
        sums, count = self.sums[arm], self.total(arm, below)
        mean = self.total(arm, above) / count if count else 0.0
        residuals: FloatArray = sums[:, above] - mean * sums[:, below]
        return residuals

    def _spread(self, arms: list[int], above: int, below: int) -> float:
        """Return the variance of a count of 1: of the arms together, each around its own quotient."""
        squares = sum(_squares(self._residuals(arm, above, below), self._n_buckets(arm, below)) for arm in arms)
        return squares / sum(self.total(arm, below) for arm in arms)

    def _n_buckets(self, arm: int, below: int) -> int:
        return int(np.count_nonzero(self.sums[arm, :, below]))


def _squares(residuals: FloatArray, n_buckets: int) -> float:
    # One degree of freedom goes into the quotient that they are residuals of.
    return float(residuals @ residuals) * n_buckets / max(n_buckets - 1, 1)


def _error(variance: float, n_buckets: int) -> float | None:
    # Where all is the same so far, the variance says nothing about what comes. Rounding is no variance either.
    return sqrt(variance) if n_buckets >= FEWEST_BUCKETS and variance > _ROUNDING else None


_ROUNDING = 1e-24
