"""Makes the service hold the segments of files."""

from collections.abc import Sequence

from attune.cli.client import Service
from attune.cli.failures import CallError
from attune.cli.segment_files import SegmentEntry, located
from attune.errors import InvalidInputError, Violation
from attune.v1.segment_service_pb2 import PutSegmentsRequest, PutSegmentsResponse
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub


def apply(service: Service, entries: Sequence[SegmentEntry]) -> PutSegmentsResponse:
    """Put segments, all of them or none.

    Args:
        service: Where they go.
        entries: The segments, at least one, names unique.

    Returns:
        What the service said; warnings name file and line.

    Raises:
        InvalidInputError: The service refuses a segment.
        CallError: The service cannot be reached, or refuses for another reason.
    """
    request = PutSegmentsRequest(segments=[entry.segment for entry in entries])
    try:
        reply: PutSegmentsResponse = service.call(SegmentServiceStub(service.channel).PutSegments, request)
    except CallError as error:
        if not error.violations:
            raise
        raise InvalidInputError(*(located(entries, violation) for violation in error.violations)) from error
    reply.warnings[:] = [str(located(entries, _violation(said))) for said in reply.warnings]
    return reply


def _violation(warning: str) -> Violation:
    field, _, description = warning.partition(": ")
    return Violation(field, description)
