"""What came of what was shown, on its way into histories."""

import asyncio
from collections.abc import Sequence

import pytest

from attune.storage.v1.records_pb2 import DecisionRecord, SeenRecord, SlotRecord
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.journal import Journal
from attune.store.keys import CustomerKeys, PlacementKeys
from attune.store.pipe import Pipe
from attune.store.taken import Taken, TakenOutcomes

TOM, ANNA = b"t" * 16, b"a" * 16
SHOWN_MS = 1_800_000_000_000


def impression(event_id: str, offer_id: str, placement: str = "home") -> SeenRecord:
    return SeenRecord(
        at_ms=SHOWN_MS,
        placement=placement,
        event_id=event_id,
        offer_id=offer_id,
        category="shoes",
        channel="push",
        tags=["new"],
    )


def outcome(event_id: str, offer_id: str, name: str, later_ms: int) -> SeenRecord:
    entry = impression(event_id, offer_id)
    entry.at_ms, entry.outcome = SHOWN_MS + later_ms, name
    return entry


class Shop:
    """Decisions of a placement, and histories."""

    def __init__(self, store: Store, pipe: Pipe, keys: PlacementKeys) -> None:
        """Begin without any."""
        self.store, self.pipe, self.keys = store, pipe, keys
        self.taken = TakenOutcomes(store, Decisions(store))

    async def show(self, customer: bytes, event_id: str, *offer_ids: str) -> None:
        """Show offers, one for each slot."""
        later = [SlotRecord(chosen=0)] * (len(offer_ids) - 1)
        record = DecisionRecord(event_id=event_id, pmf=[1.0], customer=customer, later_slots=later)
        await Journal(self.pipe).append(self.keys, 60_000, event_id, record.SerializeToString())
        entries = [impression(event_id, offer_id).SerializeToString() for offer_id in offer_ids]
        if customer:
            await self.store.redis.rpush(CustomerKeys(customer).seen, *entries)

    async def seen(self, customer: bytes) -> Sequence[SeenRecord]:
        """Return a history."""
        values = await self.store.redis.lrange(CustomerKeys(customer).seen, 0, -1)
        return [SeenRecord.FromString(value) for value in values]

    async def note(self, event_id: str, name: str, later_ms: int, slot: int = 0, *, is_new: bool = True) -> None:
        """Note an outcome."""
        await self.taken.note(self.keys, [Taken(event_id, slot, name, SHOWN_MS + later_ms, is_new)])


@pytest.fixture
def shop(store: Store, pipe: Pipe, home: PlacementKeys) -> Shop:
    return Shop(store, pipe, home)


async def test_an_outcome_is_noted_as_its_impression_with_a_name_and_a_time(shop: Shop) -> None:
    await shop.show(TOM, "e1", "boots")
    await shop.show(ANNA, "e2", "boots")
    await shop.note("e1", "dismissed", 5000)
    assert await shop.seen(TOM) == [impression("e1", "boots"), outcome("e1", "boots", "dismissed", 5000)]
    assert await shop.seen(ANNA) == [impression("e2", "boots")]


async def test_outcomes_of_several_customers_are_noted_together(shop: Shop) -> None:
    for customer, event_id in ((TOM, "e1"), (ANNA, "e2"), (TOM, "e3")):
        await shop.show(customer, event_id, "boots")
    names = {"e1": "dismissed", "e2": "conversion", "e3": "conversion"}
    await shop.taken.note(shop.keys, [Taken(event_id, 0, name, SHOWN_MS) for event_id, name in names.items()])
    assert [each.outcome for each in await shop.seen(TOM)] == ["", "", "dismissed", "conversion"]
    assert [each.outcome for each in await shop.seen(ANNA)] == ["", "conversion"]


async def test_each_slot_has_its_offer(shop: Shop) -> None:
    await shop.show(TOM, "e1", "boots", "caps", "socks")
    await shop.note("e1", "dismissed", 1, slot=2)
    await shop.note("e1", "dismissed", 1, slot=1)
    assert [each.offer_id for each in await shop.seen(TOM) if each.outcome] == ["socks", "caps"]


async def test_the_latest_of_the_same_outcomes_is_kept_and_no_other(shop: Shop) -> None:
    await shop.show(TOM, "e1", "boots")
    await shop.note("e1", "dismissed", 1000)
    await shop.note("e1", "dismissed", 3000)
    await shop.note("e1", "dismissed", 2000)  # heard of late
    await shop.note("e1", "conversion", 2000)
    # What was recorded before is there already.
    await shop.note("e1", "dismissed", 9000, is_new=False)
    assert (await shop.seen(TOM))[1:] == [
        outcome("e1", "boots", "dismissed", 3000),
        outcome("e1", "boots", "conversion", 2000),
    ]


async def test_what_was_recorded_and_not_noted_is_noted_when_it_is_sent_again(shop: Shop) -> None:
    await shop.show(TOM, "e1", "boots")
    await shop.note("e1", "dismissed", 1000, is_new=False)
    assert (await shop.seen(TOM))[1:] == [outcome("e1", "boots", "dismissed", 1000)]


@pytest.mark.one_server
async def test_many_outcomes_of_long_histories_do_not_keep_others_waiting(shop: Shop) -> None:
    customers = [bytes([i]) * 16 for i in range(1, 101)]
    crowd = [impression(f"x{i:015}", "caps").SerializeToString() for i in range(1000)]
    for i, customer in enumerate(customers):
        await shop.show(customer, f"e{i:03}", "boots")
        await shop.store.redis.rpush(CustomerKeys(customer).seen, *crowd)
    taken = [Taken(f"e{i:03}", 0, "dismissed", SHOWN_MS) for i in range(len(customers))]
    noting, loop, longest_s = asyncio.ensure_future(shop.taken.note(shop.keys, taken)), asyncio.get_running_loop(), 0.0
    while not noting.done():
        begun_s = loop.time()
        await asyncio.sleep(0)
        longest_s = max(longest_s, loop.time() - begun_s)
    assert longest_s < 0.25, "so long nobody else was heard"
    assert [(await shop.seen(each))[-1].outcome for each in customers[::33]] == ["dismissed"] * 4


async def test_an_entry_that_cannot_be_read_does_not_stand_in_the_way(shop: Shop) -> None:
    await shop.store.redis.rpush(CustomerKeys(TOM).seen, b"\xff e1 \xff")
    await shop.show(TOM, "e1", "boots")
    await shop.note("e1", "dismissed", 1000)
    assert len(await shop.store.redis.lrange(CustomerKeys(TOM).seen, 0, -1)) == 3


async def test_many_outcomes_of_one_customer_are_noted(shop: Shop) -> None:
    events = [f"e{i}" for i in range(60)]
    for event_id in events:
        await shop.show(TOM, event_id, "boots")
    await shop.taken.note(shop.keys, [Taken(event_id, 0, "dismissed", SHOWN_MS) for event_id in events])
    assert [each.event_id for each in await shop.seen(TOM) if each.outcome] == events


async def test_nothing_is_taken_before_it_was_shown(shop: Shop) -> None:
    await shop.show(TOM, "e1", "boots")
    await shop.note("e1", "dismissed", -5000)
    assert (await shop.seen(TOM))[1:] == [outcome("e1", "boots", "dismissed", 0)]


async def test_who_has_no_history_gets_none(shop: Shop, store: Store) -> None:
    """They are not known, or were forgotten; the decision is not known, or what was shown is of another placement."""
    await shop.show(b"", "e1", "boots")
    await shop.show(TOM, "e2", "boots")
    await store.redis.delete(CustomerKeys(TOM).seen)
    await shop.show(ANNA, "e3", "boots")
    await store.redis.delete(CustomerKeys(ANNA).seen)
    await store.redis.rpush(CustomerKeys(ANNA).seen, impression("e3", "boots", "email").SerializeToString())
    for event_id in ("e1", "e2", "e3", "unknown"):
        await shop.note(event_id, "dismissed", 1000)
    assert [await store.redis.exists(CustomerKeys(each).seen) for each in (TOM, ANNA)] == [0, 1]
    assert len(await shop.seen(ANNA)) == 1
