"""Outcomes on their way into the store: many in one script call, each recorded at most once.

How outcomes of several callers share calls: `attune.store.batcher`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from attune.metrics import ServingMetrics
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.batch import Bounds, Events
from attune.store.batcher import Batcher, Connection
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys

MAX_OUTCOMES_PER_DECISION = 1000

_REVISED_BYTES = 1 << 20

# Event_id, outcome_id, serialised record.
_Entry: TypeAlias = tuple[str, str, bytes]


class Recorded(Enum):
    """What became of an outcome; the values are what `outcomes.lua` answers."""

    ACCEPTED = b"A"
    DUPLICATE = b"D"
    LATE = b"L"
    UNKNOWN_EVENT = b"U"
    TOO_MANY = b"F"


@dataclass(frozen=True, slots=True)
class NewOutcome:
    """An outcome to record.

    Attributes:
        event_id: The decision it belongs to.
        outcome_id: Its idempotency key.
        record: What the caller said.
    """

    event_id: str
    outcome_id: str
    record: OutcomeRecord


class Outcomes:
    """Records outcomes of a placement's decisions; those of several callers share a script call."""

    def __init__(
        self, connection: Connection, metrics: ServingMetrics | None = None, bounds: Bounds | None = None
    ) -> None:
        """Write through this client."""
        metrics = metrics or ServingMetrics()
        self._connection = connection
        events = Events(
            failing="outcomes are not recorded",
            working="outcomes are recorded again",
            overflowed=lambda: metrics.refused("outcomes"),
        )
        self._batcher: Batcher[bool, _Entry, Recorded] = Batcher(connection, self._write, events, bounds)

    async def record(
        self, keys: PlacementKeys, outcomes: Sequence[NewOutcome], *, revise: bool = False
    ) -> list[Recorded]:
        """Record outcomes; recording them again changes nothing.

        Args:
            keys: The placement's keys.
            outcomes: What to record.
            revise: Whether late ones append a revision of their decision to the training log, in the same step.

        Returns:
            What became of each, in the same order.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; some or all may have been recorded.
            OverloadedError: Too much waits for the store; nothing was recorded.
        """
        entries = [(outcome.event_id, outcome.outcome_id, outcome.record.SerializeToString()) for outcome in outcomes]
        sized = [(entry, sum(map(len, entry))) for entry in entries]
        recorded: list[Recorded] = []
        for answer in await self._batcher.add_many(keys, revise, sized):
            if isinstance(answer, Exception):
                raise answer
            recorded.append(answer)
        return recorded

    def waited_s(self) -> float:
        """Return for how long what waits for the store has been waiting, in seconds; 0 where nothing does."""
        return self._batcher.waited_s()

    async def close(self) -> None:
        """Wait until everything that is to be recorded has been."""
        await self._batcher.close()

    async def _write(self, keys: PlacementKeys, revise: bool, entries: Sequence[_Entry]) -> list[Recorded]:  # noqa: FBT001 - a kind of entry
        recorded: list[Recorded] = []
        while len(recorded) < len(entries):  # revisions of large decisions are made in several steps
            touched = [keys.spec, keys.due, keys.counts, keys.late, keys.interactions]
            args: list[str | bytes | int] = [TOMBSTONE_TTL_S, MAX_OUTCOMES_PER_DECISION, int(revise), _REVISED_BYTES]
            for entry in entries[len(recorded) :]:
                touched += (keys.event(entry[0]), keys.outcomes(entry[0]))
                args += entry
            recorded += map(Recorded, await self._connection.run("outcomes", touched, args))
        return recorded
