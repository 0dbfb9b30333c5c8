"""Policy versions: who may write them (leases), how they are written (fenced), and how they are read (verified)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from attune.errors import BadSnapshotError, FencedError, NotFoundError
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.keys import UNCOMMITTED_TTL_S, PlacementKeys
from attune.v1.placement_pb2 import PolicySpec, RewardSpec


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write versions of a placement until a later epoch begins.

    Attributes:
        keys: The placement's keys.
        owner: Who holds it, as `host:pid`.
        epoch: Grows with every lease of the placement.
        history: What the server's data goes back to. Another one after a failover: then the end of the log that was
            learned from may be lost.
        ttl_ms: How long it lasts unless it is renewed, in milliseconds.
    """

    keys: PlacementKeys
    owner: str
    epoch: str
    history: str
    ttl_ms: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The versions of a placement at one moment.

    Attributes:
        kept: The records of those that are kept, newest first.
        promoted: The version that serves whatever the learner commits; 0 where there is none, and the newest serves.
        newest: The newest version; 0 where there is none. After a reset there is none, whatever is kept.
    """

    kept: Sequence[VersionRecord]
    promoted: int
    newest: int


class Versions:
    """Reads and writes the versions of a placement's policy."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store

    async def acquire(self, keys: PlacementKeys, owner: str, ttl_ms: int) -> Lease | None:
        """Take the lease of a placement; None when somebody else holds it or the placement is gone."""
        taken = await self._store.run("acquire", [keys.spec, keys.lease, keys.head], [owner, ttl_ms])
        return Lease(keys, owner, taken[0].decode(), taken[1].decode(), ttl_ms) if taken else None

    async def renew(self, lease: Lease) -> None:
        """Make a lease last for its full time again.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
        """
        keys = lease.keys
        held = await self._store.run(
            "renew", [keys.spec, keys.lease, keys.head], [lease.owner, lease.ttl_ms, lease.epoch]
        )
        if not held:
            raise FencedError(f'placement "{keys.name}": another learner has taken over, or it was deleted')

    async def release(self, lease: Lease) -> None:
        """Give a lease back."""
        await self._store.run("release", [lease.keys.lease, lease.keys.head], [lease.epoch])

    async def commit(self, lease: Lease, record: VersionRecord, weights: bytes, keep: int) -> int:
        """Write weights, then make them the head together with the cursor in their record.

        Args:
            lease: The right to do so.
            record: What belongs to the weights; `version`, `sha256` and `size_bytes` are filled in here.
            weights: What `Policy.dumps` returned.
            keep: How many versions to keep, this one among them. Beside them, the promoted one is kept, and the newest
                one that was trained with other specs or for another generation, to return to.

        Returns:
            The new version.

        Raises:
            FencedError: Another learner has taken over, another server has, or the placement is gone; the head is as it
                was.
            StoreUnavailableError: The store did not answer in time; the head is the old or the new one.
        """
        keys = lease.keys
        version = await self.write(lease, weights)
        committed = bool(version)
        if version:
            sign(record, version, weights)
            dropped = _dropped(record, await self.kept(keys), keep)
            touched = [keys.spec, keys.head, keys.versions, keys.snapshot(version)]
            touched += [keys.snapshot(old) for old in dropped]
            args: list[str | bytes | int] = [lease.epoch, version, record.SerializeToString(), *dropped]
            committed = bool(await self._store.run("commit", touched, args))
        if not committed:
            reason = "another learner has taken over, or the store was restarted or replaced"
            raise FencedError(f'placement "{keys.name}": a commit was refused, {reason}')
        return version

    async def write(self, lease: Lease, weights: bytes) -> int:
        """Write weights under a number of their own; 0 when the lease is lost. Uncommitted, they vanish again.

        They go first and alone: a script that carries megabytes stops the store for everybody. NX, because a learner
        that was overtaken long ago may just now be writing the number it was given then.
        """
        written = False
        version = 0
        while not written:
            touched = [lease.keys.spec, lease.keys.head]
            version = await self._store.run("reserve", touched, [lease.epoch, lease.history])
            if not version:
                return 0
            async with self._store.reaching():
                key = lease.keys.snapshot(version)
                written = bool(await self._store.redis.set(key, weights, ex=UNCOMMITTED_TTL_S, nx=True))
        return version

    async def head(self, keys: PlacementKeys) -> VersionRecord | None:
        """Return the record of the newest version, None before anything was learned.

        It is what learners go on from; what serves may be an older one that was promoted.
        """
        async with self._store.reaching():
            version = await self._store.redis.hget(keys.head, "version")
            value = await self._store.redis.hget(keys.versions, version) if version else None
        return VersionRecord.FromString(value) if value else None

    async def baseline(self, keys: PlacementKeys) -> VersionRecord | None:
        """Return what belongs to the weights of the control group's baseline; None before it has learned anything.

        It is not a version of the placement, and its number is none of theirs.
        """
        async with self._store.reaching():
            value = await self._store.redis.get(keys.baseline)
        return VersionRecord.FromString(value) if value else None

    async def weights(self, keys: PlacementKeys, record: VersionRecord) -> bytes:
        """Read the weights of a version and check that they are what was committed.

        Raises:
            BadSnapshotError: They are missing, have another length or another SHA-256.
        """
        async with self._store.reaching():
            weights = await self._store.redis.get(keys.snapshot(record.version))
        if weights is None:
            raise BadSnapshotError(f"version {record.version}: the weights are missing")
        if len(weights) != record.size_bytes:
            raise BadSnapshotError(f"version {record.version}: expected {record.size_bytes} bytes, got {len(weights)}")
        if sha256(weights).digest() != record.sha256:
            raise BadSnapshotError(f"version {record.version}: the weights do not have the committed SHA-256")
        return bytes(weights)

    async def kept(self, keys: PlacementKeys) -> list[VersionRecord]:
        """Return the records of the versions that are kept, newest first."""
        async with self._store.reaching():
            values = await self._store.redis.hvals(keys.versions)
        return _newest_first(values)

    async def overview(self, keys: PlacementKeys) -> "Overview":
        """Return which versions are kept and which one serves, as of one moment: a learner may be committing."""
        async with self._store.reaching():
            pipeline = self._store.redis.pipeline(transaction=True)
            pipeline.hvals(keys.versions).hmget(keys.head, "promoted", "version")
            values, (promoted, newest) = await pipeline.execute()
        return Overview(_newest_first(values), int(promoted or 0), int(newest or 0))

    async def note_progress(self, lease: Lease, interactions: int) -> None:
        """Note how far the training has come that is to replace the head, until the next commit.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
        """
        keys = lease.keys
        if not await self._store.run("progress", [keys.spec, keys.head], [lease.epoch, interactions]):
            raise FencedError(f'placement "{keys.name}": another learner has taken over, or it was deleted')

    async def promote(self, keys: PlacementKeys, version: int) -> None:
        """Make a version serve whatever the learner commits.

        Args:
            keys: The placement's keys.
            version: One that is kept; 0 for whatever version is the newest.

        Raises:
            NotFoundError: The version is not kept, or the placement is gone.
        """
        if not await self._store.run("promote", [keys.spec, keys.head, keys.versions], [version]):
            kept = ", ".join(str(record.version) for record in await self.kept(keys))
            raise NotFoundError(f"version: expected one that is kept ({kept or 'there is none yet'}), got {version}")


def sign(record: VersionRecord, number: int, weights: bytes) -> None:
    """Say in a record which weights it belongs to.

    Args:
        record: To be changed.
        number: The number that the weights are stored under.
        weights: The weights.
    """
    record.version, record.sha256, record.size_bytes = number, sha256(weights).digest(), len(weights)


def _newest_first(values: Iterable[bytes]) -> list[VersionRecord]:
    return sorted(map(VersionRecord.FromString, values), key=lambda record: record.version, reverse=True)


def _dropped(record: VersionRecord, kept: Sequence[VersionRecord], keep: int) -> list[int]:
    """Return which versions go when another is committed.

    Args:
        record: Of the new one.
        kept: Those that are kept so far, newest first.
        keep: How many stay, the new one among them.
    """
    former = next((other.version for other in kept if training_of(other) != training_of(record)), 0)
    return [other.version for other in kept[keep - 1 :] if other.version != former]


def training_of(record: VersionRecord) -> tuple[bytes, bytes, int]:
    """Return what tells the training of a version from another one; see `specs_of`."""
    return *specs_of(record.policy, record.reward), record.generation


def specs_of(policy: PolicySpec, reward: RewardSpec) -> tuple[bytes, bytes]:
    """Return what is equal exactly when two specs make the same of the same log.

    The reward window and revisions are left out: they decide what is in the log, not what is made of it.
    """
    return policy.SerializeToString(deterministic=True), folding(reward).SerializeToString(deterministic=True)


def folding(reward: RewardSpec) -> RewardSpec:
    """Return how a reward spec makes outcomes a reward, without what decides which outcomes are in the log."""
    folding = RewardSpec()
    folding.CopyFrom(reward)
    folding.ClearField("window")
    folding.ClearField("revise_late")
    return folding
