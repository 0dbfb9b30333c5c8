"""Intervals that hold at all times at once: one may look after every round, and stop when it suits.

    learner: weights and rewards of a challenger --update--> sequence --interval--> promote, or wait

Nothing is assumed about how the log was collected but that its propensities are right: also by a policy that learned
as it went. With a target that learns as well, the truth is the average of its values over the rounds so far, each
before it learned from the round. Only whoever counts rounds must not choose them by their rewards.

No bound on the weights is needed, and where the log leaves out what the target would do, so that its weights average to
less than 1, the intervals are wide but right. `max_weight` makes them narrower, most of all the upper bound of rare
rewards; then the log must cover all that the targets would do.

Waudby-Smith, Wu, Ramdas, Karampatziakis and Mineiro, "Anytime-valid off-policy inference for contextual bandits", 2022;
how the bounds come about: `bounded_means` and `gamma_mixture`.
"""

from typing import ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from attune_models.bounded_means import DifferenceBound, ValueBound
from attune_models.intervals import Interval, RewardRange, check_confidence
from attune_models.rounds import LARGEST_WEIGHT, FloatArray
from attune_models.state import check_not_negative, check_shapes, pack, refusing, unpack
from attune_models.types import PolicyError

BoundT = TypeVar("BoundT", ValueBound, DifferenceBound)


class _Sequence(Generic[BoundT]):
    """What both sequences have in common: all but what is counted. Means are of rewards scaled to 0..1."""

    _kind: ClassVar[str]
    _lowest: ClassVar[float]
    """What the mean cannot be below; it cannot be above 1."""

    def __init__(
        self,
        bounds: tuple[BoundT, BoundT],
        reward_low: float,
        reward_high: float,
        confidence: float,
        max_weight: float | None,
    ) -> None:
        self._rewards = RewardRange(reward_low, reward_high)
        check_confidence(confidence)
        if max_weight is not None and not 1.0 <= max_weight <= LARGEST_WEIGHT:
            raise ValueError(f"max_weight: expected a number from 1 to {LARGEST_WEIGHT:g}, got {max_weight!r}")
        # Of the mean, and of the mean seen from above: of 1 - value, or of the difference the other way round.
        self._lower: BoundT
        self._upper: BoundT
        self._lower, self._upper = bounds
        self._confidence = confidence
        self._alpha = 0.5 * (1.0 - confidence)
        # A quotient of probabilities may be above its bound by a rounding.
        self._largest = LARGEST_WEIGHT if max_weight is None else max_weight * (1.0 + 1e-9)
        self._facts = [
            None if fact is None else float(fact) for fact in (reward_low, reward_high, confidence, max_weight)
        ]
        self._n_rounds = 0

    @property
    def n_rounds(self) -> int:
        """How many rounds were counted."""
        return self._n_rounds

    def interval(self) -> Interval:
        """Return the interval, in reward a round.

        It is all that is possible while there are no rounds; and where the bounds contradict each other, because the
        weights do not average to 1: then nothing is known.
        """
        low, high = self._lowest, 1.0
        if self._n_rounds:
            low = self._lower.lowest_mean(self._n_rounds, self._alpha, self._lowest)
            high = self._mirrored(self._upper.lowest_mean(self._n_rounds, self._alpha, self._lowest))
        if low > high:
            low, high = self._lowest, 1.0
        return Interval(self._unscaled(low), self._unscaled(high), self._confidence, "anytime")

    def contains(self, value: float) -> bool:
        """Return whether the interval covers a value, in reward a round; much cheaper than to make the interval."""
        mean = (value - self._unscaled(0.0)) / self._rewards.width
        if not self._lowest <= mean <= 1.0:
            return False
        ruled_out = self._n_rounds > 0 and (
            self._lower.rules_out(mean, self._n_rounds, self._alpha)
            or self._upper.rules_out(self._mirrored(mean), self._n_rounds, self._alpha)
        )
        # When the bounds contradict each other, both are void.
        if not ruled_out:
            return True
        interval = self.interval()
        return interval.low <= value <= interval.high

    def dumps(self) -> bytes:
        """Return all that was counted, and for which rewards, confidence and largest weight."""
        numbers = np.array([self._lower.sums, self._upper.sums])
        return pack(self._kind, {"for": self._facts, "n_rounds": self._n_rounds}, {"sums": numbers})

    def loads(self, state: bytes) -> None:
        """Replace what was counted by what `dumps` of a sequence with equal arguments returned; going on is bit-equal.

        Raises:
            PolicyError: The bytes are no such state.
        """
        facts, arrays = unpack(self._kind, state)
        check_shapes(arrays, {"sums": (2, len(self._lower.sums))})
        with refusing(self._kind):
            if facts["for"] != self._facts:
                raise PolicyError(f"expected a {self._kind} for {self._facts}, got one for {facts['for']}")
            n_rounds = int(facts["n_rounds"])
        check_not_negative("n_rounds", n_rounds)
        check_not_negative("variance", *arrays["sums"][:, 1:-1:2].ravel().tolist())
        self._lower.sums, self._upper.sums = arrays["sums"].tolist()
        self._n_rounds = n_rounds

    def _mirrored(self, mean: float) -> float:
        """Return a mean as it is seen from above, and back: one minus a value, minus a difference."""
        return 1.0 + self._lowest - mean

    def _unscaled(self, mean: float) -> float:
        # A value is from one end of the range to the other; a difference, from minus its width to its width.
        origin = self._rewards.low if self._lowest == 0.0 else 0.0
        return origin + self._rewards.width * mean

    def _scaled_rewards(self, reward: npt.ArrayLike) -> FloatArray:
        rewards = _checked("reward", reward, self._rewards.low, self._rewards.high)
        return (rewards - self._rewards.low) / self._rewards.width


class ValueSequence(_Sequence[ValueBound]):
    """An interval for the value of a target policy, right at all times at once with the confidence stated."""

    _kind = "value-sequence-1"
    _lowest = 0.0

    def __init__(
        self, reward_low: float, reward_high: float, confidence: float = 0.95, *, max_weight: float | None = None
    ) -> None:
        """Start with no rounds.

        Args:
            reward_low: What no reward is below; finite.
            reward_high: What no reward is above; finite, above reward_low.
            confidence: How probable it is at least that the interval covers the truth at all times; between 0 and 1.
            max_weight: What no weight can be above, known before the rounds: one over the smallest propensity that
                is possible, say. At least 1; None when it is not known.

        Raises:
            ValueError: One of them is not as it must be.
        """
        bounds = ValueBound(max_weight), ValueBound(max_weight)
        super().__init__(bounds, reward_low, reward_high, confidence, max_weight)

    def update(self, weight: npt.ArrayLike, reward: npt.ArrayLike) -> None:
        """Count rounds in.

        Args:
            weight: Importance weights, at least 0 and at most max_weight: shape (n,), or a number.
            reward: What was earned, from reward_low to reward_high: of the same shape.

        Raises:
            ValueError: A number is outside, or the shapes differ; then nothing was counted.
        """
        weights, rewards = _checked("weight", weight, 0.0, self._largest), self._scaled_rewards(reward)
        _check_lengths(weight=weights, reward=rewards)
        self._lower.add(weights, rewards, self._n_rounds)
        self._upper.add(weights, 1.0 - rewards, self._n_rounds)
        self._n_rounds += len(rewards)


class DifferenceSequence(_Sequence[DifferenceBound]):
    """An interval for the value of target a less that of target b, on the same rounds; right at all times at once.

    The policy that collected the log is a target whose weights are all 1. Compared with it, a round without a reward
    (with reward_low) leaves the lower bound without noise: that is the case that proves a lift soonest.
    """

    _kind = "difference-sequence-1"
    _lowest = -1.0

    def __init__(
        self, reward_low: float, reward_high: float, confidence: float = 0.95, *, max_weight: float | None = None
    ) -> None:
        """Start with no rounds.

        Args:
            reward_low: What no reward is below; finite.
            reward_high: What no reward is above; finite, above reward_low.
            confidence: How probable it is at least that the interval covers the truth at all times; between 0 and 1.
            max_weight: What no weight of either target can be above, as for `ValueSequence`.

        Raises:
            ValueError: One of them is not as it must be.
        """
        bounds = DifferenceBound(max_weight), DifferenceBound(max_weight)
        super().__init__(bounds, reward_low, reward_high, confidence, max_weight)

    def update(self, weight_a: npt.ArrayLike, weight_b: npt.ArrayLike, reward: npt.ArrayLike) -> None:
        """Count rounds in.

        Args:
            weight_a: Importance weights of target a, at least 0 and at most max_weight: shape (n,), or a number.
            weight_b: Those of target b, of the same shape.
            reward: What was earned, from reward_low to reward_high: of the same shape.

        Raises:
            ValueError: A number is outside, or the shapes differ; then nothing was counted.
        """
        a, b = (
            _checked(name, weight, 0.0, self._largest)
            for name, weight in (("weight_a", weight_a), ("weight_b", weight_b))
        )
        rewards = self._scaled_rewards(reward)
        _check_lengths(weight_a=a, weight_b=b, reward=rewards)
        self._lower.add(a, b, rewards, self._n_rounds)
        self._upper.add(b, a, rewards, self._n_rounds)
        self._n_rounds += len(rewards)


def _checked(name: str, numbers: npt.ArrayLike, low: float, high: float) -> FloatArray:
    """Return numbers as an array of shape (n,), none of which is outside."""
    array = np.atleast_1d(np.asarray(numbers, np.float64))
    # Written so that NaN, which compares false with everything, is refused too.
    wrong = ~((array >= low) & (array <= high))
    if wrong.any():
        raise ValueError(f"{name}: expected numbers from {low:g} to {high:g}, got {float(array[wrong][0])!r}")
    return array


def _check_lengths(**arrays: FloatArray) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"expected one number a round of each, got shapes {shapes}")
