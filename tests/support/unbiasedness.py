"""A known environment, and importance weighting on the log of a policy that learns in it.

Each round logs a reward r of the action a that was drawn with probability p(a). Whatever the policy has learned before,
`E[r / (K p(a))]` is the value of the uniform policy, as long as p is exactly what was drawn from and no p is 0. The
mean over independent runs must therefore lie within a few standard errors of the truth, which is known here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.policy import Policy, PolicySpec, build
from attune_models.types import ActionSet, FeatureSet, Interaction, PlainAction, Pmf, Situation

RUNS = 200
SITUATIONS: Sequence[Situation] = [
    situation(FeatureSet(categorical={"user": user}), map(PlainAction, ("a", "b", "c"))) for user in ("Tom", "Anna")
]


KNOWN = ActionSet(SITUATIONS[0].action_ids, SITUATIONS[0].actions)


class Served:
    """A policy as it is served: what decides, of a known set, was loaded from what learns some interactions ago."""

    def __init__(self, spec: PolicySpec, newer_every: int) -> None:
        """Start untrained.

        Args:
            spec: The policy.
            newer_every: After how many interactions a newer version decides.
        """
        self._learning, self._deciding = build(spec), build(spec)
        self._newer_every, self._n_learned = newer_every, 0

    def pmf(self, asked: Situation) -> Pmf:
        """Return the probabilities that the version that decides gives."""
        return self._deciding.pmf(replace(asked, known=KNOWN))

    def learn(self, interaction: Interaction) -> None:
        """Learn, and take over what was learned when it is time."""
        self._learning.learn(interaction)
        self._n_learned += 1
        if self._n_learned % self._newer_every == 0:
            self._deciding.loads(self._learning.dumps())


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

    def estimate(self, policy: Policy | Served, run: int) -> float:
        """Return the estimate of one run: a new policy draws, logs and learns, the log is weighted."""
        rng = np.random.default_rng(run)
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

    def estimates(self, new_policy: Callable[[], Policy | Served]) -> NDArray[np.float64]:
        """Return the estimates of all runs; float64, shape (RUNS,)."""
        return np.array([self.estimate(new_policy(), run) for run in range(RUNS)])

    def check(self, spec: PolicySpec, widest: float, newer_every: int | None = None) -> None:
        """Assert that the mean over the runs is the truth, up to 3 of its standard errors.

        A true mean misses that with probability .0027; seeds are fixed. The standard error itself is bounded, too, so
        that a wide scatter cannot hide a bias.

        Args:
            spec: The policy that draws.
            widest: Largest standard error, as a share of the truth.
            newer_every: If given, the policy is `Served`: it decides with what it had learned up to so many
                interactions ago, and knows the set of the actions.
        """
        values = self.estimates(lambda: Served(spec, newer_every) if newer_every else build(spec))
        standard_error = values.std(ddof=1) / np.sqrt(RUNS)
        said = f"mean {values.mean():.4f}, truth {self.value_of_uniform:.4f}, standard error {standard_error:.4f}"
        assert abs(values.mean() - self.value_of_uniform) <= 3 * standard_error, said
        assert standard_error <= widest * self.value_of_uniform, said
