"""Starts the real `attune serve` for tests and benchmarks, and finds the processes it started.

`with RunningService(data_dir) as service:` gives a service on a free port with its own embedded store; leaving the
block stops it and checks that it ended cleanly. Nothing here imitates anything: the supervisor, the server, the
learner and the store are the processes a user would have.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from attune.process import bound

READY = re.compile(r"^attune \S+ is ready on (\S+)$", re.MULTILINE)
ROLES = {"attune.server decisions": "server", "attune.server learner": "learner"}
_HAS_PROC = Path("/proc/self/stat").exists()
STORES = ("valkey-server", "redis-server")

PATIENT = {"ATTUNE__STORE__DECISION_TIMEOUT_MS": "5000", "ATTUNE__SERVER__MAX_QUEUE": "512"}
"""For tests that count on every decision being logged: by default one that waits for 0.1 s is answered unlogged, and on
a busy machine that is soon over; and that several clients at once are not refused while it stands still. What happens
then is for tests of its own."""

_T = TypeVar("_T")


class RunningService:
    """One `attune serve` in a process of its own, ready to answer.

    Attributes:
        address: Where it listens, as host:port; the port is a free one.
        pid: The supervisor's process id.
        data_dir: Where its embedded store keeps its data; `None` when its store runs elsewhere.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        redis_url: str = "",
        args: Sequence[str] = (),
        env: dict[str, str] | None = None,
        ready_s: float = 60.0,
    ) -> None:
        """Starts the service and waits until it is ready.

        Args:
            data_dir: Where the embedded store keeps its data. Needed unless `redis_url` is given.
            redis_url: A store that runs already; then there is no embedded one.
            args: More arguments of `attune serve`.
            env: Variables set on top of the environment.
            ready_s: Seconds to wait for the line that says it is ready.

        Raises:
            RuntimeError: It ended, or was not ready in time; the message holds what it printed.
        """
        store = ["--redis-url", redis_url] if redis_url else ["--data-dir", str(data_dir)]
        # Bound to the life of this process: a test run that is killed leaves nothing behind. The kernel watches the
        # thread, so a service is to be started from the main one.
        command = bound([sys.executable, "-m", "attune", "serve", "--address", "127.0.0.1:0", *store, *args])
        with tempfile.NamedTemporaryFile(prefix="attune-serve-", suffix=".log", delete=False) as log:
            self._log, self._printed = Path(log.name), ""
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
            )
        self.pid, self.data_dir = self._process.pid, data_dir
        self._known: list[tuple[int, str]] = []
        self.address = self._wait_until_ready(ready_s)

    def _wait_until_ready(self, timeout_s: float) -> str:
        deadline = time.monotonic() + timeout_s
        while (ready := READY.search(self.log())) is None:
            ended = self._process.poll()
            if ended is not None or time.monotonic() > deadline:
                self._discard()
                what = f"was not ready after {timeout_s} s" if ended is None else f"ended with exit code {ended}"
                raise RuntimeError(f"attune serve {what}; it printed:\n{self.log()}")
            time.sleep(0.02)
        return ready[1]

    def log(self) -> str:
        """Returns everything that the service has printed so far, both streams in order; also after it ended."""
        if self._log.exists():
            self._printed = self._log.read_text(encoding="utf-8", errors="replace")
        return self._printed

    def children(self) -> dict[str, int]:
        """Finds the processes under the supervisor.

        Returns:
            Process ids by role: `server`, `learner`, `store`. A role without a live process is absent.
        """
        return {role: pid for pid, command in _descendants(self.pid) if (role := _role(command))}

    def servers(self) -> list[int]:
        """Finds the server processes, of which there may be several: their process ids, in order."""
        return sorted(pid for pid, command in _descendants(self.pid) if _role(command) == "server")

    def stop(self, timeout_s: float = 20.0) -> None:
        """Sends SIGTERM and checks that everything ends cleanly. Does nothing when the service was stopped before.

        Args:
            timeout_s: Seconds within which the supervisor has to end.

        Raises:
            AssertionError: It did not end in time, did not end with exit code 0, or left a process behind.
        """
        if self._process.returncode is not None:
            return
        self._known = _descendants(self.pid)
        self._process.terminate()
        try:
            code = self._process.wait(timeout_s)
            left = self._left_behind()
            assert (code, left) == (0, []), f"exit code {code}, left behind {left}; it printed:\n{self.log()}"
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running {timeout_s} s after SIGTERM; it printed:\n{self.log()}") from None
        finally:
            self._discard()

    def kill(self) -> None:
        """Kills the supervisor with SIGKILL and returns once it is gone; its children are left to notice."""
        self._known = _descendants(self.pid)
        self._process.kill()
        self._process.wait()

    def _left_behind(self) -> list[tuple[int, str]]:
        """Returns process id and command line of the known descendants that still run."""
        return [(pid, command) for pid, command in self._known if _command(pid) == command]

    def _discard(self) -> None:
        """Ends whatever still runs, without asking, and removes the log file."""
        self._known += _descendants(self.pid)
        self._process.kill()
        self._process.wait()
        for pid, _ in self._left_behind():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.log()
        self._log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """Returns the service itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Stops the service; after a failure in the block, shows what it printed and ends it without checks."""
        if kind is None:
            self.stop()
        else:
            sys.stderr.write(f"attune serve printed:\n{self.log()}\n")
        self._discard()


def is_alive(pid: int) -> bool:
    """Says whether a process runs; one that has ended and only waits to be noticed (a zombie) does not."""
    return _command(pid) is not None


def wait_until(condition: Callable[[], _T], what: str, timeout_s: float = 60.0, every_s: float = 0.05) -> _T:
    """Asks again and again until the answer is true.

    Args:
        condition: What to ask.
        what: What is waited for, in words, for the error message.
        timeout_s: Seconds after which it is an error: many by default, because the clock is the wall's and the machine
            may be busy. Where it matters how long something takes, the caller says so.
        every_s: Seconds between two questions.

    Returns:
        The first true answer.

    Raises:
        AssertionError: There was none in time; the message holds the last one.
    """
    deadline = time.monotonic() + timeout_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited {timeout_s} s for {what}; last answer: {answer!r}"
        time.sleep(every_s)
    return answer


def _role(command: str) -> str | None:
    """Tells from a command line what a process is, or None for one that is not ours to name."""
    if Path(command.split(" ", 1)[0]).name in STORES:
        return "store"
    return next((role for words, role in ROLES.items() if words in command), None)


def _descendants(pid: int) -> list[tuple[int, str]]:
    """Returns process id and command line of everything below `pid`, nearest first."""
    parents = _parents()
    below = [pid]
    for parent in below:
        below += [child for child, its_parent in parents.items() if its_parent == parent]
    return [(each, command) for each in below[1:] if (command := _command(each)) is not None]


# Asked many times a second while somebody waits, on machines with hundreds of processes: only what is needed is read.
def _parents() -> dict[int, int]:
    """Returns the parent's id of every process of this machine that has not ended, by its own."""
    if not _HAS_PROC:
        return {pid: parent for pid, parent, _ in _from_ps()}
    parents = ((name, _parent(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - see above
    return {int(name): parent for name, parent in parents if parent is not None}


def _command(pid: int) -> str | None:
    """Returns the command line of a process, None where it has ended."""
    if not _HAS_PROC:
        return next((command for other, _, command in _from_ps() if other == pid), None)
    with suppress(FileNotFoundError, ProcessLookupError):
        if _parent(str(pid)) is not None:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
            return command.decode(errors="replace")
    return None


def _parent(pid: str) -> int | None:
    """Returns the id of a process's parent, None where the process has ended."""
    with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
        # The name in brackets may itself hold brackets and spaces: state and parent follow the last one.
        state, parent = file.read().rpartition(b")")[2].split()[:2]
        return None if state == b"Z" else int(parent)
    return None


def _from_ps() -> Iterator[tuple[int, int, str]]:
    ps = ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="]
    for line in subprocess.run(ps, capture_output=True, text=True, check=True).stdout.splitlines():
        pid, parent, state, command = [*line.split(None, 3), ""][:4]
        if not state.startswith("Z"):
            yield int(pid), int(parent), command
