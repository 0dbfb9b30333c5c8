"""Decisions on a real store whose outcomes come late, and a learner that learns from them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import oracle
from attune.learning.learners import Learners
from attune.serving.specs import with_defaults
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, VersionRecord
from attune.store.client import Store
from attune.store.interactions import Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import AGGREGATION_SUM, OutcomeRule, Placement, RewardSpec

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.05, poll_ms=10, batch=20)
OFFERS = [Offer(id=name).SerializeToString() for name in "ab"]
REWARD = RewardSpec(outcomes=[OutcomeRule(name="click", aggregation=AGGREGATION_SUM)])


async def applied_home(store: Store) -> PlacementKeys:
    """Apply a placement whose reward is the sum of its clicks; return its keys."""
    await Placements(store).apply(with_defaults(Placement(name="home", reward=REWARD)), now_ms=0)
    return PlacementKeys("home")


async def decide(pipe: Pipe, keys: PlacementKeys, *event_ids: str, window_ms: int = 1, slots: int = 1) -> None:
    """Journal decisions between two offers."""
    journal = Journal(pipe)
    for i, event_id in enumerate(event_ids):
        record = DecisionRecord(event_id=event_id, offers=OFFERS, pmf=[0.5, 0.5], chosen=i % 2)
        if slots > 1:
            record.later_slots.add(pmf=[float(i % 2 == 1), float(i % 2 == 0)], chosen=1 - i % 2)
        await journal.append(keys, window_ms, event_id, record.SerializeToString())


async def joined(store: Store, keys: PlacementKeys, *, revise: bool = False) -> list[LoggedInteraction]:
    """Close the windows that are over; return the whole log."""
    await asyncio.sleep(0.01)
    await Interactions(store).join(keys, 1000, revise=revise)
    return await oracle.whole_log(store, keys)


def click(event_id: str, outcome_id: str = "click", value: float = 1.0, slot: int = 0) -> NewOutcome:
    """Return a click."""
    return NewOutcome(event_id, outcome_id, OutcomeRecord(name="click", value=value, slot=slot))


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    """Learn meanwhile; its training has begun when this is entered."""
    stopping, epoch = asyncio.Event(), await store.redis.hget(PlacementKeys("home").head, "epoch")
    task = asyncio.create_task(Learners(store, QUICK).run(stopping))
    try:
        while await store.redis.hget(PlacementKeys("home").head, "epoch") in (None, epoch):
            assert not task.done()
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)  # its training has begun
        yield
    finally:
        stopping.set()
        await task


async def until(condition: Callable[[VersionRecord], bool], store: Store, keys: PlacementKeys) -> VersionRecord:
    """Wait for a head that meets a condition, and return it."""
    deadline = asyncio.get_running_loop().time() + 10
    head = None
    while head is None or not condition(head):
        assert asyncio.get_running_loop().time() < deadline, f"the newest version is {head}"
        await asyncio.sleep(0.02)
        head = await Versions(store).head(keys)
    return head


async def is_as_replayed(store: Store, keys: PlacementKeys, head: VersionRecord) -> bool:
    """Return whether the weights of a version are those of its specs and the log, learned again."""
    return await Versions(store).weights(keys, head) == await oracle.replay(store, keys, head)


async def some_history(store: Store, pipe: Pipe, keys: PlacementKeys, *, revise: bool = False) -> None:
    """Sixty decisions of two slots; late outcomes of many, some of them before the decision was logged."""
    outcomes = Outcomes(store)
    event_ids = [f"e{i}" for i in range(60)]
    await decide(pipe, keys, *event_ids[:30], slots=2)
    await asyncio.sleep(0.02)
    await outcomes.record(keys, [click(event_id, "early") for event_id in event_ids[:30:4]], revise=revise)
    await joined(store, keys, revise=revise)
    await decide(pipe, keys, *event_ids[30:])
    await joined(store, keys, revise=revise)
    late = [click(event_id, "1", 2.0) for event_id in event_ids[::2]]
    late += [click(event_id, "2", -1.0) for event_id in event_ids[::6]]
    late += [click(event_id, "3", slot=1) for event_id in event_ids[:30:5]]
    await outcomes.record(keys, late, revise=revise)
