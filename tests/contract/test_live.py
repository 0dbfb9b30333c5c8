"""What serves: the newest version that proved sound, under the spec as it is now."""

import asyncio
import struct
import threading
import time
from collections.abc import Iterable
from hashlib import sha256

import pytest

from attune.errors import NotFoundError, UnusableVersionError
from attune.metrics import ServingMetrics
from attune.serving.live import LivePlacements
from attune.serving.specs import policy_spec, start_spec, with_defaults
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.keys import PlacementKeys
from attune.store.placements import Glance, Placements
from attune.store.versions import Versions
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import (
    Belief,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    Placement,
    PolicySpec,
    PopularitySpec,
    UniformSpec,
)
from attune_models.features import situation
from attune_models.policy import Policy, build, started
from attune_models.policy import PolicySpec as CorePolicySpec
from attune_models.types import FeatureSet, Interaction, PlainAction
from attune_models.vw import VwPolicy
from poison import poisoned

NOW_MS = 1_700_000_000_000
SITUATION = situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])


def trained(rounds: int, placement: Placement | None = None) -> bytes:
    """Weights of a policy, by default the default one, after some rewards for action b."""
    policy = build(policy_spec(placement.policy if placement else with_defaults(Placement(name="home")).policy))
    for _ in range(rounds):
        policy.learn(Interaction(SITUATION, chosen=1, propensity=0.5, reward=1.0))
    return policy.dumps()


async def commit(store: Store, keys: PlacementKeys, weights: bytes) -> int:
    """Commit a version of the default policy as a learner would."""
    versions = Versions(store)
    lease = await versions.acquire(keys, "host:1", 60_000)
    assert lease is not None
    stored = await Placements(store).get(keys.name)
    record = VersionRecord(policy=stored.placement.policy, trains_from=stored.trains_from)
    version = await versions.commit(lease, record, weights, keep=10)
    await versions.release(lease)
    return version


def live_placements(store: Store) -> LivePlacements:
    return LivePlacements(Placements(store), Versions(store))


async def test_a_new_version_takes_over(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    assert (await live.get("home")).version == 0
    await commit(store, home, trained(200))
    await live.refresh(["home"])
    serving = await live.get("home")
    assert serving.policy is not None
    assert serving.version == 1
    assert serving.policy.pmf(SITUATION)[1] > 0.8


async def test_while_a_version_is_loaded_other_things_happen(
    store: Store, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large weights take a second to load: decisions of all placements would have to wait for so long."""
    live = live_placements(store)
    await live.get("home")
    await commit(store, home, trained(200))
    loads, happened, waited = VwPolicy.loads, threading.Event(), list[bool]()

    def waiting(policy: VwPolicy, state: bytes) -> None:
        waited.append(happened.wait(5))
        loads(policy, state)

    monkeypatch.setattr(VwPolicy, "loads", waiting)
    asyncio.get_running_loop().call_later(0.01, happened.set)
    await live.refresh(["home"])
    assert waited == [True]


def with_nan(weights: bytes) -> bytes:
    """Plant a NaN where the last weight of the model file is."""
    return weights[:-4] + struct.pack("<f", float("nan"))


async def overwrite(store: Store, keys: PlacementKeys, version: int, weights: bytes, *, checksum: bool) -> None:
    """Put other weights in the place of committed ones; with or without a record that agrees with them."""
    await store.redis.set(keys.snapshot(version), weights)
    if checksum:
        record = VersionRecord.FromString(await store.redis.hget(keys.versions, version))
        record.sha256, record.size_bytes = sha256(weights).digest(), len(weights)
        await store.redis.hset(keys.versions, version, record.SerializeToString())


# How weights may be damaged, and whether even their checksum agrees.
DAMAGE = [
    pytest.param(trained(50)[:-1], False, id="truncated"),
    pytest.param(b"x" + trained(50)[1:], False, id="a byte flipped"),
    pytest.param(with_nan(trained(50)), True, id="NaN, checksum right"),
    pytest.param(b"not a model", True, id="no model, checksum right"),
    pytest.param(b"", True, id="empty, checksum right"),
]


@pytest.mark.parametrize(("damaged", "checksum"), DAMAGE)
async def test_a_damaged_version_never_serves(
    store: Store, home: PlacementKeys, damaged: bytes, *, checksum: bool
) -> None:
    live = live_placements(store)
    await commit(store, home, trained(200))
    await live.refresh(["home"])
    before = (await live.get("home")).policy
    await overwrite(store, home, await commit(store, home, trained(50)), damaged, checksum=checksum)
    await live.refresh(["home"])
    serving = await live.get("home")
    assert (serving.version, serving.policy) == (1, before)

    restarted = live_placements(store)
    serving = await restarted.get("home")
    assert serving.policy is not None
    assert serving.version == 1, "a process that starts now takes the version before"

    await commit(store, home, trained(300))
    await live.refresh(["home"])
    assert (await live.get("home")).version == 3


async def test_a_damaged_version_does_not_bring_back_what_was_reset(store: Store, home: PlacementKeys) -> None:
    """A process that starts now takes no version of before the reset, unless it is promoted."""
    former = await commit(store, home, trained(200))
    await store.redis.xadd(home.interactions, {"d": b""})
    await Generations(store).reset("home")
    await overwrite(store, home, await commit(store, home, trained(50)), b"not a model", checksum=False)
    assert (await live_placements(store).get("home")).policy is None
    await Versions(store).promote(home, former)
    assert (await live_placements(store).get("home")).version == former


async def test_what_serves_and_what_is_refused_is_counted(store: Store, home: PlacementKeys) -> None:
    metrics = ServingMetrics()
    live = LivePlacements(Placements(store), Versions(store), metrics)

    def counted() -> list[float | None]:
        names = ("attune_serving_version", "attune_snapshots_refused_total")
        return [metrics.registry.get_sample_value(name, {"placement": "home"}) for name in names]

    await commit(store, home, trained(50))
    await live.refresh(["home"])
    assert counted() == [1, None]
    await overwrite(store, home, await commit(store, home, trained(50)), b"x", checksum=False)
    for _ in range(3):  # looked at again and again, refused once
        await live.refresh(["home"])
    assert counted() == [1, 1]
    await Placements(store).delete("home")
    await live.refresh(["home"])
    assert counted() == [None, None]


async def test_without_any_sound_version_nothing_learned_serves(store: Store, home: PlacementKeys) -> None:
    await overwrite(store, home, await commit(store, home, trained(50)), b"x", checksum=False)
    assert (await live_placements(store).get("home")).policy is None


async def test_a_changed_spec_serves_the_old_version_until_there_is_a_new_one(
    store: Store, home: PlacementKeys
) -> None:
    live = live_placements(store)
    await commit(store, home, trained(200))
    changed = with_defaults(Placement(name="home", policy=PolicySpec(uniform=UniformSpec())))
    changed.control.share = 0.5
    await Placements(store).apply(changed, NOW_MS)
    await live.refresh(["home"])
    serving = await live.get("home")
    assert serving.policy is not None
    assert (serving.version, serving.record.revision, serving.placement.control.share) == (1, 2, 0.5)
    assert serving.policy.pmf(SITUATION)[1] > 0.8
    await commit(store, home, b"")
    await live.refresh(["home"])
    serving = await live.get("home")
    assert serving.policy is not None
    assert (serving.version, serving.policy.pmf(SITUATION)) == (2, [0.5, 0.5])


SMALL = LinearModelSpec(bits=4, offer_bits=3)
NUMPY = {
    "linear_ucb": PolicySpec(linear_ucb=LinearUcbSpec(model=SMALL)),
    "linear_thompson": PolicySpec(linear_thompson=LinearThompsonSpec(model=SMALL), min_probability=0.01),
    "popularity": PolicySpec(popularity=PopularitySpec(), half_life=1000),
}


@pytest.mark.parametrize("kind", NUMPY)
async def test_a_policy_in_numpy_takes_over_when_it_is_sound(store: Store, kind: str) -> None:
    spec = with_defaults(Placement(name="numpy", policy=NUMPY[kind]))
    await Placements(store).apply(spec, NOW_MS)
    keys, live = PlacementKeys("numpy"), live_placements(store)
    assert (await live.get("numpy")).version == 0
    learned = build(policy_spec(spec.policy))
    learned.loads(trained(50, spec))

    await commit(store, keys, trained(50, spec))
    await live.refresh(["numpy"])
    sound = await live.get("numpy")
    assert sound.policy is not None
    assert sound.version == 1
    assert sound.policy.pmf(SITUATION) == learned.pmf(SITUATION) != pytest.approx([0.5, 0.5], abs=1e-3)

    layout = "popularity 1" if kind == "popularity" else "linear 1"
    wild = poisoned(layout, trained(60, spec), 1e150, lambda _: ...)
    # Half a state, wild numbers, and a state of another kind of policy.
    for damaged in (trained(50, spec)[:-1], wild, trained(50)):
        await commit(store, keys, damaged)
        await live.refresh(["numpy"])
        assert (await live.get("numpy")).policy is sound.policy


async def test_a_deleted_placement_is_gone(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    await live.get(home.name)
    await Placements(store).delete(home.name)
    await live.refresh([home.name])
    with pytest.raises(NotFoundError, match='got "home"'):
        await live.get(home.name)


async def test_a_promoted_version_serves_whatever_is_committed(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    for rounds in (200, 0):
        await commit(store, home, trained(rounds))
    await live.promote(home, 1)
    await commit(store, home, trained(0))
    await live.refresh(["home"])
    serving = await live.get("home")
    assert serving.policy is not None
    assert serving.version == 1
    assert serving.policy.pmf(SITUATION)[1] > 0.8
    await live.promote(home, 0)
    assert (await live.get("home")).version == 3


async def test_a_damaged_version_is_not_promoted(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    for _ in range(2):
        await commit(store, home, trained(10))
    await overwrite(store, home, 1, with_nan(trained(10)), checksum=True)
    with pytest.raises(UnusableVersionError, match="expected a sound one, got 1"):
        await live.promote(home, 1)
    await live.refresh(["home"])
    assert (await live.get("home")).version == 2


class Delayed(Placements):
    """Placements whose first look is known only when it is let go on."""

    def __init__(self, store: Store) -> None:
        """Wait with the first look."""
        super().__init__(store)
        self.has_looked, self.goes_on = asyncio.Event(), asyncio.Event()

    async def glance(self, names: Iterable[str], *, at_new: bool = False) -> dict[str, Glance]:
        """Look, and wait."""
        seen = await super().glance(names, at_new=at_new)
        if not self.has_looked.is_set():
            self.has_looked.set()
            await self.goes_on.wait()
        return seen


async def test_what_was_read_before_does_not_replace_what_was_read_after(store: Store, home: PlacementKeys) -> None:
    """After a promotion, a look that began before it must not bring the former version back."""
    for rounds in (200, 0):
        await commit(store, home, trained(rounds))
    placements = Delayed(store)
    live = LivePlacements(placements, Versions(store))
    slow = asyncio.create_task(live.refresh(["home"]))
    await placements.has_looked.wait()
    await live.promote(home, 1)
    placements.goes_on.set()
    await slow
    assert (await live.get("home")).version == 1


def believing(offer_id: str) -> Placement:
    """Return a placement of which somebody believes that this offer is always clicked on."""
    belief = Belief(offer=Offer(id=offer_id), reward=1.0, strength=50)
    return with_defaults(Placement(name="home", policy=PolicySpec(beliefs=[belief])))


async def test_before_anything_was_learned_beliefs_serve(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    for offer_id, best in (("b", 1), ("a", 0)):  # a belief that is changed is taken over at once
        placement = believing(offer_id)
        await Placements(store).apply(placement, NOW_MS)
        await live.refresh([home.name])
        serving = await live.get(home.name)
        assert serving.policy is not None
        assert serving.version == 0
        pmf = serving.policy.pmf(SITUATION)
        assert pmf == started(start_spec(placement)).pmf(SITUATION)
        assert pmf[best] > 0.9


async def test_a_version_that_was_learned_takes_over_from_beliefs(store: Store, home: PlacementKeys) -> None:
    await Placements(store).apply(believing("a"), NOW_MS)
    live = live_placements(store)
    await live.refresh([home.name])
    await commit(store, home, trained(200))
    await live.refresh([home.name])
    serving = await live.get(home.name)
    assert serving.policy is not None
    assert (serving.version, serving.policy.pmf(SITUATION)[1] > 0.8) == (1, True)


async def test_many_who_ask_at_once_wait_for_one_start(
    store: Store, home: PlacementKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start may take a while: a burst of decisions must not begin one each."""
    starts: list[CorePolicySpec] = []

    def slowly_started(spec: CorePolicySpec) -> Policy:
        starts.append(spec)
        time.sleep(0.2)
        return started(spec)

    monkeypatch.setattr("attune.serving.live_policies.started", slowly_started)
    live = live_placements(store)
    found = await asyncio.gather(*(live.get(home.name) for _ in range(20)))
    assert len(starts) == len({id(each.policy) for each in found}) == 1
