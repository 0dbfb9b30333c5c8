"""Background tasks: told to stop where they can be, cancelled where they must be."""

import asyncio
from contextlib import suppress
from typing import Any

_PATIENCE_S = 0.2


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
