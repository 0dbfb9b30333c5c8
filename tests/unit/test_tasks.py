"""Background tasks end, and long work takes turns."""

import asyncio
from contextlib import suppress

import pytest

from attune.tasks import Shared, end, in_turns


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


class Slow:
    """Work that ends when it is told to, and knows how often it was begun."""

    def __init__(self) -> None:
        """Nothing was begun."""
        self.begun = 0
        self.may_end = asyncio.Event()

    async def work(self) -> int:
        """Wait, and return the how manieth time it was."""
        self.begun += 1
        number = self.begun
        await self.may_end.wait()
        if number == 2:
            raise ValueError("the second time")
        return number


async def test_who_asks_while_work_is_under_way_shares_the_next_time() -> None:
    """What was begun before may have missed what they ask for."""
    slow = Slow()
    shared = Shared(slow.work)
    first = asyncio.create_task(shared.done())
    await asyncio.sleep(0.01)
    others = [asyncio.create_task(shared.done()) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert slow.begun == 1, "once at a time"
    slow.may_end.set()
    answers = await asyncio.gather(first, *others, return_exceptions=True)
    assert slow.begun == 2
    assert (answers[0], [str(answer) for answer in answers[1:]]) == (1, ["the second time"] * 5)
    assert await shared.done() == 3


async def test_who_is_cancelled_does_not_end_the_work_of_the_others() -> None:
    slow = Slow()
    shared = Shared(slow.work)
    impatient, patient = asyncio.create_task(shared.done()), asyncio.create_task(shared.done())
    await asyncio.sleep(0.01)
    impatient.cancel()
    await asyncio.sleep(0.01)
    slow.may_end.set()
    assert await patient == 1
    assert impatient.cancelled()


async def test_a_failure_that_nobody_waits_for_any_more_is_no_noise() -> None:
    """A task whose exception nobody has asked for is a warning, which is an error here."""

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("for nobody")

    shared = Shared(fail)
    asking = asyncio.create_task(shared.done())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.sleep(0.01)
    with pytest.raises(ValueError, match="for nobody"):
        await shared.done()
