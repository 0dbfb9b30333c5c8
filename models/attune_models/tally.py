"""What is kept of a log of any length: enough for an estimate, its variance, and a bootstrap.

    rounds, a chunk at a time --add--> tally --> estimate, variance; cells --bootstrap--> resampled estimates

Memory does not grow with the log. The rounds themselves are not kept: their columns are summed into cells of successive
rounds. As long as there are fewer rounds than cells, a cell is a round.
"""

from typing import Generic, TypeVar

import numpy as np

from attune_models.estimator import Estimator
from attune_models.rounds import FloatArray

MOST_CELLS = 131_072
RoundsT = TypeVar("RoundsT")


class Tally(Generic[RoundsT]):
    """Running means, covariance and cells of one estimator's columns.

    Drawing cells of successive rounds with replacement is a bootstrap over blocks that do not overlap: it has the right
    variance for independent rounds too, and stays right where neighbours are alike for less than a block.

    Edward Carlstein: The Use of Subseries Values for Estimating the Variance of a General Statistic from a Stationary
    Sequence, 1986. Means and covariance are updated as in Tony Chan, Gene Golub, Randall LeVeque: Algorithms for
    Computing the Sample Variance, 1983.
    """

    def __init__(self, estimator: Estimator[RoundsT], most_cells: int = MOST_CELLS) -> None:
        """Start without rounds.

        Args:
            estimator: Whose columns are summed.
            most_cells: Even, at least 2. A log that has no more rounds is resampled by single rounds.

        Raises:
            ValueError: `most_cells` is odd or too small.
        """
        if most_cells < 2 or most_cells % 2:  # noqa: PLR2004 - two neighbours become one
            raise ValueError(f"most_cells: expected an even number, at least 2, got {most_cells}")
        self.estimator, self._most_cells = estimator, most_cells
        self.n_rounds, self.rows_per_cell = 0, 1
        self.means: FloatArray = np.zeros(estimator.n_columns)
        self._scatter: FloatArray = np.zeros((estimator.n_columns, estimator.n_columns))
        # A row for each column. Zeros take no memory until they are written to.
        self._cells: FloatArray = np.zeros((estimator.n_columns, most_cells))

    @property
    def estimate(self) -> float:
        """The estimate on all rounds so far; NaN where it is not defined, as without rounds."""
        return float(self.estimator.value(self.means, self.n_rounds)) if self.n_rounds else float("nan")

    @property
    def variance(self) -> float:
        """Variance of the estimate, by the delta method; NaN with fewer than two rounds."""
        if self.n_rounds <= 1:
            return float("nan")
        gradient = self.estimator.gradient(self.means, self.n_rounds)
        # Rounding can leave a tiny variance just below 0.
        return float(np.maximum(gradient @ self.covariance @ gradient, 0.0)) / self.n_rounds

    @property
    def covariance(self) -> FloatArray:
        """Sample covariance of the columns, shape (k, k); NaN with fewer than two rounds."""
        return self._scatter / (self.n_rounds - 1 if self.n_rounds > 1 else float("nan"))

    @property
    def cells(self) -> FloatArray:
        """Sums over `rows_per_cell` successive rounds each, of which the last may have fewer; shape (n_cells, k)."""
        return self._cells[:, : -(-self.n_rounds // self.rows_per_cell)].T

    def add(self, rounds: RoundsT) -> None:
        """Take in more rounds: those that follow on the ones before.

        Args:
            rounds: Of any number, 0 included.
        """
        columns = self.estimator.columns(rounds)
        n_added = len(columns)
        if n_added:
            self._take_moments(columns)
        done = 0
        while done < n_added:
            room = self._most_cells * self.rows_per_cell - self.n_rounds
            if room == 0:
                self._halve()
                continue
            self._fill(columns[done : done + room])
            done += room

    def _take_moments(self, columns: FloatArray) -> None:
        n_added, n_before = len(columns), self.n_rounds
        means = columns.mean(axis=0)
        centred = (columns - means).T
        step = means - self.means
        share = n_added / (n_before + n_added)
        self.means = self.means + share * step
        self._scatter += np.einsum("in,jn->ij", centred, centred) + n_before * share * np.multiply.outer(step, step)

    def _fill(self, columns: FloatArray) -> None:
        """Add rounds to the cells, which have room for them."""
        size = self.rows_per_cell
        # The first piece may complete a cell that was begun.
        first, rest = divmod(self.n_rounds, size)
        starts = np.maximum(np.arange(-rest, len(columns), size), 0)
        self._cells[:, first : first + len(starts)] += np.add.reduceat(columns.T, starts, axis=1)
        self.n_rounds += len(columns)

    def _halve(self) -> None:
        """Make one cell of every two neighbours."""
        half = self._most_cells // 2
        self._cells[:, :half] = self._cells[:, ::2] + self._cells[:, 1::2]
        self._cells[:, half:] = 0.0
        self.rows_per_cell *= 2
