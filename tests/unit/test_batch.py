"""Entries that leave together, and who waits for them."""

import asyncio

from attune.store.batch import MOST_PER_CALL, Answers, Batch, Place
from attune.store.keys import PlacementKeys


def batch(*waiters: asyncio.Future[str]) -> Batch[int, int]:
    return Batch(PlacementKeys("home"), 0, list(range(len(waiters))), list(waiters))


async def test_what_nobody_waits_for_any_more_is_left_out() -> None:
    stays, gone, other = (asyncio.get_running_loop().create_future() for _ in range(3))
    filled = batch(stays, gone, other)
    assert filled.awaited() == ([0, 1, 2], [stays, gone, other])
    gone.cancel()
    assert filled.awaited() == ([0, 2], [stays, other])


async def test_an_error_reaches_everybody_who_still_waits() -> None:
    stays, gone = (asyncio.get_running_loop().create_future() for _ in range(2))
    gone.cancel()
    error = ValueError("wrong")
    batch(stays, gone).fail(error)
    assert stays.exception() is error


async def test_the_answers_of_one_caller_keep_their_places() -> None:
    future: asyncio.Future[list[object]] = asyncio.get_running_loop().create_future()
    answers = Answers(future, [None] * 3, 3)
    error = ValueError("wrong")
    Place(answers, 2).set_result("third")
    Place(answers, 0).set_exception(error)
    assert not future.done()
    Place(answers, 1).set_result("second")
    assert future.result() == [error, "second", "third"]


def test_a_batch_is_full_at_a_number_of_entries_and_at_a_size() -> None:
    filled = Batch[int, int](PlacementKeys("home"), 0)
    assert filled.has_room(MOST_PER_CALL, 1 << 20)
    assert not filled.has_room(MOST_PER_CALL + 1, 0)
    assert not filled.has_room(1, (1 << 20) + 1)
    filled.size_bytes = 1 << 20
    assert filled.is_full()
