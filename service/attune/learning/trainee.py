"""A policy on its way through the training log: where it stands, and one step further.

The state after n interactions depends on the specs, on where the training began and on those interactions in their
order, and on nothing else: not on when they were read, in which batches, by which process, or how often the policy was
put away in between. What the spec says to believe is learned before the first of them.

Where a training begins says how far late outcomes count: up to the end of the log at that moment, interactions are
learned with final rewards, those that all late outcomes of before that moment give. Revisions among them are passed
over, because what they correct has been learned right. After that moment, late outcomes count by revisions alone.
"""

import logging
from dataclasses import dataclass, replace

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError
from attune.learning.entries import is_withheld, lesson
from attune.serving.specs import reward_spec, start_spec
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.interactions import BEGINNING, order
from attune.store.log_entries import LoggedInteraction, in_order
from attune.store.versions import specs_of
from attune.v1.placement_pb2 import Placement
from attune_models import pmf as pmfs
from attune_models.beliefs import pseudo_interactions
from attune_models.policy import Policy, build
from attune_models.types import Pmf, PolicyError, Situation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a training begins; positions are stream ids.

    Attributes:
        generation: Of the placement: another one is another training.
        trains_from: What is behind this position is learned from, and nothing before.
        replayed_to: The last entry of the log.
        late_cursor: The last late outcome.
    """

    generation: int = 0
    trains_from: str = BEGINNING
    replayed_to: str = BEGINNING
    late_cursor: str = BEGINNING


def start_of(record: VersionRecord) -> Start:
    """Return where the training of a version began."""
    return Start(
        generation=record.generation,
        trains_from=record.trains_from or BEGINNING,
        replayed_to=record.replayed_to or BEGINNING,
        late_cursor=record.late_cursor or BEGINNING,
    )


class Trainee:
    """A policy and its position in the training log.

    Attributes:
        placement: What it is trained for; its policy and its reward spec count.
        start: Where the training began.
        cursor: Stream id of the last entry that was learned.
        interactions: How many there were up to there, without revisions.
        revisions: How many revisions were learned from.
        clipped: How many rewards were outside the spec's bounds.
        refused: How many of all could not be learned from.
        withheld: How many of all may not be learned from: the policy is as if they were not there.
    """

    def __init__(self, placement: Placement, start: Start | None = None) -> None:
        """Start untrained, by default at the beginning of a log that is empty so far."""
        self.start = start or Start()
        self.placement = placement
        self._trains = specs_of(placement.policy, placement.reward)
        spec = start_spec(placement)
        self._policy: Policy = build(spec)
        self._beliefs = pseudo_interactions(spec.beliefs)
        self._rewards = reward_spec(placement.reward)
        self.cursor = self.start.trains_from
        self.interactions = 0
        self.revisions = 0
        self.clipped = 0
        self.refused = 0
        self.withheld = 0

    def resume(self, record: VersionRecord, weights: bytes) -> None:
        """Go on where a version stands.

        Args:
            record: Of a version that was trained with the same specs, for the same generation.
            weights: Its weights, verified.

        Raises:
            PolicyError: The weights do not load.
        """
        self._policy.loads(weights)
        self._beliefs = iter(())  # the weights know them
        self.start = start_of(record)
        self.cursor = record.cursor
        self.interactions = record.interactions
        self.revisions = record.revisions
        self.clipped = record.clipped
        self.refused = record.refused
        self.withheld = record.withheld

    def is_of(self, record: VersionRecord) -> bool:
        """Tell whether a version was trained with the same specs, for the same generation."""
        return record.generation == self.start.generation and specs_of(record.policy, record.reward) == self._trains

    def is_for(self, record: PlacementRecord) -> bool:
        """Tell whether a placement still has the specs and the generation of this training."""
        placement = record.placement
        trains = specs_of(placement.policy, placement.reward)
        return record.generation == self.start.generation and trains == self._trains

    def learn_belief(self) -> bool:
        """Learn the next part of what is believed, if any is left; return whether there was one.

        For those who have other things to do in between: whoever calls `learn` or `version` need not call this.
        """
        interaction = next(self._beliefs, None)
        if interaction is not None:
            self._policy.learn(interaction)
        return interaction is not None

    def learn(self, entry: LoggedInteraction) -> None:
        """Learn from the entry of the log that follows the cursor; pass over one that cannot be learned from.

        Args:
            entry: The entry, with its late outcomes.
        """
        self._start()
        if not entry.revises:
            self._learn(self._with_final_reward(entry))
            self.interactions += 1
        elif not self._is_settled(entry):
            self._learn(entry)
            self.revisions += 1
        self.cursor = entry.position

    def pmf(self, situation: Situation) -> Pmf:
        """Return the probability with which it would draw each action now, as a placement would that serves it.

        Uniform where the policy has none to state: that is what is drawn from then.
        """
        self._start()
        try:
            return self._policy.pmf(situation)
        except PolicyError:
            return pmfs.uniform(len(situation.actions))

    def _is_settled(self, revision: LoggedInteraction) -> bool:
        """Tell whether what is revised was learned with this reward already, or is not to be learned from."""
        is_known = order(revision.position) <= order(self.start.replayed_to)
        return is_known or order(revision.revises) <= order(self.start.trains_from)

    def _with_final_reward(self, entry: LoggedInteraction) -> LoggedInteraction:
        late = [outcome for outcome in entry.late if order(outcome.late) <= order(self.start.late_cursor)]
        return replace(entry, outcomes=in_order([*entry.outcomes, *late])) if late else entry

    def _learn(self, entry: LoggedInteraction) -> None:
        if is_withheld(entry.decision):
            self.withheld += 1
            return
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

    def version(self, now_ms: int) -> tuple[VersionRecord, bytes]:
        """Return what makes a version: its record, without version and checksum, and its weights.

        Raises:
            PolicyError: A weight is not finite.
        """
        self._start()
        record = VersionRecord(
            created_at_ms=now_ms,
            policy=self.placement.policy,
            reward=self.placement.reward,
            interactions=self.interactions,
            cursor=self.cursor,
            clipped=self.clipped,
            refused=self.refused,
            withheld=self.withheld,
            revisions=self.revisions,
            generation=self.start.generation,
            trains_from=_stored(self.start.trains_from),
            replayed_to=_stored(self.start.replayed_to),
            late_cursor=_stored(self.start.late_cursor),
        )
        return record, self._policy.dumps()

    def _start(self) -> None:
        while self.learn_belief():
            pass


def _stored(position: str) -> str:
    return "" if position == BEGINNING else position
