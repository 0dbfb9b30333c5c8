"""A challenger in training: it walks the log as the placement's policy does, weighs what counts, and learns it all.

It has two places in the log: what is weighed, and, about a reward window behind it, what is learned. Where they are,
and all that comes of it, depends on the specs, on where training and measuring began, and on the log; weights, places
and estimates are committed together. So a challenger that is killed goes on as if nothing had happened.
"""

import time
from collections.abc import Sequence

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError
from attune.learning.entries import lesson
from attune.learning.estimates import Estimates
from attune.learning.final_rewards import FinalRewards
from attune.learning.measuring import counts, is_known, measured
from attune.learning.trainee import Trainee
from attune.serving.specs import reward_spec
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring
from attune.store.log_entries import LoggedInteraction
from attune.v1.placement_pb2 import Challenger
from attune.v1.placement_service_pb2 import ChallengerStatus


class Shadow:
    """A challenger of a placement, and what it would have earned.

    Attributes:
        challenger: Its name and its policy.
        trainee: The policy in training.
        final_rewards: What adds late outcomes to its interactions.
        estimates: What it would have earned.
        number: The one that the weights are stored under which its next commit replaces; 0 for none.
        size_bytes: Size of its weights when they were last committed.
        committed_at: Monotonic time of the last commit, in seconds.
        uncommitted: Whether there is something to commit. Not before all that is believed is learned: putting the
            policy away earlier would learn the rest at once, and many beliefs take seconds.
        is_near_end: Whether the last look ahead went to the end of the log.
    """

    def __init__(
        self, challenger: Challenger, trainee: Trainee, final_rewards: FinalRewards, estimates: Estimates
    ) -> None:
        """Begin with these, which stand where the same record stands."""
        self._rewards = reward_spec(trainee.placement.reward)
        self.challenger = challenger
        self.trainee = trainee
        self.final_rewards = final_rewards
        self.estimates = estimates
        self.number = 0
        self.size_bytes = 0
        self.committed_at = 0.0
        self.uncommitted = False
        self.is_near_end = False
        self._waits = False
        self._has_begun = False

    def waits_at(self, end: str) -> bool:
        """Tell whether there is nothing to do as long as this is the last entry of the log."""
        return self._waits and self.estimates.weighed_to == end

    def walk(self, ahead: Sequence[LoggedInteraction], behind: Sequence[LoggedInteraction], until: float) -> bool:
        """Go on in the log, until a monotonic time: weigh what comes next, and learn what had been known by then.

        Args:
            ahead: The next entries to weigh; none only where the log ends.
            behind: The next entries to learn, with their late outcomes.
            until: When to stop; one step is made at least.

        Returns:
            Whether a step was made; if not, there is nothing to do before the log has another entry.
        """
        while self.trainee.learn_belief():
            if time.monotonic() > until:
                return True
        self.uncommitted |= not self._has_begun
        self._has_begun = True
        steps = weighed = learned = 0
        while steps == 0 or time.monotonic() <= until:
            at = ahead[weighed].position if weighed < len(ahead) else self.estimates.weighed_to
            if learned < len(behind) and is_known(behind[learned].position, at, self.estimates.measuring.lag_ms):
                self.trainee.learn(behind[learned])
                learned += 1
            elif weighed < len(ahead) and learned < len(behind):
                self._weigh(ahead[weighed])
                weighed += 1
            else:
                break
            steps += 1
        self.estimates.flush()
        self.uncommitted |= steps > 0
        self._waits = steps == 0
        return steps > 0

    def _weigh(self, entry: LoggedInteraction) -> None:
        if counts(entry, self.estimates.measuring):
            try:
                taught = lesson(entry, self._rewards)
            except (InvalidInputError, DecodeError, ValueError):
                pass  # nobody can learn from it either; the trainee says so
            else:
                self.estimates.add(measured(self.trainee.pmf, entry.decision, taught, self.estimates.bounds))
        self.estimates.weighed_to = entry.position

    def measure_anew(self, measuring: Measuring) -> None:
        """Begin to measure anew; what was learned stays."""
        self.estimates = Estimates(measuring, self.estimates.bounds)
        self.uncommitted, self._waits = self._has_begun, False

    def committed(self, number: int, size_bytes: int) -> None:
        """Take note of a commit."""
        self.number, self.size_bytes = number, size_bytes
        self.committed_at = time.monotonic()
        self.uncommitted, self._has_begun = False, True

    def record(self, now_ms: int) -> tuple[ChallengerRecord, bytes]:
        """Return what is to be committed: the record, without the checksum, and the weights.

        Raises:
            PolicyError: A number is not finite.
        """
        training, weights = self.trainee.version(now_ms)
        training.version = self.number
        record = self.estimates.record()
        record.training.CopyFrom(training)
        record.status.CopyFrom(self.status())
        return record, weights

    def status(self) -> ChallengerStatus:
        """Return how it is doing."""
        status = ChallengerStatus()
        status.CopyFrom(self.estimates.status())
        status.name, status.interactions = self.challenger.name, self.trainee.interactions
        status.policy.CopyFrom(self.challenger.policy)
        return status
