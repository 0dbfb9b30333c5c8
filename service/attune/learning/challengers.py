"""The challengers of a placement, trained in the shadow by the learner that holds its lease.

    learner, when it has caught up --a slice of time--> challengers: learn, weigh, commit --proved better--> promotion

They come after the placement's own learning: while it is behind, they wait. All of them together commit as often as
one policy does, and whatever is wrong with one of them, the placement and the others go on.
"""

import logging
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from attune.errors import ExpectedError
from attune.learning.promotion import Promoted, Promotions
from attune.learning.shadow import Shadow
from attune.learning.shadow_starts import ShadowStarts
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.interactions import Interactions
from attune.store.versions import Lease

# Nothing else happens meanwhile: other placements, and this one's own policy, wait. Reading is not counted: others go
# on while it lasts, and where entries are large it takes longer than that.
_SLICE_S = 0.1
# As for the placement's policy, but all challengers together.
_MAX_SNAPSHOT_BYTES_PER_S = 4e6

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class PlacementChallengers:
    """Trains the challengers of one placement while its lease is held."""

    def __init__(self, lease: Lease, store: Store, settings: LearnerSettings) -> None:
        """Prepare to train.

        Args:
            lease: The right to write what is learned.
            store: Where the log is read.
            settings: How the placement's own policy learns.
        """
        self._lease = lease
        self._settings = settings
        self._stored = Challengers(store)
        self._interactions = Interactions(store)
        self._starts = ShadowStarts(lease, store)
        self._promotions = Promotions(store)
        self._record = PlacementRecord()
        self._shadows: dict[str, Shadow] = {}
        self._turn = 0
        self._left_s = 0.0

    async def work(self, record: PlacementRecord, end: str) -> bool:
        """Give challengers a slice of time.

        Args:
            record: The placement.
            end: Position of the last entry of the log, as far as anybody knows.

        Returns:
            Whether there is more to do at once.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        if record != self._record:
            await self._follow(record)
        self._left_s = _SLICE_S
        is_busy = False
        for shadow in self._in_turn():
            if self._left_s <= 0.0:
                return True
            name = shadow.challenger.name
            is_busy |= bool(await self._safely(name, self._walk(shadow, end)))
            if name in self._shadows and self._commit_is_due(shadow):
                await self._safely(name, self._commit(shadow))
        return is_busy

    async def promoted(self) -> Promoted | None:
        """Put the first challenger that is proved better in charge; None when there is none.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        for name, shadow in list(self._shadows.items()):
            # Where traffic never pauses, a challenger is never at the very end of the log: near it is enough.
            if shadow.is_near_end and not shadow.uncommitted:
                promoted = await self._safely(name, self._promotions.promote(self._lease, self._record, shadow))
                if promoted is not None:
                    self._shadows.pop(name)
                    return promoted
        return None

    async def commit(self) -> None:
        """Commit what was learned; for the end.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
            StoreUnavailableError: The store did not answer in time.
        """
        for name, shadow in list(self._shadows.items()):
            if shadow.uncommitted:
                await self._safely(name, self._commit(shadow))

    def _in_turn(self) -> list[Shadow]:
        """Return all, beginning with another one each time: when time is short, each is first once."""
        shadows = list(self._shadows.values())
        self._turn = (self._turn + 1) % max(len(shadows), 1)
        return shadows[self._turn :] + shadows[: self._turn]

    async def _safely(self, name: str, work: Coroutine[Any, Any, _T]) -> _T | None:
        try:
            return await work
        except ExpectedError:
            raise
        # What is expected has gone on to the learner. A bug of a challenger's is logged and ends here, with it.
        except Exception:  # noqa: BLE001 - whatever is wrong with a challenger, the placement learns
            _log.exception('placement "%s": challenger "%s" is put aside', self._lease.keys.name, name)
            # Until the placement is changed, or another learner takes it up.
            self._shadows.pop(name, None)
            return None

    async def _walk(self, shadow: Shadow, end: str) -> bool:
        if shadow.waits_at(end):
            return False
        keys, most = self._lease.keys, self._settings.batch
        ahead = await self._interactions.after(keys, shadow.estimates.weighed_to, most)
        behind = await self._interactions.after(keys, shadow.trainee.cursor, most)
        with_late = await shadow.final_rewards.add(behind)
        shadow.is_near_end = len(ahead) < most
        if behind and not with_late:
            return True  # late outcomes are being read
        with self._counted():
            return shadow.walk(ahead, with_late, time.monotonic() + self._left_s)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Take what is done in it off the slice of time."""
        began = time.monotonic()
        yield
        self._left_s -= time.monotonic() - began

    def _commit_is_due(self, shadow: Shadow) -> bool:
        pause_s = max(self._settings.snapshot_interval_s, shadow.size_bytes / _MAX_SNAPSHOT_BYTES_PER_S)
        return shadow.uncommitted and time.monotonic() - shadow.committed_at >= pause_s * len(self._shadows)

    async def _commit(self, shadow: Shadow) -> None:
        with self._counted():
            record, weights = shadow.record(time.time_ns() // 1_000_000)
        number = await self._stored.commit(self._lease, shadow.challenger.name, record, weights)
        shadow.committed(number, len(weights))

    async def _follow(self, record: PlacementRecord) -> None:
        """Take up what the placement names now, and forget what it does not."""
        stored = await self._stored.records(self._lease.keys)
        named = {challenger.name: challenger for challenger in record.placement.challengers}
        gone = [(name, of.training.version) for name, of in stored.items() if name not in named]
        await self._stored.forget(self._lease, gone)
        former, self._shadows = self._shadows, {}
        # Some may not be committed yet.
        begun = [each.estimates.measuring.ordinal for each in former.values()]
        measurings = max([await self._stored.measurings(self._lease.keys), *begun])
        for name, challenger in named.items():
            start = self._starts.shadow(record, challenger, former.get(name), stored.get(name), measurings + 1)
            if (shadow := await self._safely(name, start)) is not None:
                self._shadows[name] = shadow
                measurings = max(measurings, shadow.estimates.measuring.ordinal)
        self._record = record
