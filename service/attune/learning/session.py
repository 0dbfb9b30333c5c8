"""What the learner of a placement knows while it holds the lease, from one look at the log to the next."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from attune.learning.final_rewards import FinalRewards
from attune.learning.promotion import Promoted
from attune.learning.trainee import Trainee
from attune.settings import LearnerSettings
from attune.store.log_entries import LoggedInteraction
from attune.store.versions import Lease

# A model of megabytes is not written twice a second: the store and its disk have other work.
_MAX_SNAPSHOT_BYTES_PER_S = 4e6
# Nothing else happens while a policy learns: a lease must not run out in that time.
_SLICE_S = 0.2


@dataclass(slots=True)
class Session:
    """What a learner knows while it holds a lease.

    Attributes:
        lease: The lease.
        trainee: The policy in training.
        final_rewards: What adds late outcomes to its interactions.
        counted: The rewards that the trainee clipped and the interactions it refused, as far as metrics have them.
        replaces_head: The trainee started anew while a version serves: it may take over only when it has caught up.
        uncommitted: Interactions learned since the last commit.
        size_bytes: Size of the last commit.
        committed_at: Monotonic time of the last commit, in seconds.
        renewed_at: Monotonic time when the lease was last renewed, in seconds.
        progress_at: Monotonic time when the progress of a training was last noted, or it began, in seconds.
    """

    lease: Lease
    trainee: Trainee
    final_rewards: FinalRewards
    replaces_head: bool
    counted: tuple[int, int] = (0, 0)
    uncommitted: int = 0
    size_bytes: int = 0
    committed_at: float = 0.0
    renewed_at: float = field(default_factory=time.monotonic)
    progress_at: float = field(default_factory=time.monotonic)

    def retrain(self, trainee: Trainee, final_rewards: FinalRewards) -> None:
        """Start anew."""
        self.trainee = trainee
        self.final_rewards = final_rewards
        self.progress_at = time.monotonic()
        self.counted = (0, 0)
        self.replaces_head = True
        self.uncommitted = 0

    def take_over(self, promoted: Promoted) -> None:
        """Go on with a former challenger, which is the head by now."""
        self.trainee, self.final_rewards = promoted.trainee, promoted.final_rewards
        self.counted = (self.trainee.clipped, self.trainee.refused)
        self.replaces_head = False
        self.committed(promoted.size_bytes)

    def learn(self, entries: Sequence[LoggedInteraction]) -> int:
        """Learn beliefs, then the next entries of the log, as far as a slice of time goes; return from how many."""
        until = time.monotonic() + _SLICE_S
        while self.trainee.learn_belief():
            if time.monotonic() > until:
                return 0
        learned = 0
        for entry in entries:
            self.trainee.learn(entry)
            learned += 1
            if time.monotonic() > until:
                break
        self.uncommitted += learned
        return learned

    @property
    def may_commit(self) -> bool:
        """Whether there is something to commit, and nothing against it."""
        return self.uncommitted > 0 and not self.replaces_head

    def commit_is_due(self, settings: LearnerSettings) -> bool:
        """Tell whether there is something to commit and it is time."""
        if not self.may_commit:
            return False
        pause_s = max(settings.snapshot_interval_s, self.size_bytes / _MAX_SNAPSHOT_BYTES_PER_S)
        waited_s = time.monotonic() - self.committed_at
        return waited_s >= pause_s or self.uncommitted >= settings.snapshot_interactions

    def committed(self, size_bytes: int) -> None:
        """Take note of a commit."""
        self.uncommitted = 0
        self.size_bytes = size_bytes
        self.committed_at = time.monotonic()
