"""Segments as they are now, for conditions to name: a mapping that follows the store.

Conditions look a segment up whenever they are asked (`attune.serving.conditions`), so a change counts at once.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping

from attune.errors import ExpectedError, InvalidInputError
from attune.serving.conditions import NO_SEGMENTS, Conditions, segment_predicate
from attune.store.segments import Segments
from attune.tasks import Shared
from attune.v1.condition_pb2 import Condition
from attune.v1.segment_service_pb2 import Segment

POLL_S = 0.2

_log = logging.getLogger(__name__)


class LiveSegments(Mapping[str, Condition]):
    """The condition of each segment, by name."""

    def __init__(self, segments: Segments) -> None:
        """Begin with none."""
        self._segments = segments
        self._conditions: dict[str, Condition] = {}
        self._revision = 0
        self._refreshing = Shared(self._refresh)

    def __getitem__(self, name: str) -> Condition:
        """Return the condition of a segment: another object when it has changed."""
        return self._conditions[name]

    def __iter__(self) -> Iterator[str]:
        """Yield the names."""
        return iter(self._conditions)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._conditions)

    async def refresh(self) -> None:
        """Bring the segments up to date with the store.

        Raises:
            StoreUnavailableError: The store did not answer in time; what was known is kept.
        """
        await self._refreshing.done()

    async def follow(self) -> None:
        """Keep the segments up to date until cancelled; a store that is away is waited for."""
        while True:
            try:
                await self.refresh()
            except ExpectedError as error:
                _log.debug("segments stay as they are: %s", error)
            await asyncio.sleep(POLL_S)

    async def _refresh(self) -> None:
        if await self._segments.revision() != self._revision:
            kept = await self._segments.read()
            usable = {name: segment.when for name, segment in kept.by_name.items() if _is_usable(segment)}
            self._conditions = {
                name: self._conditions[name] if self._conditions.get(name) == condition else condition
                for name, condition in usable.items()
            }
            self._revision = kept.revision


async def up_to_date(segments: LiveSegments | None) -> Conditions:
    """Return the segments that conditions may name, as the store has them now: another server may just have put them.

    Args:
        segments: None where there are none.

    Raises:
        StoreUnavailableError: The store did not answer in time.
    """
    if segments is None:
        return NO_SEGMENTS
    await segments.refresh()
    return segments


def _is_usable(segment: Segment) -> bool:
    try:
        segment_predicate(segment.when)
    except InvalidInputError as error:  # of another release, perhaps
        _log.error('segment "%s" is not known here: %s', segment.name, error)
        return False
    return True
