"""Coupons for drivers: a simulator of customers, fitted once to 12,684 real answers.

Each row of the data (UCI 603, Wang and others, "A Bayesian Framework for Learning Rule Sets for Interpretable
Classification", 2017) is one driver in one situation who was offered one coupon and would take it or not. The offers
were not randomised, so what would have become of the other nine is a model's opinion: a logistic regression predicts
the probability of acceptance from situation and driver, the coupon, and every product of the two. It is the truth of
the simulation, and the policies never see it. A regression with such products is also what most policies are made of,
which makes this a kind environment: real tastes need not be sums.

In every round one uniform number decides for all coupons (accepted where it lies below the probability), so that
policies differ by their choices and not by their luck. The data is third-party: it is read where it lies.
"""

import csv
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attune_models.features import situation
from attune_models.types import FeatureSet, PlainAction
from benchmarks.learning.environments import Rounds

# Where it is needed, for it takes seconds: every worker of the tests imports all of them.
if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

TYPES = ("Bar", "Carry out & Take away", "Coffee House", "Restaurant(<20)", "Restaurant(20-50)")
EXPIRATIONS = ("2h", "1d")
OFFERS = tuple(product(TYPES, EXPIRATIONS))
# The offer, the answer, and what is the same (or nothing) in nearly every row or says what another column says.
_NO_CONTEXT = {"couponType", "expiration", "Y", "cartype", "toCoupon_GEQ5min", "direction_opp"}
_MOST_STEPS = 300

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Coupons:
    """All drivers in their situations once, in an order of the seed's; ten offers, accepted or not.

    Attributes:
        data: The directory of the reference data.
        n_rounds: Only so many of them; None for all.
    """

    data: Path
    n_rounds: int | None = None
    name = "coupon"
    about = "12,684 drivers in their situations, 10 coupons; a simulated acceptance earns 1"

    def rounds(self, seed: int) -> Rounds:
        """Shuffle the rows and draw the answers."""
        rows, rng = read_rows(self.data), np.random.default_rng(seed)
        shuffled = [rows[i] for i in rng.permutation(len(rows))[: self.n_rounds]]
        accepted = rng.random((len(shuffled), 1)) < acceptance(self.data, shuffled)
        situations = [situation(_context(row), _ACTIONS) for row in shuffled]
        return Rounds(situations, accepted.astype(np.float64))


def acceptance(data: Path, rows: Sequence[Row]) -> NDArray[np.float64]:
    """Predict the probability with which each offer is accepted.

    Args:
        data: The directory of the reference data.
        rows: Drivers in situations; what they were offered is ignored.

    Returns:
        Probabilities, shape (n_rows, n_offers), in the order of `OFFERS`.
    """
    encoder, model = _response_model(data)
    contexts = encoder.transform([_values(row) for row in rows])
    columns = [model.predict_proba(_inputs(contexts, [offer] * len(rows)))[:, 1] for offer in OFFERS]
    return np.stack(columns, axis=1)


@cache
def _response_model(data: Path) -> "tuple[OneHotEncoder, LogisticRegression]":
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see above
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415

    rows = read_rows(data)
    encoder = OneHotEncoder(sparse_output=False).fit([_values(row) for row in rows])
    contexts = encoder.transform([_values(row) for row in rows])
    shown = [(row["couponType"], row["expiration"]) for row in rows]
    model = LogisticRegression(max_iter=_MOST_STEPS)
    return encoder, model.fit(_inputs(contexts, shown), [int(row["Y"]) for row in rows])


@cache
def read_rows(data: Path) -> list[dict[str, str]]:
    """Read the data: drivers in situations, and what they were offered.

    Args:
        data: The directory of the reference data.
    """
    with gzip.open(data / "coupon" / "in-vehicle-coupon.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _values(row: Row) -> list[str]:
    return [value for name, value in row.items() if name not in _NO_CONTEXT]


def _inputs(contexts: NDArray[np.float64], offers: Sequence[tuple[str, str]]) -> "csr_array":
    """Return context, type, expiration, offer, and context x type and x expiration; shape (n_rows, n_features)."""
    from scipy.sparse import csr_array, hstack  # noqa: PLC0415 - see above

    types = np.array([[kind == each for each in TYPES] for kind, _ in offers], dtype=np.float64)
    expirations = np.array([[expiration == each for each in EXPIRATIONS] for _, expiration in offers], dtype=np.float64)
    parts = np.hstack([types, expirations])
    products = [csr_array(contexts * part[:, np.newaxis]) for part in parts.T]
    each = csr_array(np.array([[offer == one for one in OFFERS] for offer in offers], dtype=np.float64))
    return hstack([csr_array(contexts), csr_array(parts), each, *products], format="csr")


def _context(row: Row) -> FeatureSet:
    # Some questions were left open: what is not known is not sent.
    return FeatureSet(categorical={name: value for name, value in row.items() if value and name not in _NO_CONTEXT})


_ACTIONS = [
    PlainAction(f"{kind}, {expiration}", FeatureSet(categorical={"type": kind, "expires_in": expiration}))
    for kind, expiration in OFFERS
]
