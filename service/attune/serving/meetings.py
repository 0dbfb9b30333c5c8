"""Decisions of one customer take turns: who decides for somebody has them alone, in this process.

So the next decision begins to read when the last one is in the history. Used by `attune.serving.visitors`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection

from attune.errors import ExpectedError
from attune.serving.circumstances import Visitor


class Turns:
    """Lets those who need the same thing have it one after the other, in this process."""

    def __init__(self) -> None:
        """Begin with nobody waiting."""
        # Who waits for what somebody has.
        self._waiting: dict[bytes, deque[asyncio.Future[None]]] = {}

    async def begin(self, key: bytes) -> None:
        """Wait until nobody else has it, and have it."""
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it has just become ours
                self.end(key)
            raise

    def end(self, key: bytes) -> None:
        """Let the next one have it."""
        waiting = self._waiting[key]
        while waiting:
            turn = waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._waiting[key]


class Meeting:
    """The customers of some requests: read when it is entered, and, where that matters, nobody else's until it is left.

    Entering it returns for each request whom it is for; or the error, where the store is out of reach and the placement
    refuses to answer without it.
    """

    def __init__(
        self,
        turns: Turns,
        arrived: Callable[[Callable[[Collection[bytes]], Awaitable[None]]], Awaitable[list[Visitor | ExpectedError]]],
    ) -> None:
        """Prepare.

        Args:
            turns: Of all customers.
            arrived: Reads them; is given what makes others wait.
        """
        self._turns = turns
        self._arrived = arrived
        self._held: list[bytes] = []

    async def __aenter__(self) -> list[Visitor | ExpectedError]:
        """Read the customers."""
        try:
            return await self._arrived(self._hold)
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Let others decide for them."""
        self._release()

    async def _hold(self, keys: Collection[bytes]) -> None:
        """Let others have what is held, and then have these."""
        self._release()
        # In order: two who need the same ones do not wait for each other.
        for key in sorted(keys):
            await self._turns.begin(key)
            self._held.append(key)

    def _release(self) -> None:
        while self._held:
            self._turns.end(self._held.pop())
