"""Makes a report of a placement in a store: opens the log, counts it, and says what it shows.

Both `attune report` and the process that makes reports for a server do it here. It takes as long as the log is long,
and is to be done where no event loop runs.
"""

from collections.abc import Callable

from attune.insight.question import question_of
from attune.insight.reporter import Reporter
from attune.logs.log_source import LogSource
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
        InvalidInputError: The request names an outcome that the placement does not have.
        BadLogError: The log was trimmed while it was read.
        StoreUnavailableError: The store did not answer in time.
    """
    source = LogSource(url, timeout_s, request.placement)
    reporter = Reporter(request.placement, question_of(request, source.placement), source.reward)
    for number, entry in enumerate(source.entries()):
        if not number % _TOLD_EVERY:
            watch(number, source.size_hint)
        reporter.add(entry)
    return reporter.report()
