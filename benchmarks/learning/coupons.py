"""Coupons for drivers: a simulator of customers, fitted once to 12,684 real answers.

Each row of the data (UCI 603, Wang and others, "A Bayesian Framework for Learning Rule Sets for Interpretable
Classification", 2017) is one driver in one situation who was offered one coupon and would take it or not. The offers
were not randomised, so what would have become of the other nine is a model's opinion: a random forest predicts the
probability of acceptance from situation, driver and coupon. Fully grown trees remember each driver's own answers. The
forest is the truth of the simulation; the policies never see it.

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

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from attune_models.features import situation
from attune_models.types import FeatureSet, PlainAction
from benchmarks.learning.environments import Rounds

TYPES = ("Bar", "Carry out & Take away", "Coffee House", "Restaurant(<20)", "Restaurant(20-50)")
EXPIRATIONS = ("2h", "1d")
OFFERS = tuple(product(TYPES, EXPIRATIONS))
# The offer, the answer, and what is the same (or nothing) in nearly every row or says what another column says.
_NO_CONTEXT = {"couponType", "expiration", "Y", "cartype", "toCoupon_GEQ5min", "direction_opp"}
_TREES = 50

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
        rows, rng = _rows(self.data), np.random.default_rng(seed)
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
    model = _response_model(data)
    columns = [model.predict_proba([_inputs(row, offer) for row in rows])[:, 1] for offer in OFFERS]
    return np.stack(columns, axis=1)


@cache
def _response_model(data: Path) -> Pipeline:
    rows = _rows(data)
    inputs = [_inputs(row, (row["couponType"], row["expiration"])) for row in rows]
    model = make_pipeline(OneHotEncoder(), RandomForestClassifier(_TREES, random_state=603))
    return model.fit(inputs, [int(row["Y"]) for row in rows])


@cache
def _rows(data: Path) -> list[dict[str, str]]:
    with gzip.open(data / "coupon" / "in-vehicle-coupon.csv.gz", "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _inputs(row: Row, offer: tuple[str, str]) -> list[str]:
    return [*offer, *(value for name, value in row.items() if name not in _NO_CONTEXT)]


def _context(row: Row) -> FeatureSet:
    # Some questions were left open: what is not known is not sent.
    return FeatureSet(categorical={name: value for name, value in row.items() if value and name not in _NO_CONTEXT})


_ACTIONS = [
    PlainAction(f"{kind}, {expiration}", FeatureSet(categorical={"type": kind, "expires_in": expiration}))
    for kind, expiration in OFFERS
]
