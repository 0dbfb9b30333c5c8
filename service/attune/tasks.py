"""Background tasks: told to stop where they can be, cancelled where they must be, and made to take turns."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

_PATIENCE_S = 0.2
_TURN_S = 0.001

_T = TypeVar("_T")


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    """Wait for some time, or until it is time to stop."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended, whatever they end with.

    One `cancel` is not enough: where it meets a time limit that runs out in the same moment, a library below may turn
    it into a timeout, which a loop that is made to survive the store's absence then survives.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_PATIENCE_S)


async def in_turns(items: Iterable[_T], turn_s: float = _TURN_S) -> AsyncIterator[_T]:
    """Yield items, and let the others on the event loop go on in between: long work must not make decisions wait.

    A thread would not do as well: with the interpreter's lock, each turn of the loop may wait 5 ms for a busy one.

    Args:
        items: What to work on; a single one should take far less than a turn.
        turn_s: For how long to work without a break, in seconds.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + turn_s
    for item in items:
        yield item
        if loop.time() >= until:
            await asyncio.sleep(0)
            until = loop.time() + turn_s


class Shared(Generic[_T]):
    """Work that is done for all who ask for it: those who ask while it is under way share the next time.

    It is done once at a time. What it raises, everybody who waits for it gets. Who is cancelled does not end it for the
    others.
    """

    def __init__(self, work: Callable[[], Awaitable[_T]]) -> None:
        """Take the work; nothing is done yet."""
        self._work = work
        self._working = asyncio.Lock()
        self._next: asyncio.Task[_T] | None = None

    async def done(self) -> _T:
        """Return what the work returns; it begins after this was asked for."""
        if self._next is None:
            self._next = asyncio.create_task(self._do())
            self._next.add_done_callback(_noticed)
        return await asyncio.shield(self._next)

    async def _do(self) -> _T:
        async with self._working:
            self._next = None
            return await self._work()


def _noticed(task: asyncio.Task[Any]) -> None:
    # Everybody who waited may have been cancelled: then there is nobody to tell.
    if not task.cancelled():
        task.exception()
