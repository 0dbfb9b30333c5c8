"""Background tasks end."""

import asyncio
from contextlib import suppress

from attune.tasks import end


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            swallowed += 1
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await end(task)
    assert (task.cancelled(), swallowed) == (True, 2)


async def test_tasks_that_ended_or_failed_by_themselves_are_no_obstacle() -> None:
    async def fail() -> None:
        raise ValueError("by itself")

    failed, done = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0.01)
    await end(failed, done)
    assert isinstance(failed.exception(), ValueError)
