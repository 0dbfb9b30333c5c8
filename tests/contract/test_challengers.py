"""Challengers of a placement, on a real store: trained in the shadow, measured once, promoted when proved better."""

import asyncio
from typing import Any

import pytest

import oracle
from attune.errors import NotFoundError
from attune.learning.challengers import PlacementChallengers
from attune.logs import trimming
from attune.storage.v1.records_pb2 import (
    ChallengerRecord,
    VersionRecord,
)
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.interactions import BEGINNING, Interactions
from attune.store.log_entries import LoggedInteraction
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED
from attune.v1.placement_pb2 import PolicySpec, PopularitySpec
from servers import every_key
from shadow_traffic import POPULAR, QUICK, VW, Learner, Traffic, learned, logged, placement, settled, stored, until


async def test_a_challenger_learns_the_whole_log_and_is_measured_on_what_comes_after_it_was_named(
    store: Store, traffic: Traffic
) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(), 0)
    async with Learner(store):
        await traffic.visits(200)
        await until(logged(store, keys, 200), "the log")
        await Placements(store).apply(placement(VW, POPULAR), 0)
        await until(stored(store, keys, 2), "two challengers")
        await asyncio.sleep(0.1)
        await traffic.visits(100)
        await settled(store, keys, 300)
    for name in ("vw", "popular"):
        record, walked = await oracle.replay_challenger(store, keys, name)
        assert record == walked
        assert record.measured == 100
        assert record.training.interactions >= 200


async def test_a_challenger_that_is_killed_goes_on_to_the_same_bits(store: Store, traffic: Traffic) -> None:
    """The learner is dropped again and again, wherever it is; the last one says what an uninterrupted walk says."""
    keys = traffic.keys
    await Placements(store).apply(placement(VW, POPULAR), 0)
    for _ in range(6):
        learner = Learner(store)
        await until(stored(store, keys, 2), "two challengers")
        await traffic.visits(100)
        await asyncio.sleep(0.05)
        await learner.drop(store, keys)
    async with Learner(store):
        await settled(store, keys, 600)
    for name in ("vw", "popular"):
        record, walked = await oracle.replay_challenger(store, keys, name)
        assert record == walked
        assert record.measured == 600


async def test_only_what_the_policy_decided_is_measured_and_everything_is_learned(
    store: Store, traffic: Traffic
) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW), 0)
    async with Learner(store):
        await until(stored(store, keys, 1), "the challenger")
        await traffic.visits(60)
        traffic.mode = MODE_CONTROL
        await traffic.visits(70)
        traffic.mode = MODE_LEARNED
        await traffic.visits(30)
        await settled(store, keys, 160)
    record, walked = await oracle.replay_challenger(store, keys, "vw")
    assert record == walked
    assert record.measured == 90


async def test_slots_are_weighed_together(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW), 0)
    async with Learner(store):
        await until(stored(store, keys, 1), "the challenger")
        await traffic.visits(100, slots=2)
        await settled(store, keys, 100)
    record, walked = await oracle.replay_challenger(store, keys, "vw")
    assert record == walked
    assert record.measured == 100
    assert record.status.policy_value.value == record.reward / 100


async def test_another_policy_is_measured_against_anew_and_training_goes_on(store: Store, traffic: Traffic) -> None:
    """Not with Vowpal Wabbit, which counts its predictions in what it saves, also those that nothing is left of."""
    keys = traffic.keys
    await Placements(store).apply(placement(POPULAR), 0)
    async with Learner(store):
        await until(stored(store, keys, 1), "the challenger")
        await traffic.visits(100)
        await settled(store, keys, 100)
        former = (await Challengers(store).records(keys))["popular"]
        head = await Versions(store).head(keys)
        assert head is not None
        await Placements(store).apply(placement(POPULAR, policy=PolicySpec(popularity=PopularitySpec())), 0)

        async def anew() -> bool:
            return (await Challengers(store).records(keys))["popular"].measuring.ordinal == 2

        await until(anew, "another measuring")
        await traffic.visits(20)
        traffic.policy_version = head.version + 1  # the one before has decided until here
        await traffic.visits(30)
        await settled(store, keys, 150)
    record, walked = await oracle.replay_challenger(store, keys, "popular")
    assert record == walked
    assert (former.measured, former.measuring.ordinal) == (100, 1)
    assert (record.measured, record.measuring.least_version) == (30, head.version + 1)
    assert record.training.interactions > former.training.interactions
    assert record.training.replayed_to == former.training.replayed_to


async def test_a_challenger_that_is_not_named_any_more_leaves_nothing(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW, POPULAR), 0)
    async with Learner(store):
        await traffic.visits(50)
        await settled(store, keys, 50)
        weights = {record.training.version for record in (await Challengers(store).records(keys)).values()}
        assert all([await store.redis.exists(keys.snapshot(number)) for number in weights])
        await Placements(store).apply(placement(), 0)
        await until(stored(store, keys, 0), "both to go")
    assert keys.challengers.encode() not in await every_key(store)
    assert not any([await store.redis.exists(keys.snapshot(number)) for number in weights])


async def test_a_challenger_keeps_one_snapshot(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW), 0)
    async with Learner(store):
        for made in (50, 100, 150):
            await traffic.visits(50)
            await settled(store, keys, made)
    kept = {keys.snapshot(version.version).encode() for version in await Versions(store).kept(keys)}
    [challenger] = (await Challengers(store).records(keys)).values()
    snapshots = {key for key in await every_key(store) if b"snapshot" in key}
    assert snapshots == kept | {keys.snapshot(challenger.training.version).encode()}


async def test_a_challenger_that_is_trained_anew_leaves_nothing_of_before(store: Store, traffic: Traffic) -> None:
    """What it learned then may be of somebody who is to be forgotten."""
    keys = traffic.keys
    await Placements(store).apply(placement(POPULAR), 0)
    async with Learner(store):
        await traffic.visits(50)
        await settled(store, keys, 50)
        await Generations(store).rebuild("home", whole_log=True)

        async def anew() -> bool:
            return (await Challengers(store).records(keys))["popular"].training.generation == 1

        await until(anew, "another generation")
    kept = {keys.snapshot(version.version).encode() for version in await Versions(store).kept(keys)}
    [challenger] = (await Challengers(store).records(keys)).values()
    snapshots = {key for key in await every_key(store) if b"snapshot" in key}
    assert snapshots == kept | {keys.snapshot(challenger.training.version).encode()}


async def test_a_deleted_placement_leaves_nothing_of_its_challengers(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW), 0)
    async with Learner(store):
        await traffic.visits(50)
        await settled(store, keys, 50)
    await Placements(store).delete("home")
    assert await every_key(store) == []


async def test_damaged_weights_are_learned_again_and_measured_anew(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW), 0)
    async with Learner(store):
        await traffic.visits(50)
        await settled(store, keys, 50)
    former = (await Challengers(store).records(keys))["vw"]
    await store.redis.set(keys.snapshot(former.training.version), b"half")
    async with Learner(store):
        await traffic.visits(50)
        await settled(store, keys, 100)
    record, walked = await oracle.replay_challenger(store, keys, "vw")
    assert record == walked
    assert record.measuring.ordinal == 2


async def test_what_a_challenger_has_to_learn_is_not_trimmed(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(), 0)
    async with Learner(store):
        for n in (30, 60):
            await traffic.visits(30)
            await until(learned(store, keys, n), "everything to be learned")
    await Placements(store).apply(placement(VW), 0)
    await TrainingLog(store).note_exported(keys, (await TrainingLog(store).extent(keys)).last, BEGINNING)
    with pytest.raises(NotFoundError, match='challenger "vw" has learned from the log'):
        await trimming.trim(store, "home")
    async with Learner(store):
        await settled(store, keys, 60)
    training = (await Challengers(store).records(keys))["vw"].training
    await trimming.trim(store, "home")
    left = await oracle.whole_log(store, keys)
    assert left[0].position == training.cursor


async def test_nothing_is_trimmed_before_a_challenger_has_learned_its_first_interaction(
    store: Store, traffic: Traffic
) -> None:
    """Rewards of the last ten minutes are not known to it yet, and that is all there is."""
    keys, spec = traffic.keys, placement(VW)
    spec.reward.window.FromSeconds(600)
    await Placements(store).apply(spec, 0)
    async with Learner(store):
        await traffic.visits(20)
        await settled(store, keys, 20)
        await until(learned(store, keys, 20), "everything to be learned")
    await TrainingLog(store).note_exported(keys, (await TrainingLog(store).extent(keys)).last, BEGINNING)
    assert await trimming.trim(store, "home") == 0
    assert len(await oracle.whole_log(store, keys)) == 20


async def test_what_another_policy_decided_meanwhile_is_not_counted_though_nobody_saw_it_come_and_go(
    store: Store, traffic: Traffic
) -> None:
    keys, versions = traffic.keys, Versions(store)
    await Placements(store).apply(placement(POPULAR), 0)
    async with Learner(store):
        await traffic.visits(30)
        await settled(store, keys, 30)
        await until(learned(store, keys, 30), "everything to be learned")
    head, lease = await versions.head(keys), await versions.acquire(keys, "another", 60_000)
    assert head is not None
    assert lease is not None
    between = VersionRecord(policy=POPULAR.policy, reward=placement().reward, cursor=head.cursor)
    traffic.policy_version = await versions.commit(lease, between, b"of another policy", keep=10)
    await versions.release(lease)
    await traffic.visits(20)
    async with Learner(store):
        await settled(store, keys, 50)
        await until(learned(store, keys, 50), "everything to be learned")
    record = (await Challengers(store).records(keys))["popular"]
    assert (record.measured, record.measuring.ordinal) == (0, 2)
    assert record.measuring.least_version == traffic.policy_version + 1


async def test_a_store_that_takes_longer_than_a_slice_of_time_leaves_challengers_their_slice(
    store: Store, traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many large offers, reading alone takes so long: they would make one step each time, and never catch up."""
    keys = traffic.keys
    await Placements(store).apply(placement(), 0)
    async with Learner(store):
        for n in (100, 101):  # the last one a window later: until then, the others are not known to a challenger
            await traffic.visits(n - traffic.made)
            await until(learned(store, keys, n), "everything to be learned")
    await Placements(store).apply(placement(POPULAR), 0)
    read = Interactions.after

    async def slowly(*args: Any) -> list[LoggedInteraction]:
        await asyncio.sleep(0.11)
        return await read(*args)

    monkeypatch.setattr(Interactions, "after", slowly)
    lease = await Versions(store).acquire(keys, "test", 60_000)
    assert lease is not None
    challengers = PlacementChallengers(lease, store, QUICK)
    record, end = await Placements(store).get("home"), (await TrainingLog(store).extent(keys)).last
    for _ in range(4):
        await challengers.work(record, end)
    await challengers.commit()
    assert (await Challengers(store).records(keys))["popular"].training.interactions == 100


# Bytes that are no record; and one of which no confidence can be made, because it is of no measuring.
@pytest.mark.parametrize("damage", [b"\xff\xff", b""], ids=["no record", "no measuring"])
async def test_whatever_is_wrong_with_a_record_the_placement_and_the_other_challengers_learn(
    store: Store, traffic: Traffic, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW, POPULAR), 0)
    if not damage:
        trained = VersionRecord(policy=placement(VW).challengers[0].policy, reward=placement().reward, cursor=BEGINNING)
        damage = ChallengerRecord(training=trained).SerializeToString()
    await store.redis.hset(keys.challengers, "vw", damage)
    async with Learner(store):
        await traffic.visits(50)
        await until(learned(store, keys, 50), "everything to be learned")

        async def is_measured() -> bool:
            records = await Challengers(store).records(keys)
            return "popular" in records and records["popular"].measured == 50

        await until(is_measured, "the other challenger to be measured")
    assert "learning again in" not in caplog.text
    assert ("are no challenger, b'vw'" in caplog.text) or ('challenger "vw" is put aside' in caplog.text)
