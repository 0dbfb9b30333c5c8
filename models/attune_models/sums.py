"""Sums that do not depend on how a log was cut into batches: what streaming statistics are kept in.

NumPy adds the numbers of an array in an order of its own. Here they are added one after the other to what was there, so
that a statistic that was put away and taken up again in the middle of a log has the same bits as one that was not.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def added(totals: NDArray[np.float64], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return totals plus rows, added in the order of the rows.

    Args:
        totals: float64, shape (n_totals,).
        rows: float64, shape (n_rows, n_totals).

    Returns:
        float64, shape (n_totals,).
    """
    # Unlike a sum, a cumulative sum has no choice of order.
    return np.asarray(np.cumsum(np.vstack([totals, rows]), axis=0)[-1])


def add_at(totals: NDArray[np.float64], places: Any, values: NDArray[np.float64]) -> None:
    """Add values to the totals at their places, in their order; places may repeat.

    Args:
        totals: float64; is changed.
        places: An index of `totals`, or a tuple of them, of integer arrays of shape (n_values,).
        values: float64, shape (n_values,).
    """
    np.add.at(totals, places, values)
