"""A hangup asks for new processes, unless the terminal is gone."""

import os
import pty
import signal
import subprocess
import sys
from contextlib import closing

import pytest

from attune.signals import Signals

# Takes the terminal that is its standard input as its own, as a login shell does, counts, and says what was asked for.
COUNT = """
import fcntl, sys, termios, time
from attune.signals import Signals
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signals = Signals()
with signals.counted():
    print("counting", flush=True)
    while not (signals.ends or signals.renewals):
        time.sleep(.01)
    print(signals.ends, signals.renewals, flush=True)
"""


def test_each_signal_counts_as_what_it_asks_for() -> None:
    signals = Signals()
    before = signal.getsignal(signal.SIGTERM)
    with signals.counted():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert (signals.ends, signals.renewals) == (2, 1)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_hangup_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signals = Signals()
        with signals.counted():
            os.kill(os.getpid(), signal.SIGHUP)
        assert (signals.ends, signals.renewals) == (0, 0)
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform != "linux", reason="how a process gets a terminal differs")
@pytest.mark.parametrize(
    ("terminal_goes", "expected"),
    [
        # Somebody sent the signal: the terminal is still there.
        (False, b"0 1\n"),
        # The window was closed: the kernel sends it.
        (True, b"1 0\n"),
    ],
)
def test_a_terminal_that_is_closed_ends_the_service(*, terminal_goes: bool, expected: bytes) -> None:
    window, terminal = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", COUNT], stdin=terminal, stdout=subprocess.PIPE, start_new_session=True
    ) as counting:
        os.close(terminal)
        assert counting.stdout
        with closing(counting.stdout) as said:
            assert said.readline() == b"counting\n"
            if terminal_goes:
                os.close(window)
            else:
                counting.send_signal(signal.SIGHUP)
            assert said.readline() == expected
    if not terminal_goes:
        os.close(window)
