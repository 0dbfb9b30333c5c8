"""Challengers of a placement, on a real store: trained in the shadow, measured once, promoted when proved better."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Self

import pytest

import oracle
from attune.config import LearnerSettings
from attune.errors import FencedError, NotFoundError
from attune.learning.challengers import PlacementChallengers
from attune.learning.learners import Learners
from attune.logs import trimming
from attune.serving.situation import situation_of
from attune.serving.specs import policy_spec, with_defaults
from attune.storage.v1.records_pb2 import (
    ChallengerRecord,
    DecisionRecord,
    OutcomeRecord,
    PlacementRecord,
    SlotRecord,
    VersionRecord,
)
from attune.store.challengers import Challengers, Promotion, Replaced
from attune.store.client import Store
from attune.store.decisions import LoggedInteraction
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.store.versions import Versions, sign
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import AutoPromote, Challenger, EpsilonSpec, Placement, PolicySpec, PopularitySpec, VwSpec
from attune_models.policy import build
from messages import reward
from servers import every_key

QUICK = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.02, poll_ms=5)
# Shorter than any placement may have: entries of the log are known 5 ms later.
WINDOW_S = 0.005
OFFERS = [Offer(id=name).SerializeToString() for name in ("a", "b", "c")]
VW = Challenger(name="vw", policy=PolicySpec(vw=VwSpec(epsilon=EpsilonSpec(epsilon=0.1))))
POPULAR = Challenger(name="popular", policy=PolicySpec(popularity=PopularitySpec(), min_probability=0.01))


def placement(*challengers: Challenger, **fields: object) -> Placement:
    spec = reward(WINDOW_S, min=0.0, max=1.0)
    return with_defaults(Placement(name="home", reward=spec, challengers=challengers, **fields))  # type: ignore[arg-type]


@dataclass(slots=True)
class Traffic:
    """Visitors of whom each likes one offer, shown one at random.

    Attributes:
        mode: Who says that it decides.
        policy_version: The version that says so.
        made: How many decisions were made.
        window_ms: When they enter the log; clicks that come later are late.
    """

    store: Store
    pipe: Pipe
    keys: PlacementKeys
    mode: int = MODE_LEARNED
    policy_version: int = 0
    made: int = 0
    window_ms: int = 100

    async def visits(self, n: int, slots: int = 1) -> None:
        """Makes decisions whose windows close at once, and clicks."""
        journal, outcomes = Journal(self.pipe), Outcomes(self.store)
        for first in range(self.made, self.made + n, 50):
            some = [self._decision(i, slots) for i in range(first, min(first + 50, self.made + n))]
            # Clicked before the window closes.
            await asyncio.gather(
                *(journal.append(self.keys, self.window_ms, of.event_id, of.SerializeToString()) for of in some)
            )
            clicks = [
                NewOutcome(of.event_id, "click", OutcomeRecord(name="click", value=1.0)) for of in some if _likes(of)
            ]
            if clicks:
                await outcomes.record(self.keys, clicks)
        self.made += n

    def _decision(self, i: int, slots: int) -> DecisionRecord:
        random = Random(i)
        drawn = random.sample(range(3), slots)
        record = DecisionRecord(
            event_id=f"e{i}",
            decided_at_ms=1_795_000_000_000 + i,
            context=Features(categorical={"user": f"user-{random.randrange(3)}"}).SerializeToString(),
            offers=OFFERS,
            pmf=[1 / 3] * 3,
            chosen=drawn[0],
            mode=self.mode,  # type: ignore[arg-type]
            policy_version=self.policy_version,
        )
        for slot in range(1, slots):
            left = [0.0 if i in drawn[:slot] else 1.0 / (3 - slot) for i in range(3)]
            record.later_slots.append(SlotRecord(pmf=left, chosen=drawn[slot]))
        return record


def _likes(decision: DecisionRecord) -> bool:
    user = Features.FromString(decision.context).categorical["user"]
    return user.endswith(str(decision.chosen))


class Learner:
    """A learner that is started and stopped, or dropped in the middle of its work."""

    def __init__(self, store: Store, settings: LearnerSettings = QUICK) -> None:
        """Start."""
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(Learners(store, settings).run(self._stopping))

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop, and commit what was learned."""
        self._stopping.set()
        await self._task

    async def drop(self, store: Store, keys: PlacementKeys) -> None:
        """End it as a kill would: nothing more is committed. The lease runs out, here at once."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await store.redis.delete(keys.lease)


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 15.0) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)


async def settled(store: Store, keys: PlacementKeys, made: int) -> None:
    """Wait until every decision is in the log, and every challenger was weighed to its end."""

    async def is_settled() -> bool:
        logged = await store.redis.xlen(keys.interactions)  # first: what is logged after this look is not the end
        extent = await TrainingLog(store).extent(keys)
        records = await Challengers(store).records(keys)
        named = {each.name for each in (await Placements(store).get(keys.name)).placement.challengers}
        is_weighed = all(record.weighed_to == extent.last for record in records.values())
        return logged == made and named == set(records) and is_weighed

    await until(is_settled, "every challenger to get to the end of the log")


@pytest.fixture
def traffic(store: Store, pipe: Pipe) -> Traffic:
    return Traffic(store, pipe, PlacementKeys("home"))


async def test_a_challenger_learns_the_whole_log_and_is_measured_on_what_comes_after_it_was_named(
    store: Store, traffic: Traffic
) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(), 0)
    async with Learner(store):
        await traffic.visits(200)
        await until(_logged(store, keys, 200), "the log")
        await Placements(store).apply(placement(VW, POPULAR), 0)
        await until(_stored(store, keys, 2), "two challengers")
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
        await until(_stored(store, keys, 2), "two challengers")
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
        await until(_stored(store, keys, 1), "the challenger")
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
        await until(_stored(store, keys, 1), "the challenger")
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
        await until(_stored(store, keys, 1), "the challenger")
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
        await until(_stored(store, keys, 0), "both to go")
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
            await until(_learned(store, keys, n), "everything to be learned")
    await Placements(store).apply(placement(VW), 0)
    await TrainingLog(store).note_exported(keys, (await TrainingLog(store).extent(keys)).last, BEGINNING)
    with pytest.raises(NotFoundError, match='challenger "vw" has learned from the log'):
        await trimming.trim(store, "home")
    async with Learner(store):
        await settled(store, keys, 60)
    learned = (await Challengers(store).records(keys))["vw"].training
    await trimming.trim(store, "home")
    left = await oracle.whole_log(store, keys)
    assert left[0].position == learned.cursor


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
        await until(_learned(store, keys, 20), "everything to be learned")
    await TrainingLog(store).note_exported(keys, (await TrainingLog(store).extent(keys)).last, BEGINNING)
    assert await trimming.trim(store, "home") == 0
    assert len(await oracle.whole_log(store, keys)) == 20


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
        await until(_stored(store, keys, 2), "two challengers")
        traffic.window_ms = 1500  # late clicks, of a busy machine, look like a drift of the rewards
        await traffic.visits(3000)
        await until(_promoted(store, traffic), "a promotion", timeout_s=30)
        await settled(store, keys, traffic.made)
        await until(_learned(store, keys, traffic.made), "everything to be learned")
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
        await until(_learned(store, keys, traffic.made), "everything to be learned")
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


async def test_what_another_policy_decided_meanwhile_is_not_counted_though_nobody_saw_it_come_and_go(
    store: Store, traffic: Traffic
) -> None:
    keys, versions = traffic.keys, Versions(store)
    await Placements(store).apply(placement(POPULAR), 0)
    async with Learner(store):
        await traffic.visits(30)
        await settled(store, keys, 30)
        await until(_learned(store, keys, 30), "everything to be learned")
    head, lease = await versions.head(keys), await versions.acquire(keys, "another", 60_000)
    assert head is not None
    assert lease is not None
    between = VersionRecord(policy=POPULAR.policy, reward=placement().reward, cursor=head.cursor)
    traffic.policy_version = await versions.commit(lease, between, b"of another policy", keep=10)
    await versions.release(lease)
    await traffic.visits(20)
    async with Learner(store):
        await settled(store, keys, 50)
        await until(_learned(store, keys, 50), "everything to be learned")
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
            await until(_learned(store, keys, n), "everything to be learned")
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
        await until(_learned(store, keys, 50), "everything to be learned")

        async def is_measured() -> bool:
            records = await Challengers(store).records(keys)
            return "popular" in records and records["popular"].measured == 50

        await until(is_measured, "the other challenger to be measured")
    assert "learning again in" not in caplog.text
    assert ("are no challenger, b'vw'" in caplog.text) or ('challenger "vw" is put aside' in caplog.text)


def _pmf(version: VersionRecord, weights: bytes) -> list[float]:
    """What a version draws from. Its bytes are not: Vowpal Wabbit counts in them what a challenger predicted."""
    policy = build(policy_spec(version.policy))
    policy.loads(weights)
    return policy.pmf(situation_of(Features(categorical={"user": "user-1"}), OFFERS))


def _logged(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return bool(await store.redis.xlen(keys.interactions) == n)

    return check


def _stored(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(await Challengers(store).records(keys)) == n

    return check


def _promoted(store: Store, traffic: Traffic) -> Callable[[], Awaitable[bool]]:
    """A promotion while there is something new in the log all the time."""

    async def check() -> bool:
        await traffic.visits(3)
        return (await Placements(store).get("home")).HasField("last_promotion")

    return check


def _learned(store: Store, keys: PlacementKeys, n: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        head = await Versions(store).head(keys)
        return head is not None and head.interactions == n

    return check
