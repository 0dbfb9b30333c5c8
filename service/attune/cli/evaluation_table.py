"""An evaluation for people: a table of the targets, a verdict for each, and what is behind it."""

from collections.abc import Iterator, Sequence
from math import isnan

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from attune.cli.output import empty_table
from attune.reports.number_format import percent
from attune.reports.ranking import REFUSE
from attune.reports.report import Estimate, EvaluationReport, TargetReport

MOST_DETAILED = 3
MOST_PROBLEMS = 20
_STYLES = {"trust": "green", "caution": "yellow", "refuse": "red"}
_REFUSED = "refused"
_SMALL = 1e-3  # with five decimals, too few digits would be left


def shown(report: EvaluationReport) -> RenderableType:
    """Return everything a terminal shows of a report."""
    return Group(*_parts(report))


def problems(report: EvaluationReport) -> Iterator[str]:
    """Yield a line for each of the first rows that were skipped."""
    yield from report.problems[:MOST_PROBLEMS]
    if report.refused > MOST_PROBLEMS:
        yield f"{report.refused - MOST_PROBLEMS:,} more rows were skipped"


def _parts(report: EvaluationReport) -> Iterator[RenderableType]:
    yield Text(heading(report))
    yield Text()
    yield overview(report)
    for target in report.targets:
        yield Text()
        yield from _verdict(target)
    detailed = [target for target in report.targets if target.estimates]
    if 0 < len(detailed) <= MOST_DETAILED:
        yield Text()
        yield _estimators(detailed)
    for target in report.targets:
        if target.segments:
            yield Text()
            yield _segments(target)


def heading(report: EvaluationReport) -> str:
    """Return what was read, in a line."""
    words = [f"{report.source}: {report.samples:,} decisions"]
    words += [f"{n:,} left out ({reason.replace('_', ' ')})" for reason, n in report.left_out.items()]
    if report.refused:
        words.append(f"{report.refused:,} bad rows skipped")
    if not report.complete:
        words.append("INTERRUPTED: only the decisions up to there count")
    return ", ".join(words)


def overview(report: EvaluationReport) -> Table:
    """Return a row for each target, below what was really earned."""
    table = empty_table("target")
    for title in ("decisions", "reward a decision", f"{percent(report.confidence)} interval"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in (escape(f"minus {report.baseline}"), "interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("effective", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    logged = report.logged
    table.add_row(
        "logged", f"{report.samples:,}", _number(logged.value), _interval(logged), "", "", "", "what was earned"
    )
    for target in report.targets:
        table.add_row(*_row(target))
    return table


def _row(target: TargetReport) -> list[RenderableType]:
    main, difference = _main(target), target.difference
    value = [_number(main.value), _interval(main)] if main else [_REFUSED if target.verdict == REFUSE else "-", ""]
    against = [_signed(difference.value), _interval(difference)] if difference else ["", ""]
    size = target.diagnostics.get("effective_sample_size")
    effective = "" if size is None else f"{size:,.0f}"
    verdict = Text(target.verdict, style=_STYLES.get(target.verdict, ""))
    return [escape(target.name), f"{target.samples:,}", *value, *against, effective, verdict]


def _main(target: TargetReport) -> Estimate | None:
    return next((estimate for estimate in target.estimates if estimate.estimator == target.main), None)


def _verdict(target: TargetReport) -> Iterator[Text]:
    about = f" ({target.description})" if target.description else ""
    line = Text.assemble((target.verdict, f"bold {_STYLES.get(target.verdict, '')}".strip()), f"  {target.name}{about}")
    yield line
    yield from (Text(f"  {reason}") for reason in target.reasons)


def _estimators(targets: Sequence[TargetReport]) -> Table:
    table = empty_table("estimator")
    names = list(dict.fromkeys(estimate.estimator for target in targets for estimate in target.estimates))
    for target in targets:
        table.add_column(escape(target.name), justify="right", no_wrap=True)
        table.add_column("interval", justify="right", no_wrap=True)
    for name in names:
        cells: list[str] = []
        for target in targets:
            found = next((estimate for estimate in target.estimates if estimate.estimator == name), None)
            cells += [_number(found.value), _interval(found)] if found else ["-", ""]
        table.add_row(name, *cells)
    return table


def _segments(target: TargetReport) -> Table:
    table = empty_table(f"{escape(target.name)} by")
    for title in ("decisions", "logged", "reward a decision", "interval"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for segment in target.segments:
        estimate = segment.estimate
        missing = _REFUSED if segment.verdict == REFUSE else "-"
        value = [_number(estimate.value), _interval(estimate)] if estimate else [missing, ""]
        verdict = Text(segment.verdict, style=_STYLES.get(segment.verdict, ""))
        name = escape(f"{segment.feature} = {segment.value}")
        table.add_row(name, f"{segment.samples:,}", _number(segment.logged), *value, verdict)
    return table


def _interval(estimate: Estimate) -> str:
    first = next(iter(estimate.intervals), None)
    return f"{_number(first.low)} to {_number(first.high)}" if first else "-"


def _number(value: float) -> str:
    if isnan(value):
        return "-"
    return f"{value:.4g}" if abs(value) >= 1 or 0 < abs(value) < _SMALL else f"{value:.5f}"


def _signed(value: float) -> str:
    return _number(value) if value < 0 else f"+{_number(value)}"
