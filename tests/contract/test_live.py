"""What serves: the newest version that proved sound, under the spec as it is now."""

import struct
from hashlib import sha256

import pytest

from attune.errors import NotFoundError
from attune.metrics import ServingMetrics
from attune.serving.live import LivePlacements
from attune.serving.specs import policy_spec, with_defaults
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.v1.placement_pb2 import Placement, PolicySpec, UniformSpec
from attune_models.features import situation
from attune_models.policy import build
from attune_models.types import FeatureSet, Interaction, PlainAction

NOW_MS = 1_700_000_000_000
SITUATION = situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])


def trained(rounds: int) -> bytes:
    """Weights of the default policy after some rewards for action b."""
    policy = build(policy_spec(with_defaults(Placement(name="home")).policy))
    for _ in range(rounds):
        policy.learn(Interaction(SITUATION, chosen=1, propensity=0.5, reward=1.0))
    return policy.dumps()


async def commit(store: Store, keys: PlacementKeys, weights: bytes) -> int:
    """Commit a version of the default policy as a learner would."""
    versions = Versions(store)
    lease = await versions.acquire(keys, "host:1", 60_000)
    assert lease is not None
    policy = (await Placements(store).get(keys.name)).placement.policy
    version = await versions.commit(lease, VersionRecord(policy=policy), weights, keep=10)
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


async def test_a_deleted_placement_is_gone(store: Store, home: PlacementKeys) -> None:
    live = live_placements(store)
    await live.get(home.name)
    await Placements(store).delete(home.name)
    await live.refresh([home.name])
    with pytest.raises(NotFoundError, match='got "home"'):
        await live.get(home.name)
