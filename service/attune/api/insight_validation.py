"""The limits of a request for a report."""

from collections.abc import Iterator

from attune.api.checks import between, count, id_violations, timestamp_violations
from attune.api.validation import refuse
from attune.errors import Violation
from attune.v1.insight_service_pb2 import GetReportRequest

MOST_FEATURES = 5
MOST_SEGMENTS = 200

_CONFIDENCES = (0.5, 0.9999)
_RETENTION_DAYS = (2, 365)


def check_report(request: GetReportRequest) -> None:
    """Check a request for a report.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_violations(request))


def _violations(request: GetReportRequest) -> Iterator[Violation]:
    yield from _span_violations(request)
    if request.confidence != 0.0:
        yield from between("confidence", request.confidence, *_CONFIDENCES)
    yield from count(request, "retention_days", *_RETENTION_DAYS)
    if len(request.segments) > MOST_SEGMENTS:
        yield Violation("segments", f"expected at most {MOST_SEGMENTS}, got {len(request.segments)}")
    if len(request.features) > MOST_FEATURES:
        yield Violation("features", f"expected at most {MOST_FEATURES}, got {len(request.features)}")
    for i, name in enumerate(request.features[:MOST_FEATURES]):
        yield from id_violations(f"features[{i}]", name)
        if name in request.features[:i]:
            yield Violation(f"features[{i}]", f'expected each feature once, got "{name[:80]}" again')


def _span_violations(request: GetReportRequest) -> Iterator[Violation]:
    fields = [field for field in ("since", "until") if request.HasField(field)]
    wrong = [violation for field in fields for violation in timestamp_violations(field, getattr(request, field))]
    yield from wrong
    since, until = request.since, request.until
    if not wrong and len(fields) > 1 and (until.seconds, until.nanos) <= (since.seconds, since.nanos):
        yield Violation(
            "until", f"expected a time later than since, {since.ToJsonString()}, got {until.ToJsonString()}"
        )
