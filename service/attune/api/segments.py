"""attune.v1.SegmentService."""

from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

from google.protobuf.message import DecodeError

from attune.api.condition_validation import condition_warnings, named_segments
from attune.api.segment_validation import check_names, check_segments
from attune.errors import StillNamedError
from attune.serving.segments import LiveSegments
from attune.storage.v1.records_pb2 import CatalogRecord
from attune.store.catalog import Catalog
from attune.store.placements import Placements
from attune.store.segments import KeptSegments, Segments
from attune.tasks import in_turns
from attune.v1.placement_pb2 import Placement
from attune.v1.segment_service_pb2 import (
    DeleteSegmentsRequest,
    DeleteSegmentsResponse,
    ListSegmentsRequest,
    ListSegmentsResponse,
    PutSegmentsRequest,
    PutSegmentsResponse,
)

_READ_AT_ONCE = 500


class SegmentServicer:
    """Manages segments."""

    def __init__(self, segments: Segments, live: LiveSegments, placements: Placements, catalog: Catalog) -> None:
        """Serve with these."""
        self._segments = segments
        self._live = live
        self._placements = placements
        self._catalog = catalog

    async def PutSegments(self, request: PutSegmentsRequest) -> PutSegmentsResponse:  # noqa: N802 - the contract's name
        """Put segments, all of them or none."""
        await check_segments(request.segments)
        before, after = await self._segments.put(request.segments)
        await self._live.refresh()
        created = len(after.by_name) - len(before.by_name)
        updated = sum(after.by_name[name] != former for name, former in before.by_name.items())
        return PutSegmentsResponse(
            revision=after.revision,
            created=created,
            updated=updated,
            unchanged=len(request.segments) - created - updated,
            warnings=[said async for said in _warnings(request)],
        )

    async def ListSegments(self, _request: ListSegmentsRequest) -> ListSegmentsResponse:  # noqa: N802 - the contract's name
        """Return all segments, by name."""
        kept = await self._segments.read()
        return ListSegmentsResponse(
            segments=[kept.by_name[name] for name in sorted(kept.by_name)], revision=kept.revision
        )

    async def DeleteSegments(self, request: DeleteSegmentsRequest) -> DeleteSegmentsResponse:  # noqa: N802 - the contract's name
        """Delete segments that nothing names."""
        check_names(request.names)
        there = (await self._segments.read()).by_name.keys() & set(request.names)
        async for where, named in self._uses():
            if both := sorted(there & named):
                raise StillNamedError(f'names: expected segments that nothing names, got "{both[0]}", named by {where}')
        before, after = await self._segments.delete(request.names)
        await self._live.refresh()
        return DeleteSegmentsResponse(revision=after.revision, deleted=_missing(before, after))

    async def _uses(self) -> AsyncIterator[tuple[str, set[str]]]:
        """Yield what names segments, in words, and which."""
        for name in await self._placements.names():
            if record := await self._placements.find(name):
                for use in _uses_of(record.placement):
                    yield use
        async for use in self._uses_of_offers():
            yield use

    async def _uses_of_offers(self) -> AsyncIterator[tuple[str, set[str]]]:
        ids = sorted((await self._catalog.changes(0)).put)
        for begin in range(0, len(ids), _READ_AT_ONCE):
            records = (await self._catalog.read(ids[begin : begin + _READ_AT_ONCE])).records
            async for value in in_turns(value for value in records if value is not None):
                with suppress(DecodeError):  # what is damaged is never shown
                    offer = CatalogRecord.FromString(value).offer
                    yield f'offer "{offer.offer.id[:80]}"', named_segments(offer.when)


def _missing(before: KeptSegments, after: KeptSegments) -> int:
    return len(before.by_name) - len(after.by_name)


def _uses_of(placement: Placement) -> Iterable[tuple[str, set[str]]]:
    for rule in placement.guardrails.rules:
        yield f'rule "{rule.name}" of placement "{placement.name}"', named_segments(rule.when)


async def _warnings(request: PutSegmentsRequest) -> AsyncIterator[str]:
    async for i, segment in in_turns(enumerate(request.segments)):
        for said in condition_warnings(f"segments[{i}].when", segment.when, {}):
            yield said
