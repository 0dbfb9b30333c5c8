"""Whether a policy that was stored may decide: its length, its SHA-256, its weights and a canary have to be right."""

import asyncio
import math
from dataclasses import replace

from attune.errors import BadSnapshotError
from attune.serving.specs import policy_spec
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.keys import PlacementKeys
from attune.store.versions import Versions
from attune_models.policy import Policy, build
from attune_models.types import ActionSet, Situation

_CANARY = Situation("canary=1", ["a", "b", "c"], ["=a canary=1", "=b canary=2", "=c"])
# Of a known set, a policy may choose in another way: it is looked at, too, and what it reads for that is read here.
_CANARIES = (_CANARY, replace(_CANARY, known=ActionSet(_CANARY.action_ids, _CANARY.actions)))


async def sound_policy(versions: Versions, name: str, record: VersionRecord) -> Policy:
    """Load a version of a placement's policy and check it.

    Raises:
        BadSnapshotError: Its weights are not those that were committed, or the canary's probabilities are none.
        PolicyError: Its weights do not make a policy.
        StoreUnavailableError: The store did not answer in time.
    """
    weights = await versions.weights(PlacementKeys(name), record)
    # Not on the loop: large weights take a second, for which every decision would have to wait.
    return await asyncio.to_thread(_loaded, record, weights)


def _loaded(record: VersionRecord, weights: bytes) -> Policy:
    policy = build(policy_spec(record.policy))
    policy.loads(weights)
    for canary in map(policy.pmf, _CANARIES):
        if not math.isclose(math.fsum(canary), 1.0):
            raise BadSnapshotError(f"the canary's probabilities sum to {math.fsum(canary)}")
    return policy
