"""A challenger takes the place of the policy: when it may, and who may not be overruled."""

from collections.abc import Awaitable, Callable

import pytest

import oracle
from attune.errors import FencedError
from attune.serving.situation import situation_of
from attune.serving.specs import policy_spec
from attune.storage.v1.records_pb2 import (
    ChallengerRecord,
    PlacementRecord,
    VersionRecord,
)
from attune.store.challengers import Challengers, Promotion, Replaced
from attune.store.client import Store
from attune.store.placements import Placements
from attune.store.versions import Versions, sign
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import AutoPromote, Challenger, PolicySpec, PopularitySpec
from attune_models.policy import build
from shadow_traffic import OFFERS, POPULAR, VW, Learner, Traffic, learned, placement, settled, stored, until


# What is promoted, and what is not: the challenger that knows who comes, and the one that is the policy itself.
# A shorter version goes through the whole service: tests/integration/test_challengers.py.
@pytest.mark.long
async def test_a_challenger_that_is_better_for_certain_is_promoted_and_its_twin_is_not(
    store: Store, traffic: Traffic
) -> None:
    keys, twin = traffic.keys, Challenger(name="twin", policy=PolicySpec(popularity=PopularitySpec()))
    applied = placement(twin, VW, policy=twin.policy, auto_promote=AutoPromote())
    await Placements(store).apply(applied, 0)
    async with Learner(store):
        await until(stored(store, keys, 2), "two challengers")
        traffic.window_ms = 1500  # late clicks, of a busy machine, look like a drift of the rewards
        await traffic.visits(3000)
        await until(_promoted(store, traffic), "a promotion", timeout_s=30)
        await settled(store, keys, traffic.made)
        await until(learned(store, keys, traffic.made), "everything to be learned")
    record = await Placements(store).get("home")
    head = await Versions(store).head(keys)
    assert head is not None
    assert record.placement.policy == applied.challengers[1].policy == head.policy
    assert [challenger.name for challenger in record.placement.challengers] == ["twin"]
    assert (record.last_promotion.name, record.revision) == ("vw", 2)
    assert record.last_promotion.reason.startswith("On ")
    # It goes on from what it had learned in the shadow, whatever it learned as a challenger.
    assert head.interactions == traffic.made
    assert _pmf(head, await oracle.replay(store, keys, head)) == _pmf(head, await Versions(store).weights(keys, head))
    async with Learner(store):  # another one takes it up, and does not begin anew
        await traffic.visits(20)
        await until(learned(store, keys, traffic.made), "everything to be learned")
    later = await Versions(store).head(keys)
    assert later is not None
    assert (later.replayed_to, later.policy) == (head.replayed_to, head.policy)
    assert (await Placements(store).get("home")).revision == 2
    twins = (await Challengers(store).records(keys))["twin"]
    assert (twins.measuring.against, twins.measuring.ordinal) == (head.policy, 3)


# Somebody has changed the placement, or pinned a version; what is then said, and that nothing was changed.
@pytest.mark.parametrize(
    ("pinned", "changed", "answer"),
    [(False, False, Replaced.DONE), (True, False, Replaced.PINNED), (False, True, Replaced.CHANGED)],
    ids=["nobody", "pinned", "changed"],
)
async def test_a_promotion_never_overrules_people(
    store: Store, traffic: Traffic, *, pinned: bool, changed: bool, answer: Replaced
) -> None:
    keys, versions = traffic.keys, Versions(store)
    await Placements(store).apply(placement(VW), 0)
    lease = await versions.acquire(keys, "test", 60_000)
    assert lease is not None
    first = await versions.commit(lease, VersionRecord(policy=PolicySpec(), cursor="1-0"), b"old", keep=10)
    before = await Placements(store).stored("home")
    if pinned:
        await versions.promote(keys, first)
    if changed:
        await Placements(store).apply(placement(VW, POPULAR), 0)
    stood = await Placements(store).stored("home"), await versions.head(keys)
    after = PlacementRecord.FromString(before)
    after.placement.policy.CopyFrom(VW.policy)
    number = await versions.write(lease, b"new")
    version = VersionRecord(policy=VW.policy, cursor="1-0")
    sign(version, number, b"new")
    promotion = Promotion("vw", version, 0, before, after)
    assert await Challengers(store).replace(lease, promotion) is answer
    head = await versions.head(keys)
    if answer is Replaced.DONE:
        assert head == version
        assert (await Placements(store).get("home")).placement.policy == VW.policy
        assert await store.redis.ttl(keys.snapshot(number)) == -1
    else:
        assert (await Placements(store).stored("home"), head) == stood


async def test_who_was_overtaken_writes_nothing_of_challengers(store: Store, traffic: Traffic) -> None:
    keys, versions, challengers = traffic.keys, Versions(store), Challengers(store)
    await Placements(store).apply(placement(VW), 0)
    lease = await versions.acquire(keys, "old", 60_000)
    assert lease is not None
    number = await challengers.commit(lease, "vw", ChallengerRecord(measured=1), b"weights")
    await store.redis.delete(keys.lease)
    assert await versions.acquire(keys, "new", 60_000)
    with pytest.raises(FencedError, match='challenger "vw" was refused'):
        await challengers.commit(lease, "vw", ChallengerRecord(measured=2), b"others")
    with pytest.raises(FencedError, match="forgetting a challenger was refused"):
        await challengers.forget(lease, [("vw", number)])
    before = await Placements(store).stored("home")
    promotion = Promotion("vw", VersionRecord(version=number), 0, before, await Placements(store).get("home"))
    with pytest.raises(FencedError, match='the promotion of challenger "vw" was refused'):
        await challengers.replace(lease, promotion)
    assert (await challengers.records(keys))["vw"].measured == 1


def _pmf(version: VersionRecord, weights: bytes) -> list[float]:
    """What a version draws from. Its bytes are not: Vowpal Wabbit counts in them what a challenger predicted."""
    policy = build(policy_spec(version.policy))
    policy.loads(weights)
    return policy.pmf(situation_of(Features(categorical={"user": "user-1"}), OFFERS))


def _promoted(store: Store, traffic: Traffic) -> Callable[[], Awaitable[bool]]:
    """A promotion while there is something new in the log all the time."""

    async def check() -> bool:
        await traffic.visits(3)
        return (await Placements(store).get("home")).HasField("last_promotion")

    return check
