"""Erasing customers, on a real store: what is left is what would be there if they had never come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from attune.config import LearnerSettings
from attune.learning.eraser import Eraser
from attune.learning.learners import Learners
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, KnownCustomers
from attune.serving.erasures import CustomerErasures
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, SeenRecord
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.erasures import Erasures
from attune.store.generations import Generations
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import CustomerKeys, PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.customer_service_pb2 import ErasureReceipt
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from servers import every_key

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.05, poll_ms=10)
IDS = CustomerIds(b"k" * 32, b"f" * 32)
WINDOW_MS = 500
OFFERS = [Offer(id=name).SerializeToString() for name in "abc"]


class Told:
    """A customer and what happened to them."""

    def __init__(self, number: int, rng: Random) -> None:
        """Decide what happens, by the number."""
        self.id = f"customer-{number:04}"
        self.event_id = f"event-{number:04}"
        self.record = DecisionRecord(
            event_id=self.event_id,
            customer=IDS.of(self.id).key,
            decided_at_ms=1,
            context=Features(categorical={"of": f"trait-{number:04}"}, numeric={"x": rng.random()}).SerializeToString(),
            offers=OFFERS,
            pmf=[0.25, 0.5, 0.25],
            chosen=rng.randrange(3),
            mode=MODE_LEARNED,
        )
        self.reward = rng.random() if rng.random() < 0.5 else None


@asynccontextmanager
async def learning(store: Store) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    task = asyncio.create_task(Learners(store, QUICK).run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


def erasures(store: Store) -> CustomerErasures:
    customers = Customers(store)
    return CustomerErasures(KnownCustomers(customers, CustomerRules(IDS)), customers, Erasures(store))


def eraser(store: Store) -> Eraser:
    return Eraser(store, "test", settles_s=0.0, rewrites=False)


async def done(store: Store, by: Eraser | None = None) -> None:
    """Erase until nothing is left to erase."""
    by, deadline = by or eraser(store), asyncio.get_running_loop().time() + 30
    while await by.look():
        assert asyncio.get_running_loop().time() < deadline, "erasing takes too long"
        await asyncio.sleep(0.02)


async def applied(store: Store, name: str, *, revise: bool = False) -> PlacementKeys:
    placement = with_defaults(Placement(name=name))
    placement.reward.window.FromMilliseconds(WINDOW_MS)
    placement.reward.revise_late = revise
    await Placements(store).apply(placement, now_ms=0)
    return PlacementKeys(name)


async def live(store: Store, pipe: Pipe, keys: PlacementKeys, told: Sequence[Told]) -> None:
    """Let things happen to customers; some answer at once, and after some time everything is in the log."""
    journal, outcomes = Journal(pipe), Outcomes(store)
    for start in range(0, len(told), 50):
        some = told[start : start + 50]
        entries = ((each.event_id, each.record.SerializeToString()) for each in some)
        await asyncio.gather(*(journal.append(keys, WINDOW_MS, *entry) for entry in entries))
        await outcomes.record(keys, [answer(each, "now") for each in some if each.reward is not None])
    await asyncio.sleep(WINDOW_MS / 1000)


def answer(told: Told, outcome_id: str) -> NewOutcome:
    return NewOutcome(told.event_id, outcome_id, OutcomeRecord(name="click", value=told.reward or 0.5))


async def learned(store: Store, keys: PlacementKeys, interactions: int, generation: int = 0) -> bytes:
    """Wait until so much was learned, and return the weights."""
    deadline = asyncio.get_running_loop().time() + 30
    while (head := await Versions(store).head(keys)) is None or (head.interactions, head.generation) != (
        interactions,
        generation,
    ):
        assert asyncio.get_running_loop().time() < deadline, f"expected {interactions} interactions, got {head}"
        await asyncio.sleep(0.02)
    return await Versions(store).weights(keys, head)


async def everything(store: Store) -> bytes:
    """Every key and every value of the store as it is in memory, one after the other."""
    await store.redis.config_set("rdbcompression", "no")
    keys = await every_key(store)
    return b"\n".join([*keys, *[await store.redis.dump(key) for key in keys]])


async def test_after_50_of_1000_were_erased_the_model_is_that_of_the_950(store: Store, pipe: Pipe) -> None:
    rng = Random(7)
    told = [Told(number, rng) for number in range(1000)]
    gone = set(rng.sample(range(1000), 50))
    others = [each for number, each in enumerate(told) if number not in gone]
    home, without = await applied(store, "home"), await applied(store, "without")
    async with learning(store):
        await live(store, pipe, home, told)
        await live(store, pipe, without, others)
        before, expected = await learned(store, home, 1000), await learned(store, without, 950)
        receipts = [(await erasures(store).erase(told[number].id)).receipt for number in gone]
        await done(store)
        after = await learned(store, home, 950, generation=1)
    assert (await Placements(store).numbers("home")).late == 0
    assert after == expected != before
    await _check_receipts(store, receipts, home)
    numbers = await Placements(store).numbers("home")
    assert (numbers.decisions, numbers.interactions) == (950, 950)
    assert numbers.outcomes == sum(each.reward is not None for each in others)
    # The weights are hashed: only what is stored as it came can be looked for.
    assert_nothing_left(await everything(store), [told[number] for number in gone])


async def _check_receipts(store: Store, begun: Sequence[ErasureReceipt], home: PlacementKeys) -> None:
    head = await Versions(store).head(home)
    assert head is not None
    for each in begun:
        receipt = await Erasures(store).receipt(each.receipt_id)
        assert receipt.HasField("completed_at")
        [placement] = receipt.placements
        assert (placement.placement, placement.pending, placement.interactions) == ("home", 0, 1)
        assert 0 < placement.rebuilt_version <= head.version


def assert_nothing_left(found: bytes, told: Sequence[Told]) -> None:
    for each in told:
        for hashed in IDS.of(each.id).every:
            assert hashed.hex().encode() not in found
            assert hashed not in found
        for word in (each.id, each.event_id, each.event_id.replace("event", "trait")):
            assert word.encode() not in found
