"""A policy on its way through the training log: where it stands, and one step further.

The state after n interactions depends on the specs and on those interactions in their order, and on nothing else: not
on when they were read, in which batches, by which process, or how often the policy was put away in between. What the
spec says to believe is learned before the first of them.
"""

import logging
from collections.abc import Sequence

from attune.errors import InvalidInputError
from attune.serving.situation import situation_of
from attune.serving.specs import reward_spec, start_spec
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord, VersionRecord
from attune.store.decisions import LoggedInteraction
from attune.store.interactions import BEGINNING
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import Placement, PolicySpec, RewardSpec
from attune_models import rewards, slots
from attune_models.beliefs import pseudo_interactions
from attune_models.policy import Policy, build
from attune_models.types import Interaction

_log = logging.getLogger(__name__)


class Trainee:
    """A policy and its position in the training log.

    Attributes:
        cursor: Stream id of the last interaction that was learned.
        interactions: How many were learned.
    """

    def __init__(self, placement: Placement) -> None:
        """Start untrained, at the beginning of the log."""
        self._placement = placement
        self._trains = _trains(placement.policy, placement.reward)
        spec = start_spec(placement)
        self._policy: Policy = build(spec)
        self._beliefs = pseudo_interactions(spec.beliefs)
        self._rewards = reward_spec(placement.reward)
        self.cursor = BEGINNING
        self.interactions = 0

    def resume(self, record: VersionRecord, weights: bytes) -> None:
        """Go on where a version stands.

        Args:
            record: Of a version that was trained with the same specs.
            weights: Its weights, verified.

        Raises:
            PolicyError: The weights do not load.
        """
        self._policy.loads(weights)
        self._beliefs = iter(())  # the weights know them
        self.cursor = record.cursor
        self.interactions = record.interactions

    def is_of(self, record: VersionRecord) -> bool:
        """Tell whether a version was trained with the same specs."""
        return _trains(record.policy, record.reward) == self._trains

    def is_for(self, placement: Placement) -> bool:
        """Tell whether a placement still has the specs of this training."""
        return _trains(placement.policy, placement.reward) == self._trains

    def learn_belief(self) -> bool:
        """Learn the next part of what is believed, if any is left; return whether there was one.

        For those who have other things to do in between: whoever calls `learn` or `version` need not call this.
        """
        interaction = next(self._beliefs, None)
        if interaction is not None:
            self._policy.learn(interaction)
        return interaction is not None

    def learn(self, entry: LoggedInteraction) -> None:
        """Learn from the entry of the log that follows the cursor."""
        self._start()
        for interaction in _interactions(entry, self._rewards):
            self._policy.learn(interaction)
        self.cursor = entry.position
        self.interactions += 1

    def version(self, now_ms: int) -> tuple[VersionRecord, bytes]:
        """Return what makes a version: its record, without version and checksum, and its weights.

        Raises:
            PolicyError: A weight is not finite.
        """
        self._start()
        record = VersionRecord(
            created_at_ms=now_ms,
            policy=self._placement.policy,
            reward=self._placement.reward,
            interactions=self.interactions,
            cursor=self.cursor,
        )
        return record, self._policy.dumps()

    def _start(self) -> None:
        while self.learn_belief():
            pass


def _trains(policy: PolicySpec, reward: RewardSpec) -> tuple[bytes, bytes]:
    # The reward window decides what is in the log, not what is made of it.
    folding = RewardSpec()
    folding.CopyFrom(reward)
    folding.ClearField("window")
    return policy.SerializeToString(deterministic=True), folding.SerializeToString(deterministic=True)


def _interactions(entry: LoggedInteraction, spec: rewards.RewardSpec) -> Sequence[Interaction]:
    """Return what is learned from an entry: one interaction for each slot, in their order."""
    decision = entry.decision
    try:
        situation = situation_of(Features.FromString(decision.context), decision.offers)
    except InvalidInputError as error:
        # The limits were other ones when this was logged. Everybody who reads the log skips it, so all stay equal.
        _log.warning("interaction %s cannot be learned from: %s", entry.position, error)
        return []
    records: list[DecisionRecord | SlotRecord] = [decision, *decision.later_slots]
    interactions: list[Interaction] = []
    drawn: list[int] = []
    for slot, record in enumerate(records):
        propensity, reward = record.pmf[record.chosen], rewards.fold(spec, _outcomes(entry, slot))
        interactions.append(slots.interaction(situation, drawn, record.chosen, propensity, reward))
        drawn.append(record.chosen)
    return interactions


def _outcomes(entry: LoggedInteraction, slot: int) -> list[rewards.Outcome]:
    records = (outcome.record for outcome in entry.outcomes)
    return [rewards.Outcome(record.name, record.value) for record in records if record.slot == slot]
