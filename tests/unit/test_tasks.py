"""Background tasks end, and long work takes turns."""

import asyncio
from contextlib import suppress

from attune.tasks import end, in_turns


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


async def test_long_work_lets_others_go_on_in_between() -> None:
    """Every item takes a turn here; without breaks the other task would see only the first and the last."""
    seen, done = list[int](), 0

    async def other() -> None:
        while done < 5:
            seen.append(done)
            await asyncio.sleep(0)

    watching = asyncio.create_task(other())
    await asyncio.sleep(0)
    async for item in in_turns(range(5), turn_s=0):
        done = item + 1
    await watching
    assert seen == [0, 1, 2, 3, 4]


async def test_short_work_is_done_in_one_turn() -> None:
    happened = list[str]()
    asyncio.get_running_loop().call_soon(happened.append, "another")
    assert [item async for item in in_turns("abc", turn_s=60)] == ["a", "b", "c"]
    assert happened == []
