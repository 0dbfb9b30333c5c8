"""Outcomes on their way into the store: many in one call, each recorded at most once."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.client import Store
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys

MAX_OUTCOMES_PER_DECISION = 1000

_REVISED_BYTES = 1 << 20


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
    """Records outcomes of a placement's decisions."""

    def __init__(self, store: Store) -> None:
        """Write through this client."""
        self._store = store

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
        """
        recorded: list[Recorded] = []
        while len(recorded) < len(outcomes):  # revisions of large decisions are made in several steps
            recorded += await self._record(keys, outcomes[len(recorded) :], revise=revise)
        return recorded

    async def _record(self, keys: PlacementKeys, outcomes: Sequence[NewOutcome], *, revise: bool) -> list[Recorded]:
        touched = [keys.spec, keys.due, keys.counts, keys.late, keys.interactions]
        args: list[str | bytes | int] = [TOMBSTONE_TTL_S, MAX_OUTCOMES_PER_DECISION, int(revise), _REVISED_BYTES]
        for outcome in outcomes:
            touched += (keys.event(outcome.event_id), keys.outcomes(outcome.event_id))
            args += (outcome.event_id, outcome.outcome_id, outcome.record.SerializeToString())
        return [Recorded(status) for status in await self._store.run("outcomes", touched, args)]
