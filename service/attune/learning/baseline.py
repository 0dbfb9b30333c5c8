"""The baseline of a placement's control group, where it learns: what is popular, learned beside the policy.

    learner --entries of the log--> baseline: learn, commit --servers load it--> decides for the control group

It walks the same log as the policy, with a place of its own, and is trained anew whenever the policy is: for another
generation, or when the reward spec has changed. Until it has caught up, the former one decides. Whatever is wrong with
it, the policy learns.
"""

import logging
import time
from collections.abc import Sequence

from attune.errors import BadSnapshotError, ExpectedError
from attune.learning.final_rewards import FinalRewards
from attune.learning.session import Session
from attune.learning.trainee import Start, Trainee
from attune.serving.specs import in_control, learns_control
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.baselines import Baselines
from attune.store.client import Store
from attune.store.interactions import BEGINNING, Interactions
from attune.store.late import LateOutcomes
from attune.store.log_entries import LoggedInteraction
from attune.store.versions import Lease, Versions
from attune_models.types import PolicyError

_log = logging.getLogger(__name__)


class PlacementBaseline:
    """Trains the baseline of one placement's control group while its lease is held."""

    def __init__(self, lease: Lease, store: Store, settings: LearnerSettings) -> None:
        """Prepare to train.

        Args:
            lease: The right to write what is learned.
            store: Where the log is read.
            settings: How the placement's own policy learns.
        """
        self._lease = lease
        self._settings = settings
        self._stored = Baselines(store)
        self._interactions = Interactions(store)
        self._late = LateOutcomes(store)
        self._versions = Versions(store)
        self._record = PlacementRecord()
        self._session: Session | None = None
        # The one that its weights are stored under; 0 for none.
        self._number = 0

    async def work(self, record: PlacementRecord, cursor: str, entries: Sequence[LoggedInteraction]) -> bool:
        """Go on in the log for a slice of time.

        Args:
            record: The placement.
            cursor: A position in the log.
            entries: The next entries from there; where the baseline stands there, too, they need not be read again.

        Returns:
            Whether there is more to do at once.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        try:
            if record != self._record:
                await self._follow(record)
                self._record = record
            return self._session is not None and await self._learn(self._session, cursor, entries)
        except ExpectedError:
            raise
        # What is expected has gone on to the learner. A bug of the baseline's is logged and ends here, with it.
        except Exception:  # noqa: BLE001 - whatever is wrong with the baseline, the policy learns
            _log.exception('placement "%s": the baseline of its control group is put aside', record.placement.name)
            # Until the placement is changed, or another learner takes it up.
            self._record, self._session = record, None
            return False

    async def commit(self) -> None:
        """Commit what was learned, if anything was; for the end.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        if self._session is not None and self._session.may_commit:
            await self._commit(self._session)

    async def _learn(self, session: Session, cursor: str, entries: Sequence[LoggedInteraction]) -> bool:
        keys, most = self._lease.keys, self._settings.batch
        if session.trainee.cursor != cursor:
            entries = await self._interactions.after(keys, session.trainee.cursor, most)
        learned = session.learn(await session.final_rewards.add(entries))
        has_caught_up = learned == len(entries) < most
        # What the former one knew goes then, even where there is nothing to learn instead.
        if (has_caught_up and session.replaces_head) or session.commit_is_due(self._settings):
            await self._commit(session)
        if has_caught_up:
            session.replaces_head = False
        return not has_caught_up

    async def _commit(self, session: Session) -> None:
        try:
            record, weights = session.trainee.version(time.time_ns() // 1_000_000)
        except PolicyError as error:
            _log.error('placement "%s": no baseline is committed, because %s', self._lease.keys.name, error)
            session.committed(0)
            return
        record.version = self._number
        self._number = await self._stored.commit(self._lease, record, weights)
        session.committed(len(weights))

    async def _follow(self, record: PlacementRecord) -> None:
        """Take up what the placement says now."""
        stored = await self._versions.baseline(self._lease.keys)
        self._number = stored.version if stored else 0
        if not learns_control(record.placement):
            self._session = None
            if stored:
                await self._stored.forget(self._lease, stored.version)
            return
        instead = PlacementRecord(placement=in_control(record.placement), generation=record.generation)
        if self._session is None or not self._session.trainee.is_for(instead):
            self._session = await self._resumed(instead, stored) or await self._new(instead, record, stored)

    async def _resumed(self, instead: PlacementRecord, stored: VersionRecord | None) -> Session | None:
        """Go on where a record stands; None where that is of another training, or damaged."""
        trainee = Trainee(instead.placement, Start(instead.generation))
        if stored is None or not trainee.is_of(stored):
            return None
        try:
            trainee.resume(stored, await self._versions.weights(self._lease.keys, stored))
        except (BadSnapshotError, PolicyError) as error:
            name = self._lease.keys.name
            _log.error('placement "%s": the baseline of its control group starts anew, because %s', name, error)
            return None
        return Session(self._lease, trainee, self._final_rewards(trainee.start), replaces_head=False)

    async def _new(self, instead: PlacementRecord, record: PlacementRecord, stored: VersionRecord | None) -> Session:
        replayed_to, late_cursor = await self._late.ends(self._lease.keys)
        start = Start(record.generation, record.trains_from or BEGINNING, replayed_to, late_cursor)
        trainee = Trainee(instead.placement, start)
        return Session(self._lease, trainee, self._final_rewards(start), replaces_head=stored is not None)

    def _final_rewards(self, start: Start) -> FinalRewards:
        return FinalRewards(self._late, self._lease.keys, start)
