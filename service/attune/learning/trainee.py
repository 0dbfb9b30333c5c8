"""A policy on its way through the training log: where it stands, and one step further.

The state after n interactions depends on the specs and on those interactions in their order, and on nothing else: not
on when they were read, in which batches, by which process, or how often the policy was put away in between. What the
spec says to believe is learned before the first of them.
"""

import logging

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError
from attune.learning.entries import lesson
from attune.serving.specs import reward_spec, start_spec
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.decisions import LoggedInteraction
from attune.store.interactions import BEGINNING
from attune.v1.placement_pb2 import Placement, PolicySpec, RewardSpec
from attune_models.beliefs import pseudo_interactions
from attune_models.policy import Policy, build

_log = logging.getLogger(__name__)


class Trainee:
    """A policy and its position in the training log.

    Attributes:
        cursor: Stream id of the last interaction that was learned.
        interactions: How many there were up to there.
        clipped: How many rewards were outside the spec's bounds.
        refused: How many of them could not be learned from.
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
        self.clipped = 0
        self.refused = 0

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
        self.clipped = record.clipped
        self.refused = record.refused

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
        """Learn from the entry of the log that follows the cursor; pass over one that cannot be learned from."""
        self._start()
        try:
            taught = lesson(entry, self._rewards)
            for interaction in taught.interactions:
                self._policy.learn(interaction)
        except (InvalidInputError, DecodeError, ValueError) as error:
            # Damaged, or the limits were other ones when it was logged. Everybody who reads the log passes over it, so
            # all stay equal; and one entry does not stop the learning for ever.
            _log.warning("interaction %s cannot be learned from: %s", entry.position, error)
            self.refused += 1
        else:
            self.clipped += taught.clipped
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
            clipped=self.clipped,
            refused=self.refused,
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
