"""What the supervisor is asked for by signals: to end, or to replace its processes.

SIGTERM and SIGINT ask for an end. SIGHUP asks for new processes, unless it says that the terminal is gone: then it asks
for an end, too, or a service that was started by hand would outlive the window it was started in.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """Counts what was asked for. A handler does no more than that: it may run at any moment.

    Attributes:
        ends: How often an end was asked for.
        renewals: How often new processes were asked for.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ends = 0
        self.renewals = 0
        self._had_terminal = False

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count within the block. A hangup that is ignored stays so: that is what `nohup` asks for."""
        self._had_terminal = _has_terminal()
        handlers = {signal.SIGTERM: self._end, signal.SIGINT: self._end, signal.SIGHUP: self._hang_up}
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
            del handlers[signal.SIGHUP]
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.ends += 1

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self._had_terminal and not _has_terminal():
            self.ends += 1
        else:
            self.renewals += 1


def _has_terminal() -> bool:
    """Say whether this process has a terminal that can send it signals. One that was hung up is none any more."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
