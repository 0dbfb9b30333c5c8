"""The charts of a report: what of it is drawn, and how that is said to those who cannot see it."""

import math
from collections.abc import Sequence

from attune.reports import charts
from attune.reports.charts import Row, Series
from attune.reports.headline import LOGGED, baseline_name
from attune.reports.markup import Markup, element
from attune.reports.number_format import NumberFormat, percent
from attune.reports.ranking import main_estimate, ranked
from attune.reports.report import Estimate, EvaluationReport, TargetReport

MOST_CURVES = 6

_LONGEST_REASON = 88


def values(report: EvaluationReport, form: NumberFormat) -> Markup:
    """Draw the value of every target beside what was really earned."""
    rows = [_row("as it was decided", LOGGED, report.logged, form, "")]
    rows += [_row(target.name, target.verdict, main_estimate(target), form, _why(target)) for target in report.targets]
    title = "Reward a decision: estimates and intervals"
    described = f"What each policy would have earned, with {percent(report.confidence)} intervals. {_spoken(rows)}"
    return _figure(charts.intervals(rows, report.logged.value, "as it was decided", title, described))


def differences(report: EvaluationReport, form: NumberFormat) -> Markup:
    """Draw how much more every target earns than the baseline."""
    rivals = [target for target in report.targets if target.name != report.baseline]
    rows = [_row(target.name, target.verdict, target.difference, form, _why(target), signed=True) for target in rivals]
    title = f"Difference from {baseline_name(report)}, in reward a decision"
    described = f"Where an interval does not touch 0, the difference is hardly chance. {_spoken(rows)}"
    return _figure(charts.intervals(rows, 0.0, "no difference", title, described))


def learning_curves(report: EvaluationReport) -> Markup:
    """Draw the learning curves of the best targets."""
    series = [Series(target.name, target.curve) for target in curved(report)]
    title = "Estimates by how many decisions they are made from"
    described = "One line for each policy; the band around it holds everywhere at once. " + " ".join(
        f"{one.name} ends at {one.points[-1].value:.4g}." for one in series
    )
    return _figure(charts.curves(series, report.logged.value, "as it was decided", title, described))


def curved(report: EvaluationReport) -> list[TargetReport]:
    """Return the targets whose learning curves are drawn: the best, of those that have a number to show."""
    return [target for target in ranked(report) if target.curve and target.estimates][:MOST_CURVES]


def weights(target: TargetReport) -> Markup:
    """Draw how large a target's importance weights are."""
    most = max((one.high for one in target.weights if one.count), default=0.0)
    described = f"{sum(one.count for one in target.weights):,} weights, the largest below {most:g}."
    return _figure(charts.histogram(target.weights, f"Importance weights of {target.name}", described))


def _figure(chart: Markup) -> Markup:
    return element("figure", chart)


def _row(name: str, kind: str, estimate: Estimate | None, form: NumberFormat, why: str, *, signed: bool = False) -> Row:
    if estimate is None or not math.isfinite(estimate.value):
        return Row(name, kind, None, math.nan, math.nan, f"no number: {why}" if why else "no number")
    write = form.change if signed else form.value
    low, high = _bounds(estimate)
    note = f"{write(estimate.value)} {form.interval(estimate, signed=signed)}"
    return Row(name, kind, estimate.value, low, high, note)


def _bounds(estimate: Estimate) -> tuple[float, float]:
    """Return what is drawn of an interval: one that is not known, not at all."""
    if not estimate.intervals or math.isnan(estimate.intervals[0].low + estimate.intervals[0].high):
        return estimate.value, estimate.value
    return estimate.intervals[0].low, estimate.intervals[0].high


def _why(target: TargetReport) -> str:
    return charts.short(target.reasons[0], _LONGEST_REASON) if target.reasons else ""


def _spoken(rows: Sequence[Row]) -> str:
    return " ".join(f"{row.name}: {row.note}." for row in rows)
