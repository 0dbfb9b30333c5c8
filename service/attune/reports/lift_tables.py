"""The tables of a report of a placement."""

from collections.abc import Iterator, Sequence

from attune.reports.lift_words import figure, found, metric_name, reason_name, relative, written
from attune.reports.markup import Child, Markup, joined
from attune.reports.number_format import UNKNOWN, percent, plain
from attune.reports.tables import NAME, NUMBER, Columns, folded, table
from attune.v1.insight_service_pb2 import (
    METRIC_REVENUE,
    METRIC_REWARD,
    Breakdown,
    Comparison,
    Exploration,
    MetricComparison,
    Report,
)

MOST_OFFERS = 100

_DIFFERENCES = {"lift", "so_far"}

_COMPARED: Columns = (
    ("metric", NAME),
    ("policy", NUMBER),
    ("control", NUMBER),
    ("lift", NUMBER),
    ("interval", NUMBER),
    ("in percent", NUMBER),
)


def overall(report: Report) -> Markup:
    """Return both groups beside each other, by every metric."""
    rows: list[Sequence[Child]] = [(metric_name(each.metric, report), *cells) for each, cells in _cells(report.overall)]
    caption = (
        f"{report.overall.decisions:,} decisions of the policy, {report.overall.control_decisions:,} of the control "
        f"group. Intervals of {percent(report.confidence)} that hold at all times at once."
    )
    return table(caption, _COMPARED, rows)


def money(report: Report) -> Markup | None:
    """Return what it is in money; None where nothing is."""
    if not report.HasField("money"):
        return None
    rows: list[Sequence[Child]] = [
        (descriptor.name.replace("_", " "), *figure(METRIC_REVENUE, each, signed=descriptor.name in _DIFFERENCES))
        for descriptor, each in report.money.ListFields()
    ]
    columns = (("in money", NAME), ("a thousand decisions", NUMBER), ("interval", NUMBER))
    return table("So far: the lift, times all decisions of the policy.", columns, rows)


def parts(breakdown: Breakdown, report: Report) -> Markup:
    """Return every part by every metric."""
    rows: list[Sequence[Child]] = []
    for part in breakdown.parts:
        counts = f"{part.decisions:,} / {part.control_decisions:,}"
        rows += [(part.name, counts, metric_name(each.metric, report), *cells) for each, cells in _cells(part)]
    columns = (("part", NAME), ("decisions", NUMBER), ("metric", NAME), *_COMPARED[1:])
    return folded(table(f"Intervals of {percent(breakdown.confidence)}, to hold together.", columns, rows))


def exploration(found: Exploration) -> Markup:
    """Return what it costs to find out."""
    rows: list[Sequence[Child]] = [
        ("as it was drawn", *figure(METRIC_REWARD, found.drawn)),
        ("had the most probable offer been drawn", *figure(METRIC_REWARD, found.greedy)),
        ("given up to go on learning", *figure(METRIC_REWARD, found.cost, signed=True)),
    ]
    columns = (("draws of the policy", NAME), ("reward a draw", NUMBER), ("interval", NUMBER))
    caption = (
        f"{found.draws:,} draws. With a probability of {100 * found.explored:.1f} % something else was drawn than the "
        f"most probable offer; it was as if among {found.effective_offers:.1f} offers."
    )
    return table(caption, columns, rows)


def reach(report: Report) -> Markup | None:
    """Return which offers reached whom; None without any."""
    if not report.offers:
        return None
    rows = [
        (
            each.offer_id,
            f"{each.suited:,}",
            f"{each.held_back:,}",
            f"{each.favourite:,}",
            plain(each.expected),
            f"{each.drawn:,}",
            "reached nobody" if each.suited and not each.drawn else "",
        )
        for each in report.offers[:MOST_OFFERS]
    ]
    columns = (
        ("offer", NAME),
        *((title, NUMBER) for title in ("suited", "held back", "most probable", "expected", "drawn")),
        ("", NAME),
    )
    left = len(report.offers) - len(rows)
    beyond = f" Not shown: {left:,} more." if left else ""
    return table(f"Decisions, by offer; those that reached nobody first.{beyond}", columns, rows)


def pressure(report: Report) -> Markup | None:
    """Return what was held back and why; None where nothing was."""
    if not report.pressure:
        return None
    rows = [
        (
            reason_name(each.reason),
            each.detail or UNKNOWN,
            f"{each.decisions:,}",
            f"{100 * each.share_of_decisions:.2f} %",
            f"{100 * each.share_of_offers:.2f} %",
        )
        for each in report.pressure
    ]
    titles = ("decisions", "share of decisions", "share of offers")
    columns = (("reason", NAME), ("which", NAME), *((title, NUMBER) for title in titles))
    return table("In how many decisions something was held back.", columns, rows)


def trend(report: Report) -> Markup | None:
    """Return how it went; None without decisions."""
    if not report.trend:
        return None
    rows = [
        (
            each.starts_at.ToJsonString().replace("T", " ").removesuffix("Z"),
            f"{each.decisions:,} / {each.control_decisions:,}",
            *(
                written(METRIC_REWARD, getattr(each, field)) if each.HasField(field) else UNKNOWN
                for field in ("reward", "control_reward", "entropy", "explored")
            ),
        )
        for each in report.trend
    ]
    titles = ("decisions", "reward", "of control", "entropy", "explored")
    columns = (("from (UTC)", NAME), *((title, NUMBER) for title in titles))
    return folded(table("As time went by.", columns, rows))


def joined_or_none(*children: Markup | None) -> Markup | None:
    """Return what is there of some parts; None where nothing is."""
    return joined(*children) if any(child is not None for child in children) else None


def _cells(comparison: Comparison) -> Iterator[tuple[MetricComparison, tuple[str, ...]]]:
    for each in comparison.metrics:
        policy, control = figure(each.metric, found(each, "policy")), figure(each.metric, found(each, "control"))
        lift, interval = figure(each.metric, found(each, "lift"), signed=True)
        yield each, (policy[0], control[0], lift, interval, relative(each))
