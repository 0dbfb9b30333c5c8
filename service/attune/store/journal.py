"""The journal: decisions on their way into the store, many in one script call.

A decision is acknowledged to the caller only after the call that carries it has been answered. Decisions of the same
placement and turn of the event loop share a call. When traffic is dense the first one also waits a moment for others,
because then others come, and what a call costs is mostly that it interrupts everything else. While as many calls are
under way as make sense, later decisions join the one that leaves next.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field

from attune.errors import ExpectedError, StoreUnavailableError
from attune.metrics import ServingMetrics
from attune.store.client import StoreRefusedError
from attune.store.keys import DEFERRED_TTL_S, PlacementKeys
from attune.store.pipe import Pipe

DEFERRED = 0
"""Stands for the reward window of a decision that is to be activated first."""

_GATHER_S = 0.002
# Waiting pays from here on: then two more decisions come, on average, within the time.
_DENSE_GAP_S = 0.001
_LONGEST_GAP_S = 0.01
_SMOOTHING = 0.05
_MOST_PER_CALL = 512
_MOST_BYTES_PER_CALL = 1 << 20
# Calls under way at once. More would not be faster: the store answers one at a time.
_MOST_CALLS = 2
_PROBE_S = 0.1
_COMPLAIN_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Batch:
    """Decisions of one placement that leave together."""

    keys: PlacementKeys
    window_ms: int
    event_keys: list[str] = field(default_factory=list)
    args: list[str | bytes | int] = field(default_factory=list)
    answers: list[asyncio.Future[bytes | None]] = field(default_factory=list)
    ready_s: float = 0.0
    size_bytes: int = 0
    is_leaving: bool = False

    def is_full(self) -> bool:
        """Whether it has to leave now."""
        return len(self.answers) >= _MOST_PER_CALL or self.size_bytes >= _MOST_BYTES_PER_CALL


class Journal:
    """Writes decisions into the store.

    While the store is out of reach decisions are refused at once, and a probe finds out when it is back: a frozen
    store must not make every caller wait for a time limit of its own. Of a cluster, the servers count one by one.
    """

    def __init__(self, pipe: Pipe, metrics: ServingMetrics | None = None) -> None:
        """Write through a client whose time limit is the longest that a decision may wait."""
        self._pipe = pipe
        self._metrics = metrics or ServingMetrics()
        self._batches: dict[tuple[str, int], _Batch] = {}
        self._leaving: deque[_Batch] = deque()
        self._gap_s = _LONGEST_GAP_S
        self._last_s = 0.0
        self._complained_s = -_COMPLAIN_S
        self._writes: set[asyncio.Task[None]] = set()
        self._probing: dict[str, asyncio.Task[None]] = {}
        self._outages: dict[str, StoreUnavailableError] = {}

    async def append(self, keys: PlacementKeys, window_ms: int, event_id: str, record: bytes) -> bytes | None:
        """Write a decision unless there is one with its id.

        Args:
            keys: The placement's keys.
            window_ms: Its reward window in milliseconds; `DEFERRED` for a decision whose window does not open yet.
            event_id: The decision's id.
            record: A serialised storage.v1.DecisionRecord.

        Returns:
            None when it was written, else what was there: a record, or `@` and a position in the training log.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; the decision may or may not have been written.
        """
        if self._outages and (outage := self._outages.get(self._pipe.shard(keys.spec))):
            raise StoreUnavailableError(str(outage))
        batch = self._open_batch(keys, window_ms)
        batch.event_keys.append(keys.event(event_id))
        batch.args += (event_id, record)
        batch.size_bytes += len(record)
        answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        batch.answers.append(answer)
        if batch.is_full():
            self._close(batch)
            self._leave(batch)
        return await answer

    async def close(self) -> None:
        """Wait until everything that was appended has been answered."""
        for batch in list(self._batches.values()):
            self._leave(batch)
        while self._writes:
            await asyncio.wait(self._writes)
        for probing in self._probing.values():
            probing.cancel()

    def _open_batch(self, keys: PlacementKeys, window_ms: int) -> _Batch:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._gap_s += _SMOOTHING * (min(now_s - self._last_s, _LONGEST_GAP_S) - self._gap_s)
        self._last_s = now_s
        batch = self._batches.get((keys.name, window_ms))
        if batch is None:
            batch = self._batches[keys.name, window_ms] = _Batch(keys, window_ms)
            if self._gap_s < _DENSE_GAP_S:
                loop.call_later(_GATHER_S, self._leave, batch)
            else:
                loop.call_soon(self._leave, batch)
        return batch

    def _close(self, batch: _Batch) -> None:
        key = (batch.keys.name, batch.window_ms)
        if self._batches.get(key) is batch:
            del self._batches[key]

    def _leave(self, batch: _Batch) -> None:
        if not batch.is_leaving:
            batch.is_leaving = True
            # From here on it waits for the store. Before, it waited for this process, which the store cannot help.
            batch.ready_s = asyncio.get_running_loop().time()
            self._leaving.append(batch)
            self._send()

    def _send(self, done: asyncio.Task[None] | None = None) -> None:
        if done is not None:
            self._writes.discard(done)
        while self._leaving and len(self._writes) < _MOST_CALLS:
            batch = self._leaving.popleft()
            self._close(batch)
            if asyncio.get_running_loop().time() - batch.ready_s > self._pipe.timeout_s:
                _refuse(batch, StoreUnavailableError("the store takes decisions more slowly than they come"))
                continue
            write = asyncio.get_running_loop().create_task(self._write(batch))
            self._writes.add(write)  # the loop itself keeps only a weak reference
            write.add_done_callback(self._send)

    async def _write(self, batch: _Batch) -> None:
        keys = batch.keys
        try:
            until_s = asyncio.get_running_loop().time() + self._pipe.timeout_s
            deadline_ms = await self._pipe.store_ms(until_s, keys.spec)
            args = [batch.window_ms, deadline_ms, DEFERRED_TTL_S, *batch.args]
            found = await self._pipe.run("journal", [keys.spec, keys.due, keys.counts, *batch.event_keys], args)
        except StoreRefusedError as error:
            self._complain(error)
            _refuse(batch, error)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, each caller waits for an answer
            if isinstance(error, StoreUnavailableError):
                self._begin_outage(keys, error)
            _refuse(batch, error)
            return
        for answer, value in zip(batch.answers, found, strict=True):
            if not answer.done():
                answer.set_result(value)

    def _complain(self, error: StoreRefusedError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("decisions are not journaled: %s", error)

    def _begin_outage(self, keys: PlacementKeys, error: StoreUnavailableError) -> None:
        """Refuse what the same server would have to take, until it answers again."""
        shard = self._pipe.shard(keys.spec)
        affected = [batch for batch in self._leaving if self._pipe.shard(batch.keys.spec) == shard]
        for batch in affected:
            self._leaving.remove(batch)
            self._close(batch)
            _refuse(batch, error)
        if shard not in self._outages:
            _log.error("decisions are not journaled: %s", error)
            self._outages[shard] = error
            self._metrics.lost_store()
            self._probing[shard] = asyncio.get_running_loop().create_task(self._probe(shard, keys))

    async def _probe(self, shard: str, keys: PlacementKeys) -> None:
        while shard in self._outages:
            try:
                await self._pipe.ping(keys.spec)
            except ExpectedError:
                await asyncio.sleep(_PROBE_S)
                continue
            _log.warning("decisions are journaled again")
            del self._outages[shard]


def _refuse(batch: _Batch, error: Exception) -> None:
    for answer in batch.answers:
        if not answer.done():
            answer.set_exception(error)
