"""A sweep for people: a row for each policy, the best first, and what is to be thought of the best of so many."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from attune.cli.evaluation_table import heading, overview
from attune.reports.headline import headline
from attune.reports.ranking import REFUSE
from attune.reports.report import EvaluationReport

_STYLES = {"better": "bold green", "open": "bold yellow", "worse": "bold", "refuse": "bold red"}
_MOST_REFUSALS = 5


def shown(report: EvaluationReport) -> RenderableType:
    """Return everything a terminal shows of a sweep.

    Args:
        report: Its targets in the order of their rank.
    """
    return Group(*_parts(report))


def _parts(report: EvaluationReport) -> Iterator[RenderableType]:
    yield Text(heading(report))
    yield Text()
    yield overview(report)
    yield Text()
    yield from _refusals(report)
    told = headline(report)
    yield Text(told.sentence, _STYLES[told.level])
    yield from map(Text, told.details)


def _refusals(report: EvaluationReport) -> Iterator[Text]:
    """Yield why the first of those that have no number have none."""
    refused = [target for target in report.targets if target.verdict == REFUSE]
    for target in refused[:_MOST_REFUSALS]:
        yield Text(f"refused  {target.name}: {target.reasons[0] if target.reasons else ''}", "red")
    if len(refused) > _MOST_REFUSALS:
        yield Text(f"{len(refused) - _MOST_REFUSALS:,} more are refused: --json and --html say why", "red")
    if refused:
        yield Text()
