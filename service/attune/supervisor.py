"""The process behind `attune serve`: it starts the store, the server and the learner, and keeps them running.

Order of start: store, server, learner; order of stop: server (which finishes the calls it has), learner, store. Each
of them dies with the supervisor, whatever kills it (`attune.process`), and is started again when it dies alone. The
supervisor itself does nothing else: no event loop, and no grpc, which does not survive the starting of processes.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from attune.child import Child, Keeper
from attune.config import Settings, reachable
from attune.errors import StoreUnavailableError
from attune.process import bound, python
from attune.store.embedded import EmbeddedStore

EX_UNAVAILABLE = 69  # <sysexits.h>
EX_CONFIG = 78
TICK_S = 0.05
SYNC_S = 1.0
FIRST_STARTS = 5  # how often a process may die before it has ever been ready
LEARNER_STOP_S = 10.0
# What the server needs on top of the time its calls may take.
SERVER_STOP_S = 5.0

logger = logging.getLogger(__name__)


class _StopRequested(Exception):  # noqa: N818 - not an error
    """Somebody wants the service to end."""


class _GaveUp(Exception):  # noqa: N818 - carries an exit code, its reason has been printed
    """The service cannot be started."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(exit_code)
        self.exit_code = exit_code


class Supervisor:
    """Runs the service in the foreground until a signal ends it."""

    def __init__(
        self, settings: Settings, *, learner: bool, placement_files: Sequence[Path], announce: Callable[[str], None]
    ) -> None:
        """Take what is to be run; nothing is started yet.

        Args:
            settings: For all processes. Without a store URL the embedded store is run.
            learner: Whether to run a learner, too.
            placement_files: Applied before the service is announced.
            announce: Called once, when the service is ready, with the address it listens on.
        """
        self._settings = settings
        self._announce = announce
        self._placement_files = placement_files
        self._store = None if settings.store.url else EmbeddedStore(settings.store.data_dir)
        self._server = Child("server", python("attune.server", "decisions"))
        self._learner = Child("learner", python("attune.server", "learner")) if learner else None
        self._keepers: dict[str, Keeper] = {}
        self._signals = 0
        self._stopped = threading.Event()

    def run(self) -> int:
        """Run the service.

        Returns:
            The exit code: 0 after SIGTERM or SIGINT; that of a process which could not be started otherwise, its
            reason is on stderr then.

        Raises:
            ExpectedError: The embedded store cannot be started.
        """
        with self._signals_counted():
            try:
                self._start()
                while True:
                    self._tick()
            except _StopRequested:
                return 0
            except _GaveUp as failure:
                return failure.exit_code
            finally:
                self._stop()

    def _start(self) -> None:
        if self._store:
            self._start_store(self._store)
        address = self._start_child(self._server)
        # Started again, the server keeps the port that it was given.
        self._settings = replace(self._settings, server=replace(self._settings.server, address=address))
        self._apply(address)
        if self._learner:
            self._start_child(self._learner)
        self._announce(address)

    def _start_store(self, store: EmbeddedStore) -> None:
        try:
            url = store.start(give_up=self._stopping)
        except StoreUnavailableError:
            if self._stopping():
                raise _StopRequested from None
            raise
        self._settings = replace(self._settings, store=replace(self._settings.store, url=url))
        self._keepers["store"] = Keeper("store", lambda: self._restart_store(store), store)
        threading.Thread(target=self._sync_store, args=[store], name="store-sync", daemon=True).start()

    def _restart_store(self, store: EmbeddedStore) -> None:
        try:
            store.restart(give_up=self._stopping)
        except StoreUnavailableError:
            if not self._stopping():
                raise

    def _sync_store(self, store: EmbeddedStore) -> None:
        """Runs in a thread of its own: a slow disk must not keep the supervisor from its work."""
        while not self._stopped.wait(SYNC_S):
            try:
                store.sync()
            except OSError as error:
                logger.critical("the disk does not take the store's data: %s", error)

    def _start_child(self, child: Child) -> str:
        """Start a process, and return the line with which it says that it is ready."""
        child.start(self._settings)
        keeper = Keeper(child.name, lambda: child.start(self._settings), child)
        while (line := child.ready()) is None:
            self._tick()
            if (code := child.exit_code) is not None:
                _check_first_start(child, code, keeper.restarts + 1)
                keeper.tend()
        self._keepers[child.name] = keeper
        return line

    def _apply(self, address: str) -> None:
        """Apply the placement files through a process of its own: grpc must not be used in this one."""
        if self._placement_files:
            command = python("attune", "apply", "--address", reachable(address), "--", *map(str, self._placement_files))
            output = subprocess.DEVNULL  # the first line on stdout says that the service is ready
            self._wait_for(subprocess.Popen(bound(command), stdin=subprocess.DEVNULL, stdout=output))  # noqa: S603

    def _wait_for(self, process: subprocess.Popen[bytes]) -> None:
        try:
            while process.poll() is None:
                self._tick()
        except _StopRequested:
            process.kill()
            process.wait()
            raise
        if process.returncode:
            raise _GaveUp(max(process.returncode, 1))

    def _tick(self) -> None:
        """Wait a moment, and look after everything that should be running."""
        time.sleep(TICK_S)
        if self._stopping():
            raise _StopRequested
        for keeper in self._keepers.values():
            keeper.tend()

    def _stop(self) -> None:
        signals_before = self._signals

        def hurry() -> bool:
            """Say whether somebody has asked again, and does not want to wait."""
            return self._signals > signals_before

        self._server.stop(self._settings.server.drain_s + SERVER_STOP_S, hurry=hurry)
        if self._learner:
            self._learner.stop(LEARNER_STOP_S, hurry=hurry)
        self._stopped.set()
        if self._store:
            self._store.stop()

    def _stopping(self) -> bool:
        return self._signals > 0

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        """Count the signals that ask for an end. A handler does no more than that: it may run at any moment.

        A hangup that is ignored stays so: that is what `nohup` asks for.
        """

        def count(number: int, frame: FrameType | None) -> None:
            """Count a signal."""
            del number, frame
            self._signals += 1

        wanted = [signal.SIGTERM, signal.SIGINT]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            wanted.append(signal.SIGHUP)
        before = {number: signal.signal(number, count) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _check_first_start(child: Child, code: int, starts: int) -> None:
    """Give up on a process that has never been ready, where starting it again would not help."""
    if code in {EX_UNAVAILABLE, EX_CONFIG}:
        raise _GaveUp(code)  # it has said why
    if starts >= FIRST_STARTS:
        logger.error("%s %s, %d times in a row", child.name, child.last_ending(), starts)
        raise _GaveUp(1)
