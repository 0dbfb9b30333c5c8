"""Versions: written under a lease, fenced by its epoch, verified when read."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration

from attune.errors import BadSnapshotError, FencedError, NotFoundError
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.versions import Lease, Versions
from attune.v1.placement_pb2 import PolicySpec, RewardSpec

TTL_MS = 60_000


async def held(store: Store, keys: PlacementKeys, owner: str = "host:1", ttl_ms: int = TTL_MS) -> Lease:
    lease = await Versions(store).acquire(keys, owner, ttl_ms)
    assert lease is not None
    return lease


async def test_one_learner_holds_the_lease(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await held(store, home)
    assert await versions.acquire(home, "host:2", TTL_MS) is None
    await versions.release(lease)
    assert await versions.acquire(home, "host:2", TTL_MS) is not None


async def test_what_is_committed_is_the_head_with_its_cursor_and_weights(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await held(store, home)
    assert await versions.head(home) is None
    assert await versions.commit(lease, VersionRecord(cursor="5-0", interactions=7), b"weights", keep=10) == 1
    head = await versions.head(home)
    assert head is not None
    assert (head.version, head.cursor, head.interactions, head.size_bytes) == (1, "5-0", 7, 7)
    assert await versions.weights(home, head) == b"weights"
    assert await store.redis.ttl(home.snapshot(1)) == -1


async def test_a_learner_that_was_overtaken_commits_nothing(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    stale = await held(store, home, ttl_ms=20)
    await asyncio.sleep(0.04)
    current = await held(store, home, owner="host:2")
    await versions.commit(current, VersionRecord(cursor="2-0"), b"current", keep=10)
    with pytest.raises(FencedError):
        await versions.commit(stale, VersionRecord(cursor="1-0"), b"stale", keep=10)
    with pytest.raises(FencedError):
        await versions.renew(stale)
    head = await versions.head(home)
    assert head is not None
    assert head.cursor == "2-0"
    await versions.release(stale)
    assert await store.redis.get(home.lease) == b"host:2"


async def test_a_commit_that_was_overtaken_half_way_leaves_weights_that_expire(
    store: Store, home: PlacementKeys
) -> None:
    stale = await held(store, home, ttl_ms=20)
    version = await store.run("reserve", [home.spec, home.head], [stale.epoch, stale.history])
    await store.redis.set(home.snapshot(version), b"stale", ex=600)
    await asyncio.sleep(0.04)
    current = await held(store, home, owner="host:2")
    refused = await store.run(
        "commit", [home.spec, home.head, home.versions, home.snapshot(version)], [stale.epoch, version, b""]
    )
    assert refused == 0
    assert await Versions(store).commit(current, VersionRecord(), b"current", keep=10) == version + 1
    assert await store.redis.ttl(home.snapshot(version)) > 0


async def test_a_lease_that_ran_out_is_renewed_as_long_as_nobody_took_over(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await held(store, home, ttl_ms=20)
    await asyncio.sleep(0.04)
    await versions.renew(lease)
    assert await store.redis.get(home.lease) == b"host:1"


async def test_a_learner_of_a_deleted_placement_has_no_right_in_its_successor(
    store: Store, home: PlacementKeys
) -> None:
    lease = await held(store, home)
    spec = await store.redis.get(home.spec)
    await store.redis.flushall()
    await store.redis.set(home.spec, spec)
    await asyncio.sleep(0.002)
    await held(store, home, owner="host:2")
    with pytest.raises(FencedError):
        await Versions(store).commit(lease, VersionRecord(), b"stale", keep=10)


async def test_while_versions_are_committed_the_one_that_serves_is_always_among_those_that_are_kept(
    store: Store, home: PlacementKeys
) -> None:
    """Read one after the other, a commit in between shows a list in which nothing serves."""
    versions = Versions(store)
    lease = await held(store, home)

    async def commit() -> None:
        for _ in range(60):
            await versions.commit(lease, VersionRecord(), b"weights", keep=3)

    committing = asyncio.create_task(commit())
    seen = 0
    while not committing.done():
        overview = await versions.overview(home)
        assert overview.newest in {record.version for record in overview.kept} | {0}
        seen += overview.newest > 0
    await committing
    assert seen > 1


async def test_only_the_newest_versions_are_kept(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await held(store, home)
    for i in range(6):
        await versions.commit(lease, VersionRecord(interactions=i), b"weights %d" % i, keep=3)
    kept = await versions.kept(home)
    assert [record.version for record in kept] == [6, 5, 4]
    assert [await versions.weights(home, record) for record in kept] == [b"weights 5", b"weights 4", b"weights 3"]
    assert await store.redis.exists(*(home.snapshot(version) for version in (1, 2, 3))) == 0


async def test_the_promoted_version_is_kept(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    lease = await held(store, home)
    for i in range(3):
        await versions.commit(lease, VersionRecord(interactions=i), b"weights %d" % i, keep=2)
    await versions.promote(home, 2)
    for i in range(3, 6):
        await versions.commit(lease, VersionRecord(interactions=i), b"weights %d" % i, keep=2)
    kept = await versions.kept(home)
    assert [record.version for record in kept] == [6, 5, 2]
    assert await versions.weights(home, kept[-1]) == b"weights 1"
    assert (await versions.overview(home)).promoted == 2
    head = await versions.head(home)
    assert head is not None
    assert head.version == 6, "the learner goes on from the newest one"
    await versions.promote(home, 0)
    assert (await versions.overview(home)).promoted == 0
    await versions.commit(lease, VersionRecord(), b"weights", keep=2)
    assert [record.version for record in await versions.kept(home)] == [7, 6]


async def test_a_version_that_is_promoted_while_a_commit_would_drop_it_is_kept(
    store: Store, home: PlacementKeys
) -> None:
    """The commit has looked before the promotion, and arrives after it."""
    versions = Versions(store)
    lease = await held(store, home)
    for _ in range(2):
        await versions.commit(lease, VersionRecord(), b"weights", keep=10)
    await versions.promote(home, 1)
    version = await store.run("reserve", [home.spec, home.head], [lease.epoch, lease.history])
    await store.redis.set(home.snapshot(version), b"new")
    touched = [home.spec, home.head, home.versions, *(home.snapshot(each) for each in (version, 1, 2))]
    record = VersionRecord(version=version).SerializeToString()
    assert await store.run("commit", touched, [lease.epoch, version, record, 1, 2]) == 1
    assert [record.version for record in await versions.kept(home)] == [3, 1]
    assert await store.redis.exists(home.snapshot(1), home.snapshot(2)) == 1


async def test_a_version_that_is_not_kept_cannot_be_promoted(store: Store, home: PlacementKeys) -> None:
    versions = Versions(store)
    with pytest.raises(NotFoundError, match="there is none yet"):
        await versions.promote(home, 1)
    await versions.commit(await held(store, home), VersionRecord(), b"weights", keep=10)
    with pytest.raises(NotFoundError, match=r"expected one that is kept \(1\), got 2"):
        await versions.promote(home, 2)
    assert (await versions.overview(home)).promoted == 0


async def test_the_last_version_of_the_former_specs_is_kept(store: Store, home: PlacementKeys) -> None:
    """A new policy commits twice a second: after some seconds there would be nothing to return to."""
    versions = Versions(store)
    lease = await held(store, home)
    former, current = PolicySpec(min_probability=0.1), PolicySpec(min_probability=0.2)
    for _ in range(3):
        await versions.commit(lease, VersionRecord(policy=former), b"former", keep=2)
    for _ in range(4):
        await versions.commit(lease, VersionRecord(policy=current), b"current", keep=2)
    assert [record.version for record in await versions.kept(home)] == [7, 6, 3]
    # Another window, or revisions, are not another training: its last version is nothing to return to.
    reward = RewardSpec(window=Duration(seconds=5), revise_late=True)
    for _ in range(3):
        await versions.commit(lease, VersionRecord(policy=current, reward=reward), b"current", keep=2)
    assert [record.version for record in await versions.kept(home)] == [10, 9, 3]


# What may have become of committed weights, and how it is said.
DAMAGE = [
    (b"weight", "expected 7 bytes, got 6"),  # truncated
    (b"weightz", "SHA-256"),  # a byte flipped
    (None, "missing"),  # evicted
]


@pytest.mark.parametrize(("damaged", "said"), DAMAGE)
async def test_damaged_weights_are_refused(store: Store, home: PlacementKeys, damaged: bytes | None, said: str) -> None:
    versions = Versions(store)
    await versions.commit(await held(store, home), VersionRecord(), b"weights", keep=10)
    head = await versions.head(home)
    assert head is not None
    await (store.redis.delete(home.snapshot(1)) if damaged is None else store.redis.set(home.snapshot(1), damaged))
    with pytest.raises(BadSnapshotError, match=said):
        await versions.weights(home, head)
