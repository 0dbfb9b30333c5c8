"""Group commit: what many callers write at about the same time goes to the store in one script call.

Entries of the same placement, kind and turn of the event loop share a call. When traffic is dense the first one also
waits a moment for others, because then others come, and what a call costs is mostly that it interrupts everything else.
While as many calls are under way as make sense, later entries join the one that leaves next.

What waits is bounded, and what nobody waits for any more is left out of the call. Where callers cannot wait, entries are
refused at once while the store is out of reach, and a probe finds out when it is back: a frozen store must not make
every caller wait for a time limit of its own. Of a cluster, the servers count one by one. Used by
`attune.store.journal` and `attune.store.outcomes`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from attune.errors import ExpectedError, OverloadedError, StoreUnavailableError
from attune.store.client import StoreRefusedError
from attune.store.keys import PlacementKeys

MOST_PER_CALL = 1024
"""A script hands what it wrote to one command, and Lua's stack holds a few thousand values."""

_GATHER_S = 0.002
# Waiting pays from here on: then two more calls come, on average, within the time.
_DENSE_GAP_S = 0.001
_LONGEST_GAP_S = 0.01
_SMOOTHING = 0.05
_MOST_BYTES_PER_CALL = 1 << 20
# Calls under way at once. More would not be faster: the store answers one at a time.
_MOST_CALLS = 2
_PROBE_S = 0.1
_COMPLAIN_S = 1.0

_log = logging.getLogger(__name__)

KindT = TypeVar("KindT", bound=Hashable)
EntryT = TypeVar("EntryT")
AnswerT = TypeVar("AnswerT")


class Connection(Protocol):
    """Where the calls go: an `attune.store.pipe.Pipe`, or an `attune.store.client.Store`."""

    timeout_s: float

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run a script as one atomic step."""

    def shard(self, key: str) -> str:
        """Return what a key shares with those that are out of reach together with it."""

    async def ping(self, key: str = "") -> None:
        """Ask the server that has this key for a sign of life."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait for the store in one process. One call more than that is let in.

    Attributes:
        entries: Entries that wait for their answer.
        size_bytes: Their size.
    """

    entries: int = 10_000
    size_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Events:
    """What is told about a batcher.

    Attributes:
        failing: What is wrong while the store does not take entries, for the log.
        working: What is right again, for the log.
        overflowed: Called when an entry is refused because too much waits.
        lost_store: Called when an outage begins.
    """

    failing: str
    working: str
    overflowed: Callable[[], None]
    lost_store: Callable[[], None] = lambda: None


class _Waiter(Protocol):
    """What waits for the answer to one entry: a future, or a place among the answers of a call."""

    def done(self) -> bool: ...

    def set_result(self, result: Any, /) -> None: ...

    def set_exception(self, exception: Exception, /) -> None: ...


@dataclass(slots=True, eq=False)
class _Batch(Generic[KindT, EntryT]):
    """Entries of one placement that leave together."""

    keys: PlacementKeys
    kind: KindT
    entries: list[EntryT] = field(default_factory=list)
    waiters: list[_Waiter] = field(default_factory=list)
    size_bytes: int = 0
    ready_s: float = 0.0
    is_leaving: bool = False

    def has_room(self, n_entries: int, size_bytes: int) -> bool:
        """Whether as many more entries, of this size in all, fit."""
        return len(self.entries) + n_entries <= MOST_PER_CALL and self.size_bytes + size_bytes <= _MOST_BYTES_PER_CALL

    def is_full(self) -> bool:
        """Whether it has to leave now."""
        return len(self.entries) >= MOST_PER_CALL or self.size_bytes >= _MOST_BYTES_PER_CALL

    def awaited(self) -> tuple[list[EntryT], list[_Waiter]]:
        """Return what somebody still waits for, and who."""
        if not any(waiter.done() for waiter in self.waiters):
            return self.entries, self.waiters
        kept = [pair for pair in zip(self.entries, self.waiters, strict=True) if not pair[1].done()]
        return [entry for entry, _ in kept], [waiter for _, waiter in kept]


@dataclass(slots=True, eq=False)
class _Answers:
    """The answers to the entries of one call, which may leave in several batches."""

    future: asyncio.Future[list[Any]]
    values: list[Any]
    missing: int


@dataclass(slots=True, eq=False)
class _Place:
    """One entry's place among the answers of its call."""

    answers: _Answers
    position: int

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self.answers.future.done()

    def set_result(self, result: Any, /) -> None:
        """Keep the answer, or the error; with the last one the call is answered."""
        answers = self.answers
        answers.values[self.position] = result
        answers.missing -= 1
        if not answers.missing:
            answers.future.set_result(answers.values)

    set_exception = set_result


class Batcher(Generic[KindT, EntryT, AnswerT]):
    """Gathers entries into script calls."""

    def __init__(
        self,
        connection: Connection,
        write: Callable[[PlacementKeys, KindT, list[EntryT]], Awaitable[Sequence[AnswerT]]],
        events: Events,
        bounds: Bounds | None = None,
        *,
        fails_fast: bool = False,
    ) -> None:
        """Gather for a connection; its time limit is the longest that an entry may wait once it could have left.

        Args:
            connection: Where the calls go.
            write: Writes entries of one placement and kind; returns an answer for each, in their order.
            events: What is told, and how it is said.
            bounds: How much may wait.
            fails_fast: Whether entries are refused at once while the store is out of reach.
        """
        self._connection = connection
        self._write_entries = write
        self._events = events
        self._bounds = bounds or Bounds()
        self._fails_fast = fails_fast
        self._batches: dict[tuple[str, KindT], _Batch[KindT, EntryT]] = {}
        self._leaving: deque[_Batch[KindT, EntryT]] = deque()
        self._waiting = 0
        self._waiting_bytes = 0
        self._gap_s = _LONGEST_GAP_S
        self._calls = 0
        self._opened_s = 0.0
        self._complained_s = -_COMPLAIN_S
        self._writes: dict[asyncio.Task[None], _Batch[KindT, EntryT]] = {}
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._outages: dict[str, StoreUnavailableError] = {}

    def add(self, keys: PlacementKeys, kind: KindT, entry: EntryT, size_bytes: int) -> asyncio.Future[AnswerT]:
        """Take an entry along.

        Args:
            keys: The placement's keys.
            kind: Entries of one kind share a call.
            entry: What to write.
            size_bytes: Its size, about.

        Returns:
            Its answer. An entry whose future is cancelled before it has left is not written.

        Raises:
            StoreUnavailableError: The store is out of reach.
            OverloadedError: Too much waits for the store.
        """
        self._check(keys)
        batch = self._batches.get((keys.name, kind)) or self._open(keys, kind)
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        batch.entries.append(entry)
        batch.waiters.append(answer)
        batch.size_bytes += size_bytes
        self._calls += 1
        self._waiting += 1
        self._waiting_bytes += size_bytes
        if batch.is_full():
            self._dispatch(batch)
        return answer

    def add_many(
        self, keys: PlacementKeys, kind: KindT, entries: Sequence[tuple[EntryT, int]]
    ) -> asyncio.Future[list[AnswerT | Exception]]:
        """Take the entries of one call along: in one script call where they fit, in their order.

        Args:
            keys: The placement's keys.
            kind: Entries of one kind share a call.
            entries: What to write, each with its size in bytes, about.

        Returns:
            For each entry its answer, or why there is none. Entries that have not left are not written once the future
            is cancelled.

        Raises:
            StoreUnavailableError: The store is out of reach.
            OverloadedError: Too much waits for the store.
        """
        self._check(keys)
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        answers = _Answers(future, [None] * len(entries), len(entries))
        if not entries:
            future.set_result([])
            return future
        self._make_room(keys, kind, len(entries), sum(size for _, size in entries))
        for position, (entry, size_bytes) in enumerate(entries):
            self._make_room(keys, kind, 1, size_bytes)
            batch = self._batches.get((keys.name, kind)) or self._open(keys, kind)
            batch.entries.append(entry)
            batch.waiters.append(_Place(answers, position))
            batch.size_bytes += size_bytes
            self._waiting += 1
            self._waiting_bytes += size_bytes
        self._calls += 1
        return future

    def waited_s(self) -> float:
        """Return for how long what waits for the store has been waiting, in seconds; 0 where nothing does."""
        if not self._writes:
            return 0.0
        # Batches leave in the order they were ready in: what is under way has waited longest.
        ready_s = min(batch.ready_s for batch in self._writes.values())
        return asyncio.get_running_loop().time() - ready_s

    async def close(self) -> None:
        """Wait until everything that was added has been answered."""
        for batch in list(self._batches.values()):
            self._leave(batch)
        while self._writes:
            await asyncio.wait(self._writes)
        for probing in self._probing.values():
            probing.cancel()

    def _check(self, keys: PlacementKeys) -> None:
        if self._outages and (outage := self._outages.get(self._connection.shard(keys.spec))):
            raise StoreUnavailableError(str(outage))
        bounds = self._bounds
        if self._waiting >= bounds.entries or self._waiting_bytes >= bounds.size_bytes:
            self._events.overflowed()
            raise OverloadedError(
                f"expected at most {bounds.entries} entries of {bounds.size_bytes} bytes in all waiting for the store, "
                f"got {self._waiting} of {self._waiting_bytes} bytes; nothing was written"
            )

    def _open(self, keys: PlacementKeys, kind: KindT) -> _Batch[KindT, EntryT]:
        loop = asyncio.get_running_loop()
        now_s, calls = loop.time(), max(1, self._calls)
        gap_s = min((now_s - self._opened_s) / calls, _LONGEST_GAP_S)
        self._gap_s += min(1.0, _SMOOTHING * calls) * (gap_s - self._gap_s)
        self._opened_s, self._calls = now_s, 0
        batch = self._batches[keys.name, kind] = _Batch[KindT, EntryT](keys, kind)
        if self._gap_s < _DENSE_GAP_S:
            loop.call_later(_GATHER_S, self._leave, batch)
        else:
            loop.call_soon(self._leave, batch)
        return batch

    def _make_room(self, keys: PlacementKeys, kind: KindT, n_entries: int, size_bytes: int) -> None:
        """Send off the batch that entries would join unless it has room for all of them."""
        batch = self._batches.get((keys.name, kind))
        if batch is not None and not batch.has_room(n_entries, size_bytes):
            self._dispatch(batch)

    def _dispatch(self, batch: _Batch[KindT, EntryT]) -> None:
        self._close(batch)
        self._leave(batch)

    def _close(self, batch: _Batch[KindT, EntryT]) -> None:
        key = (batch.keys.name, batch.kind)
        if self._batches.get(key) is batch:
            del self._batches[key]

    def _leave(self, batch: _Batch[KindT, EntryT]) -> None:
        if not batch.is_leaving:
            batch.is_leaving = True
            # From here on it waits for the store. Before, it waited for this process, which the store cannot help.
            batch.ready_s = asyncio.get_running_loop().time()
            self._leaving.append(batch)
            self._send()

    def _send(self, done: asyncio.Task[None] | None = None) -> None:
        if done is not None:
            del self._writes[done]
        while self._leaving and len(self._writes) < _MOST_CALLS:
            batch = self._leaving.popleft()
            self._close(batch)
            if asyncio.get_running_loop().time() - batch.ready_s > self._connection.timeout_s:
                self._refuse(batch, StoreUnavailableError("the store takes entries more slowly than they come"))
                continue
            write = asyncio.get_running_loop().create_task(self._write(batch))
            self._writes[write] = batch  # the loop itself keeps only a weak reference
            write.add_done_callback(self._send)

    async def _write(self, batch: _Batch[KindT, EntryT]) -> None:
        entries, waiters = batch.awaited()
        try:
            found = await self._write_entries(batch.keys, batch.kind, entries) if entries else ()
        except StoreRefusedError as error:  # it is there, and the next entry may be taken
            self._complain(error)
            self._refuse(batch, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller waits for an answer
            if isinstance(error, StoreUnavailableError):
                self._lose_store(batch.keys, error)
            self._refuse(batch, error)
            return
        self._forget(batch)
        for waiter, value in zip(waiters, found, strict=True):
            if not waiter.done():
                waiter.set_result(value)

    def _refuse(self, batch: _Batch[KindT, EntryT], error: Exception) -> None:
        self._forget(batch)
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_exception(error)

    def _forget(self, batch: _Batch[KindT, EntryT]) -> None:
        """Make room for others in what may wait."""
        self._waiting -= len(batch.entries)
        self._waiting_bytes -= batch.size_bytes

    def _lose_store(self, keys: PlacementKeys, error: StoreUnavailableError) -> None:
        if self._fails_fast:
            self._begin_outage(keys, error)
        else:
            self._complain(error)

    def _complain(self, error: StoreUnavailableError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("%s: %s", self._events.failing, error)

    def _begin_outage(self, keys: PlacementKeys, error: StoreUnavailableError) -> None:
        """Refuse what the same server would have to take, until it answers again."""
        shard = self._connection.shard(keys.spec)
        affected = [batch for batch in self._leaving if self._connection.shard(batch.keys.spec) == shard]
        for batch in affected:
            self._leaving.remove(batch)
            self._close(batch)
            self._refuse(batch, error)
        if shard not in self._outages:
            _log.error("%s: %s", self._events.failing, error)
            self._outages[shard] = error
            self._events.lost_store()
            self._probing[shard] = asyncio.get_running_loop().create_task(self._probe(shard, keys))

    async def _probe(self, shard: str, keys: PlacementKeys) -> None:
        while shard in self._outages:
            try:
                await self._connection.ping(keys.spec)
            except ExpectedError:
                await asyncio.sleep(_PROBE_S)
                continue
            _log.warning("%s", self._events.working)
            del self._outages[shard]
