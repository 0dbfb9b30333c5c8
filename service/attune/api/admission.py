"""Who is let in: the first thing that happens to a call whose request has been read.

A call is refused at once, before it costs anything, when too much is in progress already or when its deadline will have
passed before it can be answered. What never gets this far, because the process is too busy to look at it, is ended by
gRPC itself: `attune.endpoint.new_grpc_server`. docs/overload.md tells the whole of it.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from attune.errors import OverloadedError

_LOOK_S = 0.05


class Lag:
    """How long the event loop lets what is ready wait for its turn.

    Attributes:
        seconds: The last measurement, or half of the one before where that is more.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self.seconds = 0.0

    async def follow(self) -> None:
        """Measure, again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _LOOK_S
            await asyncio.sleep(_LOOK_S)
            self.seconds = max(loop.time() - due_s, self.seconds / 2)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is taken on.

    Attributes:
        in_progress: Decisions, or outcomes, that may be in progress. One call more than that is let in.
        wait_s: How long a call may be expected to wait for its turn, in seconds.
    """

    in_progress: int = 4096
    wait_s: float = 1.0


class Admission:
    """Lets calls in while there is room, and time enough to answer them."""

    def __init__(
        self,
        limits: Limits,
        lag: Lag,
        stored_s: Callable[[], float],
        refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Let in as much as the limits say.

        Args:
            limits: How much is taken on.
            lag: Of the event loop.
            stored_s: Returns for how long what waits for the store has been waiting, in seconds.
            refused: Called with the reason of each refusal.
        """
        self._limits = limits
        self._lag = lag
        self._stored_s = stored_s
        self._refused = refused
        self._in_progress = 0

    def enter(self, size: int, time_remaining_s: float | None) -> None:
        """Let a call in; each one that is let in has to `leave`.

        Args:
            size: How many decisions or outcomes it asks for.
            time_remaining_s: Seconds until its deadline; None without one.

        Raises:
            OverloadedError: There is no room, or not enough time.
        """
        limits, lag_s = self._limits, self._lag.seconds
        if self._in_progress >= limits.in_progress:
            self._refuse("busy", f"expected at most {limits.in_progress} in progress, got {self._in_progress}")
        if lag_s > limits.wait_s:
            self._refuse("lag", f"expected to wait at most {limits.wait_s:g} s, got {lag_s:.3f} s")
        if time_remaining_s is not None and time_remaining_s < (wait_s := lag_s + self._stored_s()):
            self._refuse("deadline", f"expected a deadline at least {wait_s:.3f} s away, got {time_remaining_s:.3f} s")
        self._in_progress += size

    def leave(self, size: int) -> None:
        """Make room for others."""
        self._in_progress -= size

    def _refuse(self, reason: str, what: str) -> None:
        self._refused(reason)
        raise OverloadedError(f"there is too much to do: {what}; nothing was done")


@dataclass(frozen=True, slots=True)
class Admitted:
    """How calls of a method are let in.

    Attributes:
        admission: Decides.
        size_of: Says of a request how many decisions or outcomes it asks for.
    """

    admission: Admission
    size_of: Callable[[Any], int]
