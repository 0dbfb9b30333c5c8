"""How long answers are waited for."""

import asyncio

import pytest

from attune.store.time_limit import TimeLimit

LIMIT_S = 0.05


def answer() -> asyncio.Future[int]:
    return asyncio.get_running_loop().create_future()


async def test_what_comes_in_time_is_left_alone_and_what_does_not_fails() -> None:
    limit, prompt, late = TimeLimit(LIMIT_S), answer(), answer()
    limit.watch(prompt)
    limit.watch(late)
    prompt.set_result(1)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        await late
    assert asyncio.get_running_loop().time() - started > LIMIT_S - 0.005
    assert prompt.result() == 1


async def test_each_answer_has_its_own_time() -> None:
    """The timer that was set for the first one does not end the second one early, nor forget it."""
    limit, first, second = TimeLimit(LIMIT_S), answer(), answer()
    limit.watch(first)
    await asyncio.sleep(LIMIT_S / 2)
    limit.watch(second)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await first
    assert not second.done()
    with pytest.raises(TimeoutError):
        await second
    assert asyncio.get_running_loop().time() - started > LIMIT_S - 0.005


async def test_the_limit_holds_again_after_nothing_was_waited_for() -> None:
    limit, first = TimeLimit(LIMIT_S), answer()
    limit.watch(first)
    first.set_result(1)
    await asyncio.sleep(2 * LIMIT_S)
    again, cancelled = answer(), answer()
    limit.watch(cancelled)
    limit.watch(again)
    cancelled.cancel()
    with pytest.raises(TimeoutError):
        await again
