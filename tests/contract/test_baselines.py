"""The baseline of a control group that learns, on a real store: trained beside the policy, and loaded by servers."""

from collections.abc import Awaitable, Callable

import pytest

import oracle
from attune.errors import FencedError, NotFoundError
from attune.logs import trimming
from attune.metrics import ServingMetrics
from attune.serving.live import LivePlacements
from attune.serving.live_baselines import LiveBaselines
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, VersionRecord
from attune.store.baselines import Baselines
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.interactions import BEGINNING
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.store.versions import Lease, Versions
from attune.v1.placement_pb2 import (
    REWARD_MODEL_GAUSSIAN,
    ControlSpec,
    FixedSpec,
    Placement,
    PolicySpec,
    PopularitySpec,
    UniformSpec,
)
from attune_models.baselines import FixedPolicy
from attune_models.features import situation
from attune_models.popularity import PopularityPolicy
from attune_models.popularity import PopularitySpec as CorePopularity
from attune_models.types import FeatureSet, PlainAction
from servers import every_key
from shadow_traffic import OFFERS, VW, Learner, Traffic, learned, logged, placement, until

POPULAR = ControlSpec(share=0.5, popularity=PopularitySpec())
SITUATION = situation(FeatureSet(), [PlainAction(name) for name in "abc"])


def spec(control: ControlSpec = POPULAR, **fields: object) -> Placement:
    return placement(control=control, **fields)


def has_learned(store: Store, keys: PlacementKeys, n: int, generation: int = 0) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        record = await Versions(store).baseline(keys)
        return record is not None and (record.interactions, record.generation) == (n, generation)

    return check


async def number_of(store: Store, keys: PlacementKeys) -> int:
    record = await Versions(store).baseline(keys)
    assert record is not None
    return record.version


async def snapshots(store: Store) -> set[bytes]:
    return {key for key in await every_key(store) if b"snapshot" in key}


async def test_it_learns_what_is_popular_from_the_whole_log(store: Store, traffic: Traffic) -> None:
    """Also from what was decided before the placement had such a control group."""
    keys = traffic.keys
    await Placements(store).apply(spec(ControlSpec(share=0.5)), 0)
    async with Learner(store):
        await traffic.visits(60)
        await until(logged(store, keys, 60), "the log")
        await Placements(store).apply(spec(), 0)
        await traffic.visits(60, slots=2)
        await until(has_learned(store, keys, 120), "the baseline")
        await until(learned(store, keys, 120), "the policy")
    record, weights, replayed = await oracle.replay_baseline(store, keys)
    assert weights == replayed
    assert record.policy == PolicySpec(popularity=(await Placements(store).get("home")).placement.control.popularity)
    assert record.version not in {version.version for version in await Versions(store).kept(keys)}
    assert await Challengers(store).records(keys) == {}


async def test_what_may_not_be_learned_from_makes_nothing_popular(store: Store, pipe: Pipe) -> None:
    keys = PlacementKeys("home")
    await Placements(store).apply(spec(), 0)
    journal, outcomes = Journal(pipe), Outcomes(store)
    for i in range(10):
        record = DecisionRecord(event_id=f"e{i}", offers=OFFERS, pmf=[1 / 3] * 3, withheld=True)
        await journal.append(keys, 100, f"e{i}", record.SerializeToString())
        await outcomes.record(keys, [NewOutcome(f"e{i}", "click", OutcomeRecord(name="click", value=1.0))])
    async with Learner(store):
        await until(has_learned(store, keys, 10), "the baseline")
    stored = await Versions(store).baseline(keys)
    assert stored is not None
    assert stored.withheld == 10
    assert await Versions(store).weights(keys, stored) == PopularityPolicy(CorePopularity()).dumps()


async def test_it_is_killed_again_and_again_and_goes_on_to_the_same_bits(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(spec(), 0)
    for made in range(0, 180, 60):
        learner = Learner(store)
        await traffic.visits(60)
        await until(logged(store, keys, made + 60), "the log")
        await learner.drop(store, keys)
    async with Learner(store):
        await until(has_learned(store, keys, 180), "the baseline")
    _, weights, replayed = await oracle.replay_baseline(store, keys)
    assert weights == replayed


async def test_servers_load_it_and_until_then_everything_is_equally_popular(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    live = LivePlacements(Placements(store), Versions(store))
    await Placements(store).apply(spec(), 0)
    untrained = (await live.get("home")).control
    assert isinstance(untrained, PopularityPolicy)
    assert untrained.pmf(SITUATION) == pytest.approx([1 / 3] * 3)
    async with Learner(store):
        await traffic.visits(60)
        await until(has_learned(store, keys, 60), "the baseline")
    await live.refresh(["home"])
    serving = await live.get("home")
    assert serving.control.dumps() == (await oracle.replay_baseline(store, keys))[1]
    await live.refresh(["home"])
    assert (await live.get("home")).control is serving.control, "it is loaded once"


async def test_a_version_of_the_policy_leaves_the_baseline_alone(store: Store, traffic: Traffic) -> None:
    live = LivePlacements(Placements(store), Versions(store))
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, traffic.keys, 30), "the baseline")
        await until(learned(store, traffic.keys, 30), "the policy")
    await live.refresh(["home"])
    former = await live.get("home")
    await Versions(store).promote(traffic.keys, former.version)
    await Placements(store).apply(spec(policy=PolicySpec(uniform=UniformSpec())), 0)
    await live.refresh(["home"])
    assert (await live.get("home")).control is former.control


@pytest.mark.parametrize("damaged", [b"", b"no policy"])
async def test_a_damaged_one_never_decides(store: Store, traffic: Traffic, damaged: bytes) -> None:
    keys, live = traffic.keys, LivePlacements(Placements(store), Versions(store))
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, keys, 30), "the baseline")
        await live.refresh(["home"])
        sound = (await live.get("home")).control
        await traffic.visits(30)
        await until(has_learned(store, keys, 60), "more of it")
    await store.redis.set(keys.snapshot(await number_of(store, keys)), damaged)
    await live.refresh(["home"])
    assert (await live.get("home")).control is sound
    restarted = await LivePlacements(Placements(store), Versions(store)).get("home")
    assert restarted.control.pmf(SITUATION) == pytest.approx([1 / 3] * 3)
    async with Learner(store):  # learns it again
        await traffic.visits(10)
        await until(has_learned(store, keys, 70), "all of it")
    await live.refresh(["home"])
    assert (await live.get("home")).control.dumps() == (await oracle.replay_baseline(store, keys))[2]


class Overtaken(Versions):
    """Versions of which the weights of a baseline go while they are being read, as they do when others come."""

    def __init__(self, store: Store, lease: Lease) -> None:
        """Let others come by this right."""
        super().__init__(store)
        self._store, self._lease = store, lease

    async def weights(self, keys: PlacementKeys, record: VersionRecord) -> bytes:
        """Come first, then read."""
        newer = VersionRecord()
        newer.CopyFrom(record)
        await Baselines(self._store).commit(self._lease, newer, b"newer")
        return await super().weights(keys, record)


async def test_one_that_is_replaced_while_it_is_read_is_not_taken_for_damaged(store: Store, traffic: Traffic) -> None:
    keys, metrics = traffic.keys, ServingMetrics()
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, keys, 30), "the baseline")
    lease = await Versions(store).acquire(keys, "host:1", 60_000)
    assert lease is not None
    former, number = PopularityPolicy(CorePopularity()), await number_of(store, keys)
    live = LiveBaselines(Overtaken(store, lease), metrics)
    assert await live.get(spec(), number, former) is former
    assert await live.get(spec(), number, former) is former, "nor is one that was replaced before"
    refused = ("attune_snapshots_refused_total", {"placement": "home"})
    assert metrics.registry.get_sample_value(*refused) is None
    live = LiveBaselines(Versions(store), metrics)
    assert await live.get(spec(), await number_of(store, keys), former) is former, "that is damaged"
    assert metrics.registry.get_sample_value(*refused) == 1


async def test_a_rebuild_trains_it_anew_and_leaves_nothing_of_the_former_one(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(40)
        await until(has_learned(store, keys, 40), "the baseline")
        former = await number_of(store, keys)
        await Generations(store).rebuild("home", whole_log=True)
        await until(has_learned(store, keys, 40, generation=1), "another generation")
    _, weights, replayed = await oracle.replay_baseline(store, keys)
    assert weights == replayed
    kept = {version.version for version in await Versions(store).kept(keys)} | {await number_of(store, keys)}
    assert former not in kept
    assert await snapshots(store) == {keys.snapshot(number).encode() for number in kept}


async def test_after_a_reset_nothing_is_popular_any_more(store: Store, traffic: Traffic) -> None:
    keys, live = traffic.keys, LivePlacements(Placements(store), Versions(store))
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(40)
        await until(has_learned(store, keys, 40), "the baseline")
    former = await number_of(store, keys)
    await live.refresh(["home"])
    await Generations(store).reset("home")
    await live.refresh(["home"])
    assert (await live.get("home")).control.pmf(SITUATION) == pytest.approx([1 / 3] * 3), "at once"
    async with Learner(store):
        await until(has_learned(store, keys, 0, generation=1), "another generation")
        assert keys.snapshot(former).encode() not in await snapshots(store)
        await traffic.visits(20)
        await until(has_learned(store, keys, 20, generation=1), "what came since")
    _, weights, replayed = await oracle.replay_baseline(store, keys)
    assert weights == replayed


async def test_another_reward_trains_it_anew_and_another_policy_does_not(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, keys, 30), "the baseline")
        former = await number_of(store, keys)
        changed = spec(policy=PolicySpec(uniform=UniformSpec()))
        await Placements(store).apply(changed, 0)
        await traffic.visits(10)
        await until(has_learned(store, keys, 40), "more of it")
        record = await Versions(store).baseline(keys)
        assert record is not None
        assert (record.version > former, record.replayed_to) == (True, ""), "it went on, from the empty log"
        changed.reward.outcomes[0].weight = 0.5
        changed.control.popularity.rewards = REWARD_MODEL_GAUSSIAN
        await Placements(store).apply(changed, 0)

        async def anew() -> bool:
            now = await Versions(store).baseline(keys)
            return now is not None and now.reward.outcomes[0].weight == 0.5

        await until(anew, "another training")
    _, weights, replayed = await oracle.replay_baseline(store, keys)
    assert weights == replayed


async def test_where_it_is_not_wanted_any_more_it_leaves_nothing(store: Store, traffic: Traffic) -> None:
    keys, live = traffic.keys, LivePlacements(Placements(store), Versions(store))
    await Placements(store).apply(spec(), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, keys, 30), "the baseline")
        number = await number_of(store, keys)
        await live.refresh(["home"])
        await Placements(store).apply(spec(ControlSpec(share=0.5, fixed=FixedSpec(offer_id="b"))), 0)
        await live.refresh(["home"])
        assert isinstance((await live.get("home")).control, FixedPolicy)

        async def gone() -> bool:
            return await Versions(store).baseline(keys) is None

        await until(gone, "it to go")
    assert await store.redis.hget(keys.head, "baseline") is None
    assert keys.snapshot(number).encode() not in await snapshots(store)


async def test_a_learner_that_was_overtaken_commits_and_forgets_nothing(store: Store) -> None:
    keys, versions, baselines = PlacementKeys("home"), Versions(store), Baselines(store)
    await Placements(store).apply(spec(), 0)
    former = await versions.acquire(keys, "host:1", 60_000)
    assert former is not None
    number = await baselines.commit(former, VersionRecord(), b"first")
    await store.redis.delete(keys.lease)
    assert await versions.acquire(keys, "host:2", 60_000) is not None
    with pytest.raises(FencedError, match="baseline was refused"):
        await baselines.commit(former, VersionRecord(version=number), b"second")
    with pytest.raises(FencedError, match="baseline was refused"):
        await baselines.forget(former, number)
    record = await versions.baseline(keys)
    assert record is not None
    assert await versions.weights(keys, record) == b"first"


async def test_what_it_has_to_learn_is_not_trimmed(store: Store, traffic: Traffic) -> None:
    keys = traffic.keys
    await Placements(store).apply(spec(ControlSpec(share=0.5)), 0)
    async with Learner(store):
        for n in (30, 60):
            await traffic.visits(30)
            await until(learned(store, keys, n), "everything to be learned")
    await Placements(store).apply(spec(), 0)
    await TrainingLog(store).note_exported(keys, (await TrainingLog(store).extent(keys)).last, BEGINNING)
    with pytest.raises(NotFoundError, match="baseline has learned from the log"):
        await trimming.trim(store, "home")
    async with Learner(store):
        await until(has_learned(store, keys, 60), "the baseline")
    assert await trimming.trim(store, "home") == 59


async def test_challengers_learn_beside_it_and_a_deleted_placement_leaves_nothing(
    store: Store, traffic: Traffic
) -> None:
    keys = traffic.keys
    await Placements(store).apply(placement(VW, control=POPULAR), 0)
    async with Learner(store):
        await traffic.visits(30)
        await until(has_learned(store, keys, 30), "the baseline")
        assert set(await Challengers(store).records(keys)) <= {"vw"}
    await Placements(store).delete("home")
    assert await every_key(store) == []
