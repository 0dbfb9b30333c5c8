"""Entries of one placement that go to the store in one script call, and who waits for what becomes of each.

Filled and sent by `attune.store.batcher`, within `Bounds`.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from attune.store.keys import PlacementKeys

MOST_PER_CALL = 1024
"""A script hands what it wrote to one command, and Lua's stack holds a few thousand values."""

_MOST_BYTES_PER_CALL = 1 << 20

KindT = TypeVar("KindT", bound=Hashable)
EntryT = TypeVar("EntryT")


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
        overflowed: Called when a call is refused because too much waits.
        lost_store: Called when an outage begins.
    """

    failing: str
    working: str
    overflowed: Callable[[], None]
    lost_store: Callable[[], None] = lambda: None


class Waiter(Protocol):
    """What waits for the answer to one entry: a future, or a place among the answers of a call."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, result: Any, /) -> None:
        """Answer."""

    def set_exception(self, exception: Exception, /) -> None:
        """Say why there is no answer."""


@dataclass(slots=True, eq=False)
class Batch(Generic[KindT, EntryT]):
    """Entries of one placement and kind.

    Attributes:
        keys: The placement's keys.
        kind: What they have in common besides.
        entries: What to write.
        waiters: Who waits for the answer to each.
        size_bytes: Size of the entries.
        ready_s: Since when it could have left, by the event loop's clock.
        is_leaving: Whether it only waits for its turn.
    """

    keys: PlacementKeys
    kind: KindT
    entries: list[EntryT] = field(default_factory=list)
    waiters: list[Waiter] = field(default_factory=list)
    size_bytes: int = 0
    ready_s: float = 0.0
    is_leaving: bool = False

    def has_room(self, n_entries: int, size_bytes: int) -> bool:
        """Whether as many more entries, of this size in all, fit."""
        return len(self.entries) + n_entries <= MOST_PER_CALL and self.size_bytes + size_bytes <= _MOST_BYTES_PER_CALL

    def is_full(self) -> bool:
        """Whether it has to leave now."""
        return len(self.entries) >= MOST_PER_CALL or self.size_bytes >= _MOST_BYTES_PER_CALL

    def awaited(self) -> tuple[list[EntryT], list[Waiter]]:
        """Return what somebody still waits for, and who."""
        if not any(waiter.done() for waiter in set(self.waiters)):
            return self.entries, self.waiters
        kept = [pair for pair in zip(self.entries, self.waiters, strict=True) if not pair[1].done()]
        return [entry for entry, _ in kept], [waiter for _, waiter in kept]

    def fail(self, error: Exception) -> None:
        """Tell everybody who still waits why there is no answer."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_exception(error)


@dataclass(slots=True, eq=False)
class Answers:
    """The answers to the entries of one caller, which may leave in several batches.

    Attributes:
        future: Gets `values` with the last of them.
        values: For each entry its answer, or the error.
        missing: How many have not come yet.
    """

    future: asyncio.Future[list[Any]]
    values: list[Any]
    missing: int


@dataclass(slots=True, eq=False)
class Place:
    """The place of an entry among the answers of its caller, or of several that follow each other: they share one.

    Attributes:
        answers: All of them.
        position: Where the next one goes.
    """

    answers: Answers
    position: int

    def done(self) -> bool:
        """Whether nobody waits any more."""
        return self.answers.future.done()

    def set_result(self, result: Any, /) -> None:
        """Keep the answer; with the last one the caller is answered."""
        answers = self.answers
        answers.values[self.position] = result
        self.position += 1
        answers.missing -= 1
        if not answers.missing:
            answers.future.set_result(answers.values)

    def set_exception(self, exception: Exception, /) -> None:
        """Keep the error in the answer's place."""
        self.set_result(exception)
