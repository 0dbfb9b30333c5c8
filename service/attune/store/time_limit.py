"""How long answers of the store are waited for: one timer for all that are under way.

A timer for each would cost as much as reading the answer it guards. Used by `attune.store.pipe`.
"""

import asyncio
from collections import deque
from typing import Any

_LAST_LOOKS = 2
# The clocks of event loops tick this often at least: a timer may come that much early.
_TICK_S = 0.001


class TimeLimit:
    """Fails what has waited for too long."""

    def __init__(self, timeout_s: float) -> None:
        """Begin with nothing to watch.

        Args:
            timeout_s: How long an answer may take, in seconds.
        """
        self._timeout_s = timeout_s
        # In the order of their deadlines: all may wait for the same time.
        self._watched: deque[tuple[float, asyncio.Future[Any]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, answer: asyncio.Future[Any]) -> None:
        """Set a TimeoutError where there is no answer in time, counted from now."""
        loop, watched = asyncio.get_running_loop(), self._watched
        while watched and watched[0][1].done():
            watched.popleft()
        until_s = loop.time() + self._timeout_s
        watched.append((until_s, answer))
        if self._timer is None:
            self._timer = loop.call_at(until_s, self._look)

    def _look(self) -> None:
        loop, watched = asyncio.get_running_loop(), self._watched
        soon_s = loop.time() + _TICK_S
        while watched and (watched[0][1].done() or watched[0][0] < soon_s):
            self._give_up(watched.popleft()[1], _LAST_LOOKS)
        self._timer = loop.call_at(watched[0][0], self._look) if watched else None

    def _give_up(self, answer: asyncio.Future[Any], looks: int) -> None:
        if answer.done():
            return
        if looks:
            # When something else kept the loop busy, the answer may have arrived without having been read.
            asyncio.get_running_loop().call_soon(self._give_up, answer, looks - 1)
        else:
            answer.set_exception(TimeoutError(f"no answer within {self._timeout_s:g} s"))
