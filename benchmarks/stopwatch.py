"""Times calls in short turns, one after the other, so that a slow minute of the machine hits all of them alike."""

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

Call: TypeAlias = Callable[[], object]
"""What is timed."""
_TURN_S = 2e-3
_MOST_CALLS = 500


def turn_us(call: Call, n_calls: int) -> float:
    """Returns the CPU time of one call, microseconds: the mean of a turn of `n_calls`.

    The time of the process on a core, not the time on the wall: what else runs here does not count.
    """
    start = time.process_time_ns()
    for _ in range(n_calls):
        call()
    return (time.process_time_ns() - start) / n_calls / 1e3


def calls_in_a_turn(call: Call) -> int:
    """Returns how many calls make a turn of about 2 ms; calls it twice, the first time to warm up."""
    call()
    return max(1, min(_MOST_CALLS, int(_TURN_S * 1e6 / max(turn_us(call, 1), 1.0))))


def interleaved_us(calls: Sequence[Call], turns: int) -> list[list[float]]:
    """Returns the CPU time of each call in each turn, microseconds; shape (turns, number of calls).

    Args:
        calls: What is compared; each round gives every one of them a turn, in this order.
        turns: How many rounds.
    """
    numbers = [calls_in_a_turn(call) for call in calls]
    return [[turn_us(call, n_calls) for call, n_calls in zip(calls, numbers, strict=True)] for _ in range(turns)]
