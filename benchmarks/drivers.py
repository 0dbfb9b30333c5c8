"""Drivers who come again, and what is known of them: for `benchmarks.personalization`.

The drivers are those of `benchmarks.learning.coupons`, and so is the truth: a model that was fitted once to 12,684 real
answers. What the data says of a driver is taken apart, as a shop would come to know it:

    the situation   where to, with whom, weather, hour    comes with every request
    habits          bars, coffee houses, restaurants      nobody says them: the driver goes there, and each visit is an
                                                          activity that is folded into a profile
    who they are    age, children, occupation, income     said once, in a form

Of a third of the drivers nothing is known, as if they had never been asked for consent; a third has a profile, and half
of these filled in the form besides.

Activities are folded by `attune.serving.profile` and told by `profile_features`, as the product does it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.serving.profile import DAY_MS, ProfileRules, fold
from attune.serving.profile_features import known_features
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.customer_service_pb2 import Activity
from attune.v1.features_pb2 import Features
from benchmarks.learning.coupons import OFFERS, Row, acceptance, read_rows

DAYS = 60
"""How long is played."""
DAYS_BEFORE = 30
"""For how long activities were recorded before."""
OFFERED = tuple(OFFERS.index((kind, "1d")) for kind in ("Bar", "Coffee House", "Restaurant(20-50)"))
"""Which coupons there are: those that drivers differ on. Two others are taken by eight in ten, whoever they are."""

SITUATION = ("destination", "passanger", "weather", "temperature", "time", "toCoupon_GEQ15min", "direction_same")
FORM = ("gender", "age", "maritalStatus", "has_children", "education", "occupation", "income")
VISITS = {
    "Bar": "bar",
    "CoffeeHouse": "coffee_house",
    "CarryAway": "carry_away",
    "RestaurantLessThan20": "cheap_restaurant",
    "Restaurant20To50": "restaurant",
}
"""What an activity is called that a column of the data says how often it happens."""
A_MONTH = {"never": 0.0, "": 0.0, "less1": 0.5, "1~3": 2.0, "4~8": 6.0, "gt8": 10.0}

_RULES = ProfileRules()
_START_MS = 1_767_225_600_000  # 2026-01-01


@dataclass(frozen=True, slots=True)
class Visits:
    """Decisions in the order of time.

    Attributes:
        at_ms: When; milliseconds since the epoch, shape (n_decisions,).
        drivers: Whose, a number of each; shape (n_decisions,).
        is_unknown: Where nothing is known of the driver; shape (n_decisions,).
        contexts: What is known of each without knowing the driver.
        profiles: What is known of the driver at that moment.
        answers: What the driver has said.
        offered: The coupons, as positions in `benchmarks.learning.coupons.OFFERS`.
        accepts: Probability with which each of them is accepted, shape (n_decisions, n_offers).
    """

    at_ms: NDArray[np.int64]
    drivers: NDArray[np.int64]
    is_unknown: NDArray[np.bool_]
    contexts: Sequence[Features]
    profiles: Sequence[Features]
    answers: Sequence[Features]
    offered: Sequence[int]
    accepts: NDArray[np.float64]


def visits(data: Path, n_decisions: int, seed: int, offered: Sequence[int] = OFFERED) -> Visits:
    """Let drivers come.

    Args:
        data: The directory of the reference data.
        n_decisions: How many times somebody comes, in `DAYS` days.
        seed: Of who comes when, what they did before, and what is known of whom.
        offered: Which coupons there are, see `Visits`.
    """
    rng = np.random.default_rng(seed)
    all_rows = read_rows(data)
    chosen = rng.permutation(len(all_rows))[:n_decisions]
    rows = [all_rows[i] for i in chosen]
    numbers: dict[tuple[str, ...], int] = {}
    drivers = np.array([numbers.setdefault(_driver(row), len(numbers)) for row in rows])
    at_ms = _START_MS + np.sort(rng.integers(0, DAYS * DAY_MS, n_decisions))
    is_known = rng.random(len(numbers)) < 2 / 3
    has_said = is_known & (rng.random(len(numbers)) < 1 / 2)
    histories = [_History(_activities(row, rng)) for row in map(dict, map(_as_row, numbers))]
    profiles = [
        histories[driver].known(int(now_ms)) if is_known[driver] else Features()
        for driver, now_ms in zip(drivers, at_ms, strict=True)
    ]
    answers = [_form(row) if has_said[driver] else Features() for row, driver in zip(rows, drivers, strict=True)]
    contexts = [Features(categorical={name: row[name] for name in SITUATION}) for row in rows]
    accepts = acceptance(data, rows)[:, offered]
    return Visits(at_ms, drivers, ~is_known[drivers], contexts, profiles, answers, offered, accepts)


class _History:
    """What a driver does, folded up to the time that is asked for."""

    def __init__(self, activities: Sequence[tuple[int, str]]) -> None:
        self._left = deque(sorted(activities))
        self._record = CustomerRecord()

    def known(self, now_ms: int) -> Features:
        """Return what a decision is told; times must not go back."""
        while self._left and self._left[0][0] <= now_ms:
            at_ms, name = self._left.popleft()
            fold(self._record, Activity(name=name, channel="store"), at_ms, _RULES)
        return known_features(self._record, now_ms, _RULES)


def _activities(row: Row, rng: np.random.Generator) -> Iterator[tuple[int, str]]:
    """Yield when a driver goes where: as often as the data says, at any time."""
    first_ms = _START_MS - DAYS_BEFORE * DAY_MS
    for column, name in VISITS.items():
        count = rng.poisson(A_MONTH[row[column]] * (DAYS_BEFORE + DAYS) / 30)
        yield from ((first_ms + int(at_ms), name) for at_ms in rng.integers(0, (DAYS_BEFORE + DAYS) * DAY_MS, count))


def _driver(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in (*FORM, *VISITS))


def _as_row(driver: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return zip((*FORM, *VISITS), driver, strict=True)


def _form(row: Row) -> Features:
    return Features(categorical={f"said.{name}": row[name] for name in FORM if row[name]})
