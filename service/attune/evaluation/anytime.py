"""What can be said at every moment: confidence sequences of a target's value and of its distance from the baseline.

They need bounds of the rewards that are known before the log is read: bounds that are taken from the log itself cover
too little. A decision that earns something else ends them, and the report says so.
"""

from dataclasses import dataclass

from attune_models.confidence_sequences import DifferenceSequence, ValueSequence
from attune_models.intervals import Interval
from attune_models.rounds import FloatArray


@dataclass(frozen=True, slots=True)
class RewardRange:
    """What a decision can earn in all its slots: from `low` to `high`; with `of_slot`, what each slot can earn."""

    low: float
    high: float
    of_slot: bool = False

    def holds(self, reward: FloatArray) -> bool:
        """Tell whether all rewards lie in it."""
        return not len(reward) or bool(self.low <= reward.min() and reward.max() <= self.high)


class Anytime:
    """The sequences of one target, as long as rewards stay in their range."""

    def __init__(self, bounds: RewardRange, confidence: float) -> None:
        """Start without rounds."""
        self._bounds, self._confidence = bounds, confidence
        self._value = ValueSequence(bounds.low, bounds.high, confidence)
        self._difference = DifferenceSequence(bounds.low, bounds.high, confidence)
        self._rounds = self._pairs = 0
        self.broken = False

    def add(self, weight: FloatArray, reward: FloatArray, n_slots: int) -> None:
        """Take in more rounds.

        Args:
            n_slots: Of the longest: several may earn more than the bounds of one.
            weight: Importance weights of whole decisions, shape (n_rounds,).
            reward: What they earned, shape (n_rounds,).
        """
        self.broken = self.broken or not self._bounds.holds(reward) or (self._bounds.of_slot and n_slots > 1)
        if not self.broken and len(weight):
            self._value.update(weight, reward)
            self._rounds += len(weight)

    def add_pairs(self, weight: FloatArray, baseline: FloatArray, reward: FloatArray) -> None:
        """Take in rounds that both the target and the baseline have; weights of each."""
        self.broken = self.broken or not self._bounds.holds(reward)
        if not self.broken and len(weight):
            self._difference.update(weight, baseline, reward)
            self._pairs += len(weight)

    def value(self) -> Interval | None:
        """Return an interval of the value that is valid at every moment; None where there is none."""
        return self._value.interval() if self._rounds and not self.broken else None

    def moment(self) -> bytes:
        """Return what `value_then` needs to say later what `value` would say now: an interval takes milliseconds."""
        return self._value.dumps()

    def value_then(self, moment: bytes) -> Interval | None:
        """Return the interval of the value at an earlier moment."""
        if not self._rounds or self.broken:
            return None
        then = ValueSequence(self._bounds.low, self._bounds.high, self._confidence)
        then.loads(moment)
        return then.interval()

    def difference(self) -> Interval | None:
        """Return the same of the value minus the baseline's."""
        return self._difference.interval() if self._pairs and not self.broken else None
