"""Waits until the event loop has nothing else to do.

For what is cheaper done together with what others are about to ask for: while the loop has work, others come; as soon
as it has none, waiting would only cost time. Used by `attune.store.batcher`.
"""

import asyncio
from collections.abc import Callable
from math import inf
from time import perf_counter

# A turn of the loop in which nothing else happens takes some ten microseconds; what a call does takes longer.
_IDLE_TURN_S = 40e-6


def when_idle(call: Callable[[], None], within_s: float) -> None:
    """Calls something as soon as the running event loop has nothing else to do.

    Args:
        call: What to call, once.
        within_s: After so many seconds it is called all the same, in the next turn of the loop.
    """
    loop = asyncio.get_running_loop()
    # From look to look a whole turn is seen; before the first look there was only a part of one.
    loop.call_soon(_look, loop, call, -inf, perf_counter() + within_s)


def _look(loop: asyncio.AbstractEventLoop, call: Callable[[], None], looked_s: float, until_s: float) -> None:
    now_s = perf_counter()
    if now_s - looked_s < _IDLE_TURN_S or now_s >= until_s:
        call()
    else:
        loop.call_soon(_look, loop, call, now_s, until_s)
