"""Which target did best, and how sure that is when it was picked because it did best.

The best of many always looks better than it is (the winner's curse): it is best because its policy is good and because
its estimate erred upwards. So the confidence is corrected for how many were compared, by Bonferroni's inequality: the
probability that any of n intervals misses is at most n times that of one. Right whatever the estimates have to do with
each other, and cautious.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from attune.reports.report import Estimate, EvaluationReport, TargetReport

REFUSE = "refuse"

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Best:
    """The target that did best, compared with the baseline.

    Attributes:
        target: The target.
        difference: Its value minus the baseline's.
        low: Lower bound, when this is the only comparison.
        high: Upper bound.
        compared: How many targets were compared with the baseline.
        adjusted_low: Lower bound of an interval that all of them hold at once, with the report's confidence.
        adjusted_high: Upper bound.
        confidence: How sure it is that its value differs from the baseline's, as if it had been the only one.
        adjusted_confidence: The same, corrected for how many were compared; 0 where nothing is left.
    """

    target: TargetReport
    difference: float
    low: float
    high: float
    compared: int
    adjusted_low: float
    adjusted_high: float
    confidence: float
    adjusted_confidence: float


def main_estimate(target: TargetReport) -> Estimate | None:
    """Return the estimate to show where there is room for one; None where the target is refused."""
    return next((one for one in target.estimates if one.estimator == target.main), None)


def ranked(report: EvaluationReport) -> list[TargetReport]:
    """Return the targets from the best to the worst; those without a number come last, in their order."""

    def place(target: TargetReport) -> tuple[bool, bool, float]:
        """Return what sorts a target: with a number first, trusted ones before refused, the highest value first."""
        estimate = main_estimate(target)
        return estimate is None, target.verdict == REFUSE, -estimate.value if estimate else 0.0

    return sorted(report.targets, key=place)


def best(report: EvaluationReport) -> Best | None:
    """Return the target with the largest difference from the baseline; None where none can be compared.

    What is refused is never the best, also where somebody insisted on its number; but it counts among the compared:
    had it done well, it would have been looked at. Nothing can be compared with a baseline that is refused.
    """
    if is_baseline_refused(report):
        return None
    rivals = [target for target in report.targets if target.name != report.baseline]
    able = [target for target in rivals if target.verdict != REFUSE and _is_known(target.difference)]
    if not able:
        return None
    return _compared(max(able, key=_difference), len(rivals), report.confidence)


def is_baseline_refused(report: EvaluationReport) -> bool:
    """Tell whether differences are from a target that is refused."""
    return any(target.name == report.baseline and target.verdict == REFUSE for target in report.targets)


def _compared(target: TargetReport, compared: int, confidence: float) -> Best:
    difference = _difference(target)
    assert target.difference is not None  # only what has one is compared
    interval = target.difference.intervals[0]
    one = _NORMAL.inv_cdf(1 - (1 - confidence) / 2)
    wider = _NORMAL.inv_cdf(1 - (1 - confidence) / (2 * compared)) / one
    # The side towards 0 decides whether it is chance; the bounds of a bootstrap are not symmetric.
    side = difference - interval.low if difference > 0 else interval.high - difference
    doubt = 2 * _NORMAL.cdf(-abs(difference) * one / side) if side > 0 else float(difference == 0)
    return Best(
        target=target,
        difference=difference,
        low=interval.low,
        high=interval.high,
        compared=compared,
        adjusted_low=difference - (difference - interval.low) * wider,
        adjusted_high=difference + (interval.high - difference) * wider,
        confidence=1 - doubt,
        adjusted_confidence=max(0.0, 1 - compared * doubt),
    )


def _is_known(estimate: Estimate | None) -> bool:
    return estimate is not None and bool(estimate.intervals) and math.isfinite(estimate.value)


def _difference(target: TargetReport) -> float:
    assert target.difference is not None  # only what has one is compared
    return target.difference.value
