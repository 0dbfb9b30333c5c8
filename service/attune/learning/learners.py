"""All learners of a process: one task per placement, started when it appears, ended when it goes."""

import asyncio
import logging
import os
import socket

from attune.config import LearnerSettings
from attune.errors import ExpectedError, NotFoundError
from attune.learning.learner import PlacementLearner
from attune.store.client import Store
from attune.store.placements import Placements
from attune.tasks import end

_LOOK_S = 0.5
_RETRY_S = 0.5

_log = logging.getLogger(__name__)


class Learners:
    """Learns for every placement it can get the lease of; other processes share the rest."""

    def __init__(self, store: Store, settings: LearnerSettings) -> None:
        """Learn from and into this store."""
        self._settings = settings
        self._store = store
        self._placements = Placements(store)
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Learn until cancelled."""
        try:
            while True:
                try:
                    self._follow(await self._placements.names())
                except ExpectedError as error:
                    _log.warning("cannot look for placements: %s", error)
                await asyncio.sleep(_LOOK_S)
        finally:
            await end(*self._tasks.values())

    def _follow(self, names: list[str]) -> None:
        for name in list(self._tasks):
            if self._tasks[name].done():
                del self._tasks[name]
        for name in names:
            if name not in self._tasks:
                self._tasks[name] = asyncio.get_running_loop().create_task(self._learn(name))

    async def _learn(self, name: str) -> None:
        learner = PlacementLearner(name, self._owner, self._settings, self._store)
        while True:
            try:
                await learner.run()
            except NotFoundError:
                return
            except ExpectedError as error:
                _log.warning('placement "%s": learning again in %g s: %s', name, _RETRY_S, error)
                await asyncio.sleep(_RETRY_S)
            except Exception:  # noqa: BLE001 - see the next line
                # One placement's bug must not stop the learning of all others.
                _log.exception('placement "%s": learning again in %g s', name, _RETRY_S)
                await asyncio.sleep(_RETRY_S)
