"""The learner of a placement, on a real store: what it commits, what it takes up again, and when it stands back."""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import sha256

import pytest

import oracle
from attune.serving.specs import with_defaults
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, VersionRecord
from attune.store.client import Store
from attune.store.interactions import Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import Belief, EpsilonSpec, Placement, PolicySpec, VwSpec
from learning_meanwhile import learning
from servers import every_key


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout_s: float = 10.0) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_s
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, f"waited {timeout_s} s for {what}"
        await asyncio.sleep(0.02)


async def interact(store: Store, pipe: Pipe, keys: PlacementKeys, first: int, last: int) -> None:
    """Make decisions whose window closes at once, every third of which is clicked."""
    offers = [Offer(id=name).SerializeToString() for name in "ab"]
    journal, outcomes = Journal(pipe), Outcomes(store)
    for i in range(first, last):
        record = DecisionRecord(event_id=f"e{i}", offers=offers, pmf=[0.5, 0.5], chosen=i % 2)
        await journal.append(keys, 30, f"e{i}", record.SerializeToString())
        if i % 3 == 0:
            await outcomes.record(keys, [NewOutcome(f"e{i}", "click", OutcomeRecord(name="click", value=1.0))])


async def learned(store: Store, keys: PlacementKeys) -> int:
    head = await Versions(store).head(keys)
    return head.interactions if head else 0


def has_learned(store: Store, keys: PlacementKeys, interactions: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await learned(store, keys) == interactions

    return check


async def head_of(store: Store, keys: PlacementKeys) -> tuple[VersionRecord, bytes]:
    head = await Versions(store).head(keys)
    assert head is not None
    return head, await Versions(store).weights(keys, head)


async def replayed(store: Store, keys: PlacementKeys) -> bytes:
    """The weights after one pass over the log."""
    head, _ = await head_of(store, keys)
    return await oracle.replay(store, keys, head)


async def test_everything_is_learned_once_and_in_order(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    async with learning(store):
        await interact(store, pipe, home, 0, 100)
        await until(has_learned(store, home, 100), "100 interactions")
    head, weights = await head_of(store, home)
    assert weights == await replayed(store, home)
    assert await Interactions(store).after(home, head.cursor, 10) == []


async def test_a_learner_that_stops_lets_the_next_one_go_on_at_once(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    for i in range(3):
        async with learning(store, LearnerSettings(lease_s=60, snapshot_interval_s=0.05, poll_ms=10)):
            await interact(store, pipe, home, 50 * i, 50 * i + 50)
            await until(has_learned(store, home, 50 * i + 50), f"{50 * i + 50} interactions")
        assert await store.redis.get(home.lease) is None
    assert (await head_of(store, home))[1] == await replayed(store, home)


async def test_two_learners_learn_everything_once(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    async with learning(store), learning(store):
        await interact(store, pipe, home, 0, 100)
        await until(has_learned(store, home, 100), "100 interactions")
    assert (await head_of(store, home))[1] == await replayed(store, home)


async def test_a_changed_spec_is_trained_on_the_whole_log_before_it_serves(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    async with learning(store):
        await interact(store, pipe, home, 0, 60)
        await until(has_learned(store, home, 60), "60 interactions")
        former, _ = await head_of(store, home)
        changed = with_defaults(Placement(name="home"))
        changed.reward.outcomes[0].weight = 2.0
        await Placements(store).apply(changed, 0)

        async def retrained() -> bool:
            head, _ = await head_of(store, home)
            assert head.interactions == 60, "a version that has not caught up may not serve"
            return head.version > former.version and head.reward.outcomes[0].weight == 2.0

        await until(retrained, "the new spec")
    assert (await head_of(store, home))[1] == await replayed(store, home)


EPSILON = VwSpec(epsilon=EpsilonSpec())
BELIEF = Belief(offer=Offer(id="b"), reward=1.0, strength=20)


@pytest.mark.parametrize(
    ("former", "changed"),
    [
        (PolicySpec(vw=EPSILON), PolicySpec(vw=VwSpec())),  # another kind of policy
        (PolicySpec(vw=EPSILON), PolicySpec(vw=EPSILON, beliefs=[BELIEF])),  # beliefs that came late
        (PolicySpec(vw=EPSILON, beliefs=[BELIEF]), PolicySpec(vw=EPSILON)),  # beliefs that went
    ],
    ids=["another policy", "new beliefs", "no beliefs any more"],
)
async def test_another_policy_starts_warm_from_the_whole_log(
    store: Store, pipe: Pipe, former: PolicySpec, changed: PolicySpec
) -> None:
    """Its first version has learned all there is, and nothing else of it is ever committed, however small the steps."""
    small_steps = LearnerSettings(lease_s=1.0, snapshot_interval_s=0.01, poll_ms=1, batch=10, snapshot_interactions=10)
    keys, filled = PlacementKeys("home"), with_defaults(Placement(name="home", policy=changed))
    await Placements(store).apply(with_defaults(Placement(name="home", policy=former)), 0)
    async with learning(store, small_steps):
        await interact(store, pipe, keys, 0, 100)
        await until(has_learned(store, keys, 100), "100 interactions")
        last_of_former, _ = await head_of(store, keys)
        await Placements(store).apply(filled, 0)

        async def replaced() -> bool:
            return (await head_of(store, keys))[0].policy == filled.policy

        await until(replaced, "the new policy")
        kept = await Versions(store).kept(keys)
    assert [(record.policy, record.interactions) for record in kept if record.version > last_of_former.version] == [
        (filled.policy, 100)
    ]
    assert (await head_of(store, keys))[1] == await replayed(store, keys)


@pytest.mark.parametrize("slice_s", [0.2, 0.0], ids=["at once", "one by one"])
async def test_a_learner_that_is_stopped_goes_on_without_believing_twice(
    store: Store, pipe: Pipe, monkeypatch: pytest.MonkeyPatch, slice_s: float
) -> None:
    """However much of it fits between two renewals of the lease."""
    monkeypatch.setattr("attune.learning.session._SLICE_S", slice_s)
    keys = PlacementKeys("home")
    spec = PolicySpec(beliefs=[BELIEF])
    await Placements(store).apply(with_defaults(Placement(name="home", policy=spec)), 0)
    for i in range(2):
        async with learning(store):
            await interact(store, pipe, keys, 40 * i, 40 * i + 40)
            await until(has_learned(store, keys, 40 * i + 40), f"{40 * i + 40} interactions")
    assert (await head_of(store, keys))[1] == await replayed(store, keys)


async def test_a_damaged_head_is_learned_again_from_the_log(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    async with learning(store):
        await interact(store, pipe, home, 0, 60)
        await until(has_learned(store, home, 60), "60 interactions")
    head, weights = await head_of(store, home)
    await store.redis.set(home.snapshot(head.version), weights[:-1])
    async with learning(store):
        await interact(store, pipe, home, 60, 90)
        await until(has_learned(store, home, 90), "90 interactions")
    head, weights = await head_of(store, home)
    assert sha256(weights).digest() == head.sha256
    assert weights == await replayed(store, home)


async def test_an_entry_that_breaks_the_limits_is_skipped_by_everybody(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    wild = Offer(id="a")
    wild.features.numeric["price"] = float("inf")
    record = DecisionRecord(event_id="wild", offers=[wild.SerializeToString()], pmf=[1.0])
    async with learning(store):
        await Journal(pipe).append(home, 10, "wild", record.SerializeToString())
        await interact(store, pipe, home, 0, 30)
        await until(has_learned(store, home, 31), "31 interactions")
    assert (await head_of(store, home))[1] == await replayed(store, home)


async def test_a_poisoned_entry_does_not_stop_the_learner(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """No policy learns from a propensity of 0: the entry is passed over and counted, and the next ones are learned."""
    offers = [Offer(id=name).SerializeToString() for name in "ab"]
    record = DecisionRecord(event_id="poison", offers=offers, pmf=[0.0, 1.0], chosen=0)
    async with learning(store):
        await Journal(pipe).append(home, 10, "poison", record.SerializeToString())
        await interact(store, pipe, home, 0, 30)
        await until(has_learned(store, home, 31), "31 interactions")
    head, weights = await head_of(store, home)
    assert (head.refused, head.clipped) == (1, 0)
    assert weights == await replayed(store, home)


async def test_a_deleted_placement_is_no_longer_learned(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    async with learning(store):
        await interact(store, pipe, home, 0, 30)
        await until(has_learned(store, home, 30), "30 interactions")
        await Placements(store).delete("home")
        await asyncio.sleep(0.3)
        assert await every_key(store) == [b"attune:learners"]
    assert await every_key(store) == []
