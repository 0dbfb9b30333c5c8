"""Background tasks: told to stop where they can be, cancelled where they must be, and made to take turns."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any, TypeVar

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
