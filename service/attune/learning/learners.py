"""All learners of a process: one task for each placement whose lease it has.

Several processes share the placements: each announces itself, and takes at most its share, which is the number of
placements divided by that of learners, rounded up. What is above the share, because another learner has come, is
given back after a commit; the others find it free a moment later. A learner that dies is forgotten when its leases
run out, and the shares of all others grow.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Sequence
from zlib import crc32

from attune.errors import ExpectedError, NotFoundError
from attune.learning.learner import PlacementLearner
from attune.metrics import LearningMetrics
from attune.settings import LearnerSettings
from attune.store.client import Store
from attune.store.learners import LearnerRegister
from attune.store.placements import Placements
from attune.tasks import end, pause

_LOOK_S = 0.25
_RETRY_S = 0.5
_STOP_S = 5.0

_log = logging.getLogger(__name__)


class Learners:
    """Learns for its share of the placements; other processes learn for the rest, and take over."""

    def __init__(
        self, store: Store, settings: LearnerSettings, metrics: LearningMetrics | None = None, *, owner: str = ""
    ) -> None:
        """Learn from and into this store.

        Args:
            store: The store.
            settings: How to learn.
            metrics: Where to count.
            owner: How others see this learner; empty for `host:pid`.
        """
        self._metrics = metrics or LearningMetrics()
        self._settings = settings
        self._store = store
        self._placements = Placements(store)
        self._register = LearnerRegister(store)
        self._owner = owner or f"{socket.gethostname()}:{os.getpid()}"
        self._ttl_ms = int(settings.lease_s * 1000)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._endings: dict[str, asyncio.Event] = {}
        self._free_since_s: dict[str, float] = {}
        # Placements above the share that nobody else took, as long as learners and placements stay the same.
        self._adopted: set[str] = set()
        self._sharing: tuple[Sequence[str], frozenset[str]] = ((), frozenset())

    async def run(self, stopping: asyncio.Event) -> None:
        """Learn until told to stop; then commit what was learned and give the leases back."""
        try:
            while not stopping.is_set():
                try:
                    await self._look()
                except ExpectedError as error:
                    _log.warning("cannot look for placements: %s", error)
                except Exception:  # noqa: BLE001 - those that learn already go on
                    _log.exception("cannot look for placements")
                await pause(stopping, _LOOK_S)
            await self._leave()
        finally:
            await end(*self._tasks.values())

    async def _leave(self) -> None:
        for ending in self._endings.values():
            ending.set()
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_STOP_S)
        try:
            await self._register.announce(self._owner, 0)
        except ExpectedError as error:
            _log.warning("the other learners will notice in %g s that this one left: %s", self._settings.lease_s, error)

    async def _look(self) -> None:
        names = await self._placements.names()
        learners = await self._register.announce(self._owner, self._ttl_ms)
        self._forget_ended()
        if (names, learners) != self._sharing:
            self._sharing = (names, learners)
            self._adopted.clear()
        share = -(-len(names) // len(learners))
        self._give_back(len(self._tasks) - len(self._adopted) - share)
        self._take(await self._free(names), share)

    def _forget_ended(self) -> None:
        for name in [name for name, task in self._tasks.items() if task.done()]:
            del self._tasks[name], self._endings[name]
            self._adopted.discard(name)

    def _give_back(self, too_many: int) -> None:
        """Let the others have placements: those that were taken last, which have learned the least here."""
        for name in list(reversed(self._tasks))[: max(0, too_many)]:
            if not self._endings[name].is_set():
                _log.info('placement "%s": another learner may have it', name)
                self._endings[name].set()

    async def _free(self, names: Sequence[str]) -> list[str]:
        """Return the placements that nobody learns, in an order that differs from one learner to the next."""
        owners = await self._register.owners(names)
        free = [name for name, owner in owners.items() if not owner and name not in self._tasks]
        now_s = time.monotonic()
        self._free_since_s = {name: self._free_since_s.get(name, now_s) for name in free}
        return sorted(free, key=lambda name: crc32(f"{self._owner} {name}".encode()))

    def _take(self, free: Sequence[str], share: int) -> None:
        for name in free:
            if len(self._tasks) - len(self._adopted) >= share:
                # Everybody else is at their share, too, or cannot learn it: better too much work than none done.
                if time.monotonic() - self._free_since_s[name] < self._settings.lease_s:
                    continue
                self._adopted.add(name)
            self._endings[name] = asyncio.Event()
            self._tasks[name] = asyncio.get_running_loop().create_task(self._learn(name, self._endings[name]))

    async def _learn(self, name: str, ending: asyncio.Event) -> None:
        try:
            await PlacementLearner(name, self._owner, self._settings, self._store, self._metrics).run(ending)
        except NotFoundError:
            return
        except ExpectedError as error:
            _log.warning('placement "%s": learning again in %g s: %s', name, _RETRY_S, error)
            await pause(ending, _RETRY_S)
        except Exception:  # noqa: BLE001 - see the next line
            # One placement's bug must not stop the learning of all others.
            _log.exception('placement "%s": learning again in %g s', name, _RETRY_S)
            await pause(ending, _RETRY_S)
