"""Customers on a real store to whom things happen, policies that learn from them, and what erases them."""

import asyncio
from collections.abc import Sequence
from random import Random

from attune.learning.eraser import Eraser
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, KnownCustomers
from attune.serving.erasures import CustomerErasures
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.erasures import Erasures
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from servers import every_key

IDS = CustomerIds(b"k" * 32, b"f" * 32)
WINDOW_MS = 600_000
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


def erasures(store: Store) -> CustomerErasures:
    """Return what takes requests to erase."""
    customers = Customers(store)
    return CustomerErasures(KnownCustomers(customers, CustomerRules(IDS)), customers, Erasures(store))


def eraser(store: Store) -> Eraser:
    """Return what carries them out."""
    return Eraser(store, "test", settles_s=0.0, rewrites=False)


async def done(store: Store, by: Eraser | None = None) -> None:
    """Erase until nothing is left to erase."""
    by, deadline = by or eraser(store), asyncio.get_running_loop().time() + 30
    while await by.look():
        assert asyncio.get_running_loop().time() < deadline, "erasing takes too long"
        await asyncio.sleep(0.02)


async def applied(store: Store, name: str, *, revise: bool = False) -> PlacementKeys:
    """Apply a placement whose windows close when a test closes them; return its keys."""
    placement = with_defaults(Placement(name=name))
    placement.reward.window.FromMilliseconds(WINDOW_MS)
    placement.reward.revise_late = revise
    await Placements(store).apply(placement, now_ms=0)
    return PlacementKeys(name)


async def live(store: Store, pipe: Pipe, keys: PlacementKeys, told: Sequence[Told]) -> None:
    """Let things happen to customers, some of whom answer; then close the windows, however slow this machine was."""
    journal, outcomes = Journal(pipe), Outcomes(store)
    for start in range(0, len(told), 50):
        some = told[start : start + 50]
        entries = ((each.event_id, each.record.SerializeToString()) for each in some)
        await asyncio.gather(*(journal.append(keys, WINDOW_MS, *entry) for entry in entries))
        await outcomes.record(keys, [answer(each, "now") for each in some if each.reward is not None])
    await store.redis.zadd(keys.due, {each.event_id: number for number, each in enumerate(told)}, xx=True)


def answer(told: Told, outcome_id: str) -> NewOutcome:
    """Return an outcome of a customer's decision."""
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


def assert_nothing_left(found: bytes, told: Sequence[Told]) -> None:
    """Assert that nothing of what was found tells of these customers."""
    for each in told:
        for hashed in IDS.of(each.id).every:
            assert hashed.hex().encode() not in found
            assert hashed not in found
        for word in (each.id, each.event_id, each.event_id.replace("event", "trait")):
            assert word.encode() not in found


async def every_key_of(store: Store, pattern: str) -> list[str]:
    """Return the keys that a glob matches, sorted."""
    return sorted([key.decode() async for key in store.redis.scan_iter(pattern)])
