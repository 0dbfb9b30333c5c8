"""What is removed from one placement when customers are erased, and the training that begins without it.

Decisions that wait for their window come first, then the training log, then late outcomes: a decision moves on only in
this direction, so nothing gets away. Each script removes and counts in one step, and all of it can be done again: what
was cut short goes on from the beginning. `erasing` has the counts, by receipt, and what concerns the whole batch:

    <receipt>:pending  <receipt>:interactions  <receipt>:trimmed
    <batch>:removed     anything at all
    <batch>:log  <batch>:late  the stream has to be copied, because it keeps the bytes of what was removed
    <batch>:learned     something that policies may have learned from
    <batch>:aside       how many of those that were set aside by a reset
    <batch>:generation  trained without them; 0 where that is not needed
    <batch>:reserved    numbers of weights up to here were given out before that training began
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from attune.storage.v1.records_pb2 import DecisionRecord, PlacementRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.interactions import BEGINNING, order
from attune.store.keys import PlacementKeys
from attune.store.placements import MOST_ATTEMPTS, Placements, restless
from attune.store.versions import Versions
from attune.v1.customer_service_pb2 import PlacementErasure
from attune.v1.decision_service_pb2 import MODE_DEFAULT

_TOMBSTONE = b"@"
_KEYS_PER_CALL = 1000
_READ_PER_CALL = 100
_REMOVED_PER_CALL = 100
_COPIED_BYTES_PER_CALL = 1 << 16


@dataclass(frozen=True, slots=True)
class Erased:
    """A customer who is erased.

    Attributes:
        receipt_id: Whose receipt counts what is removed.
        until_ms: What was decided later is of somebody who came back, milliseconds since the epoch.
    """

    receipt_id: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A decision of somebody who is erased."""

    event_id: str
    receipt_id: str
    position: str = ""
    is_learned: bool = False
    is_aside: bool = False
    is_own: bool = True


class PlacementErasing:
    """Removes customers from a placement, for one batch of erasures."""

    def __init__(self, store: Store, name: str, batch: str) -> None:
        """Work through this client."""
        self._store = store
        self._keys = PlacementKeys(name)
        self._batch = batch
        self._versions = Versions(store)

    @property
    def name(self) -> str:
        """The placement's name."""
        return self._keys.name

    async def remove(self, customers: Mapping[bytes, Erased], named: Iterable[tuple[str, str]]) -> None:
        """Remove everything that customers have in the placement, until there is nothing.

        Args:
            customers: By keyed hash.
            named: Decisions that are known by name, in case that they were trimmed: event_id and id of the receipt.

        Raises:
            NotFoundError: The placement is gone, and everything with it.
            StoreUnavailableError: The store did not answer in time; do it again.
        """
        trains_from = (await Placements(self._store).get(self._keys.name)).trains_from or BEGINNING
        await self._remove_pending(customers)
        await self._remove_logged(customers, trains_from)
        await self._remove_trimmed(named)
        await self._remove_late()

    async def begin_anew(self) -> None:
        """Begin a training without what was removed, if anything was; once in a batch.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time, or others change the placement all the time.
        """
        keys, batch = self._keys, self._batch
        for _ in range(MOST_ATTEMPTS):
            noted = await self._noted()
            if not noted.get(f"{batch}:removed") or f"{batch}:generation" in noted:
                return
            before = await Placements(self._store).stored(keys.name)
            record = PlacementRecord.FromString(before)
            is_learned = bool(noted.get(f"{batch}:learned"))
            record.generation += is_learned
            record.set_aside -= min(noted.get(f"{batch}:aside", 0), record.set_aside)
            behind = f"({record.trains_from}" if record.trains_from else "-"
            touched = [keys.spec, keys.deleting, keys.head, keys.lease, keys.interactions, keys.schema, keys.erasing]
            generation = record.generation if is_learned else 0
            args: list[str | bytes | int] = [before, record.SerializeToString(), batch, generation, behind]
            if await self._store.run("erase_anew", touched, args):
                return
        raise restless(keys.name)

    async def copy_streams(self) -> None:
        """Copy the streams that something was removed from, so that nothing of it is left in memory or on a disk.

        While it is copied, a stream takes twice its memory.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; do it again.
        """
        keys, noted = self._keys, await self._noted()
        for what, stream in (("log", keys.interactions), ("late", keys.late)):
            if (flag := f"{self._batch}:{what}") in noted:
                touched = [keys.spec, stream, keys.copy, keys.erasing]
                while not await self._store.run("erase_copy", touched, [_COPIED_BYTES_PER_CALL, flag]):
                    pass

    async def is_trained(self) -> bool:
        """Tell whether what learned from what was removed can go: another version serves, or nothing is left to learn.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        generation = (await self._noted()).get(f"{self._batch}:generation", 0)
        if not generation:
            return True
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.hget(self._keys.head, "version").exists(self._keys.spec)
            newest, exists = await pipeline.execute()
        if newest is None:
            # Either the log has become empty, or nothing was committed before: then the learner gets there.
            return not exists or await self._has_nothing_to_learn()
        head = await self._versions.head(self._keys)
        return head is not None and head.generation >= generation

    async def drop_former(self) -> None:
        """Remove all weights of before the training, with what belongs to them; what was promoted is not any more.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; do it again.
        """
        keys, noted = self._keys, await self._noted()
        if not noted.get(f"{self._batch}:generation"):
            return
        reserved = noted[f"{self._batch}:reserved"]
        numbers = {each.version for each in await self._versions.kept(keys) if each.version <= reserved}
        async for found in self._store.scan(keys.spec, keys.snapshots, _KEYS_PER_CALL):
            written = {int(key.rpartition(":")[2]) for key in found}
            numbers |= {number for number in written if number <= reserved}
        args: list[str | bytes | int] = sorted(numbers)
        for name, record in (await Challengers(self._store).records(keys)).items():
            if record.training.version <= reserved:
                args += (name, record.SerializeToString())
        touched = [keys.spec, keys.head, keys.versions, keys.challengers, *map(keys.snapshot, sorted(numbers))]
        await self._store.run("erase_former", touched, args)

    async def removed(self, receipt_ids: Iterable[str]) -> dict[str, PlacementErasure]:
        """Return what was removed, by id of the receipt; without those of whom there was nothing.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        noted, head = await self._noted(), await self._versions.head(self._keys)
        async with self._store.reaching():
            trimmed = await self._store.redis.hexists(self._keys.exported, "trimmed")
        generation = noted.get(f"{self._batch}:generation", 0)
        rebuilt = head.version if generation and head is not None and head.generation >= generation else 0
        found: dict[str, PlacementErasure] = {}
        for receipt_id in receipt_ids:
            counts = [noted.get(f"{receipt_id}:{what}", 0) for what in ("pending", "interactions", "trimmed")]
            if any(counts):
                found[receipt_id] = PlacementErasure(
                    placement=self._keys.name,
                    pending=counts[0],
                    interactions=counts[1],
                    rebuilt_version=rebuilt,
                    log_was_trimmed=bool(generation and trimmed),
                )
        return found

    async def end(self, receipt_ids: Iterable[str]) -> None:
        """Forget what was removed in this batch; what another one has noted since stays.

        Args:
            receipt_ids: Those of the batch.

        Raises:
            StoreUnavailableError: The store did not answer in time; do it again.
        """
        touched = [self._keys.erasing, self._keys.erased]
        await self._store.run("erase_end", touched, [self._batch, *receipt_ids])

    async def _noted(self) -> dict[str, int]:
        async with self._store.reaching():
            noted = await self._store.redis.hgetall(self._keys.erasing)
        return {name.decode(): int(value) for name, value in noted.items()}

    async def _has_nothing_to_learn(self) -> bool:
        record = await Placements(self._store).find(self._keys.name)
        behind = f"({record.trains_from}" if record is not None and record.trains_from else "-"
        async with self._store.reaching():
            return not await self._store.redis.xrange(self._keys.interactions, behind, "+", count=1)

    async def _remove_pending(self, customers: Mapping[bytes, Erased]) -> None:
        keys = self._keys
        async for found in self._store.scan(keys.spec, keys.event("*"), _KEYS_PER_CALL):
            for event_keys in _chunks(found, _READ_PER_CALL):
                async with self._store.reaching():
                    values = await self._store.redis.mget(event_keys)
                records = [value for value in values if value and not value.startswith(_TOMBSTONE)]
                if theirs := [each for record in records if (each := _theirs(record, customers)) is not None]:
                    touched = [keys.spec, keys.due, keys.counts, keys.erasing, keys.erased, *self._of(theirs)]
                    args = [word for each in theirs for word in (each.event_id, each.receipt_id)]
                    await self._store.run("erase_pending", touched, [self._batch, *args])

    async def _remove_logged(self, customers: Mapping[bytes, Erased], trains_from: str) -> None:
        keys = self._keys
        touched = [keys.spec, keys.interactions, keys.counts, keys.exported, keys.erasing, keys.erased]
        async for entries in self._stream(keys.interactions):
            read = ((position.decode(), _theirs(entry[b"d"], customers, position)) for position, entry in entries)
            for theirs in _chunks([found for _, found in read if found is not None], _REMOVED_PER_CALL):
                args: list[str | bytes | int] = [self._batch]
                for each in theirs:
                    is_aside = order(each.position) <= order(trains_from)
                    args += (each.position, each.event_id, each.receipt_id)
                    args += (int(each.is_learned), int(is_aside), int(each.is_own))
                await self._store.run("erase_logged", [*touched, *self._of(theirs)], args)

    async def _remove_trimmed(self, named: Iterable[tuple[str, str]]) -> None:
        keys = self._keys
        for chunk in _chunks([_Found(*each) for each in named], _REMOVED_PER_CALL):
            args = [word for each in chunk for word in (each.event_id, each.receipt_id)]
            touched = [keys.spec, keys.interactions, keys.erasing, keys.erased, *self._of(chunk)]
            await self._store.run("erase_trimmed", touched, [self._batch, *args])

    async def _remove_late(self) -> None:
        keys = self._keys
        async with self._store.reaching():
            if not await self._store.redis.exists(keys.erased):
                return
        async for entries in self._stream(keys.late):
            async with self._store.reaching():
                gone = await self._store.redis.smismember(keys.erased, [entry[b"e"] for _, entry in entries])
            if positions := [position for (position, _), is_gone in zip(entries, gone, strict=True) if is_gone]:
                touched = [keys.spec, keys.counts, keys.late, keys.exported, keys.erasing]
                await self._store.run("erase_late", touched, [self._batch, *positions])

    async def _stream(self, key: str) -> AsyncIterator[Sequence[tuple[bytes, Mapping[bytes, bytes]]]]:
        """Yield the entries of a stream to its end, also what comes meanwhile."""
        position = BEGINNING
        while True:
            async with self._store.reaching():
                entries = await self._store.redis.xrange(key, f"({position}", "+", count=_READ_PER_CALL)
            if not entries:
                return
            yield entries
            position = entries[-1][0].decode()

    def _of(self, found: Iterable[_Found]) -> list[str]:
        """Return the keys of decisions, two for each."""
        keys = self._keys
        return [key for each in found for key in (keys.event(each.event_id), keys.outcomes(each.event_id))]


def _theirs(record: bytes, customers: Mapping[bytes, Erased], position: bytes = b"") -> _Found | None:
    """Return a decision if it is of somebody who is erased."""
    try:
        decision = DecisionRecord.FromString(record)
    except DecodeError:
        return None  # whose it is nobody can tell, and nobody learns from it
    erased = customers.get(decision.customer)
    if erased is None or decision.decided_at_ms > erased.until_ms:
        return None
    # As `attune.learning.entries.is_withheld` has it.
    is_learned = not (decision.withheld or decision.mode == MODE_DEFAULT)
    return _Found(
        decision.event_id, erased.receipt_id, position.decode(), is_learned=is_learned, is_own=not decision.imported
    )


def _chunks(values: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (values[i : i + size] for i in range(0, len(values), size))
