"""Makes a report of a placement in a store: opens the log, counts it, and says what it shows.

Both `attune report` and the process that makes reports for a server do it here. It takes as long as the log is long,
and is to be done where no event loop runs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from attune.errors import InvalidInputError, Violation
from attune.insight.question import question_of
from attune.insight.reporter import Reporter
from attune.insight.segments import Segments
from attune.logs.log_source import LogSource
from attune.store import segments
from attune.store.client import Store
from attune.v1.condition_pb2 import Condition
from attune.v1.insight_service_pb2 import GetReportRequest, Report

_TOLD_EVERY = 256


def made(
    request: GetReportRequest,
    url: str,
    timeout_s: float,
    watch: Callable[[int, int | None], None] = lambda *_: None,
) -> Report:
    """Make a report.

    Args:
        request: Its numbers are within their limits.
        url: Of the store.
        timeout_s: How long each answer of the store may take, in seconds.
        watch: Told now and then how many entries were read, and about how many there are.

    Raises:
        NotFoundError: There is no such placement.
        InvalidInputError: The request names an outcome that the placement does not have, or a segment there is not.
        BadLogError: The log was trimmed while it was read.
        StoreUnavailableError: The store did not answer in time.
    """
    source = LogSource(url, timeout_s, request.placement)
    question = question_of(request, source.placement)
    conditions = asyncio.run(_conditions(url, timeout_s, request.segments))
    reporter = Reporter(request.placement, question, source.reward, Segments(conditions))
    for number, entry in enumerate(source.entries()):
        if not number % _TOLD_EVERY:
            watch(number, source.size_hint)
        reporter.add(entry)
    return reporter.report()


async def _conditions(url: str, timeout_s: float, names: Sequence[str]) -> Mapping[str, Condition]:
    """Return the conditions of the segments that were named, of all where none was."""
    store = Store(url, timeout_s)
    try:
        kept = (await segments.Segments(store).read()).by_name
    finally:
        await store.close()
    if wrong := [name for name in names if name not in kept]:
        known = ", ".join(kept) or "there is none"
        raise InvalidInputError(Violation("segments", f'expected names of segments ({known}), got "{wrong[0][:80]}"'))
    return {name: kept[name].when for name in names or kept}
