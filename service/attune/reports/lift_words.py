"""How a report of a placement is said: names of metrics, numbers with their units, what it comes to in sentences."""

from collections.abc import Iterator
from typing import Literal

from attune.reports.headline import Headline
from attune.reports.number_format import UNKNOWN, percent, plain
from attune.v1.decision_service_pb2 import ExclusionReason
from attune.v1.insight_service_pb2 import (
    BREAKDOWN_KIND_CHANNEL,
    BREAKDOWN_KIND_FEATURE,
    BREAKDOWN_KIND_OFFER,
    METRIC_CONVERSION,
    METRIC_NPS,
    METRIC_RETENTION,
    METRIC_REVENUE,
    METRIC_REWARD,
    Breakdown,
    Comparison,
    Figure,
    Metric,
    MetricComparison,
    Report,
)

_MINUS = "\N{MINUS SIGN}"
_NAMES = {
    METRIC_REWARD: "reward a decision",
    METRIC_CONVERSION: "conversion",
    METRIC_REVENUE: "revenue a decision",
    METRIC_RETENTION: "retention",
    METRIC_NPS: "NPS",
}
_LARGE = 1000.0
_SHARES = {METRIC_CONVERSION, METRIC_RETENTION}


def metric_name(metric: Metric, report: Report) -> str:
    """Return what a metric is called in one report."""
    outcomes = {
        METRIC_CONVERSION: report.conversion_outcome,
        METRIC_REVENUE: report.revenue_outcome,
        METRIC_NPS: report.nps_outcome,
        METRIC_RETENTION: f"within {report.retention_days} days",
    }
    named = _NAMES[metric]
    detail = outcomes.get(metric, "")
    return f"{named} ({detail})" if detail and detail != named.split(" ", 1)[0].lower() else named


def written(metric: Metric, number: float, *, signed: bool = False) -> str:
    """Return a number of a metric: shares in percent, as is their difference."""
    if metric in _SHARES:
        text = f"{100 * number:{'+' if signed else ''}.2f}"
    elif metric == METRIC_NPS:
        text = f"{number:{'+' if signed else ''}.1f}"
    else:
        text = _signed(number) if signed else _amount(number)
    return text.replace("-", _MINUS)


def figure(metric: Metric, each: Figure | None, *, signed: bool = False) -> tuple[str, str]:
    """Return a figure and its interval, with their units; dashes for what is not known."""
    if each is None:
        return UNKNOWN, UNKNOWN
    unit = (" points" if signed else " %") if metric in _SHARES else ""
    value = f"{written(metric, each.value, signed=signed)}{unit}"
    if not each.HasField("low"):
        return value, UNKNOWN
    low, high = (written(metric, bound, signed=signed) for bound in (each.low, each.high))
    return value, f"[{low}, {high}]{unit}"


def found(message: MetricComparison, field: Literal["policy", "control", "lift"]) -> Figure | None:
    """Return a figure of a comparison; None where it is absent."""
    each: Figure = getattr(message, field)
    return each if message.HasField(field) else None


def by_metric(comparison: Comparison, metric: Metric) -> MetricComparison | None:
    """Return the comparison by one metric; None where there is none."""
    return next((each for each in comparison.metrics if each.metric == metric), None)


def relative(each: MetricComparison) -> str:
    """Return the lift as a share of what control did; empty where that says nothing."""
    if not each.HasField("lift") or each.metric == METRIC_NPS or each.control.value <= 0.0:
        return ""
    return f"{100 * each.lift.value / each.control.value:+.1f} %".replace("-", _MINUS)


def breakdown_title(breakdown: Breakdown) -> str:
    """Return what a breakdown is by."""
    if breakdown.kind == BREAKDOWN_KIND_FEATURE:
        return f"By {breakdown.feature}"
    kinds = {BREAKDOWN_KIND_OFFER: "By offer", BREAKDOWN_KIND_CHANNEL: "By channel"}
    return kinds.get(breakdown.kind, "By segment")


def reason_name(reason: ExclusionReason) -> str:
    """Return why an offer was excluded, in a word or two."""
    return ExclusionReason.Name(reason).removeprefix("EXCLUSION_REASON_").lower().replace("_", " ")


def headline(report: Report) -> Headline:
    """Return what a report comes to."""
    reward = by_metric(report.overall, METRIC_REWARD)
    remarks = list(report.remarks)
    if report.sample_ratio.mismatch:
        return Headline("refuse", "The lift cannot be trusted: the control group has the wrong share.", (*remarks,))
    if not report.decisions:
        return Headline("refuse", "There is nothing to compare: no decision counts.", (*remarks,))
    if reward is None or not reward.HasField("lift"):
        return Headline("refuse", "There is nothing to compare: only one group decided.", (*remarks,))
    level = _level(reward.lift)
    sure = f"{percent(report.confidence)} interval {_interval(reward.lift)}"
    share = relative(reward)
    size = f"{_signed(reward.lift.value)} a decision{share and f', {share}'}"
    sentences = {
        "better": f"The policy earns more than the control group: {size} ({sure}).",
        "worse": f"The policy earns less than the control group: {size} ({sure}).",
        "open": f"Nothing is proved yet. The best guess: the policy earns {size}, which may be chance ({sure}).",
    }
    return Headline(level, sentences[level], (*_in_money(report), *remarks))


def _level(lift: Figure) -> str:
    if not lift.HasField("low") or lift.low <= 0.0 <= lift.high:
        return "open"
    return "better" if lift.low > 0.0 else "worse"


def _in_money(report: Report) -> Iterator[str]:
    if report.money.lift.HasField("low"):
        lift = figure(METRIC_REVENUE, report.money.lift, signed=True)
        so_far = figure(METRIC_REVENUE, report.money.so_far, signed=True)
        yield f"In money: {lift[0]} a thousand decisions {lift[1]}, {so_far[0]} so far {so_far[1]}."


def _interval(lift: Figure) -> str:
    if not lift.HasField("low"):
        return "not known: there is too little"
    return figure(METRIC_REWARD, lift, signed=True)[1]


def _signed(number: float) -> str:
    return _amount(number) if number < 0.0 else f"+{_amount(number)}"


def _amount(number: float) -> str:
    return f"{number:,.0f}".replace("-", _MINUS) if abs(number) >= _LARGE else plain(number)
