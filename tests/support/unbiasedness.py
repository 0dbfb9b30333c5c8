"""A known environment, and importance weighting on the log of a policy that learns in it.

Each round logs a reward r of the action a that was drawn with probability p(a). Whatever the policy has learned before,
`E[r / (K p(a))]` is the value of the uniform policy, as long as p is exactly what was drawn from and no p is 0. The
mean over independent runs must therefore lie within a few standard errors of the truth, which is known here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.policy import PolicySpec, build
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation

RUNS = 200
SITUATIONS: Sequence[Situation] = [
    situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c"))) for user in ("Tom", "Anna")
]


@dataclass(frozen=True, slots=True)
class Environment:
    """Two users, three actions, rewards of 0 and 1.

    Attributes:
        mean_rewards: Probability of a reward of 1, by user and action.
        n_rounds: How long a run is.
    """

    mean_rewards: tuple[tuple[float, float, float], tuple[float, float, float]]
    n_rounds: int

    @property
    def value_of_uniform(self) -> float:
        """Mean reward of a uniform draw: the truth that is estimated."""
        return float(np.mean(self.mean_rewards))

    def estimate(self, spec: PolicySpec, run: int) -> float:
        """Return the estimate of one run: the policy draws, logs and learns, the log is weighted."""
        policy, rng = build(spec), np.random.default_rng(run)
        users, luck = rng.integers(2, size=self.n_rounds), rng.random(self.n_rounds)
        contributions = np.empty(self.n_rounds)
        for i in range(self.n_rounds):
            asked = SITUATIONS[users[i]]
            pmf = policy.pmf(asked)
            # Seeded as the service seeds it: by the placement and the id of the decision.
            action = pmfs.draw(pmf, pmfs.unit_interval("draw", "placement", f"{run}-{i}"))
            reward = float(luck[i] < self.mean_rewards[users[i]][action])
            contributions[i] = reward / (len(pmf) * pmf[action])
            policy.learn(Interaction(asked, action, pmf[action], reward))
        return float(contributions.mean())

    def estimates(self, spec: PolicySpec) -> NDArray[np.float64]:
        """Return the estimates of all runs; float64, shape (RUNS,)."""
        return np.array([self.estimate(spec, run) for run in range(RUNS)])

    def check(self, spec: PolicySpec, widest: float) -> None:
        """Assert that the mean over the runs is the truth, up to 3 of its standard errors.

        A true mean misses that with probability .0027; seeds are fixed. The standard error itself is bounded, too, so
        that a wide scatter cannot hide a bias.

        Args:
            spec: The policy that draws.
            widest: Largest standard error, as a share of the truth.
        """
        values = self.estimates(spec)
        standard_error = values.std(ddof=1) / np.sqrt(RUNS)
        said = f"mean {values.mean():.4f}, truth {self.value_of_uniform:.4f}, standard error {standard_error:.4f}"
        assert abs(values.mean() - self.value_of_uniform) <= 3 * standard_error, said
        assert standard_error <= widest * self.value_of_uniform, said
