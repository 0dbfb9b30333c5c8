"""What a challenger earned in the shadow: sums, confidence sequences and diagnostics, put away and taken up as one.

    weighed decisions --add--> Estimates --status--> people, promotion
                               Estimates --record, resume--> store

The same decisions give the same state to the last bit, in whatever batches they came.
"""

import numpy as np

from attune.learning.measuring import Measured, confidence_of
from attune.storage.v1.records_pb2 import ChallengerRecord, Measuring
from attune.v1.placement_service_pb2 import (
    VERDICT_CAUTION,
    VERDICT_REFUSE,
    VERDICT_TRUST,
    VERDICT_UNSPECIFIED,
    ChallengerStatus,
    ValueEstimate,
    Verdict,
)
from attune_models.confidence_sequences import DifferenceSequence, ValueSequence
from attune_models.diagnostics import Diagnostics, Level
from attune_models.intervals import Interval

# An event_id is in the log once: a few are watched all the same, in 16 KiB of every commit.
_WATCHED_IDS = 1024

_VERDICTS: dict[Level, Verdict] = {"trust": VERDICT_TRUST, "caution": VERDICT_CAUTION, "refuse": VERDICT_REFUSE}


_NOTHING = ChallengerStatus(verdict=VERDICT_UNSPECIFIED, reason="No decision of the policy was measured yet.")


class Estimates:
    """What a challenger, and the policy it is measured against, earned on the same decisions.

    Attributes:
        measuring: What the estimates stand for.
        bounds: Lowest and highest reward of a decision.
        measured: On how many decisions they rest, without those that `flush` has not seen.
        weighed_to: Position of the last entry of the log that was weighed or passed over.
    """

    def __init__(self, measuring: Measuring, bounds: tuple[float, float]) -> None:
        """Begin without any decision."""
        self.measuring = measuring
        self.bounds = bounds
        self.measured = 0
        self.weighed_to = measuring.behind
        self._weight = self._earned = self._reward = 0.0
        self._value = ValueSequence(*bounds, measuring.confidence)
        self._policy_value = ValueSequence(*bounds, measuring.confidence)
        self._difference = DifferenceSequence(*bounds, confidence_of(measuring))
        self._diagnostics = Diagnostics(most_ids=_WATCHED_IDS)
        self._waiting: list[Measured] = []
        self._status: ChallengerStatus | None = None

    def resume(self, record: ChallengerRecord) -> None:
        """Go on where a record of the same measuring stands.

        Raises:
            PolicyError: A state does not load.
        """
        self._value.loads(record.value)
        self._policy_value.loads(record.policy_value)
        self._difference.loads(record.difference)
        self._diagnostics = Diagnostics.loads(record.diagnostics)
        self.measured, self.weighed_to = record.measured, record.weighed_to
        self._weight, self._earned, self._reward = record.weight, record.earned, record.reward
        self._status = None

    def add(self, decision: Measured) -> None:
        """Count a decision in; it is looked at with the next `flush`, because many at once cost far less."""
        self._waiting.append(decision)

    def flush(self) -> None:
        """Look at what was added."""
        if not self._waiting:
            return
        seen, self._waiting, self._status = self._waiting, [], None
        weight = np.array([each.weight for each in seen])
        reward = np.array([each.reward for each in seen])
        logged = np.ones(len(seen))
        self._value.update(weight, reward)
        self._policy_value.update(logged, reward)
        self._difference.update(weight, logged, reward)
        self._diagnostics.add(seen, weight, reward, np.array([each.unsupported for each in seen]))
        self.measured += len(seen)
        for each in seen:
            self._weight += each.weight
            self._earned += each.weight * each.reward
            self._reward += each.reward

    def record(self) -> ChallengerRecord:
        """Return the state, without training and status.

        Raises:
            PolicyError: A number is not finite.
        """
        self.flush()
        return ChallengerRecord(
            measuring=self.measuring,
            measured=self.measured,
            value=self._value.dumps(),
            policy_value=self._policy_value.dumps(),
            difference=self._difference.dumps(),
            diagnostics=self._diagnostics.dumps(),
            weight=self._weight,
            earned=self._earned,
            reward=self._reward,
            weighed_to=self.weighed_to,
        )

    def status(self) -> ChallengerStatus:
        """Return what was found, without name, policy and interactions; not to be changed."""
        self.flush()
        if self._status is None:  # bounds take milliseconds, and are asked for several times a second
            self._status = self._found() if self.measured else _NOTHING
        return self._status

    def _found(self) -> ChallengerStatus:
        verdict = self._diagnostics.verdict()
        mean_weight, policy_value = self._weight / self.measured, self._reward / self.measured
        # The mean of w r with the policy's mean reward as a control variate: where weights average to more than 1 by
        # chance, w r does, too. Owen, "Monte Carlo theory, methods and examples", 2013, chapter 8.9.
        value = self._earned / self.measured - policy_value * (mean_weight - 1.0)
        return ChallengerStatus(
            measured=self.measured,
            value=_estimate(value, self._value.interval()),
            policy_value=_estimate(policy_value, self._policy_value.interval()),
            difference=_estimate(value - policy_value, self._difference.interval()),
            verdict=_VERDICTS[verdict.level],
            reason=verdict.reasons[0],
        )


def _estimate(value: float, interval: Interval) -> ValueEstimate:
    # An estimate that its own interval rules out is not believed.
    inside = min(max(value, interval.low), interval.high)
    return ValueEstimate(value=inside, low=interval.low, high=interval.high, confidence=interval.confidence)
