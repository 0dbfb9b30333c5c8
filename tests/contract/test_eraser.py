"""Erasing customers, on a real store: what is left is what would be there if they had never come."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from random import Random
from typing import Any

import pytest

import oracle
from attune.errors import NotFoundError, StoreUnavailableError
from attune.learning.baseline import PlacementBaseline
from attune.learning.eraser import Eraser
from attune.learning.learners import Learners
from attune.serving.customer_ids import CustomerIds
from attune.serving.customers import CustomerRules, KnownCustomers
from attune.serving.erasures import CustomerErasures
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import ChallengerRecord, CustomerRecord, DecisionRecord, OutcomeRecord, SeenRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.customers import Customers
from attune.store.erasing import PlacementErasing
from attune.store.erasures import Erasures, rewrite
from attune.store.generations import Generations
from attune.store.journal import Journal
from attune.store.keys import ERASURES_LEASE, CustomerKeys, PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.customer_service_pb2 import ErasureReceipt
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import ControlSpec, EpsilonSpec, Placement, PolicySpec, PopularitySpec, VwSpec
from attune_models import popularity
from attune_models.popularity import PopularityPolicy
from servers import every_key

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.05, poll_ms=10)
IDS = CustomerIds(b"k" * 32, b"f" * 32)
WINDOW_MS = 600_000
LEASE_MS = 150
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
    """Let things happen to customers, some of whom answer; then close the windows, however slow this machine was."""
    journal, outcomes = Journal(pipe), Outcomes(store)
    for start in range(0, len(told), 50):
        some = told[start : start + 50]
        entries = ((each.event_id, each.record.SerializeToString()) for each in some)
        await asyncio.gather(*(journal.append(keys, WINDOW_MS, *entry) for entry in entries))
        await outcomes.record(keys, [answer(each, "now") for each in some if each.reward is not None])
    await store.redis.zadd(keys.due, {each.event_id: number for number, each in enumerate(told)}, xx=True)


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


async def test_what_comes_late_does_not_bring_a_customer_back(store: Store, pipe: Pipe) -> None:
    rng = Random(8)
    told = [Told(number, rng) for number in range(60)]
    home, without = await applied(store, "home", revise=True), await applied(store, "without", revise=True)
    late = [answer(each, "late") for each in told[::4]]
    async with learning(store):
        await live(store, pipe, home, told)
        await live(store, pipe, without, told[20:])
        await learned(store, home, 60)
        await learned(store, without, 40)
        await Outcomes(store).record(home, late, revise=True)
        await Outcomes(store).record(without, late[5:], revise=True)
        for each in told[:20]:
            await erasures(store).erase(each.id)
        await done(store)
        assert await Outcomes(store).record(home, late[:5]) == [Recorded.UNKNOWN_EVENT] * 5
        # Live, late outcomes are revisions; from the log, they count at once.
        await Generations(store).rebuild("without", whole_log=False)
        assert await learned(store, home, 40, generation=1) == await learned(store, without, 40, generation=1)
    numbers = await Placements(store).numbers("home")
    assert (numbers.late, numbers.revisions) == (10, 10)
    assert_nothing_left(await everything(store), told[:20])


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


async def test_who_was_all_there_was_leaves_a_policy_that_knows_nothing(store: Store, pipe: Pipe) -> None:
    home, anna = await applied(store, "home"), Told(1, Random(1))
    async with learning(store):
        await live(store, pipe, home, [anna])
        await learned(store, home, 1)
        await Versions(store).promote(home, 1)
        receipt = (await erasures(store).erase(anna.id)).receipt
        await done(store)
        assert await Versions(store).head(home) is None
        assert await every_key_of(store, home.snapshots) == []
        overview = await Versions(store).overview(home)
        assert (overview.kept, overview.promoted, overview.newest) == ([], 0, 0)
        [removed] = (await Erasures(store).receipt(receipt.receipt_id)).placements
        assert (removed.interactions, removed.rebuilt_version) == (1, 0)
        # And it learns again.
        await live(store, pipe, home, [Told(2, Random(2))])
        await learned(store, home, 1, generation=1)


async def test_no_challenger_remembers_either(store: Store, pipe: Pipe) -> None:
    home, told = await applied(store, "home"), [Told(number, Random(number)) for number in range(20)]
    placement = (await Placements(store).get("home")).placement
    placement.challengers.add(name="rival", policy=PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.2))))
    await Placements(store).apply(with_defaults(placement), 0)
    async with learning(store):
        await live(store, pipe, home, told)
        await learned(store, home, 20)
        before = await rival(store, home)
        former = await every_key_of(store, home.snapshots)
        await erasures(store).erase(told[0].id)
        await done(store)
        assert not {*former} & {*await every_key_of(store, home.snapshots)}
        after = await rival(store, home)
    assert (before.training.generation, after.training.generation) == (0, 1)


async def rival(store: Store, keys: PlacementKeys) -> ChallengerRecord:
    """Wait for the record of a challenger."""
    deadline = asyncio.get_running_loop().time() + 30
    while not (records := await Challengers(store).records(keys)):
        assert asyncio.get_running_loop().time() < deadline, "no challenger was committed"
        await asyncio.sleep(0.02)
    return records["rival"]


async def test_a_customer_whose_decisions_were_trimmed_is_trained_away(store: Store, pipe: Pipe) -> None:
    home, told = await applied(store, "home"), [Told(number, Random(number)) for number in range(3)]
    anna = told[0]
    history = [SeenRecord(at_ms=1, placement="home", event_id=anna.event_id).SerializeToString()]
    await store.redis.rpush(CustomerKeys(IDS.of(anna.id).key).seen, *history)
    async with learning(store):
        await live(store, pipe, home, told)
        before = await learned(store, home, 3)
        [first, *_] = await store.redis.xrange(home.interactions)
        await store.redis.xdel(home.interactions, first[0])
        await store.redis.hset(home.exported, "trimmed", first[0])
        receipt = (await erasures(store).erase(anna.id)).receipt
        await done(store)
        assert await learned(store, home, 2, generation=1) != before
    [removed] = (await Erasures(store).receipt(receipt.receipt_id)).placements
    assert (removed.interactions, removed.log_was_trimmed) == (0, True)
    assert await every_key_of(store, f"*{anna.event_id}*") == []


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


async def every_key_of(store: Store, pattern: str) -> list[str]:
    """The keys that a glob matches, sorted."""
    return sorted([key.decode() async for key in store.redis.scan_iter(pattern)])


async def taught_control(store: Store, pipe: Pipe, told: Sequence[Told]) -> tuple[PlacementKeys, LivePlacements]:
    """A placement whose control group's baseline has learned from these, and who serves it."""
    home, servers = await applied(store, "home"), LivePlacements(Placements(store), Versions(store))
    placement = (await Placements(store).get("home")).placement
    placement.control.CopyFrom(ControlSpec(share=0.5, popularity=PopularitySpec()))
    await Placements(store).apply(with_defaults(placement), 0)
    async with learning(store):
        await live(store, pipe, home, told)
        await learned(store, home, len(told))
    await servers.refresh(["home"])
    assert (await servers.get("home")).baseline > 0
    return home, servers


async def relearned(store: Store, keys: PlacementKeys, interactions: int) -> None:
    async with learning(store):
        await learned(store, keys, interactions, generation=1)


async def test_the_baseline_of_control_learns_anew_without_the_erased(store: Store, pipe: Pipe) -> None:
    rng = Random(3)
    told = [Told(number, rng) for number in range(30)]
    home, servers = await taught_control(store, pipe, told)
    former = (await servers.get("home")).baseline
    for each in told[:10]:
        await erasures(store).erase(each.id)
    await asyncio.gather(done(store), relearned(store, home, 20))
    await servers.refresh(["home"])
    record, weights, replayed = await oracle.replay_baseline(store, home)
    assert (record.generation, record.interactions, weights) == (1, 20, replayed)
    assert (await servers.get("home")).baseline == record.version
    assert not await store.redis.exists(home.snapshot(former))


async def test_until_it_has_control_is_decided_by_nothing_that_the_erased_taught(
    store: Store, pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = Random(3)
    told = [Told(number, rng) for number in range(30)]
    home, servers = await taught_control(store, pipe, told)

    async def too_busy(*_: object) -> bool:
        return False

    monkeypatch.setattr(PlacementBaseline, "work", too_busy)
    await erasures(store).erase(told[0].id)
    await asyncio.gather(done(store), relearned(store, home, 29))
    await servers.refresh(["home"])
    serving = await servers.get("home")
    assert (serving.baseline, serving.control.dumps()) == (0, PopularityPolicy(popularity.PopularitySpec()).dumps())
