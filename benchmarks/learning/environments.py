"""What a policy is tried on: rounds of which the reward of every action is known.

A policy is told the reward of the action it drew and no other. That all are known is what makes the baselines possible:
the best constant in hindsight, and a regression that is told everything. The environments themselves are beside this
module: `readers.py`, `digits.py`, `mushrooms.py`, `coupons.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from attune_models.types import Situation


@dataclass(frozen=True, slots=True)
class Rounds:
    """One play of an environment, earliest round first.

    Attributes:
        situations: What a policy chooses in, encoded; the same number of actions in each.
        rewards: Reward of every action; float64, shape (n_rounds, n_actions), each between 0 and 1.
    """

    situations: Sequence[Situation]
    rewards: NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many rounds there are."""
        return len(self.situations)

    def first(self, n_rounds: int) -> "Rounds":
        """Return the first rounds only."""
        return Rounds(self.situations[:n_rounds], self.rewards[:n_rounds])


class Environment(Protocol):
    """Where rounds come from."""

    @property
    def name(self) -> str:
        """Its column in the table."""
        ...

    @property
    def about(self) -> str:
        """A line about it."""
        ...

    def rounds(self, seed: int) -> Rounds:
        """Make the rounds of a play; the same seed gives the same rounds."""
        ...
