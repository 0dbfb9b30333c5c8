"""Trimming: what was exported and learned from, by the newest version and all that learn beside it, leaves the store.

What is trimmed can no longer be learned from by a spec that comes later, and `GetDecision` no longer finds it. Offers
of the catalogue that only trimmed decisions could draw leave the store in the end, too.
"""

from attune.errors import NotFoundError
from attune.serving.specs import in_control, in_shadow, learns_control
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.interactions import order
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSets
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog
from attune.store.versions import Versions, specs_of, training_of
from attune.v1.placement_pb2 import Placement


async def trim(store: Store, name: str) -> int:
    """Trim the log of a placement as far as it was exported and learned from.

    Returns:
        How many entries were removed.

    Raises:
        NotFoundError: Nothing was learned yet, or the newest version was trained with another spec: then the present
            one is just being trained on the whole log, and needs all of it.
        BadSnapshotError: The weights of the newest version are damaged.
        StoreUnavailableError: The store did not answer in time; run again later.
    """
    keys = PlacementKeys(name)
    log, versions = TrainingLog(store), Versions(store)
    # Damaged weights are learned again from the log: that has to be done before it is trimmed.
    await versions.weights(keys, (await _found(store, keys))[1])
    total, removed = 0, None
    while removed != 0:
        spec, head = await _found(store, keys)
        learned_to = await _learned_to(store, keys, PlacementRecord.FromString(spec), head)
        removed = await log.trim(keys, spec, head, learned_to)
        total += removed or 0
    await OfferSets(store).trim(keys)
    return total


async def _found(store: Store, keys: PlacementKeys) -> tuple[bytes, VersionRecord]:
    """Return the placement as it is stored now, and the newest version, which was trained for it."""
    stored, head = await Placements(store).stored(keys.name), await Versions(store).head(keys)
    record = PlacementRecord.FromString(stored)
    if head is None or training_of(head) != _training_for(record, record.placement):
        raise NotFoundError(
            f'placement "{keys.name}": expected a version that was trained with its present spec, got none: '
            "nothing more was trimmed, try again when the learner has caught up (attune status)"
        )
    return stored, head


async def _learned_to(store: Store, keys: PlacementKeys, record: PlacementRecord, head: VersionRecord) -> str:
    """Return the position up to which every policy in training has learned.

    Those are the placement's, all challengers, and the baseline of the control group.

    Raises:
        NotFoundError: A challenger or the baseline has not begun yet: it needs the whole log.
    """
    cursors = [head.cursor]
    if learns_control(record.placement):
        baseline = await Versions(store).baseline(keys)
        if baseline is None or training_of(baseline) != _training_for(record, in_control(record.placement)):
            raise _not_begun(keys, "the control group's baseline", "attune status")
        cursors.append(baseline.cursor)
    stored = await Challengers(store).records(keys)
    for challenger in record.placement.challengers:
        of = stored.get(challenger.name)
        if of is None or training_of(of.training) != _training_for(record, in_shadow(record.placement, challenger)):
            raise _not_begun(keys, f'challenger "{challenger.name}"', "attune policy challengers")
        cursors.append(of.training.cursor)
    return min(cursors, key=order)


def _not_begun(keys: PlacementKeys, who: str, see: str) -> NotFoundError:
    return NotFoundError(
        f'placement "{keys.name}": expected that {who} has learned from the log, '
        f"it has not begun yet: nothing more was trimmed, try again in a moment ({see})"
    )


def _training_for(record: PlacementRecord, placement: Placement) -> tuple[bytes, bytes, int]:
    # A placement that is being rebuilt has a generation that no version has yet.
    return *specs_of(placement.policy, placement.reward), record.generation
