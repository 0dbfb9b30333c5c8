"""Ctrl-C as a wish: work that may take long ends where it can, and keeps what is done."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # what a shell reports for a program that SIGINT ended


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Take the first Ctrl-C as a wish to end; a second one ends everything at once.

    Yields:
        A function that says whether somebody has pressed it.
    """
    pressed = False

    def press(_number: int, _frame: FrameType | None) -> None:
        """Remember it, and let the next one through."""
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
