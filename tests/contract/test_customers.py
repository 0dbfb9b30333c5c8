"""What is stored of customers: nothing is lost where several change it, and nothing outlives what it is kept for."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from attune.api.customers import CustomerServicer
from attune.errors import NoConsentError, StoreUnavailableError
from attune.serving.consent import ConsentRule
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import Became, CustomerRules, Done, KnownCustomers
from attune.serving.erasures import CustomerErasures
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.store.client import Store
from attune.store.customers import ACTIVITY_IDS_KEPT_S, MOST_ACTIVITY_IDS, Change, Customers, Retention
from attune.store.decisions import Decisions
from attune.store.erasures import Erasures
from attune.store.keys import CustomerKeys
from attune.store.pipe import Pipe
from attune.v1.customer_service_pb2 import (
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    Preferences,
    Purpose,
    RecordActivityRequest,
)

NOW_MS = 1_800_000_000_000
KEY, FORMER = bytes(range(32)), bytes(32)
IDS = CustomerIds(KEY)
EVE = IDS.of("eve").key
KEPT = Retention(profile_s=1000, history_s=500)


@pytest.fixture
def customers(store: Store, pipe: Pipe) -> Customers:
    del store  # it is emptied
    return Customers(pipe, KEPT)


@pytest.fixture
def known(customers: Customers) -> KnownCustomers:
    """Customers who are assumed to allow everything."""
    return KnownCustomers(customers, CustomerRules(IDS, ConsentRule(assumed=True)))


def done(activity_id: str = "", name: str = "page_view") -> Done:
    return Done(Activity(activity_id=activity_id, name=name), NOW_MS)


def said(purpose: Purpose, *, granted: bool) -> Consent:
    consent = Consent(purpose=purpose, granted=granted, source="banner")
    consent.given_at.FromMilliseconds(NOW_MS)
    return consent


async def record_of(customers: Customers, key: bytes = EVE) -> CustomerRecord:
    record = (await customers.read(key)).record
    assert record is not None
    return record


async def show(store: Store, key: bytes, *event_ids: str) -> None:
    """Put entries into a customer's history, as decisions do."""
    entries = [SeenRecord(placement="home", event_id=each).SerializeToString() for each in event_ids]
    await store.redis.rpush(CustomerKeys(key).seen, *entries)


async def test_of_someone_unknown_nothing_is_there(customers: Customers) -> None:
    assert await customers.read(EVE) == (None, [])


async def test_activities_are_in_the_profile_at_once_and_each_counts_once(
    customers: Customers, known: KnownCustomers
) -> None:
    first = await known.record("eve", [done("a"), done("b"), done("a"), done(), done()], NOW_MS)
    assert [each.became for each in first] == [
        *(Became.ACCEPTED, Became.ACCEPTED, Became.DUPLICATE),
        *(Became.ACCEPTED, Became.ACCEPTED),
    ]
    again = await known.record("eve", [done("b"), done("c")], NOW_MS + 1)
    assert [each.became for each in again] == [Became.DUPLICATE, Became.ACCEPTED]
    [views] = (await record_of(customers)).activities
    assert views.count == 5


async def test_ids_are_those_of_a_customer(customers: Customers, known: KnownCustomers) -> None:
    for name in ("eve", "bob"):
        assert [each.became for each in await known.record(name, [done("a")], NOW_MS)] == [Became.ACCEPTED]
    assert (await record_of(customers, IDS.of("bob").key)).activities[0].count == 1


async def test_none_is_lost_where_many_processes_change_a_customer(store_url: str, store: Store) -> None:
    """Each with a connection and locks of its own: what they share is the store."""
    del store
    pipes = [Pipe(store_url, timeout_s=5) for _ in range(4)]
    several = [KnownCustomers(Customers(pipe), CustomerRules(IDS, ConsentRule(assumed=True))) for pipe in pipes]

    async def work(mine: KnownCustomers) -> None:
        for _ in range(25):
            await mine.record("eve", [done()], NOW_MS)

    await asyncio.gather(*map(work, several))
    assert (await record_of(Customers(pipes[0]))).activities[0].count == 100
    for pipe in pipes:
        pipe.close()


async def test_a_change_that_others_always_come_before_is_given_up(customers: Customers, store: Store) -> None:
    other = Customers(store)

    async def meddle() -> None:
        await other.change(EVE, lambda record, _: Change(record.activities.add(name="x")))

    class Meddled(Customers):
        async def _read(self, customer: bytes, most_seen: int, activity_ids: Sequence[str] = ()) -> object:
            read = await super()._read(customer, most_seen, activity_ids)
            await meddle()
            return read

    with pytest.raises(StoreUnavailableError, match="others have changed the customer all the time"):
        await Meddled(store).change(EVE, lambda record, _: Change(record.activities.add(name="y")))
    assert {each.name for each in (await record_of(customers)).activities} == {"x"}


async def test_what_a_change_raises_stores_nothing(store: Store) -> None:
    strict = KnownCustomers(Customers(store), CustomerRules(IDS))
    with pytest.raises(NoConsentError, match="PURPOSE_PERSONALIZATION"):
        await strict.prefer("eve", Preferences(interests=["running"]), NOW_MS)
    assert [await store.redis.exists(key) for key in CustomerKeys(EVE).every] == [0, 0, 0, 0]


async def test_without_consent_nothing_is_stored_but_what_was_said_of_it(store: Store, customers: Customers) -> None:
    strict = KnownCustomers(customers, CustomerRules(IDS))
    assert [each.became for each in await strict.record("eve", [done("a")], NOW_MS)] == [Became.NO_CONSENT]
    assert await customers.read(EVE) == (None, [])
    consents = await strict.consent("eve", [said(PURPOSE_LEARNING, granted=True)], NOW_MS)
    assert consents == [said(PURPOSE_LEARNING, granted=True)]
    assert await record_of(customers) == CustomerRecord(consents=consents)
    keys = CustomerKeys(EVE)
    assert [await store.redis.exists(key) for key in keys.every] == [0, 1, 0, 0]


async def test_who_withdraws_consent_is_forgotten_but_for_that(store: Store, known: KnownCustomers) -> None:
    await known.record("eve", [done("a")], NOW_MS)
    await known.prefer("eve", Preferences(interests=["running"]), NOW_MS)
    await show(store, EVE, "e1")
    await known.consent("eve", [said(PURPOSE_PERSONALIZATION, granted=False)], NOW_MS)
    keys = CustomerKeys(EVE)
    assert [await store.redis.exists(key) for key in keys.every] == [0, 1, 0, 0]
    assert [each.became for each in await known.record("eve", [done("b")], NOW_MS)] == [Became.NO_CONSENT]
    # And begins anew where it is given again.
    later = said(PURPOSE_PERSONALIZATION, granted=True)
    await known.consent("eve", [later], NOW_MS + 5)
    stored = await known.read("eve")
    assert stored.record is not None
    assert (stored.record.first_seen_ms, list(stored.record.activities), stored.seen) == (NOW_MS + 5, [], [])


async def test_an_activity_that_was_read_before_consent_was_withdrawn_is_not_stored(
    store: Store, customers: Customers, known: KnownCustomers
) -> None:
    await known.record("eve", [done()], NOW_MS)

    class Slow(Customers):
        async def _read(self, customer: bytes, most_seen: int, activity_ids: Sequence[str] = ()) -> object:
            read = await super()._read(customer, most_seen, activity_ids)
            await known.consent("eve", [said(PURPOSE_PERSONALIZATION, granted=False)], NOW_MS)
            return read

    slow = KnownCustomers(Slow(store), known.rules)
    assert [each.became for each in await slow.record("eve", [done()], NOW_MS)] == [Became.NO_CONSENT]
    assert (await record_of(customers)).activities == []


async def test_everything_expires_but_a_refusal(store: Store, known: KnownCustomers) -> None:
    keys = CustomerKeys(EVE)
    await known.record("eve", [done("a")], NOW_MS)
    await known.consent("eve", [said(PURPOSE_PERSONALIZATION, granted=True)], NOW_MS)
    assert 0 < await store.redis.ttl(keys.profile) <= KEPT.profile_s
    assert 0 < await store.redis.ttl(keys.consent) <= KEPT.profile_s
    assert 0 < await store.redis.ttl(keys.activities) <= ACTIVITY_IDS_KEPT_S
    await known.consent("eve", [said(PURPOSE_LEARNING, granted=False)], NOW_MS)
    assert 0 < await store.redis.ttl(keys.profile) <= KEPT.profile_s
    assert await store.redis.ttl(keys.consent) == -1


async def test_ids_of_activities_are_forgotten_after_a_week(store: Store, known: KnownCustomers) -> None:
    await known.record("eve", [done("a")], NOW_MS)
    week_ms = 1000 * ACTIVITY_IDS_KEPT_S
    assert (await known.record("eve", [done("a")], NOW_MS + week_ms - 1))[0].became is Became.DUPLICATE
    await known.record("eve", [done("b")], NOW_MS + week_ms)
    assert (await known.record("eve", [done("a")], NOW_MS + week_ms))[0].became is Became.ACCEPTED
    assert await store.redis.zcard(CustomerKeys(EVE).activities) == 2


async def test_there_are_so_many_ids_at_most(store: Store, known: KnownCustomers) -> None:
    for call in range(11):
        await known.record("eve", [done(f"{call}-{i}") for i in range(1000)], NOW_MS + call)
    assert await store.redis.zcard(CustomerKeys(EVE).activities) == MOST_ACTIVITY_IDS
    assert (await known.record("eve", [done("10-0")], NOW_MS))[0].became is Became.DUPLICATE


async def test_the_history_is_read_newest_last_and_as_much_as_is_asked_for(store: Store, customers: Customers) -> None:
    await show(store, EVE, "e1", "e2", "e3")
    assert [each.event_id for each in (await customers.read(EVE)).seen] == ["e1", "e2", "e3"]
    assert [each.event_id for each in (await customers.read(EVE, most_seen=2)).seen] == ["e2", "e3"]
    assert (await customers.read(EVE, most_seen=0)).seen == []


async def test_damage_is_an_error_and_not_an_empty_profile(store: Store, customers: Customers) -> None:
    await store.redis.set(CustomerKeys(EVE).profile, b"\xff\xff")
    with pytest.raises(StoreUnavailableError, match="2 bytes in the store are none"):
        await customers.read(EVE)
    await store.redis.delete(CustomerKeys(EVE).profile)
    await store.redis.rpush(CustomerKeys(EVE).seen, b"\xff\xff")
    with pytest.raises(StoreUnavailableError, match="history"):
        await customers.read(EVE)


async def test_a_customer_under_the_former_key_is_moved_with_everything(store: Store, customers: Customers) -> None:
    old = KnownCustomers(customers, CustomerRules(CustomerIds(FORMER), ConsentRule(assumed=True)))
    await old.record("eve", [done("a")], NOW_MS)
    await old.consent("eve", [said(PURPOSE_LEARNING, granted=False)], NOW_MS)
    key, former = CustomerIds(KEY, FORMER).of("eve")
    assert former is not None
    await show(store, former, "e1")
    before = await customers.read(former)
    new = KnownCustomers(customers, CustomerRules(CustomerIds(KEY, FORMER), ConsentRule(assumed=True)))
    assert await new.read("eve") == before
    assert await customers.read(former) == (None, [])
    assert await store.redis.ttl(CustomerKeys(key).consent) == -1
    assert 0 < await store.redis.ttl(CustomerKeys(key).profile) <= KEPT.profile_s
    assert (await new.record("eve", [done("a")], NOW_MS))[0].became is Became.DUPLICATE


async def test_a_change_finds_a_customer_under_the_former_key_too(customers: Customers) -> None:
    old = KnownCustomers(customers, CustomerRules(CustomerIds(FORMER), ConsentRule(assumed=True)))
    await old.record("eve", [done("a")], NOW_MS)
    new = KnownCustomers(customers, CustomerRules(CustomerIds(KEY, FORMER), ConsentRule(assumed=True)))
    await asyncio.gather(*(new.record("eve", [done()], NOW_MS) for _ in range(5)))
    assert (await record_of(customers)).activities[0].count == 6


async def test_what_is_there_already_is_not_overwritten_by_a_move(customers: Customers) -> None:
    old = KnownCustomers(customers, CustomerRules(CustomerIds(FORMER), ConsentRule(assumed=True)))
    await old.record("eve", [done(name="old")], NOW_MS)
    key, former = CustomerIds(KEY, FORMER).of("eve")
    assert former is not None
    await KnownCustomers(customers, CustomerRules(IDS, ConsentRule(assumed=True))).record(
        "eve", [done(name="new")], NOW_MS
    )
    await customers.move(former, key)
    assert [each.name for each in (await record_of(customers)).activities] == ["new"]


async def test_a_customer_is_deleted_with_everything(store: Store, customers: Customers, known: KnownCustomers) -> None:
    await known.record("eve", [done("a")], NOW_MS)
    await known.consent("eve", [said(PURPOSE_LEARNING, granted=False)], NOW_MS)
    await show(store, EVE, "e1")
    assert await customers.delete(EVE)
    assert not await customers.delete(EVE)
    assert await customers.read(EVE) == (None, [])


async def test_no_key_and_no_value_has_the_id(store: Store, known: KnownCustomers) -> None:
    await known.record("a-telling-id", [done("a-telling-activity")], NOW_MS)
    await known.consent("a-telling-id", [said(PURPOSE_LEARNING, granted=False)], NOW_MS)
    keys = CustomerKeys(IDS.of("a-telling-id").key)
    for key in keys.every:
        assert "telling" not in key
        assert b"telling" not in (await store.redis.dump(key) or b"")


async def test_a_store_that_is_away_is_not_waited_for_once_for_each_customer(tmp_path: Path) -> None:
    """And nothing goes on behind the back of whoever was told."""
    nowhere = Pipe(f"unix://{tmp_path}/none.sock", timeout_s=0.2)
    customers, store = Customers(nowhere), Store("redis://127.0.0.1:1", timeout_s=0.2)
    known = KnownCustomers(customers, CustomerRules(IDS, ConsentRule(assumed=True)))
    erasures = CustomerErasures(known, customers, Erasures(store))
    servicer = CustomerServicer(known, erasures, Decisions(store))
    crowd = [Activity(customer_id=f"c{i}", name="page_view") for i in range(500)]
    before = asyncio.all_tasks()
    with pytest.raises(StoreUnavailableError):
        await servicer.RecordActivity(RecordActivityRequest(activities=crowd))
    assert asyncio.all_tasks() == before
    nowhere.close()
