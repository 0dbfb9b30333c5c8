"""A report of a placement for people: what it comes to, and the tables behind it."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from attune.cli.output import empty_table, plain
from attune.reports.lift_words import breakdown_title, figure, found, headline, metric_name, reason_name, relative
from attune.reports.number_format import percent
from attune.v1.insight_service_pb2 import METRIC_REWARD, Breakdown, Comparison, Report

MOST_PARTS = 20
MOST_OFFERS = 20
_STYLES = {"better": "bold green", "worse": "bold red", "open": "bold yellow", "refuse": "bold red"}


def shown(report: Report) -> RenderableType:
    """Return everything that a terminal shows of a report."""
    parts: list[RenderableType] = []
    for part in _parts(report):
        parts += [part, Text()]
    return Group(*parts[:-1])


def _parts(report: Report) -> Iterator[RenderableType]:
    told = headline(report)
    yield Text(plain(told.sentence), style=_STYLES[told.level])
    if told.details:
        yield Text("\n".join(plain(detail) for detail in told.details))
    if not report.decisions:
        return
    yield _overall(report)
    for breakdown in report.breakdowns:
        yield _breakdown(breakdown, report)
    if report.HasField("exploration"):
        yield Text("\n".join(_exploration(report)))
    if report.offers:
        yield _reach(report)
    if report.pressure:
        yield _pressure(report)


def _overall(report: Report) -> Table:
    table = _table(f"{report.placement}", "policy", "control", "lift", f"{percent(report.confidence)} interval", "")
    counts = (f"{report.overall.decisions:,}", f"{report.overall.control_decisions:,}")
    table.add_row("decisions", *counts, "", "", "")
    for name, cells in _rows(report.overall, report):
        table.add_row(name, *cells)
    return table


def _breakdown(breakdown: Breakdown, report: Report) -> Table:
    table = _table(breakdown_title(breakdown).lower(), "decisions", "of control")
    table.add_column("metric", no_wrap=True)
    for title in ("policy", "control", "lift", "interval", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for part in breakdown.parts[:MOST_PARTS]:
        head = (escape(plain(part.name)), f"{part.decisions:,}", f"{part.control_decisions:,}")
        for place, (name, cells) in enumerate(_rows(part, report)):
            table.add_row(*(head if place == 0 else ("", "", "")), name, *cells)
    if len(breakdown.parts) > MOST_PARTS:
        table.add_row(f"({len(breakdown.parts) - MOST_PARTS} more: --json)")
    return table


def _rows(comparison: Comparison, report: Report) -> Iterator[tuple[str, tuple[str, ...]]]:
    for each in comparison.metrics:
        policy, control = figure(each.metric, found(each, "policy")), figure(each.metric, found(each, "control"))
        lift, interval = figure(each.metric, found(each, "lift"), signed=True)
        name = escape(plain(metric_name(each.metric, report)))
        yield name, (policy[0], control[0], lift, escape(interval), relative(each))


def _exploration(report: Report) -> Iterator[str]:
    explored = report.exploration
    cost, interval = figure(METRIC_REWARD, explored.cost, signed=True)
    yield f"Exploration: {explored.draws:,} draws, {100 * explored.explored:.1f} % of them not the most probable offer."
    yield f"Given up to go on learning: {cost} reward a draw {interval}."
    yield f"Entropy {explored.entropy:.3f} nats: as if among {explored.effective_offers:.1f} offers."


def _reach(report: Report) -> Table:
    table = _table("reach", "suited", "held back", "most probable", "expected", "drawn", "")
    for each in report.offers[:MOST_OFFERS]:
        counts = [f"{number:,}" for number in (each.suited, each.held_back, each.favourite)]
        nobody = "reached nobody" if each.suited and not each.drawn else ""
        row = (*counts, f"{each.expected:,.1f}", f"{each.drawn:,}", nobody)
        table.add_row(escape(plain(each.offer_id)), *row)
    if len(report.offers) > MOST_OFFERS:
        table.add_row(f"({len(report.offers) - MOST_OFFERS} more: --json)")
    return table


def _pressure(report: Report) -> Table:
    table = _table("held back", "which", "decisions", "share", "of offers")
    for each in report.pressure:
        shares = [f"{100 * share:.2f} %" for share in (each.share_of_decisions, each.share_of_offers)]
        table.add_row(reason_name(each.reason), escape(plain(each.detail)), f"{each.decisions:,}", *shares)
    return table


def _table(first: str, *others: str) -> Table:
    table = empty_table(escape(plain(first)))
    for title in others:
        table.add_column(title, justify="right", no_wrap=True)
    return table
