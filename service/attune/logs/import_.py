"""`attune import`: logged decisions from files into the training log, as ordinary entries.

They are entries like all others, so every promise of the log holds for them: they are learned once, in their order, and
again after a crash. A decision is known by its event_id, so that the same file may be imported again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from attune.errors import ExpectedError, InvalidInputError
from attune.logs import checks, sources
from attune.logs.readings import Candidate, LateReading, LeftOut, Refused
from attune.logs.sources import Source
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import ImportedLate, TrainingLog, recorded_elsewhere

_MOST_PER_CALL = 128
_BYTES_PER_CALL = 256 << 10
# Beside its record: its id, and the store's work for a field of a hash and one of an entry.
_BYTES_PER_OUTCOME = 64
# Tombstones of entries that are nearly this old may vanish while an import runs.
_TOMBSTONES_LAST_MS = (TOMBSTONE_TTL_S - 24 * 3600) * 1000
_REFUSALS_KEPT = 100


class TrimmedLogError(ExpectedError):
    """The log was trimmed: what was trimmed cannot be told from what is new."""


@dataclass(slots=True)
class Imported:
    """What an import did.

    Attributes:
        added: Decisions that were added to the training log.
        known: Decisions that were in it before, or are pending.
        late_added: Late outcomes that were added.
        late_known: Late outcomes that were known.
        late_unmatched: Late outcomes of decisions that nobody knows.
        left_out: Rows that were left out, by reason.
        refused: How many rows were refused.
        refusals: The first of them.
        names: How many outcomes came under each name.
    """

    added: int = 0
    known: int = 0
    late_added: int = 0
    late_known: int = 0
    late_unmatched: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[Refused] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)

    def refuse(self, refused: Refused) -> None:
        """Count a row that is refused."""
        self.refused += 1
        if len(self.refusals) < _REFUSALS_KEPT:
            self.refusals.append(refused)


class Importer:
    """Imports logged decisions into a placement's training log."""

    def __init__(self, store: Store, placement: str, *, restore: bool) -> None:
        """Prepare to import.

        Args:
            store: The store.
            placement: The placement's name.
            restore: Whether to bring back decisions that were trimmed from the log.
        """
        self._keys = PlacementKeys(placement)
        self._log = TrainingLog(store)
        self._restore = restore
        self._done = Imported()
        self._decisions: list[Candidate] = []
        self._late: list[LateReading] = []
        self._size_bytes = 0
        self._forgotten: set[bytes] = set()

    async def run(
        self, files: Sequence[Source], outcome: str, now_ms: int, progress: Callable[[int], None]
    ) -> Imported:
        """Import files.

        Args:
            files: In their order.
            outcome: The name of the outcome that a reward without a name becomes.
            now_ms: Milliseconds since the epoch.
            progress: Is told how many rows have been read.

        Raises:
            TrimmedLogError: The log was trimmed, and it was not said that this is to be restored.
            StoreUnavailableError: The store did not answer in time; running it again adds what is missing.
        """
        trimmed = (await self._log.extent(self._keys)).trimmed
        if trimmed != BEGINNING and not self._restore:
            raise TrimmedLogError(
                f'the log of placement "{self._keys.name}" was trimmed up to {trimmed}: decisions that were trimmed '
                "would be learned from twice. Import into a new placement, or say --restore if its policy was trained "
                "anew since"
            )
        # Tombstones of decisions are kept for a time only; those in the log that are older are remembered here.
        async for event_id in self._log.event_ids(self._keys, now_ms - _TOMBSTONES_LAST_MS):
            self._forgotten.add(_digest(event_id))
        for count, reading in enumerate(sources.read(files, outcome)):
            await self._take(reading)
            progress(count)
        await self._write()
        await self._write_late()
        return self._done

    async def _take(self, reading: Candidate | LateReading | LeftOut | Refused) -> None:
        try:
            match reading:
                case Candidate():
                    checks.check(reading)
                    await self._take_decision(reading)
                case LateReading():
                    checks.check_late(reading)
                    await self._take_late(reading)
                case LeftOut():
                    self._done.left_out[reading.reason.value] += 1
                case Refused():
                    self._done.refuse(reading)
        except InvalidInputError as error:
            where = reading.where if isinstance(reading, Candidate | LateReading) else ""
            self._done.refuse(Refused(where, str(error)))

    async def _take_decision(self, candidate: Candidate) -> None:
        self._done.names.update(outcome.record.name for outcome in candidate.outcomes)
        if _digest(candidate.decision.event_id) in self._forgotten:
            self._done.known += 1
            return
        self._decisions.append(candidate)
        self._size_bytes += candidate.decision.ByteSize()
        self._size_bytes += sum(_BYTES_PER_OUTCOME + outcome.record.ByteSize() for outcome in candidate.outcomes)
        if len(self._decisions) >= _MOST_PER_CALL or self._size_bytes >= _BYTES_PER_CALL:
            await self._write()

    async def _take_late(self, late: LateReading) -> None:
        self._done.names[late.outcome.record.name] += 1
        self._late.append(late)
        if len(self._late) >= _MOST_PER_CALL:
            await self._write_late()

    async def _write(self) -> None:
        batch: list[tuple[DecisionRecord, Sequence[RecordedOutcome]]]
        batch = [(candidate.decision, candidate.outcomes) for candidate in self._decisions]
        self._decisions, self._size_bytes = [], 0
        if batch:
            added = await self._log.append(self._keys, batch, restore=self._restore)
            self._done.added += added
            self._done.known += len(batch) - added

    async def _write_late(self) -> None:
        await self._write()  # a late outcome needs its decision
        batch = [(late.event_id, _dated(late.outcome)) for late in self._late]
        self._late = []
        if batch:
            statuses = Counter(await self._log.append_late(self._keys, batch))
            self._done.late_added += statuses[ImportedLate.ADDED]
            self._done.late_known += statuses[ImportedLate.KNOWN]
            self._done.late_unmatched += statuses[ImportedLate.UNKNOWN_EVENT]


def _dated(outcome: RecordedOutcome) -> RecordedOutcome:
    """Say when an outcome happened: its entry in the stream will only say when it was imported."""
    record = OutcomeRecord()
    record.CopyFrom(outcome.record)
    if not record.HasField("occurred_at_ms") and outcome.received_ms:
        record.occurred_at_ms = outcome.received_ms
    return recorded_elsewhere(outcome.outcome_id, outcome.received_ms, record)


def _digest(event_id: str) -> bytes:
    return blake2b(event_id.encode(), digest_size=16).digest()
