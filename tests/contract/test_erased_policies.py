"""Policies after an erasure, on a real store: what had learned from a customer learns anew, as if none had come."""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest

import oracle
from attune.learning.baseline import PlacementBaseline
from attune.serving.live import LivePlacements
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import ChallengerRecord, SeenRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.erasures import Erasures
from attune.store.generations import Generations
from attune.store.keys import CustomerKeys, PlacementKeys
from attune.store.outcomes import Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.customer_service_pb2 import ErasureReceipt
from attune.v1.placement_pb2 import ControlSpec, EpsilonSpec, PolicySpec, PopularitySpec, VwSpec
from attune_models import popularity
from attune_models.popularity import PopularityPolicy
from erasing import (
    IDS,
    Told,
    answer,
    applied,
    assert_nothing_left,
    done,
    erasures,
    every_key_of,
    everything,
    learned,
    live,
)
from learning_meanwhile import learning


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
