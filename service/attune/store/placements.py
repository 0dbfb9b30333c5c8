"""Applied placements: their specs, their numbers, and their end."""

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import uuid4

from google.protobuf.message import DecodeError

from attune.errors import StoreUnavailableError
from attune.storage.v1.records_pb2 import FindingsRecord, PlacementRecord, VersionRecord
from attune.store.client import Store
from attune.store.keys import PLACEMENT_NAME, PLACEMENTS, PlacementKeys, unknown_placement
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import FeatureFinding

_PURGE_CHUNK = 1000
MOST_ATTEMPTS = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a placement is doing.

    Attributes:
        decisions: Decisions recorded so far.
        pending: Decisions that are not in the training log yet.
        outcomes: Outcomes accepted so far.
        late: Outcomes that came after the reward window.
        interactions: Entries of the training log, without revisions.
        revisions: Entries of the training log that give an interaction another reward.
        set_aside: Interactions that are not learned from, because there was a reset after them.
        to_learn: Interactions that can be learned from: they are neither set aside nor trimmed. With revisions in a log
            that was trimmed, a few too many.
        training: Interactions that a policy has learned from which is to replace the head; None when there is none.
        head: The newest version, None before anything was learned.
        serving: The version that serves: the head, unless another one was promoted. None before anything was learned.
        waiting_ms: For how long the first entry after the head's cursor has been in the log; None when there is none.
        learner: Who learns, as `host:pid`; empty when nobody does.
        findings: What is strange about the features that came lately.
    """

    decisions: int
    pending: int
    outcomes: int
    late: int
    interactions: int
    revisions: int
    set_aside: int
    to_learn: int
    training: int | None
    head: VersionRecord | None
    serving: VersionRecord | None
    waiting_ms: int | None
    learner: str
    findings: Sequence[FeatureFinding]


class Glance(NamedTuple):
    """What serves of a placement, by the store.

    Attributes:
        record: Its spec; None where there is no such placement.
        version: Of its policy; 0 before anything was learned.
        baseline: The number that the weights of its control group's baseline are stored under; 0 where it has none.
    """

    record: PlacementRecord | None
    version: int
    baseline: int


class Placements:
    """Reads and writes placements."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        # Of each placement that was glanced at, what was read and what that says: parsed again only where it changes.
        self._parsed: dict[str, tuple[bytes, PlacementRecord]] = {}

    async def names(self) -> list[str]:
        """Return the names of all placements, sorted."""
        async with self._store.reaching():
            members = await self._store.redis.smembers(PLACEMENTS)
        return _names(members)

    async def stored(self, name: str) -> bytes:
        """Return a placement as it is stored, empty when there is none: scripts tell by it whether it has changed."""
        async with self._store.reaching():
            return await self._store.redis.get(PlacementKeys(name).spec) or b""

    async def find(self, name: str) -> PlacementRecord | None:
        """Return a placement, None when there is none of this name."""
        value = await self.stored(name)
        return PlacementRecord.FromString(value) if value else None

    async def get(self, name: str) -> PlacementRecord:
        """Return a placement.

        Raises:
            NotFoundError: There is none of this name.
        """
        if (record := await self.find(name)) is None:
            raise unknown_placement(name)
        return record

    async def glance(self, names: Iterable[str], *, at_new: bool = False) -> dict[str, Glance]:
        """Return what serves of placements, in one round trip; None and 0 where there is nothing.

        One that cannot be read is left out, and logged. The record of a placement whose spec has not changed since the
        last glance is the same object, which nobody may change.

        Args:
            names: Of the placements.
            at_new: Whether to look at all others that there are, too, which takes a second round trip where there are.
        """
        looked_at = list(names)
        pipeline = self._store.redis.pipeline(transaction=False)
        if at_new:
            pipeline.smembers(PLACEMENTS)
        for keys in map(PlacementKeys, looked_at):
            pipeline.get(keys.spec)
            pipeline.hmget(keys.head, "promoted", "version", "baseline")
        async with self._store.reaching():
            answers = await pipeline.execute()
        new = set(_names(answers.pop(0))).difference(looked_at) if at_new else ()
        seen: dict[str, Glance] = {}
        for name, spec, (promoted, newest, baseline) in zip(looked_at, answers[::2], answers[1::2], strict=True):
            try:
                seen[name] = Glance(self._record(name, spec), int(promoted or newest or 0), int(baseline or 0))
            except DecodeError:
                _log.error('placement "%s": %d bytes in the store are no placement', name, len(spec))
        return seen | await self.glance(new) if new else seen

    async def apply(self, placement: Placement, now_ms: int) -> tuple[PlacementRecord, bool]:
        """Create or change a placement.

        Args:
            placement: A valid placement with every default filled in.
            now_ms: Milliseconds since the epoch.

        Returns:
            The placement as it is stored, and whether this call changed it.

        Raises:
            StoreUnavailableError: The store did not answer in time, or others change the placement all the time.
        """
        keys = PlacementKeys(placement.name)
        async with self._store.reaching():
            # Before the spec: a placement that decides but is not listed would never learn.
            await self._store.redis.sadd(PLACEMENTS, placement.name)
        for _ in range(MOST_ATTEMPTS):
            async with self._store.reaching():
                before = await self._store.redis.get(keys.spec)
            former = PlacementRecord.FromString(before) if before else PlacementRecord(created_at_ms=now_ms)
            if before and former.placement == placement:
                return former, False
            record = PlacementRecord()
            record.CopyFrom(former)
            record.placement.CopyFrom(placement)
            record.revision += 1
            values = [before or b"", record.SerializeToString()]
            swapped = await self._store.run("swap", [keys.spec, keys.deleting], values)
            if swapped == 1:
                return record, True
            if swapped == -1:
                await self.delete(placement.name)
                async with self._store.reaching():
                    await self._store.redis.sadd(PLACEMENTS, placement.name)
        raise restless(placement.name)

    async def delete(self, name: str) -> None:
        """Delete a placement and everything it owns, or finish a deletion that was cut short.

        The spec goes first: from then on every script refuses to write for it. A mark keeps the name from being used
        again before the last key is gone, and keeps a deletion that was overtaken from touching what came after it.

        Raises:
            NotFoundError: There is none of this name.
        """
        keys, token = PlacementKeys(name), uuid4().hex
        if not await self._store.run("delete", [keys.spec, keys.deleting], [token]):
            raise unknown_placement(name)
        async with self._store.reaching():
            await self._store.redis.srem(PLACEMENTS, name)
        async for chunk in self._keys(keys):
            if not await self._store.run("purge", [keys.deleting, *chunk], [token]):
                return  # somebody else has taken over, and finishes it
        await self._store.run("purge", [keys.deleting], [token])

    async def numbers(self, name: str) -> Numbers:
        """Count what a placement has decided, heard and learned."""
        keys = PlacementKeys(name)
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=False)
            pipeline.hgetall(keys.counts)
            pipeline.zcard(keys.due)
            pipeline.hmget(keys.head, "promoted", "version", "training")
            pipeline.hgetall(keys.versions)
            pipeline.get(keys.lease)
            pipeline.hget(keys.schema, "findings")
            pipeline.get(keys.spec)
            pipeline.xlen(keys.interactions)
            counts, pending, marks, versions, learner, findings, spec, entries = await pipeline.execute()
        promoted, newest, training = marks
        record = PlacementRecord.FromString(spec or b"")
        head = VersionRecord.FromString(versions[newest]) if newest in versions else None
        serving = VersionRecord.FromString(versions[promoted]) if promoted in versions else head
        return Numbers(
            decisions=int(counts.get(b"decisions", 0)),
            pending=pending,
            outcomes=int(counts.get(b"outcomes", 0)),
            late=int(counts.get(b"late", 0)),
            interactions=int(counts.get(b"interactions", 0)),
            revisions=int(counts.get(b"revisions", 0)),
            set_aside=record.set_aside,
            to_learn=min(int(counts.get(b"interactions", 0)) - record.set_aside, entries),
            training=None if training is None else int(training),
            head=head,
            serving=serving,
            waiting_ms=await self._store.run(
                "waiting", [keys.interactions], [head.cursor if head else record.trains_from or "-"]
            ),
            learner=(learner or b"").decode(),
            findings=_findings(name, findings),
        )

    def _record(self, name: str, spec: bytes | None) -> PlacementRecord | None:
        if not spec:
            self._parsed.pop(name, None)
            return None
        if (parsed := self._parsed.get(name)) is None or parsed[0] != spec:
            parsed = self._parsed[name] = (spec, PlacementRecord.FromString(spec))
        return parsed[1]

    async def _keys(self, keys: PlacementKeys) -> AsyncIterator[list[str]]:
        """Yield every key of a placement, but for its mark, in chunks."""
        async for found in self._store.scan(keys.spec, keys.pattern, _PURGE_CHUNK):
            if chunk := [key for key in found if key != keys.deleting]:
                yield chunk


def _names(members: Iterable[bytes]) -> list[str]:
    names = sorted(member.decode(errors="replace") for member in members)
    return [name for name in names if PLACEMENT_NAME.fullmatch(name)]


def restless(name: str) -> StoreUnavailableError:
    """Return the error for a placement that is changed faster than it can be read and written."""
    return StoreUnavailableError(f'placement "{name}": others change it all the time; try again')


def _findings(name: str, value: bytes | None) -> Sequence[FeatureFinding]:
    try:
        return FindingsRecord.FromString(value or b"").findings
    except DecodeError:
        # The numbers beside them are worth showing; the guard writes findings anew with the next full window.
        _log.error('placement "%s": %d bytes in the store are no findings', name, len(value or b""))
        return []
