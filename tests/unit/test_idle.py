"""`attune.idle`: a call waits while the loop has work, and no longer than it is told."""

import asyncio
from collections.abc import Callable
from time import perf_counter, sleep

from attune.idle import when_idle

_WORK_S = 0.001


def _busy(loop: asyncio.AbstractEventLoop, turns: int, done: Callable[[], None]) -> None:
    """Keeps the loop at work for so many turns."""
    sleep(_WORK_S)
    if turns > 1:
        loop.call_soon(_busy, loop, turns - 1, done)
    else:
        done()


async def _called_and_worked(turns: int, within_s: float) -> tuple[list[str], float]:
    """Has something called when idle beside work; returns in which order both ended, and when the call came."""
    loop, began_s = asyncio.get_running_loop(), perf_counter()
    order: list[str] = []
    called, worked = loop.create_future(), loop.create_future()

    def call() -> None:
        order.append("called")
        called.set_result(perf_counter() - began_s)

    when_idle(call, within_s)
    loop.call_soon(_busy, loop, turns, lambda: (order.append("worked"), worked.set_result(None)))
    await worked
    return order, await called


async def test_a_call_waits_for_what_the_loop_has_to_do() -> None:
    order, _ = await _called_and_worked(turns=5, within_s=10)
    assert order == ["worked", "called"]


async def test_a_call_does_not_wait_longer_than_it_may() -> None:
    order, after_s = await _called_and_worked(turns=200, within_s=0.01)
    assert order == ["called", "worked"]
    assert after_s >= 0.01


async def test_an_idle_loop_calls_at_once_and_once() -> None:
    calls: list[float] = []
    began_s = perf_counter()
    when_idle(lambda: calls.append(perf_counter() - began_s), within_s=10)
    await asyncio.sleep(0.05)
    assert len(calls) == 1
    assert calls[0] < 0.05
