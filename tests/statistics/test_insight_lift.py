"""Whether a report's intervals hold, however often somebody looks: customers who differ, with several decisions each.

The truth is known, because the customers are drawn from it. Every log is looked at 20 times. 150 logs a case keep a
case within seconds; the bound is the error that is allowed, plus three standard errors of a share of 150.
"""

from math import exp, sqrt

import numpy as np
import pytest

from attune.v1.insight_service_pb2 import METRIC_CONVERSION, METRIC_REVENUE
from attune_models.grouped_sums import BUCKETS, CONTROL, POLICY, GroupedSums
from insight_logs import by, customers, report_of

LOGS, LOOKS = 150, 20
ALLOWED = 0.05
MOST_MISSED = ALLOWED + 3 * sqrt(ALLOWED * (1 - ALLOWED) / LOGS)
_COUNT, _CONVERTED, _MONEY = range(3)
# Mean of the price of what is bought: log-normal, so that a few buy for very much.
PRICE = exp(3 + 0.5)


def missed(seed: int, n_customers: int, share: float, rates: tuple[float, float]) -> tuple[bool, bool, bool]:
    """Look at a log as it grows.

    Returns:
        Whether an interval of conversion ever missed the truth, one of money, and one of a textbook.
    """
    rng = np.random.default_rng(seed)
    sums, truth = GroupedSums(3), rates[0] - rates[1]
    wrong = [False, False, False]
    for _ in range(LOOKS):
        visit(sums, rng, n_customers // LOOKS, share, rates)
        for place, (column, expected) in enumerate(((_CONVERTED, truth), (_MONEY, truth * PRICE))):
            lift = sums.lift(column, _COUNT)
            bounds = lift.interval(1 - ALLOWED) if lift else None
            wrong[place] |= bounds is not None and not bounds[0] <= expected <= bounds[1]
        wrong[2] |= naive(sums, truth)
    return wrong[0], wrong[1], wrong[2]


def visit(sums: GroupedSums, rng: np.random.Generator, n: int, share: float, rates: tuple[float, float]) -> None:
    """Let n new customers visit, each 1 to 9 times, each with a conversion rate of its own."""
    arm = (rng.random(n) < share).astype(int)
    rate = np.array(rates)[arm] * rng.choice([0.0, 0.5, 2.0], size=n, p=[0.25, 0.5, 0.25]) / 0.75
    visits = rng.integers(1, 10, n)
    converted = rng.binomial(visits, np.minimum(rate, 1.0))
    money = [rng.lognormal(3.0, 1.0, bought).sum() for bought in converted]
    np.add.at(sums.sums, (arm, rng.integers(BUCKETS, size=n)), np.stack([visits, converted, money], axis=1))


def naive(sums: GroupedSums, truth: float) -> bool:
    """Return whether the interval of a textbook misses: 1.96 errors, every decision for itself."""
    counts = [sums.total(arm, _COUNT) for arm in (POLICY, CONTROL)]
    rates = [sums.total(arm, _CONVERTED) / max(counts[arm], 1) for arm in (POLICY, CONTROL)]
    error = sqrt(sum(rate * (1 - rate) / max(n, 1) for rate, n in zip(rates, counts, strict=True)))
    return abs(rates[0] - rates[1] - truth) > 1.96 * error > 0


@pytest.mark.parametrize(
    ("share", "rates"),
    [
        (0.1, (0.05, 0.05)),  # A/A, a small control group
        pytest.param(0.5, (0.05, 0.05), marks=pytest.mark.long),  # A/A, equal groups
        pytest.param(0.1, (0.02, 0.02), marks=pytest.mark.long),  # A/A, and conversions are rare
        pytest.param(0.2, (0.12, 0.08), marks=pytest.mark.long),
        pytest.param(0.05, (0.01, 0.01), marks=pytest.mark.long),
        pytest.param(0.1, (0.30, 0.10), marks=pytest.mark.long),
    ],
)
def test_intervals_hold_however_often_somebody_looks(share: float, rates: tuple[float, float]) -> None:
    found = np.array([missed(seed, 500, share, rates) for seed in range(LOGS)])
    conversion, money, textbook = found.mean(axis=0)
    assert conversion <= MOST_MISSED
    assert money <= MOST_MISSED
    # What it is there for: with the textbook's interval, somebody who looks so often is misled far more often.
    assert textbook > MOST_MISSED


def test_a_lift_that_is_there_is_found_and_covered() -> None:
    """20 points, in some 2,000 decisions of 400 customers."""
    report = report_of(customers(np.random.default_rng(7), 400, (0.30, 0.10)))
    lift = by(report.overall, METRIC_CONVERSION).lift
    assert 0 < lift.low <= 0.20 <= lift.high
    assert by(report.overall, METRIC_REVENUE).lift.value == 0.0
    assert report.sample_ratio.p_value > 0.05
