"""What is it worth to know the customer? Drivers who come again, on the coupons' model of answers.

`python -m benchmarks.personalization` prints a table; nothing is written. It needs the reference data.

Who comes, and what is known of whom, is in `benchmarks.drivers`. Answers come late: a policy learns from a decision
when its window of a day has closed, some hundred decisions later.

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

from attune.serving.profile import DAY_MS
from attune.v1.features_pb2 import Features, Offer
from attune_models import pmf as pmfs
from attune_models.features import encode, encode_action
from attune_models.policy import PolicySpec, build
from attune_models.types import Interaction, Situation
from benchmarks.drivers import OFFERED, Visits, visits
from benchmarks.learning.coupons import OFFERS

WINDOW_DAYS = 1.0
"""When a decision is learned from, in days after it."""


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


def _situations(told: Told, came: Visits) -> Iterator[Situation]:
    ids = [", ".join(OFFERS[i]) for i in came.offered]
    offers = [_encoded(*OFFERS[i]) for i in came.offered]
    for context, profile, answers in zip(came.contexts, came.profiles, came.answers, strict=True):
        joined = Features()
        joined.CopyFrom(context)
        if told.profile:
            joined.MergeFrom(profile)
        if told.said:
            joined.MergeFrom(answers)
        yield Situation(encode(joined), ids, offers)


def _encoded(kind: str, expires_in: str) -> str:
    features = Features(categorical={"type": kind, "expires_in": expires_in})
    return encode_action(Offer(id=f"{kind}, {expires_in}", features=features))


def main() -> None:
    """Play, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.personalization", description=__doc__.partition("\n")[0]
    )
    data = Path(os.environ.get("ATTUNE_REFERENCE_DATA", "../shared/data"))
    parser.add_argument("--data", type=Path, default=data, help="directory of the reference data (default %(default)s)")
    parser.add_argument("--decisions", type=int, default=12_000, help="of each play (default 12,000)")
    parser.add_argument("--seeds", type=int, default=10, help="how many plays (default 10)")
    parser.add_argument(
        "--all-coupons", action="store_true", help="offer all coupons, not only those that drivers differ on"
    )
    asked = parser.parse_args()
    offered = range(len(OFFERS)) if asked.all_coupons else OFFERED
    with ProcessPoolExecutor(2) as pool:
        plays = list(pool.map(partial(_play, asked.data, asked.decisions, offered), range(1, asked.seeds + 1)))
    print(f"{asked.seeds} plays of {asked.decisions:,} decisions each; mean over plays and its standard error.\n")
    print("| the policy is told | reward a decision | more than context only | where nothing is known of the driver |")
    print("| --- | --- | --- | --- |")
    for i, told in enumerate(WAYS):
        print(f"| {told.name} | {' | '.join(_estimate([play[i][j] for play in plays]) for j in range(3))} |")


def _play(data: Path, n_decisions: int, offered: Sequence[int], seed: int) -> list[tuple[float, float, float]]:
    """Return, for each way, mean reward, lead over context only, and that lead where nothing is known."""
    came = visits(data, n_decisions, seed, offered)
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
