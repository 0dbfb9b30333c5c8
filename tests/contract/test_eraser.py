"""Erasing customers, on a real store: what is theirs goes, what is another's stays, and whoever dies in between."""

import asyncio
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from attune.errors import NotFoundError, StoreUnavailableError
from attune.learning.eraser import Eraser
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.store.client import Store
from attune.store.erasing import PlacementErasing
from attune.store.erasures import Erasures, rewrite
from attune.store.journal import Journal
from attune.store.keys import ERASURES_LEASE, CustomerKeys
from attune.store.outcomes import Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from erasing import (
    IDS,
    WINDOW_MS,
    Told,
    answer,
    applied,
    assert_nothing_left,
    done,
    eraser,
    erasures,
    every_key_of,
    everything,
    learned,
    live,
)
from learning_meanwhile import learning

LEASE_MS = 150


async def test_what_waits_goes_and_what_others_have_stays(store: Store, pipe: Pipe) -> None:
    told = [Told(number, Random(number)) for number in range(4)]
    home = await applied(store, "home")
    journal = Journal(pipe)
    pending, deferred, other, back = told
    back.record.customer, back.record.decided_at_ms = pending.record.customer, 2**50
    for each in (pending, other, back):
        await journal.append(home, 60_000, each.event_id, each.record.SerializeToString())
    deferred.record.customer = pending.record.customer
    await journal.append(home, 0, deferred.event_id, deferred.record.SerializeToString())
    await Outcomes(store).record(home, [answer(each, "now") for each in (pending, other, back)])
    receipt = (await erasures(store).erase(pending.id)).receipt
    await done(store)
    assert (await every_key_of(store, home.event("*"))) == sorted(home.event(each.event_id) for each in (other, back))
    assert (await every_key_of(store, home.outcomes("*"))) == sorted(
        home.outcomes(each.event_id) for each in (other, back)
    )
    [removed] = (await Erasures(store).receipt(receipt.receipt_id)).placements
    assert (removed.pending, removed.interactions, removed.rebuilt_version) == (2, 0, 0)
    numbers = await Placements(store).numbers("home")
    # A deferred one never counted as a decision.
    assert (numbers.decisions, numbers.pending, numbers.outcomes) == (2, 2, 2)
    assert (await Placements(store).get("home")).generation == 0, "nothing was learned: nothing is trained anew"


async def test_profile_and_history_go_at_once_under_both_keys(store: Store) -> None:
    profile = CustomerRecord(first_seen_ms=1).SerializeToString()
    shown = SeenRecord(at_ms=1, placement="gone", event_id="e").SerializeToString()
    for customer in IDS.of("anna").every:
        keys = CustomerKeys(customer)
        await store.redis.mset({keys.profile: profile, keys.consent: b""})
        await store.redis.rpush(keys.seen, shown)
        await store.redis.zadd(keys.activities, {"a": 1})
        await store.redis.set(keys.moved, IDS.of("anna").key)
    begun = await erasures(store).erase("anna")
    assert (begun.receipt.profile, begun.receipt.history_entries) == (True, 2)
    assert await every_key_of(store, "attune:{:c:*") == []
    # A decision that was being made has written what it shows.
    key, former = (CustomerKeys(customer).seen for customer in IDS.of("anna").every)
    later = SeenRecord(at_ms=2**50).SerializeToString()
    await store.redis.rpush(key, shown, later)
    await store.redis.rpush(former, shown)
    await done(store)
    assert await store.redis.lrange(key, 0, -1) == [later]
    assert not await store.redis.exists(former)
    receipt = await Erasures(store).receipt(begun.receipt.receipt_id)
    assert receipt.HasField("completed_at")
    assert not receipt.placements
    with pytest.raises(NotFoundError):
        await Erasures(store).receipt("another")


async def test_what_a_clock_ahead_of_the_stores_has_dated_goes_too(
    store: Store, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, anna = await applied(store, "home"), Told(1, Random(1))
    ahead_ms = await Erasures(store).now_ms() + 300
    anna.record.decided_at_ms = ahead_ms - 1
    await Journal(pipe).append(home, WINDOW_MS, anna.event_id, anna.record.SerializeToString())
    with monkeypatch.context() as patched:
        patched.setattr("attune.serving.erasures.time.time_ns", lambda: ahead_ms * 1_000_000)
        await erasures(store).erase(anna.id)
    await done(store)
    assert await every_key_of(store, home.event("*")) == []


async def test_a_decision_of_somebody_else_stays_whatever_a_history_names(store: Store, pipe: Pipe) -> None:
    """Its id was sent again for anna, and the server died before it could take that out of her history."""
    home, told = await applied(store, "home"), [Told(number, Random(number)) for number in range(3)]
    anna, logged, pending = told
    shown = [SeenRecord(at_ms=1, placement="home", event_id=each.event_id).SerializeToString() for each in told]
    async with learning(store):
        await live(store, pipe, home, [anna, logged])
        await learned(store, home, 2)
        await Journal(pipe).append(home, WINDOW_MS, pending.event_id, pending.record.SerializeToString())
        await Outcomes(store).record(home, [answer(pending, "now")])
        await store.redis.rpush(CustomerKeys(IDS.of(anna.id).key).seen, *shown)
        receipt = (await erasures(store).erase(anna.id)).receipt
        await done(store)
    assert await every_key_of(store, home.event("*")) == [home.event(each.event_id) for each in (logged, pending)]
    assert await store.redis.exists(home.outcomes(pending.event_id))
    [removed] = (await Erasures(store).receipt(receipt.receipt_id)).placements
    assert (removed.pending, removed.interactions, removed.log_was_trimmed) == (0, 1, False)


async def test_who_was_overtaken_does_not_end_what_came_after(store: Store, pipe: Pipe) -> None:
    """A process was slower than its lease: another one finished its batch, and has begun the next."""
    home, told = await applied(store, "home"), [Told(number, Random(number)) for number in range(20)]
    async with learning(store):
        await live(store, pipe, home, told)
        former = await learned(store, home, 20)
    receipt = (await erasures(store).erase(told[0].id)).receipt
    await eraser(store).look()  # removed; nobody trains yet
    await PlacementErasing(store, "home", "an earlier batch").end(["an earlier receipt"])
    async with learning(store):
        await done(store)
        assert await learned(store, home, 19, generation=1) != former
    [removed] = (await Erasures(store).receipt(receipt.receipt_id)).placements
    assert (removed.interactions, removed.rebuilt_version > 0) == (1, True)
    assert await every_key_of(store, home.erasing) == await every_key_of(store, home.erased) == []


class Slow(Store):
    """A client that waits before it removes anything from a log."""

    def __init__(self, store: Store) -> None:
        """Work as another one does."""
        vars(self).update(vars(store))

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run a script, later."""
        if name == "erase_logged":
            await asyncio.sleep(4 * LEASE_MS / 1000)
        return await super().run(name, keys, args)


async def erasing_slowly(store: Store, pipe: Pipe) -> "asyncio.Task[bool]":
    """Return an eraser at work for many times its lease."""
    home, told = await applied(store, "home"), [Told(number, Random(number)) for number in range(5)]
    async with learning(store):
        await live(store, pipe, home, told)
        await learned(store, home, 5)
    await erasures(store).erase(told[0].id)
    await asyncio.sleep(0.01)
    return asyncio.create_task(Eraser(Slow(store), "first", 0.0, rewrites=False, lease_ms=LEASE_MS).look())


async def test_nobody_else_begins_what_takes_longer_than_a_lease(store: Store, pipe: Pipe) -> None:
    working = await erasing_slowly(store, pipe)
    taken = []
    while not working.done():
        await asyncio.sleep(LEASE_MS / 3000)
        taken.append(await Erasures(store).take("second", LEASE_MS))
    assert (taken[:6], await working) == ([False] * 6, True)


async def test_who_was_overtaken_stops(store: Store, pipe: Pipe, caplog: pytest.LogCaptureFixture) -> None:
    working = await erasing_slowly(store, pipe)
    await asyncio.sleep(LEASE_MS / 1000)
    await store.redis.set(ERASURES_LEASE, "second", px=10_000)
    assert await working
    assert "somebody else carries out the erasures" in caplog.text
    assert (await Placements(store).numbers("home")).interactions == 5  # nothing was removed by this one


async def test_a_repeated_request_does_not_bring_back_what_was_shown(store: Store, pipe: Pipe) -> None:
    """It was repeated after the history was gone, and before the decision was."""
    home, anna = await applied(store, "home"), Told(1, Random(1))
    await Journal(pipe).append(home, WINDOW_MS, anna.event_id, anna.record.SerializeToString())
    await erasures(store).erase(anna.id)
    key, again = CustomerKeys(IDS.of(anna.id).key).seen, SeenRecord(at_ms=1, placement="home", event_id=anna.event_id)

    class Repeated(Slow):
        async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
            if name == "erase_pending":
                await store.redis.rpush(key, again.SerializeToString())
            return await super().run(name, keys, args)

    await done(store, Eraser(Repeated(store), "test", 0.0, rewrites=False))
    assert not await store.redis.exists(key)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.long)])
async def test_whatever_dies_in_between_all_is_erased_and_counted_once(store: Store, pipe: Pipe, every: int) -> None:
    """The eraser dies after one of its script calls, and another one takes up what is there."""
    rng = Random(9)
    told = [Told(number, rng) for number in range(100)]
    home = await applied(store, "home")
    survived = 0
    async with learning(store):
        await live(store, pipe, home, told)
        await learned(store, home, 100)
        for generation in range(1, 40):
            anna, tom = told[2 * generation : 2 * generation + 2]
            receipts = [(await erasures(store).erase(each.id)).receipt.receipt_id for each in (anna, tom)]
            mortal = Mortal(store, calls=every * (generation - 1))
            try:
                await done(store, Eraser(mortal, "test", 0.0, rewrites=False))
                survived += 1
            except StoreUnavailableError:
                await done(store)
            for receipt_id in receipts:
                [removed] = (await Erasures(store).receipt(receipt_id)).placements
                assert (removed.interactions, removed.pending) == (1, 0)
                assert removed.rebuilt_version
            assert (await Placements(store).numbers("home")).interactions == 100 - 2 * generation
            assert_nothing_left(await everything(store), [anna, tom])
            if survived:
                break
    assert survived, "the last one is to live as long as it takes"
    assert every * generation > 8, "there are so many steps to die between"
    assert await every_key_of(store, home.erasing) == await every_key_of(store, home.copy) == []


@pytest.mark.one_server
async def test_the_file_of_the_store_is_written_anew_where_that_is_allowed(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await store.redis.config_set("appendonly", "yes")
    await rewrite(store)
    before = await store.info("persistence")
    await rewrite(store)
    assert await store.info("persistence") != before
    assert not caplog.records
    allow = partial(store.redis.acl_setuser, "default", enabled=True, nopass=True, categories=["+@all"])
    await allow(commands=["-bgrewriteaof"])
    try:
        await rewrite(store)
    finally:
        await allow()
    [record] = caplog.records
    assert "was not written anew" in record.message


class Mortal(Store):
    """A client that does so many calls of scripts, and then no more."""

    def __init__(self, store: Store, calls: int) -> None:
        """Work as another one does."""
        vars(self).update(vars(store))
        self._calls = calls

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> object:
        """Run a script as long as this lives; the last one is run, and nobody hears the answer."""
        if self._calls < 0:
            raise StoreUnavailableError("it died")
        answer = await super().run(name, keys, args)
        self._calls -= 1
        if self._calls < 0:
            raise StoreUnavailableError("it dies")
        return answer
