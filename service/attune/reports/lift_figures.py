"""The charts of a report of a placement: lift by part, how sure it became, and how it went."""

import math
from collections.abc import Callable, Sequence

from attune.reports import charts
from attune.reports.charts import Row, Series
from attune.reports.lift_words import breakdown_title, by_metric, figure
from attune.reports.markup import Markup, element
from attune.reports.number_format import percent
from attune.reports.report import CurvePoint
from attune.v1.insight_service_pb2 import METRIC_REWARD, Breakdown, Comparison, Report, TrendPoint

MOST_ROWS = 30


def parts(breakdown: Breakdown) -> Markup | None:
    """Draw the lift of the reward part by part; None where there is none."""
    rows = [_row(each) for each in breakdown.parts[:MOST_ROWS]]
    if all(row.value is None for row in rows):
        return None
    title = f"Lift of the reward, {breakdown_title(breakdown).lower()}"
    sure = f"Each interval holds with {percent(breakdown.confidence)}, so that all of them hold together."
    described = f"{sure} {' '.join(f'{row.name}: {row.note}.' for row in rows)}"
    return element("figure", charts.intervals(rows, 0.0, "no difference", title, described))


def lift_curve(report: Report) -> Markup | None:
    """Draw how sure the lift became; None where there is too little."""
    points = [CurvePoint(each.decisions, each.lift.value, each.lift.low, each.lift.high) for each in report.lift_curve]
    if not points:
        return None
    title = "Lift of the reward by how many decisions there were"
    described = f"The band holds everywhere at once. It ends at {points[-1].value:.4g}."
    return element("figure", charts.curves([Series("policy minus control", points)], 0.0, "no lift", title, described))


def rewards(report: Report) -> Markup | None:
    """Draw what both groups earned as time went by; None where there is too little."""
    lines = [
        _series("policy", report.trend, lambda point: point.reward if point.HasField("reward") else None),
        _series(
            "control", report.trend, lambda point: point.control_reward if point.HasField("control_reward") else None
        ),
    ]
    return _curves(lines, "Reward a decision as time went by")


def entropies(report: Report) -> Markup | None:
    """Draw how undecided the policy was as time went by; None where there is too little."""
    lines = [_series("entropy", report.trend, lambda point: point.entropy if point.HasField("entropy") else None)]
    return _curves(lines, "Entropy of the policy's probabilities, in nats")


def _curves(lines: Sequence[Series], title: str) -> Markup | None:
    drawn = [line for line in lines if len(line.points) > 1]
    if not drawn:
        return None
    described = " ".join(
        f"{line.name}: from {line.points[0].value:.4g} to {line.points[-1].value:.4g}." for line in drawn
    )
    return element("figure", charts.curves(drawn, math.nan, "", title, described))


def _series(name: str, trend: Sequence[TrendPoint], value_of: Callable[[TrendPoint], float | None]) -> Series:
    points: list[CurvePoint] = []
    decisions = 0
    for each in trend:
        decisions += each.decisions + each.control_decisions
        if (value := value_of(each)) is not None:
            points.append(CurvePoint(decisions, value, math.nan, math.nan))
    return Series(name, points)


def _row(comparison: Comparison) -> Row:
    reward = by_metric(comparison, METRIC_REWARD)
    if reward is None or not reward.HasField("lift"):
        return Row(comparison.name, "refuse", None, math.nan, math.nan, "no lift: only one group has it")
    lift = reward.lift
    value, interval = figure(METRIC_REWARD, lift, signed=True)
    if not lift.HasField("low"):
        return Row(comparison.name, "caution", lift.value, lift.value, lift.value, f"{value}, too few for an interval")
    kind = "trust" if lift.low > 0.0 else "refuse" if lift.high < 0.0 else "caution"
    return Row(comparison.name, kind, lift.value, lift.low, lift.high, f"{value} {interval}")
