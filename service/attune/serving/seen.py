"""A customer's history, as decisions look at it."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from google.protobuf.message import DecodeError

from attune.storage.v1.records_pb2 import SeenRecord

_log = logging.getLogger(__name__)


class Seen(Sequence[SeenRecord]):
    """What a customer was shown, and how it was taken: decoded when somebody looks at it, which only some do."""

    def __init__(self, serialised: Sequence[bytes]) -> None:
        """Take serialised storage.v1.SeenRecords, the newest last."""
        self._serialised = serialised
        self._records: list[SeenRecord] | None = None

    def extend(self, shown: Iterable[SeenRecord]) -> None:
        """Add what has just been drawn, so that others of the same batch see it."""
        self._decoded().extend(shown)

    def __bool__(self) -> bool:
        """Return whether there is anything to look at."""
        return bool(self._serialised or self._records)

    @property
    def at_most(self) -> int:
        """How many there are at most: that needs no decoding."""
        return len(self._serialised if self._records is None else self._records)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._decoded())

    def __iter__(self) -> Iterator[SeenRecord]:
        """Return them, earliest first."""
        return iter(self._decoded())

    @overload
    def __getitem__(self, index: int) -> SeenRecord: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[SeenRecord]: ...
    def __getitem__(self, index: int | slice) -> SeenRecord | Sequence[SeenRecord]:
        """Return one, or some."""
        return self._decoded()[index]

    def _decoded(self) -> list[SeenRecord]:
        if self._records is None:
            self._records = list(_readable(self._serialised))
        return self._records


def lacking(seen: Sequence[SeenRecord], shown: Iterable[SeenRecord], most: int, since_ms: int) -> Sequence[SeenRecord]:
    """Return which impressions a history lacks, though it would still have them.

    Args:
        seen: The history, earliest first.
        shown: The impressions.
        most: How many entries a history has at most: of a full one, what is earlier than the first was dropped.
        since_ms: What is earlier than this is not kept, milliseconds since the epoch.
    """
    earliest_ms = max(since_ms, seen[0].at_ms) if len(seen) >= most else since_ms
    noted = {_impression(each) for each in seen if not each.outcome}
    return [each for each in shown if each.at_ms >= earliest_ms and _impression(each) not in noted]


def _impression(seen: SeenRecord) -> tuple[str, str, str, str]:
    """Return what makes two notes of an impression the same; as for `attune.serving.guard_checks.seen.distinct`."""
    return seen.event_id, seen.offer_id, seen.channel, seen.placement


def _readable(serialised: Sequence[bytes]) -> Iterator[SeenRecord]:
    for each in serialised:
        try:
            yield SeenRecord.FromString(each)
        except DecodeError:
            _log.error("an entry of a customer's history cannot be read: %d bytes are none", len(each))
