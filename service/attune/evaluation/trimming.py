"""Trimming: what was exported, and is behind the newest version's cursor, leaves the store.

What is trimmed can no longer be learned from by a spec that comes later, and `GetDecision` no longer finds it.
"""

from attune.errors import NotFoundError
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.training_log import TrainingLog
from attune.store.versions import Versions
from attune.v1.placement_pb2 import RewardSpec


async def trim(store: Store, placement: PlacementRecord) -> int:
    """Trim the log of a placement as far as it was exported and learned from.

    Returns:
        How many entries were removed.

    Raises:
        NotFoundError: Nothing was learned yet, or the newest version was trained with another spec: then the present
            one is just being trained on the whole log, and needs all of it.
        BadSnapshotError: The weights of the newest version are damaged.
        StoreUnavailableError: The store did not answer in time; run again later.
    """
    keys = PlacementKeys(placement.placement.name)
    log, versions = TrainingLog(store), Versions(store)
    # Damaged weights are learned again from the log: that has to be done before it is trimmed.
    await versions.weights(keys, await _head(versions, keys, placement))
    total, removed = 0, None
    while removed != 0:
        removed = await log.trim(keys, await _head(versions, keys, placement))
        total += removed or 0
    return total


async def _head(versions: Versions, keys: PlacementKeys, placement: PlacementRecord) -> VersionRecord:
    head = await versions.head(keys)
    if head is None or not _is_of(head, placement):
        raise NotFoundError(
            f'placement "{keys.name}": expected a version that was trained with its present spec, got none: '
            "nothing was trimmed, try again when the learner has caught up (attune status)"
        )
    return head


def _is_of(head: VersionRecord, record: PlacementRecord) -> bool:
    # A placement that is being rebuilt has a generation that no version has yet.
    placement = record.placement
    is_same = head.policy == placement.policy and _folding(head.reward) == _folding(placement.reward)
    return is_same and head.generation == record.generation


def _folding(reward: RewardSpec) -> RewardSpec:
    # The window decides what is in the log, not what is made of it.
    folding = RewardSpec()
    folding.CopyFrom(reward)
    folding.ClearField("window")
    return folding
