"""A process that the supervisor starts, hears from and keeps running.

`Child` is one process of attune: it is handed its settings, and says through a pipe when it is ready. `Keeper` decides
when something that has died is started again; it serves the children and the store alike. `until_ready` waits for a
child at its first start, `stop` ends several of them at once.
"""

import logging
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from attune import config
from attune.errors import AttuneError, StoreUnavailableError
from attune.process import FEW_ARENAS, ONE_THREAD, bound, ending
from attune.settings import Settings

READY_VARIABLE = "ATTUNE_READY_FD"
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
HEALTHY_S = 10.0  # after a life of this length the delay starts again from the first
FIRST_STARTS = 5  # how often a process may die before it has ever been ready
EX_UNAVAILABLE = 69  # <sysexits.h>
EX_CONFIG = 78

logger = logging.getLogger(__name__)


class NeverReadyError(AttuneError):
    """A process cannot be started; the reason is on stderr."""

    def __init__(self, exit_code: int) -> None:
        """Keep the exit code that it ended with."""
        super().__init__(f"ended with exit code {exit_code}")
        self.exit_code = exit_code


class Child:
    """One process of attune.

    Start it from the main thread: the kernel ends it together with the thread that started it.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        """Name the process; nothing is started yet.

        Args:
            name: What it is called in the log.
            command: Program and arguments, the program as an absolute path.
        """
        self.name = name
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._heard = b""

    def start(self, settings: Settings) -> None:
        """Start the process with these settings, to compute in one thread. Its predecessor, if any, has ended."""
        self._stop_listening()
        self._heard = b""
        self._pipe, write = os.pipe()
        os.set_blocking(self._pipe, False)
        handed_down = {config.HANDED_DOWN_VARIABLE: config.to_json(settings), READY_VARIABLE: str(write)}
        try:
            # Ctrl-C goes to everyone in the session: in one of its own the child stops when the supervisor says so.
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                bound(self.command),
                stdin=subprocess.DEVNULL,
                env={**FEW_ARENAS, **os.environ, **ONE_THREAD, **handed_down},
                start_new_session=True,
                pass_fds=[write],
            )
        finally:
            os.close(write)

    def ready(self) -> str | None:
        """Return the line with which the child said that it is ready; None when it has not said so yet."""
        if self._pipe is not None:
            with suppress(BlockingIOError):
                said = os.read(self._pipe, 4096)
                self._heard += said
                if not said or b"\n" in said:
                    self._stop_listening()
        line, newline, _ = self._heard.partition(b"\n")
        return line.decode(errors="replace") if newline else None

    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process id, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def exit_code(self) -> int | None:
        """How the process ended, a negative signal number where it was killed; None while it runs."""
        return self._process.poll() if self._process else None

    def last_ending(self) -> str:
        """Describe how the process ended, for example `was killed by SIGKILL`."""
        return "is not running" if self.exit_code is None else ending(self.exit_code)

    def ask_to_end(self) -> None:
        """Ask the process to end, and do not wait for it."""
        self._stop_listening()
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End the process without asking."""
        if self._process is not None:
            logger.warning("%s (pid %s) has not ended yet; killing it", self.name, self.pid)
            self._process.kill()
            self._process.wait()

    def _stop_listening(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None


def stop(
    children: Iterable[Child],
    timeout_s: float,
    *,
    hurry: Callable[[], bool],
    wait: Callable[[], None] = lambda: time.sleep(0.01),
) -> None:
    """Ask processes to end, all at once, and wait for them.

    Args:
        children: The processes; those that do not run are left alone.
        timeout_s: Seconds after which they are killed.
        hurry: Asked again and again; true kills them at once.
        wait: Called again and again while there are any.
    """
    left = list(children)
    for child in left:
        child.ask_to_end()
    deadline = time.monotonic() + timeout_s
    while left := [child for child in left if child.alive()]:
        if time.monotonic() > deadline or hurry():
            for child in left:
                child.kill()
        wait()


class Kept(Protocol):
    """What a `Keeper` looks after: a `Child` or the embedded store."""

    @property
    def pid(self) -> int | None:
        """The process id."""

    def alive(self) -> bool:
        """Say whether it runs."""

    def last_ending(self) -> str:
        """Describe how it ended."""


class Keeper:
    """Starts something again when it has died, after a delay that doubles from one early death to the next."""

    def __init__(self, name: str, start: Callable[[], None], kept: Kept) -> None:
        """Take over something that has just been started.

        Args:
            name: What it is called in the log.
            start: Starts it again.
            kept: What is kept running.
        """
        self._name = name
        self._start = start
        self._kept = kept
        self._started = time.monotonic()
        self._delay_s = 0.0
        self._due: float | None = None
        self.restarts = 0

    def tend(self) -> None:
        """Look after it once; called again and again."""
        now = time.monotonic()
        if self._due is None:
            if not self._kept.alive():
                self._plan(now)
        elif now >= self._due:
            self._due = None
            self._started = now
            self.restarts += 1
            try:
                self._start()
            except (StoreUnavailableError, OSError) as error:
                logger.error("%s", error)  # noqa: TRY400 - the message says it all

    def _plan(self, now: float) -> None:
        early = now - self._started < HEALTHY_S and self._delay_s > 0
        self._delay_s = min(2 * self._delay_s, LONGEST_DELAY_S) if early else FIRST_DELAY_S
        self._due = now + self._delay_s
        how = self._kept.last_ending()
        logger.warning("%s (pid %s) %s; starting it again in %g s", self._name, self._kept.pid, how, self._delay_s)


def until_ready(child: Child, settings: Settings, wait: Callable[[], None]) -> Keeper:
    """Wait until a process that was just started for the first time is ready.

    Args:
        child: The process.
        settings: What it was started with, and is started with again.
        wait: Called again and again in the meantime.

    Returns:
        Its keeper from now on.

    Raises:
        NeverReadyError: It ended, and starting it again would not help, or did not.
    """
    keeper = Keeper(child.name, lambda: child.start(settings), child)
    while child.ready() is None:
        wait()
        if (code := child.exit_code) is not None:
            _check_first_start(child, code, keeper.restarts + 1)
            keeper.tend()
    return keeper


def _check_first_start(child: Child, code: int, starts: int) -> None:
    """Give up on a process that has never been ready, where starting it again would not help."""
    if code in {EX_UNAVAILABLE, EX_CONFIG}:
        raise NeverReadyError(code)  # it has said why
    if starts >= FIRST_STARTS:
        logger.error("%s %s, %d times in a row", child.name, child.last_ending(), starts)
        raise NeverReadyError(1)
