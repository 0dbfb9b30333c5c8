"""A challenger in training: it walks the log as the placement's policy does, weighs what counts, and learns everything.

Its state after an entry depends on the specs, on where training and measuring began, and on the log up to there; weights,
cursor and estimates are committed together. So a challenger that is killed goes on as if nothing had happened.
"""

import time
from collections.abc import Sequence

from attune.learning.estimates import Estimates
from attune.learning.final_rewards import FinalRewards
from attune.learning.measuring import counts, weigh
from attune.learning.trainee import Trainee
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring, VersionRecord
from attune.store.decisions import LoggedInteraction
from attune.v1.placement_pb2 import Challenger
from attune.v1.placement_service_pb2 import ChallengerStatus


class Shadow:
    """A challenger of a placement, and what it would have earned.

    Attributes:
        challenger: Its name and its policy.
        trainee: The policy in training.
        final_rewards: What adds late outcomes to its interactions.
        estimates: What it would have earned.
        number: Under which its weights are stored; 0 before the first commit.
        size_bytes: Size of its weights when they were last committed.
        committed_at: Monotonic time of the last commit, in seconds.
        uncommitted: Whether there is something to commit.
    """

    def __init__(
        self, challenger: Challenger, trainee: Trainee, final_rewards: FinalRewards, estimates: Estimates
    ) -> None:
        """Begin with these, which have learned and measured the same entries."""
        self.challenger = challenger
        self.trainee = trainee
        self.final_rewards = final_rewards
        self.estimates = estimates
        self.number = 0
        self.size_bytes = 0
        self.committed_at = 0.0
        self.uncommitted = True

    def learn(self, entries: Sequence[LoggedInteraction], until: float) -> int:
        """Weigh and learn the next entries of the log, until a monotonic time; return how many, at least one of any."""
        while self.trainee.learn_belief():
            if time.monotonic() > until:
                return 0
        learned = 0
        for entry in entries:
            self.step(entry)
            learned += 1
            if time.monotonic() > until:
                break
        return learned

    def step(self, entry: LoggedInteraction) -> None:
        """Weigh the next entry, if it counts, then learn from it."""
        if counts(entry, self.estimates.measuring):
            trainee, estimates = self.trainee, self.estimates
            trainee.learn(
                entry, lambda taught: estimates.add(entry, weigh(trainee.pmf, entry.decision, taught, estimates.bounds))
            )
        else:
            self.trainee.learn(entry)
        self.uncommitted = True

    def measure_anew(self, measuring: Measuring) -> None:
        """Begin to measure anew; what was learned stays."""
        self.estimates = Estimates(measuring, self.estimates.bounds)
        self.uncommitted = True

    def committed(self, number: int, size_bytes: int) -> None:
        """Take note of a commit."""
        self.number, self.size_bytes = number, size_bytes
        self.committed_at = time.monotonic()
        self.uncommitted = False

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
        status = self.estimates.status()
        status.name, status.interactions = self.challenger.name, self.trainee.interactions
        status.policy.CopyFrom(self.challenger.policy)
        return status

    def version(self, now_ms: int) -> tuple[VersionRecord, bytes]:
        """Return the version that it makes as the placement's policy: its record, without checksum, and its weights.

        Raises:
            PolicyError: A weight is not finite.
        """
        return self.trainee.version(now_ms)
