"""Why a decision came out as it did: the scores of its offers, and the features that made them.

    stored decision -> the version that decided -> encoded situation -> what each score is made of

Off the decision path, in the same process: versions that do not serve any more are loaded from the store and verified
like those that do, the last few are kept, and between two offers other calls get their turn.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attune.errors import BadSnapshotError
from attune.serving.live import LivePlacement
from attune.serving.situation import situation_of
from attune.serving.sound import sound_policy
from attune.serving.specs import start_spec
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features
from attune_models.explanation import Explanation
from attune_models.policy import Policy, started
from attune_models.types import PolicyError, Situation

MAX_EXPLAINED = 50
"""Most offers that are explained, what was chosen first, then the most probable."""
MAX_CONTRIBUTIONS = 5000
"""Once there are so many, no further offer is explained: the answer has to fit a message."""
KEPT_POLICIES = 4
"""Versions that are kept loaded; each is as large as one that serves."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Explained:
    """What is known about the scores of a decision's offers.

    Attributes:
        version: The policy version that explains; 0 before anything was learned.
        explanations: By the position of the offer in the decision; some or all may be absent.
    """

    version: int
    explanations: Mapping[int, Explanation]


class Explainer:
    """Explains decisions, one at a time."""

    def __init__(self, versions: Versions) -> None:
        """Load policies from here."""
        self._versions = versions
        # By placement, when it was created, version, and revision of the spec; the longest ago used first.
        self._kept: OrderedDict[tuple[str, int, int, int], Policy] = OrderedDict()
        self._one_at_a_time = asyncio.Lock()

    async def explain(self, live: LivePlacement, record: DecisionRecord) -> Explained:
        """Explain a decision by the version that made it where it is kept, else by the one that serves.

        Args:
            live: The decision's placement.
            record: The decision.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        situation = situation_of(Features.FromString(record.context), record.offers)
        async with self._one_at_a_time:
            policy, version = await self._policy(live, record)
            if policy is None:
                return Explained(0, {})
            return Explained(version, await _explanations(policy, situation, most_wanted(record)))

    async def _policy(self, live: LivePlacement, record: DecisionRecord) -> tuple[Policy | None, int]:
        version = record.policy_version
        if version == live.version or (version == 0 and record.mode != MODE_LEARNED):
            return live.policy, live.version
        # What a placement starts from depends on its spec as it is now.
        key = live.keys.name, live.record.created_at_ms, version, 0 if version else live.record.revision
        policy = self._kept.pop(key, None) or await self._loaded(live, version)
        if policy is None:
            return live.policy, live.version
        self._kept[key] = policy
        if len(self._kept) > KEPT_POLICIES:
            self._kept.popitem(last=False)
        return policy, version

    async def _loaded(self, live: LivePlacement, version: int) -> Policy | None:
        if version == 0:
            # Not on the loop: many beliefs take a policy of many weights seconds.
            return await asyncio.to_thread(started, start_spec(live.placement))
        for kept in await self._versions.kept(live.keys):
            if kept.version == version:
                try:
                    return await sound_policy(self._versions, live.keys.name, kept)
                except (BadSnapshotError, PolicyError) as error:
                    _log.warning('placement "%s": version %d cannot explain: %s', live.keys.name, version, error)
        return None


def most_wanted(record: DecisionRecord) -> list[int]:
    """Return the positions of the offers that are explained: what was chosen, then the most probable."""
    chosen = [record.chosen, *(slot.chosen for slot in record.later_slots)]
    # Equal probabilities keep the caller's order: sorting is stable.
    ranked = sorted(range(len(record.pmf)), key=lambda position: -record.pmf[position])
    return list(dict.fromkeys([*chosen, *ranked]))[:MAX_EXPLAINED]


async def _explanations(policy: Policy, situation: Situation, positions: Sequence[int]) -> dict[int, Explanation]:
    explanations: dict[int, Explanation] = {}
    n_contributions = 0
    for position in positions:
        if n_contributions >= MAX_CONTRIBUTIONS:
            break
        one = slice(position, position + 1)
        # One alone is explained as it is among the others, and does not keep others waiting.
        alone = Situation(situation.context, situation.action_ids[one], situation.actions[one])
        for explanation in policy.explain(alone):
            explanations[position] = explanation
            n_contributions += len(explanation.contributions)
        await asyncio.sleep(0)
    return explanations
