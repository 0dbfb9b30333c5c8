"""The process behind `attune serve`: it starts the store, the servers and the learner, and keeps them running.

Order of start: store, servers, learner; order of stop: servers (which finish the calls they have), learner, store. Each
of them dies with the supervisor, whatever kills it (`attune.process`), and is started again when it dies alone. On
SIGHUP servers and learner are replaced by new processes, one after the other (`attune.workers`). The supervisor itself
does nothing else: no event loop, and no grpc, which does not survive the starting of processes.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from attune.child import Child, Keeper, NeverReadyError, stop, until_ready
from attune.config import reachable
from attune.errors import SettingError, StoreUnavailableError
from attune.process import bound, python
from attune.settings import Settings
from attune.signals import Signals
from attune.store.data_dir import customer_key
from attune.store.embedded import EmbeddedStore
from attune.workers import Workers

TICK_S = 0.05
SYNC_S = 1.0
LEARNER_STOP_S = 10.0
# How long an address may be taken: the servers of a supervisor that was killed need a moment to end.
PREDECESSOR_S = 2.0

logger = logging.getLogger(__name__)


class _StopRequested(Exception):  # noqa: N818 - not an error
    """Somebody wants the service to end."""


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
        self._workers: Workers | None = None
        self._learner = Child("learner", python("attune.server", "learner")) if learner else None
        self._keepers: dict[str, Keeper] = {}
        self._signals = Signals()
        self._stopped = threading.Event()

    def run(self) -> int:
        """Run the service.

        Returns:
            The exit code: 0 after SIGTERM or SIGINT; that of a process which could not be started otherwise, its
            reason is on stderr then.

        Raises:
            ExpectedError: The embedded store cannot be started, or the address is taken.
        """
        with self._signals.counted():
            try:
                self._start()
                while True:
                    self._tick()
                    self._renew()
            except _StopRequested:
                return 0
            except NeverReadyError as failure:
                return failure.exit_code
            finally:
                self._stop()

    def _start(self) -> None:
        if self._store:
            self._start_store(self._store)
        workers = self._workers = self._claimed()
        workers.start_first()
        # The others come after the placements: each server knows them when it begins.
        self._apply(workers.address)
        workers.start_others()
        if self._learner:
            self._start_learner(self._learner)
        self._announce(workers.address)

    def _claimed(self) -> Workers:
        """Claim the addresses, which those who had them may be about to leave."""
        deadline = time.monotonic() + PREDECESSOR_S
        while True:
            try:
                return Workers(self._settings, self._tick)
            except SettingError:
                if time.monotonic() > deadline:
                    raise
            self._tick()

    def _start_store(self, store: EmbeddedStore) -> None:
        try:
            url = store.start(give_up=self._stopping)
        except StoreUnavailableError:
            if self._stopping():
                raise _StopRequested from None
            raise
        customers = self._settings.customers
        if not customers.key:
            customers = replace(customers, key=customer_key(self._settings.store.data_dir))
        self._settings = replace(self._settings, store=replace(self._settings.store, url=url), customers=customers)
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

    def _start_learner(self, learner: Child) -> None:
        learner.start(self._settings)
        self._keepers[learner.name] = until_ready(learner, self._settings, self._tick)

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
            raise NeverReadyError(max(process.returncode, 1))

    def _tick(self) -> None:
        """Wait a moment, and look after everything that should be running."""
        time.sleep(TICK_S)
        if self._stopping():
            raise _StopRequested
        for keeper in self._keepers.values():
            keeper.tend()
        if self._workers:
            self._workers.tend()

    def _renew(self) -> None:
        """Replace servers and learner by new processes if somebody has asked for it."""
        if self._workers and self._signals.renewals:
            self._signals.renewals = 0  # who asks again from here on gets another turn
            logger.info("replacing the processes, one after the other")
            if self._workers.replace() and self._learner:
                self._replace_learner(self._learner)

    def _replace_learner(self, learner: Child) -> None:
        """End the learner and start it again: a placement has one at a time, and nothing is lost in between."""
        del self._keepers[learner.name]
        stop([learner], LEARNER_STOP_S, hurry=lambda: False, wait=self._tick)
        try:
            learner.start(self._settings)
        except OSError as error:
            logger.error("a new learner: %s", error)  # noqa: TRY400 - the message says it all; its keeper tries again
        self._keepers[learner.name] = Keeper(learner.name, lambda: learner.start(self._settings), learner)

    def _stop(self) -> None:
        signals_before = self._signals.ends

        def hurry() -> bool:
            """Say whether somebody has asked again, and does not want to wait."""
            return self._signals.ends > signals_before

        if self._workers:
            self._workers.stop(hurry=hurry)
        if self._learner:
            stop([self._learner], LEARNER_STOP_S, hurry=hurry)
        self._stopped.set()
        if self._store:
            self._store.stop()

    def _stopping(self) -> bool:
        return self._signals.ends > 0
