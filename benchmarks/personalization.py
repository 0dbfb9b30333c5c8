"""What is it worth to know the customer? Drivers who come again, on the coupons' model of answers.

`python -m benchmarks.personalization` prints a table; nothing is written. It needs the reference data.

The drivers are those of `benchmarks.learning.coupons`, and so is the truth: a model that was fitted once to 12,684 real
answers. What the data says of a driver is taken apart, as a shop would come to know it:

    the situation   where to, with whom, weather, hour    comes with every request
    habits          bars, coffee houses, restaurants      nobody says them: the driver goes there, and each visit is an
                                                          activity that is folded into a profile
    who they are    age, children, occupation, income     said once, in a form

Of a third of the drivers nothing is known, as if they had never been asked for consent; a third has a profile, and half
of these filled in the form besides. Answers come late: a policy learns from a decision when its window of a day has
closed, some hundred decisions later.

What is played is the product's own code: activities are folded by `attune.serving.profile`, told by `profile_features`,
encoded by the core; the policy is the default one. What counts is the expected reward of a decision under its pmf,
which is known here: nothing but what the policies differ in moves the difference. All policies see the same drivers and
the same luck.
"""

import argparse
import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray

from attune.serving.profile import DAY_MS, ProfileRules, fold
from attune.serving.profile_features import known_features
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.customer_service_pb2 import Activity
from attune.v1.features_pb2 import Features, Offer
from attune_models import pmf as pmfs
from attune_models.features import encode, encode_action
from attune_models.policy import PolicySpec, build
from attune_models.types import Interaction, Situation
from benchmarks.learning.coupons import OFFERS, Row, acceptance, read_rows

DAYS = 60
"""How long is played."""
DAYS_BEFORE = 30
"""For how long activities were recorded before."""
OFFERED = tuple(OFFERS.index((kind, "1d")) for kind in ("Bar", "Coffee House", "Restaurant(20-50)"))
"""Which coupons there are: those that drivers differ on. Two others are taken by eight in ten, whoever they are."""
WINDOW_DAYS = 1.0
"""When a decision is learned from, in days after it."""

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
_OFFERS = [
    encode_action(
        Offer(id=f"{kind}, {expires_in}", features=Features(categorical={"type": kind, "expires_in": expires_in}))
    )
    for kind, expires_in in (OFFERS[i] for i in OFFERED)
]
_IDS = [", ".join(OFFERS[i]) for i in OFFERED]


@dataclass(frozen=True, slots=True)
class Told:
    """What a policy is told.

    Attributes:
        name: A row of the table.
        profile: Whether it is told what was seen of the driver.
        said: Whether it is told what the driver has said.
    """

    name: str
    profile: bool
    said: bool


CONTEXT_ONLY = Told("context only", profile=False, said=False)
ALL = Told("context, profile and preferences", profile=True, said=True)
WAYS = (
    CONTEXT_ONLY,
    Told("context and preferences", profile=False, said=True),
    Told("context and profile", profile=True, said=False),
    ALL,
)


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
        accepts: Probability with which each offer is accepted, shape (n_decisions, n_offers).
    """

    at_ms: NDArray[np.int64]
    drivers: NDArray[np.int64]
    is_unknown: NDArray[np.bool_]
    contexts: Sequence[Features]
    profiles: Sequence[Features]
    answers: Sequence[Features]
    accepts: NDArray[np.float64]


def visits(data: Path, n_decisions: int, seed: int) -> Visits:
    """Let drivers come.

    Args:
        data: The directory of the reference data.
        n_decisions: How many times somebody comes, in `DAYS` days.
        seed: Of who comes when, what they did before, and what is known of whom.
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
    accepts = acceptance(data, rows)[:, OFFERED]
    return Visits(at_ms, drivers, ~is_known[drivers], contexts, profiles, answers, accepts)


def values(told: Told, came: Visits, seed: int) -> NDArray[np.float64]:
    """Let the default policy decide and learn, from what it is told.

    Args:
        told: What that is.
        came: Who comes.
        seed: Of the draws and of the answers, the same for all policies.

    Returns:
        Expected reward of each decision under its pmf, shape (n_decisions,).
    """
    policy, earned = build(PolicySpec()), np.empty(len(came.contexts))
    luck = np.random.default_rng((seed, 1)).random(len(earned))
    waiting: deque[tuple[int, Interaction]] = deque()
    for i, situation in enumerate(_situations(told, came)):
        while waiting and waiting[0][0] <= came.at_ms[i]:
            policy.learn(waiting.popleft()[1])
        pmf = policy.pmf(situation)
        earned[i] = np.dot(pmf, came.accepts[i])
        drawn = pmfs.draw(pmf, pmfs.unit_interval("draw", str(seed), str(i)))
        reward = float(luck[i] < came.accepts[i, drawn])
        closes_ms = int(came.at_ms[i] + WINDOW_DAYS * DAY_MS)
        waiting.append((closes_ms, Interaction(situation, drawn, pmf[drawn], reward)))
    return earned


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one policy earns more than another one, a decision.

    Attributes:
        mean: Of all decisions.
        standard_error: Of the mean, with drivers as clusters: what a driver is like moves all of their decisions.
    """

    mean: float
    standard_error: float


def difference(ahead: NDArray[np.float64], drivers: NDArray[np.int64]) -> Difference:
    """Estimate a mean difference and its standard error, clustered by driver.

    The estimate is a ratio, sum over drivers of what they earned more, by the sum of their decisions; its variance is
    that of the linearised ratio (Cochran, "Sampling Techniques", 3rd edition, 1977, section 6.4).

    Args:
        ahead: By how much one policy earned more in each decision, shape (n_decisions,).
        drivers: Whose decision it was, shape (n_decisions,).
    """
    _, members = np.unique(drivers, return_inverse=True)
    sums, sizes = np.bincount(members, ahead), np.bincount(members)
    mean = float(ahead.mean())
    residuals = sums - mean * sizes
    n_drivers = len(sizes)
    variance = float(residuals @ residuals) * n_drivers / (n_drivers - 1) / len(ahead) ** 2
    return Difference(mean, math.sqrt(variance))


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


def _situations(told: Told, came: Visits) -> Iterator[Situation]:
    for context, profile, answers in zip(came.contexts, came.profiles, came.answers, strict=True):
        joined = Features()
        joined.CopyFrom(context)
        if told.profile:
            joined.MergeFrom(profile)
        if told.said:
            joined.MergeFrom(answers)
        yield Situation(encode(joined), _IDS, _OFFERS)


def main() -> None:
    """Play, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.personalization", description=__doc__.partition("\n")[0]
    )
    data = Path(os.environ.get("ATTUNE_REFERENCE_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="directory of the reference data (default %(default)s)")
    parser.add_argument("--decisions", type=int, default=12_000, help="of each play (default 12,000)")
    parser.add_argument("--seeds", type=int, default=10, help="how many plays (default 10)")
    asked = parser.parse_args()
    with ProcessPoolExecutor(2) as pool:
        plays = list(pool.map(partial(_play, asked.data, asked.decisions), range(1, asked.seeds + 1)))
    print(f"{asked.seeds} plays of {asked.decisions:,} decisions each; mean over plays and its standard error.\n")
    print("| the policy is told | reward a decision | more than context only | where nothing is known of the driver |")
    print("| --- | --- | --- | --- |")
    for i, told in enumerate(WAYS):
        print(f"| {told.name} | {' | '.join(_estimate([play[i][j] for play in plays]) for j in range(3))} |")


def _play(data: Path, n_decisions: int, seed: int) -> list[tuple[float, float, float]]:
    """Return, for each way, mean reward, lead over context only, and that lead where nothing is known."""
    came = visits(data, n_decisions, seed)
    played = [values(told, came, seed) for told in WAYS]
    ahead = [each - played[0] for each in played]
    return [
        (float(each.mean()), float(lead.mean()), float(lead[came.is_unknown].mean()))
        for each, lead in zip(played, ahead, strict=True)
    ]


def _estimate(means: Sequence[float]) -> str:
    error = stdev(means) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return f"{fmean(means):+.4f} ± {error:.4f}"


if __name__ == "__main__":
    main()
