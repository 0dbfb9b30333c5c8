"""The training log of a running placement as a source of samples, straight from the store.

What is read is the log as it was when the source was opened: two passes see the same. A revision is not a decision of
its own: what it corrects is counted with its final reward, which has all late outcomes of before that moment.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from attune.errors import BadLogError
from attune.learning.final_rewards import FinalRewards
from attune.learning.trainee import Start
from attune.logs.samples import Found, Sample
from attune.logs.sampling import sample_of
from attune.serving.specs import reward_spec
from attune.store.client import Store
from attune.store.interactions import BEGINNING, order
from attune.store.keys import PlacementKeys
from attune.store.late import LateOutcomes
from attune.store.log_entries import LoggedInteraction, in_order
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.v1.placement_pb2 import Placement
from attune_models.rewards import RewardSpec

_PER_CALL = 64


@dataclass(frozen=True, slots=True)
class _Opened:
    """What was there when the source was opened.

    Attributes:
        last: Position of the last entry.
        last_late: Position of the last late outcome.
        trimmed: Position of the last entry that was trimmed.
        entries: How many entries and late outcomes there were.
        reward: How the placement folds outcomes.
        placement: The placement.
    """

    last: str
    last_late: str
    trimmed: str
    entries: int
    reward: RewardSpec
    placement: Placement


class LogSource:
    """The decisions of a placement whose reward window has closed. To be used where no event loop runs."""

    def __init__(self, url: str, timeout_s: float, placement: str, reward: RewardSpec | None = None) -> None:
        """Look how far the log reaches.

        Args:
            url: Of the store, one of `attune.store_url.FORMS`.
            timeout_s: How long each answer may take, in seconds.
            placement: The placement's name.
            reward: How outcomes become rewards; None for the placement's own spec.

        Raises:
            NotFoundError: There is no such placement.
            StoreUnavailableError: The store did not answer in time.
        """
        self.name = f"placement {placement}"
        self._url, self._timeout_s = url, timeout_s
        self._keys = PlacementKeys(placement)
        self._opened = asyncio.run(self._open())
        self._reward = self._opened.reward if reward is None else reward

    @property
    def size_hint(self) -> int:
        """About how many samples there are; revisions and late outcomes count as well."""
        return self._opened.entries

    @property
    def placement(self) -> Placement:
        """The placement, as it was when the source was opened."""
        return self._opened.placement

    @property
    def reward(self) -> RewardSpec:
        """How outcomes become rewards."""
        return self._reward

    def read(self) -> Iterator[Found]:
        """Read the log in the order of its positions; a portion at a time is in memory.

        Raises:
            BadLogError: Entries that belong to the log as it was opened have been trimmed since.
            StoreUnavailableError: The store did not answer in time.
        """
        for entry in self.entries():
            found = sample_of(f"position {entry.position}", entry, self._reward)
            # Whatever split imported decisions elsewhere, it was not this placement's share of control.
            yield replace(found, mode="") if isinstance(found, Sample) and entry.decision.imported else found

    def entries(self) -> Iterator[LoggedInteraction]:
        """Read the decisions of the log as they were logged, with all their outcomes; see `read`.

        Raises:
            BadLogError: Entries that belong to the log as it was opened have been trimmed since.
            StoreUnavailableError: The store did not answer in time.
        """
        # An event loop of its own: it runs only while a portion is fetched.
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            store = Store(self._url, self._timeout_s)
            try:
                portions = _Portions(store, self._keys, self._opened)
                while portion := runner.run(portions.next()):
                    yield from (entry for entry in portion if not entry.revises)
            finally:
                runner.run(store.close())

    async def _open(self) -> _Opened:
        store = Store(self._url, self._timeout_s)
        try:
            record = await Placements(store).get(self._keys.name)
            last, last_late = await LateOutcomes(store).ends(self._keys)
            extent = await TrainingLog(store).extent(self._keys)
        finally:
            await store.close()
        placement = record.placement
        reward = reward_spec(placement.reward)
        return _Opened(last, last_late, extent.trimmed, extent.entries, reward, placement)


class _Portions:
    """The entries of the log with their final rewards, some at a time."""

    def __init__(self, store: Store, keys: PlacementKeys, opened: _Opened) -> None:
        self._log, self._keys, self._opened = TrainingLog(store), keys, opened
        start = Start(replayed_to=opened.last, late_cursor=opened.last_late)
        self._final = FinalRewards(LateOutcomes(store), keys, start)
        self._position = BEGINNING

    async def next(self) -> Sequence[LoggedInteraction]:
        """Return the next entries; none at the end."""
        entries, trimmed = await self._log.after(self._keys, self._position, _PER_CALL)
        if order(self._position) < order(trimmed) > order(self._opened.trimmed):
            raise BadLogError(
                f"the log was trimmed up to {trimmed} while it was read from {self._position} on: read it again, or "
                "read an export"
            )
        entries = [entry for entry in entries if order(entry.position) <= order(self._opened.last)]
        portion: Sequence[LoggedInteraction] = []
        while entries and not portion:  # none while late outcomes are being looked for
            portion = await self._final.add(entries)
        if portion:
            self._position = portion[-1].position
        return [replace(entry, outcomes=in_order([*entry.outcomes, *entry.late]), late=()) for entry in portion]
