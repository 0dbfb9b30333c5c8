"""Group commit: what many callers write at about the same time goes to the store in one script call.

Entries of the same placement, kind and turn of the event loop share a call. The first one also waits a moment where
others come along (`attune.store.density`): what a call costs is mostly that it interrupts everything else. While as
many calls are under way as make sense, later entries join the one that leaves next.

What waits is bounded, and what nobody waits for any more is left out of the call. Where callers cannot wait, entries
are refused at once while the store is out of reach (`attune.store.outages`). Used by `attune.store.journal` and
`attune.store.outcomes`.

A call that can leave at once over a connection that is there costs no task: a callback hands its answers out. A task
takes over where more than that is to be done.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from attune.errors import OverloadedError, StoreUnavailableError
from attune.store.batch import Answers, Batch, Bounds, EntryT, Events, KindT, Place, Waiter
from attune.store.client import StoreRefusedError
from attune.store.density import Density
from attune.store.keys import PlacementKeys
from attune.store.outages import Outages, Probed
from attune.store.pipe import Sent

_GATHER_S = 0.002
# Calls under way at once. More would not be faster: the store answers one at a time.
_MOST_CALLS = 2
_COMPLAIN_S = 1.0

_log = logging.getLogger(__name__)

AnswerT = TypeVar("AnswerT")


class Connection(Probed, Protocol):
    """Where the calls go: an `attune.store.pipe.Pipe`, or an `attune.store.client.Store`."""

    timeout_s: float

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run a script as one atomic step."""


class Batcher(Generic[KindT, EntryT, AnswerT]):
    """Gathers entries into script calls.

    Attributes:
        outages: Which servers are out of reach.
    """

    def __init__(
        self,
        connection: Connection,
        write: Callable[[PlacementKeys, KindT, list[EntryT]], Awaitable[Sequence[AnswerT]]],
        events: Events,
        bounds: Bounds | None = None,
        *,
        send: Callable[[PlacementKeys, KindT, list[EntryT]], Sent | None] = lambda *_: None,
        fails_fast: bool = False,
    ) -> None:
        """Gather for a connection; its time limit is the longest that an entry may wait once it could have left.

        Args:
            connection: Where the calls go.
            write: Writes entries of one placement and kind; returns an answer for each, in their order.
            events: What is told, and how it is said.
            bounds: How much may wait.
            send: Sends entries as `write` writes them, where that can be done without waiting, else returns None; what
                the call answers is what `write` returns.
            fails_fast: Whether entries are refused at once while the store is out of reach.
        """
        self._connection = connection
        self._write_entries = write
        self._send_entries = send
        self._events = events
        self._bounds = bounds or Bounds()
        self._fails_fast = fails_fast
        self.outages = Outages(connection, events.lost_store, lambda: _log.warning("%s", events.working))
        self._batches: dict[tuple[str, KindT], Batch[KindT, EntryT]] = {}
        self._leaving: deque[Batch[KindT, EntryT]] = deque()
        self._writes: dict[asyncio.Future[Any], Batch[KindT, EntryT]] = {}
        self._waiting, self._waiting_bytes = 0, 0
        self._density = Density()
        self._complained_s = -_COMPLAIN_S

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
        batch = self._batches.get((keys.name, kind)) or self._begin(keys, kind)
        answer: asyncio.Future[AnswerT] = asyncio.get_running_loop().create_future()
        batch.entries.append(entry)
        batch.waiters.append(answer)
        batch.size_bytes += size_bytes
        self._density.came()
        self._waiting += 1
        self._waiting_bytes += size_bytes
        if batch.is_full():
            self._dispatch(batch)
        return answer

    def add_many(
        self, keys: PlacementKeys, kind: KindT, entries: Sequence[tuple[EntryT, int]]
    ) -> asyncio.Future[list[AnswerT | Exception]]:
        """Take the entries of one caller along: in one script call where they fit, in their order.

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
        if not entries:
            future.set_result([])
            return future
        answers = Answers(future, [None] * len(entries), len(entries))
        size_bytes = sum([size for _, size in entries])
        batch = self._with_room(keys, kind, len(entries), size_bytes)
        if batch.has_room(len(entries), size_bytes):
            self._take(batch, entries, Place(answers, 0), size_bytes)
        else:
            for i, (_, size_bytes) in enumerate(entries):
                self._take(
                    self._with_room(keys, kind, 1, size_bytes), entries[i : i + 1], Place(answers, i), size_bytes
                )
        self._density.came()
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
        self.outages.close()

    def _check(self, keys: PlacementKeys) -> None:
        self.outages.check(keys.spec)
        bounds = self._bounds
        if self._waiting >= bounds.entries or self._waiting_bytes >= bounds.size_bytes:
            self._events.overflowed()
            raise OverloadedError(
                f"there is too much to do: expected less than {bounds.entries} decisions or outcomes, or "
                f"{bounds.size_bytes} bytes of them, waiting for the store, got {self._waiting}, "
                f"{self._waiting_bytes} bytes; nothing was written"
            )

    def _begin(self, keys: PlacementKeys, kind: KindT) -> Batch[KindT, EntryT]:
        loop = asyncio.get_running_loop()
        batch: Batch[KindT, EntryT] = Batch(keys, kind)
        self._batches[keys.name, kind] = batch
        if self._density.pays(monotonic()):
            loop.call_later(_GATHER_S, self._leave, batch)
        else:
            loop.call_soon(self._leave, batch)
        return batch

    def _with_room(self, keys: PlacementKeys, kind: KindT, n_entries: int, size_bytes: int) -> Batch[KindT, EntryT]:
        """Return the batch that entries join; unless it has room for all of them it is sent off, and another begun."""
        batch = self._batches.get((keys.name, kind))
        if batch is not None and not batch.has_room(n_entries, size_bytes):
            self._dispatch(batch)
            batch = None
        return batch or self._begin(keys, kind)

    def _take(
        self, batch: Batch[KindT, EntryT], entries: Sequence[tuple[EntryT, int]], place: Place, size_bytes: int
    ) -> None:
        batch.entries += [entry for entry, _ in entries]
        batch.waiters += [place] * len(entries)
        batch.size_bytes += size_bytes
        self._waiting += len(entries)
        self._waiting_bytes += size_bytes

    def _dispatch(self, batch: Batch[KindT, EntryT]) -> None:
        self._close(batch)
        self._leave(batch)

    def _close(self, batch: Batch[KindT, EntryT]) -> None:
        key = (batch.keys.name, batch.kind)
        if self._batches.get(key) is batch:
            del self._batches[key]

    def _leave(self, batch: Batch[KindT, EntryT]) -> None:
        if not batch.is_leaving:
            batch.is_leaving = True
            # From here on it waits for the store. Before, it waited for this process, which the store cannot help.
            batch.ready_s = asyncio.get_running_loop().time()
            self._leaving.append(batch)
            self._send()

    def _send(self) -> None:
        while self._leaving and len(self._writes) < _MOST_CALLS:
            batch = self._leaving.popleft()
            self._close(batch)
            if asyncio.get_running_loop().time() - batch.ready_s > self._connection.timeout_s:
                self._refuse(batch, StoreUnavailableError("the store takes what is written more slowly than it comes"))
            else:
                self._write(batch)

    def _write(self, batch: Batch[KindT, EntryT]) -> None:
        entries, waiters = batch.awaited()
        if not entries:
            self._forget(batch)
            return
        try:
            sent = self._send_entries(batch.keys, batch.kind, entries)
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller waits for an answer
            self._fail(batch, error)
            return
        if sent is None:
            self._write_slowly(batch, waiters, partial(self._write_entries, batch.keys, batch.kind, entries))
        else:
            self._writes[sent.answer] = batch
            sent.answer.add_done_callback(partial(self._answered, batch, waiters, sent))

    def _answered(
        self, batch: Batch[KindT, EntryT], waiters: list[Waiter], sent: Sent, answer: asyncio.Future[Any]
    ) -> None:
        del self._writes[answer]
        if answer.cancelled() or answer.exception() is not None:
            self._write_slowly(batch, waiters, sent.finish)
        else:
            self._send()  # first: the store need not wait while callers are answered
            self._answer(batch, waiters, answer.result())

    def _write_slowly(
        self, batch: Batch[KindT, EntryT], waiters: list[Waiter], find: Callable[[], Awaitable[Sequence[AnswerT]]]
    ) -> None:
        write = asyncio.get_running_loop().create_task(self._await(batch, waiters, find))
        self._writes[write] = batch  # the loop itself keeps only a weak reference
        write.add_done_callback(self._written)

    def _written(self, write: asyncio.Future[None]) -> None:
        del self._writes[write]
        self._send()

    async def _await(
        self, batch: Batch[KindT, EntryT], waiters: list[Waiter], find: Callable[[], Awaitable[Sequence[AnswerT]]]
    ) -> None:
        try:
            found = await find()
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller waits for an answer
            self._fail(batch, error)
        else:
            self._answer(batch, waiters, found)

    def _answer(self, batch: Batch[KindT, EntryT], waiters: list[Waiter], found: Sequence[AnswerT]) -> None:
        try:
            answers = list(zip(waiters, found, strict=True))
        except (TypeError, ValueError) as error:  # no script of ours answers like that, but callers must not hang on it
            self._fail(batch, error)
            return
        self._forget(batch)
        for waiter, value in answers:
            if not waiter.done():
                waiter.set_result(value)

    def _fail(self, batch: Batch[KindT, EntryT], error: Exception) -> None:
        if isinstance(error, StoreUnavailableError):
            self._lose_store(batch.keys, error)
        self._refuse(batch, error)

    def _lose_store(self, keys: PlacementKeys, error: StoreUnavailableError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("%s: %s", self._events.failing, error)
        # A store that refuses is there, and may take the next entry.
        if self._fails_fast and not isinstance(error, StoreRefusedError):
            self._refuse_leaving(keys, error)
            self.outages.begin(keys.spec, error)

    def _refuse_leaving(self, keys: PlacementKeys, error: StoreUnavailableError) -> None:
        """Refuse what the same server would have to take."""
        shard = self._connection.shard(keys.spec)
        for batch in [one for one in self._leaving if self._connection.shard(one.keys.spec) == shard]:
            self._leaving.remove(batch)
            self._close(batch)
            self._refuse(batch, error)

    def _refuse(self, batch: Batch[KindT, EntryT], error: Exception) -> None:
        self._forget(batch)
        batch.fail(error)

    def _forget(self, batch: Batch[KindT, EntryT]) -> None:
        """Make room for others in what may wait."""
        self._waiting -= len(batch.entries)
        self._waiting_bytes -= batch.size_bytes
