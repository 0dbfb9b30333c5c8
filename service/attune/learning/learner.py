"""The learner of one placement: joins, learns, commits, and never writes what it has no right to.

Everything it needs to go on after a crash is in the head: the weights and the position in the log they stand at,
committed together. What was learned but not committed is learned again by the next learner, from the same weights.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence

from attune.errors import BadSnapshotError, ExpectedError, FencedError
from attune.learning.baseline import PlacementBaseline
from attune.learning.challengers import PlacementChallengers
from attune.learning.final_rewards import FinalRewards
from attune.learning.guard import PlacementGuard
from attune.learning.session import Session
from attune.learning.trainee import Start, Trainee
from attune.metrics import LearningMetrics
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING, Interactions
from attune.store.keys import PlacementKeys
from attune.store.late import LateOutcomes
from attune.store.log_entries import LoggedInteraction
from attune.store.placements import Placements
from attune.store.schemas import Schemas
from attune.store.versions import Lease, Versions
from attune.tasks import pause
from attune_models.schema_findings import Problem
from attune_models.types import PolicyError

_PROGRESS_S = 1.0
_PROBLEMS = [problem.value for problem in Problem]

_log = logging.getLogger(__name__)


class PlacementLearner:
    """Learns for one placement while it holds its lease."""

    def __init__(
        self,
        name: str,
        owner: str,
        settings: LearnerSettings,
        store: Store,
        metrics: LearningMetrics,
    ) -> None:
        """Prepare to learn for a placement as `owner`, which is `host:pid`."""
        self._metrics = metrics
        self._store = store
        self._schemas = Schemas(store)
        self._keys = PlacementKeys(name)
        self._owner = owner
        self._settings = settings
        self._placements = Placements(store)
        self._interactions = Interactions(store)
        self._late = LateOutcomes(store)
        self._versions = Versions(store)

    async def run(self, stopping: asyncio.Event) -> None:
        """Learn until told to stop, or another learner has the lease; give it back in the end.

        Raises:
            NotFoundError: The placement is gone.
            StoreUnavailableError: The store did not answer in time; run again later.
        """
        lease = await self._versions.acquire(self._keys, self._owner, int(self._settings.lease_s * 1000))
        if lease is None:
            return
        try:
            await self._hold(lease, stopping)
        except FencedError as error:
            _log.warning("%s", error)
        finally:
            self._metrics.forget(self._keys.name)
            with contextlib.suppress(ExpectedError):
                await self._versions.release(lease)

    async def _hold(self, lease: Lease, stopping: asyncio.Event) -> None:
        session = await self._take_up(lease)
        guard = PlacementGuard(lease, self._schemas, self._settings.schema_window_s)
        challengers = PlacementChallengers(lease, self._store, self._settings)
        baseline = PlacementBaseline(lease, self._store, self._settings)
        while True:
            stops = stopping.is_set()
            record = await self._placements.get(self._keys.name)
            placement, most = record.placement, self._settings.batch
            if not session.trainee.is_for(record):
                _log.info('placement "%s": training its policy on the log', self._keys.name)
                session.retrain(*await self._start(record))
            await guard.look(placement)
            joined = await self._interactions.join(self._keys, most, revise=placement.reward.revise_late)
            cursor = session.trainee.cursor
            entries = await self._interactions.after(self._keys, cursor, most)
            learned = session.learn(await session.final_rewards.add(entries))
            self._count(session, entries, learned, guard)
            if learned == len(entries) < most:
                session.replaces_head = False  # it has caught up
            if session.commit_is_due(self._settings) or (stops and session.may_commit):
                await self._commit(session)
            is_behind = await baseline.work(record, cursor, entries)
            if stops:
                await baseline.commit()
                await challengers.commit()
                return
            await self._renew(session)
            if max(joined, len(entries)) < most and learned == len(entries):
                if await self._challenge(session, challengers, record) or is_behind:
                    continue
                await pause(stopping, self._settings.poll_ms / 1000)

    async def _challenge(self, session: Session, challengers: PlacementChallengers, record: PlacementRecord) -> bool:
        """Give challengers a slice of the time that the policy leaves; return whether there is more to do at once."""
        is_busy = await challengers.work(record, session.trainee.cursor)
        if (promoted := await challengers.promoted()) is not None:
            session.take_over(promoted)
        return is_busy

    async def _take_up(self, lease: Lease) -> Session:
        record = await self._placements.get(self._keys.name)
        head = await self._versions.head(self._keys)
        session = Session(lease, *await self._start(record), replaces_head=head is not None)
        if head is not None and session.trainee.is_of(head):
            try:
                session.trainee.resume(head, await self._versions.weights(self._keys, head))
                session.final_rewards = FinalRewards(self._late, self._keys, session.trainee.start)
                session.replaces_head = False
                session.counted = (session.trainee.clipped, session.trainee.refused)
            except (BadSnapshotError, PolicyError) as error:
                _log.error('placement "%s": learning everything again, because %s', self._keys.name, error)
        return session

    async def _start(self, record: PlacementRecord) -> tuple[Trainee, FinalRewards]:
        """Start a training; what is late by now counts in it, what comes late from now on does not."""
        replayed_to, late_cursor = await self._late.ends(self._keys)
        start = Start(record.generation, record.trains_from or BEGINNING, replayed_to, late_cursor)
        return Trainee(record.placement, start), FinalRewards(self._late, self._keys, start)

    async def _commit(self, session: Session) -> None:
        try:
            record, weights = session.trainee.version(time.time_ns() // 1_000_000)
        except PolicyError as error:
            _log.error('placement "%s": no version is committed, because %s', self._keys.name, error)
            session.committed(0)
            return
        version = await self._versions.commit(session.lease, record, weights, self._settings.versions_kept)
        session.committed(len(weights))
        _log.debug('placement "%s": version %d after %d interactions', self._keys.name, version, record.interactions)

    def _count(
        self, session: Session, entries: Sequence[LoggedInteraction], learned: int, guard: PlacementGuard
    ) -> None:
        name, trainee = self._keys.name, session.trainee
        clipped, refused = session.counted
        self._metrics.learned(name, learned, trainee.clipped - clipped, trainee.refused - refused)
        session.counted = (trainee.clipped, trainee.refused)
        is_behind = learned < len(entries) or learned == self._settings.batch
        self._metrics.lags(name, _age_s(entries[max(learned, 1) - 1]) if is_behind else 0.0)
        self._metrics.found(name, (found.problem.value for found in guard.findings), _PROBLEMS)

    async def _renew(self, session: Session) -> None:
        if time.monotonic() - session.renewed_at > self._settings.lease_s / 3:
            await self._versions.renew(session.lease)
            session.renewed_at = time.monotonic()
        if session.replaces_head and time.monotonic() - session.progress_at > _PROGRESS_S:
            await self._versions.note_progress(session.lease, session.trainee.interactions)
            session.progress_at = time.monotonic()


def _age_s(entry: LoggedInteraction) -> float:
    """Return for how long an interaction has been in the log, by this machine's clock and the store's."""
    return max(0.0, time.time() - int(entry.position.partition("-")[0]) / 1000)
