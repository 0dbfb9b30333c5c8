"""Sums over rounds, of weights and rewards: all that intervals of a value need to know of a log of any length."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from attune_models.rounds import FloatArray


@dataclass(frozen=True, slots=True)
class WeightedSums:
    """Sums over rounds of weight w and reward r; those of two logs add up to those of both.

    Attributes:
        n_rounds: How many rounds.
        weight: Sum of w.
        weight_squared: Sum of w^2.
        weighted_reward: Sum of w r.
        weight_squared_reward: Sum of w^2 r.
        weighted_reward_squared: Sum of w^2 r^2.
        largest_weight: The largest w; 0 without rounds.
    """

    n_rounds: int = 0
    weight: float = 0.0
    weight_squared: float = 0.0
    weighted_reward: float = 0.0
    weight_squared_reward: float = 0.0
    weighted_reward_squared: float = 0.0
    largest_weight: float = 0.0

    @classmethod
    def of(cls, weight: FloatArray, reward: FloatArray) -> Self:
        """Return the sums over rounds.

        Args:
            weight: Importance weights, shape (n,): at least 0, finite.
            reward: What was earned, shape (n,): finite.

        Raises:
            ValueError: A weight is negative, or a number is not finite.
        """
        wrong = ~((weight >= 0.0) & np.isfinite(weight) & np.isfinite(reward))
        if wrong.any():
            got = f"{float(weight[wrong][0])!r} and {float(reward[wrong][0])!r}"
            raise ValueError(f"weight, reward: expected finite numbers, weights of at least 0, got {got}")
        earned = weight * reward
        return cls(
            len(weight),
            float(weight.sum()),
            float((weight * weight).sum()),
            float(earned.sum()),
            float((weight * earned).sum()),
            float((earned * earned).sum()),
            float(weight.max(initial=0.0)),
        )

    def __add__(self, other: Self) -> Self:
        """Return the sums over both."""
        return replace(
            self,
            n_rounds=self.n_rounds + other.n_rounds,
            weight=self.weight + other.weight,
            weight_squared=self.weight_squared + other.weight_squared,
            weighted_reward=self.weighted_reward + other.weighted_reward,
            weight_squared_reward=self.weight_squared_reward + other.weight_squared_reward,
            weighted_reward_squared=self.weighted_reward_squared + other.weighted_reward_squared,
            largest_weight=max(self.largest_weight, other.largest_weight),
        )

    def added(self, weight: float, reward: float) -> Self:
        """Return the sums with one more round."""
        return self + type(self).of(np.array([weight]), np.array([reward]))

    def shifted(self, origin: float) -> Self:
        """Return the sums for rewards of which origin is taken away."""
        squares = self.weighted_reward_squared - 2.0 * origin * self.weight_squared_reward
        return replace(
            self,
            weighted_reward=self.weighted_reward - origin * self.weight,
            weight_squared_reward=self.weight_squared_reward - origin * self.weight_squared,
            weighted_reward_squared=squares + origin * origin * self.weight_squared,
        )

    def negated(self) -> Self:
        """Return the sums for rewards of the opposite sign."""
        return replace(self, weighted_reward=-self.weighted_reward, weight_squared_reward=-self.weight_squared_reward)
