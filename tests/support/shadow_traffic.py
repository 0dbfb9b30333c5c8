"""Visitors, and learners that are started, stopped and dropped: what the tests of challengers are made of."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Self

from attune.learning.learners import Learners
from attune.serving.specs import with_defaults
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import (
    DecisionRecord,
    OutcomeRecord,
    SlotRecord,
)
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Challenger, EpsilonSpec, Placement, PolicySpec, PopularitySpec, VwSpec
from messages import reward

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.02, poll_ms=5)
# Shorter than any placement may have: entries of the log are known 5 ms later.
WINDOW_S = 0.005
OFFERS = [Offer(id=name).SerializeToString() for name in ("a", "b", "c")]
VW = Challenger(name="vw", policy=PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.1))))
POPULAR = Challenger(name="popular", policy=PolicySpec(popularity=PopularitySpec(), min_probability=0.01))


def placement(*challengers: Challenger, **fields: object) -> Placement:
    """Return a placement with these challengers."""
    spec = reward(WINDOW_S, min=0.0, max=1.0)
    return with_defaults(Placement(name="home", reward=spec, challengers=challengers, **fields))  # type: ignore[arg-type]


@dataclass(slots=True)
class Traffic:
    """Visitors of whom each likes one offer, shown one at random.

    Attributes:
        mode: Who says that it decides.
        policy_version: The version that says so.
        made: How many decisions were made.
        window_ms: When they enter the log; clicks that come later are late.
    """

    store: Store
    pipe: Pipe
    keys: PlacementKeys
    mode: int = MODE_LEARNED
    policy_version: int = 0
    made: int = 0
    window_ms: int = 100

    async def visits(self, n: int, slots: int = 1) -> None:
        """Makes decisions whose windows close at once, and clicks."""
        journal, outcomes = Journal(self.pipe), Outcomes(self.store)
        for first in range(self.made, self.made + n, 50):
            some = [self._decision(i, slots) for i in range(first, min(first + 50, self.made + n))]
            # Clicked before the window closes.
            await asyncio.gather(
                *(journal.append(self.keys, self.window_ms, of.event_id, of.SerializeToString()) for of in some)
            )
            clicks = [
                NewOutcome(of.event_id, "click", OutcomeRecord(name="click", value=1.0)) for of in some if _likes(of)
            ]
            if clicks:
                await outcomes.record(self.keys, clicks)
        self.made += n

    def _decision(self, i: int, slots: int) -> DecisionRecord:
        random = Random(i)
        drawn = random.sample(range(3), slots)
        record = DecisionRecord(
            event_id=f"e{i}",
            decided_at_ms=1_795_000_000_000 + i,
            context=Features(categorical={"user": f"user-{random.randrange(3)}"}).SerializeToString(),
            offers=OFFERS,
            pmf=[1 / 3] * 3,
            chosen=drawn[0],
            mode=self.mode,  # type: ignore[arg-type]
            policy_version=self.policy_version,
        )
        for slot in range(1, slots):
            left = [0.0 if i in drawn[:slot] else 1.0 / (3 - slot) for i in range(3)]
            record.later_slots.append(SlotRecord(pmf=left, chosen=drawn[slot]))
        return record


def _likes(decision: DecisionRecord) -> bool:
    user = Features.FromString(decision.context).categorical["user"]
    return user.endswith(str(decision.chosen))


class Learner:
    """A learner that is started and stopped, or dropped in the middle of its work."""

    def __init__(self, store: Store, settings: LearnerSettings = QUICK) -> None:
        """Start."""
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(Learners(store, settings).run(self._stopping))

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and commit what was learned."""
        self._stopping.set()
        await self._task

    async def drop(self, store: Store, keys: PlacementKeys) -> None:
        """End it as a kill would: nothing more is committed. The lease runs out, here at once."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await store.redis.delete(keys.lease)


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 60.0) -> None:
    """Wait until a condition holds."""
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)


async def settled(store: Store, keys: PlacementKeys, made: int) -> None:
    """Wait until every decision is in the log, and every challenger was weighed to its end."""

    async def is_settled() -> bool:
        """Tell whether they are."""
        logged = await store.redis.xlen(keys.interactions)  # first: what is logged after this look is not the end
        extent = await TrainingLog(store).extent(keys)
        records = await Challengers(store).records(keys)
        named = {each.name for each in (await Placements(store).get(keys.name)).placement.challengers}
        is_weighed = all(record.weighed_to == extent.last for record in records.values())
        return logged == made and named == set(records) and is_weighed

    await until(is_settled, "every challenger to get to the end of the log")


def logged(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether so many decisions are in the log."""

    async def check() -> bool:
        """Look."""
        return bool(await store.redis.xlen(keys.interactions) == n)

    return check


def stored(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether so many challengers were committed."""

    async def check() -> bool:
        """Look."""
        return len(await Challengers(store).records(keys)) == n

    return check


def learned(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether the newest version has learned so many interactions."""

    async def check() -> bool:
        """Look."""
        head = await Versions(store).head(keys)
        return head is not None and head.interactions == n

    return check
