"""Stored versions as target policies: read, verified and loaded, as a server does before it serves one."""

from attune.errors import BadSnapshotError, NotFoundError, UnusableVersionError
from attune.evaluation.spec_text import policy_yaml
from attune.evaluation.targets import VersionTarget
from attune.serving.sound import sound_policy
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune_models.types import PolicyError


async def version_target(store: Store, placement: str, version: int, name: str, *, seen: bool) -> VersionTarget:
    """Read a version of a placement's policy.

    Args:
        store: Where it is.
        placement: The placement.
        version: Which one.
        name: As the caller named the target.
        seen: Whether decisions count that it has learned from.

    Raises:
        NotFoundError: There is no such placement, or it has no such version.
        UnusableVersionError: Its weights are damaged.
        StoreUnavailableError: The store did not answer in time.
    """
    await Placements(store).get(placement)
    keys, versions = PlacementKeys(placement), Versions(store)
    kept = {record.version: record for record in await versions.kept(keys)}
    if version not in kept:
        listed = ", ".join(map(str, kept)) or "there is none yet"
        raise NotFoundError(f"{name}: expected a version that is kept ({listed}), got {version}")
    record = kept[version]
    try:
        policy = await sound_policy(versions, placement, record)
    except (BadSnapshotError, PolicyError) as error:
        raise UnusableVersionError(f"{name}: expected a sound version, got {version}: {error}") from error
    kind = (record.policy.WhichOneof("kind") or "").replace("_", " ")
    description = f"{kind}, version {version} of {placement}: learned from {record.interactions:,} decisions"
    return VersionTarget(name, policy, description, record.cursor, seen=seen, spec=policy_yaml(record.policy))
