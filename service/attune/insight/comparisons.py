"""From sums to what a report says: the policy beside the control group, by every metric that is known."""

from collections.abc import Sequence

from attune.insight.counted import ANSWERS, CONVERTED, COUNT, PROMOTED, REVENUE, REWARD
from attune.insight.question import Question
from attune.v1.insight_service_pb2 import (
    METRIC_CONVERSION,
    METRIC_NPS,
    METRIC_RETENTION,
    METRIC_REVENUE,
    METRIC_REWARD,
    Comparison,
    Figure,
    Metric,
    MetricComparison,
    Money,
)
from attune_models.grouped_sums import CONTROL, POLICY, GroupedSums, Measured

_THOUSAND = 1000.0
# Between which numbers a metric lies, whatever comes.
_RANGES: dict[Metric, tuple[float, float]] = {
    METRIC_CONVERSION: (0.0, 1.0),
    METRIC_RETENTION: (0.0, 1.0),
    METRIC_NPS: (-100.0, 100.0),
}


def metrics_of(question: Question) -> list[tuple[Metric, int, int]]:
    """Return the metrics that are known, each with its columns above and below the line."""
    metrics: list[tuple[Metric, int, int]] = [(METRIC_REWARD, REWARD, COUNT)]
    if question.conversion:
        metrics.append((METRIC_CONVERSION, CONVERTED, COUNT))
    if question.revenue:
        metrics.append((METRIC_REVENUE, REVENUE, COUNT))
    if question.nps:
        metrics.append((METRIC_NPS, PROMOTED, ANSWERS))
    return metrics


def comparison(
    name: str, sums: GroupedSums, metrics: Sequence[tuple[Metric, int, int]], confidence: float
) -> Comparison:
    """Return a comparison by every metric of which there is something.

    Args:
        name: Of what is compared.
        sums: What was earned, by arm.
        metrics: From `metrics_of`.
        confidence: Of the intervals.
    """
    compared = (metric_comparison(metric, sums, above, below, confidence) for metric, above, below in metrics)
    return Comparison(
        name=name,
        decisions=round(sums.total(POLICY, COUNT)),
        control_decisions=round(sums.total(CONTROL, COUNT)),
        metrics=[each for each in compared if each.HasField("policy") or each.HasField("control")],
    )


def metric_comparison(metric: Metric, sums: GroupedSums, above: int, below: int, confidence: float) -> MetricComparison:
    """Return the comparison by one metric."""
    low, high = _RANGES.get(metric, (float("-inf"), float("inf")))
    arms = [figure(sums.quotient(arm, above, below), confidence, low, high) for arm in (POLICY, CONTROL)]
    lift = figure(sums.lift(above, below), confidence, low - high, high - low)
    return MetricComparison(metric=metric, policy=arms[0], control=arms[1], lift=lift)


def money(sums: GroupedSums, confidence: float) -> Money:
    """Return what it is in money."""
    policy, control = (sums.quotient(arm, REVENUE, COUNT) for arm in (POLICY, CONTROL))
    lift = sums.lift(REVENUE, COUNT)
    return Money(
        policy=scaled(figure(policy, confidence), _THOUSAND),
        control=scaled(figure(control, confidence), _THOUSAND),
        lift=scaled(figure(lift, confidence), _THOUSAND),
        so_far=scaled(figure(lift, confidence), sums.total(POLICY, COUNT)),
    )


def figure(
    measured: Measured | None, confidence: float, low: float = float("-inf"), high: float = float("inf")
) -> Figure | None:
    """Return an estimate as a report says it.

    Args:
        measured: None where there is none.
        confidence: Of the interval.
        low: What it cannot be below.
        high: What it cannot be above.
    """
    if measured is None:
        return None
    bounds = measured.interval(confidence)
    if bounds is None:
        return Figure(value=measured.value, count=round(measured.count))
    bounds = max(bounds[0], low), min(bounds[1], high)
    return Figure(value=measured.value, low=bounds[0], high=bounds[1], count=round(measured.count))


def scaled(each: Figure | None, factor: float) -> Figure | None:
    """Return a figure times a number of at least 0; the count stays."""
    if each is None:
        return None
    product = Figure(value=each.value * factor, count=each.count)
    if each.HasField("low"):
        product.low, product.high = each.low * factor, each.high * factor
    return product
