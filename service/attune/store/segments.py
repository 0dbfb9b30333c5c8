"""The segments: conditions with names. There are few, so all of them are one value, read and replaced as a whole.

Servers hold a copy (`attune.serving.segments`) and ask a few times a second for the revision, which is one cheap call.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from attune.errors import LimitReachedError, StoreUnavailableError
from attune.storage.v1.records_pb2 import SegmentsRecord
from attune.store.client import Store, StoreRefusedError
from attune.store.keys import SEGMENTS
from attune.v1.segment_service_pb2 import Segment

MAX_SEGMENTS = 200
MAX_BYTES = 256 << 10

_MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class KeptSegments:
    """The segments as they were at one moment.

    Attributes:
        revision: Theirs; 0 before the first one.
        by_name: The segments.
    """

    revision: int
    by_name: Mapping[str, Segment]


class Segments:
    """Reads and writes the segments."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def revision(self) -> int:
        """Return what changes with every change; 0 before the first one.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            return int(await self._store.redis.hget(SEGMENTS, "revision") or 0)

    async def read(self) -> KeptSegments:
        """Return all segments.

        Raises:
            StoreUnavailableError: The store did not answer in time, or what it has are none.
        """
        async with self._store.reaching():
            revision, value = await self._store.redis.hmget(SEGMENTS, "revision", "record")
        try:
            record = SegmentsRecord.FromString(value or b"")
        except DecodeError as error:
            raise StoreRefusedError(f"segments: {len(value)} bytes in the store are none") from error
        return KeptSegments(int(revision or 0), {segment.name: segment for segment in record.segments})

    async def put(self, segments: Sequence[Segment]) -> tuple[KeptSegments, KeptSegments]:
        """Put segments, in place of those with the same names; all of them or none.

        Args:
            segments: Valid ones, names unique.

        Returns:
            All segments before and after.

        Raises:
            LimitReachedError: There would be more than MAX_SEGMENTS, or they would be larger than MAX_BYTES.
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        return await self._changed({segment.name: segment for segment in segments}, ())

    async def delete(self, names: Collection[str]) -> tuple[KeptSegments, KeptSegments]:
        """Delete segments; names that there are not are ignored.

        Returns:
            All segments before and after.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        return await self._changed({}, names)

    async def _changed(self, new: Mapping[str, Segment], gone: Collection[str]) -> tuple[KeptSegments, KeptSegments]:
        for _ in range(_MOST_ATTEMPTS):
            before = await self.read()
            after = {name: segment for name, segment in {**before.by_name, **new}.items() if name not in gone}
            if after == before.by_name:
                return before, before
            value = _record(after, before.by_name)
            if revision := await self._store.run("segments", [SEGMENTS], [before.revision, value]):
                return before, KeptSegments(revision, after)
        raise StoreUnavailableError("segments: others change them all the time; try again")


def _record(segments: Mapping[str, Segment], before: Mapping[str, Segment]) -> bytes:
    # What is too much already may be changed, and made less.
    if len(segments) > max(MAX_SEGMENTS, len(before)):
        raise LimitReachedError(f"segments: expected at most {MAX_SEGMENTS} of them, got {len(segments)}")
    value = SegmentsRecord(segments=[segments[name] for name in sorted(segments)]).SerializeToString()
    if len(value) > MAX_BYTES:
        raise LimitReachedError(f"segments: expected at most {MAX_BYTES} bytes of them, got {len(value)}")
    return value
