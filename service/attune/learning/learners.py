"""All learners of a process: one task per placement, started when it appears, ended when it goes."""

import asyncio
import logging
import os
import socket

from attune.config import LearnerSettings
from attune.errors import ExpectedError, NotFoundError
from attune.learning.learner import PlacementLearner
from attune.metrics import LearningMetrics
from attune.store.client import Store
from attune.store.placements import Placements
from attune.tasks import end, pause

_LOOK_S = 0.5
_RETRY_S = 0.5
_STOP_S = 5.0

_log = logging.getLogger(__name__)


class Learners:
    """Learns for every placement it can get the lease of; other processes stand by and take over."""

    def __init__(self, store: Store, settings: LearnerSettings, metrics: LearningMetrics | None = None) -> None:
        """Learn from and into this store."""
        self._metrics = metrics or LearningMetrics()
        self._settings = settings
        self._store = store
        self._placements = Placements(store)
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, stopping: asyncio.Event) -> None:
        """Learn until told to stop; then commit what was learned and give the leases back."""
        try:
            while not stopping.is_set():
                try:
                    self._follow(await self._placements.names(), stopping)
                except ExpectedError as error:
                    _log.warning("cannot look for placements: %s", error)
                except Exception:  # noqa: BLE001 - those that learn already go on
                    _log.exception("cannot look for placements")
                await pause(stopping, _LOOK_S)
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=_STOP_S)
        finally:
            await end(*self._tasks.values())

    def _follow(self, names: list[str], stopping: asyncio.Event) -> None:
        for name in list(self._tasks):
            if self._tasks[name].done():
                del self._tasks[name]
        for name in names:
            if name not in self._tasks:
                self._tasks[name] = asyncio.get_running_loop().create_task(self._learn(name, stopping))

    async def _learn(self, name: str, stopping: asyncio.Event) -> None:
        learner = PlacementLearner(name, self._owner, self._settings, self._store, self._metrics)
        while not stopping.is_set():
            try:
                await learner.run(stopping)
            except NotFoundError:
                return
            except ExpectedError as error:
                _log.warning('placement "%s": learning again in %g s: %s', name, _RETRY_S, error)
                await pause(stopping, _RETRY_S)
            except Exception:  # noqa: BLE001 - see the next line
                # One placement's bug must not stop the learning of all others.
                _log.exception('placement "%s": learning again in %g s', name, _RETRY_S)
                await pause(stopping, _RETRY_S)
