"""Popularity: Thompson sampling that ignores context and features, and knows each action by its id only.

What a contextual policy has to beat, and the better choice where contexts carry nothing. Two models of the reward:

Bernoulli, for rewards between 0 and 1: the mean reward of action a is `Beta(1 + S_a, 1 + F_a)` with `S_a = sum of r`
and `F_a = sum of 1 - r`. For rewards of 0 and 1 that is the posterior of a uniform prior. Rewards in between count as
fractions, where S. Agrawal, N. Goyal, "Analysis of Thompson Sampling for the Multi-Armed Bandit Problem", 2012, toss a
coin of probability r: the same mean without the noise, and nothing random in what is learned.

Gaussian, for any reward: the mean reward is `N((S_a + m) / (n_a + 1), sigma^2 / (n_a + 1))` with n_a interactions of
sum S_a; m is the mean of all rewards, sigma^2 the noise of one (see `noise`).

The probability of an action is that of its mean being the largest, integrated and not sampled (see `beta_argmax`,
`gaussian_argmax`). Propensities are not learned from: the mean of an action's own rewards needs no importance weights.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from attune_models import beta_argmax, gaussian_argmax
from attune_models import pmf as pmfs
from attune_models.explanation import Contribution, Explanation, Source, largest_first
from attune_models.features import MAX_NUMBER
from attune_models.noise import NoiseScale
from attune_models.one_by_one import OneByOne
from attune_models.state import check_finite, check_not_negative, check_shapes, pack, refusing, unpack
from attune_models.types import ActionSet, Interaction, Pmf, PolicyError, Situation

_KIND = "popularity 1"
_GONE_AFTER = 40
"""Half-lives after which an action that was not learned from is dropped: it weighs 1e-12."""
_MOST_INTERACTIONS = 1e15
"""Nobody has had more: a larger count is damage."""
_ROUNDING = 1e-6
"""By how much of its range a mean reward may leave it: more than sums round, less than any damage."""


class RewardModel(Enum):
    """What rewards look like."""

    BERNOULLI = "bernoulli"
    """Between 0 and 1; what lies outside counts as the nearer of both."""
    GAUSSIAN = "gaussian"
    """Any unit, centre and spread."""


@dataclass(frozen=True, slots=True)
class PopularitySpec:
    """Parameters of a popularity policy.

    Attributes:
        rewards: What rewards look like.
        half_life: Interactions after which an interaction counts half; 0 for never forgetting, else at least 1.
        max_actions: Most actions that are remembered, at least 1; beyond, those that were not learned from for longest
            are dropped and count as new.
    """

    rewards: RewardModel = RewardModel.BERNOULLI
    half_life: float = 0.0
    max_actions: int = 10_000


@dataclass(frozen=True, slots=True)
class _Tally:
    """Discounted sums over interactions, as they were at a time.

    Attributes:
        count: Interactions.
        total: Their rewards.
        time: When, in interactions of the policy.
    """

    count: float = 0.0
    total: float = 0.0
    time: int = 0


class PopularityPolicy(OneByOne):
    """Thompson sampling on the mean reward of each action."""

    def __init__(self, spec: PopularitySpec) -> None:
        """Start untrained."""
        self._spec = spec
        self._bernoulli = spec.rewards is RewardModel.BERNOULLI
        self._time = 0
        self._noise = NoiseScale()
        # The longest ago learned from first.
        self._tallies: OrderedDict[str, _Tally] = OrderedDict()

    def pmf(self, situation: Situation) -> Pmf:
        """Return the probability that each action's mean reward is the largest; a hopeless one may have 0.

        Raises:
            PolicyError: The state is damaged: they would be none.
        """
        counts, totals = self._sums(situation)
        if self._bernoulli:
            # Rounding can leave a total just above its count.
            result = beta_argmax.probabilities(1.0 + totals, 1.0 + np.maximum(counts - totals, 0.0))
        else:
            means = (totals + self._noise.mean) / (counts + 1.0)
            check_finite("means", means)
            result = gaussian_argmax.probabilities(means, self._noise.sigma / np.sqrt(counts + 1.0))
        return pmfs.checked(result.tolist())

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return each action's mean reward: what is expected of an unknown action, and what the id adds."""
        prior, _ = self._prior()
        return [
            Explanation(mean, _contributions(prior, action_id, mean - prior))
            for action_id, mean in zip(situation.action_ids, self.scores(situation).tolist(), strict=True)
        ]

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """Return each action's mean reward, given what is known: float64, shape (n_actions,)."""
        counts, totals = self._sums(situation)
        prior, weight = self._prior()
        return np.asarray((totals + prior * weight) / (counts + weight))

    def prepare(self, actions: ActionSet) -> None:
        """Do nothing: there is nothing to prepare."""

    def _prior(self) -> tuple[float, float]:
        """Return the mean reward that is expected of an unknown action, and how many interactions that counts."""
        return (0.5, 2.0) if self._bernoulli else (self._noise.mean, 1.0)

    def learn(self, interaction: Interaction) -> None:
        """Count one reward.

        Raises:
            ValueError: The reward is not between -1e6 and 1e6.
        """
        reward = interaction.reward
        if not -MAX_NUMBER <= reward <= MAX_NUMBER:
            raise ValueError(f"expected a reward between -1e6 and 1e6, got {reward!r}")
        if self._bernoulli:
            reward = min(1.0, max(0.0, reward))
        action_id = interaction.situation.action_ids[interaction.chosen]
        self._time += 1
        discounted = self._now(self._tallies.pop(action_id, _Tally()))
        error = reward - (discounted.total + self._noise.mean) / (discounted.count + 1.0)
        self._noise.discount(self._discount(1))
        # The reward is off by its own noise and by that of the mean.
        self._noise.add(reward, error, expected=1.0 + 1.0 / (discounted.count + 1.0))
        self._tallies[action_id] = self._counted(discounted, reward)
        self._drop()

    def dumps(self) -> bytes:
        """Return the state.

        Raises:
            PolicyError: A number is not finite.
        """
        tallies = self._tallies.values()
        facts = {"time": self._time, "actions": list(self._tallies), "times": [tally.time for tally in tallies]}
        sums = np.array([(tally.count, tally.total) for tally in tallies]).reshape(-1, 2)
        return pack(_KIND, facts, {"sums": sums, "noise": self._noise.array()})

    def loads(self, state: bytes) -> None:
        """Replace the state.

        Raises:
            PolicyError: The bytes are no state of a popularity policy, or hold impossible numbers.
        """
        facts, arrays = unpack(_KIND, state)
        with refusing(_KIND):
            actions: list[str] = facts["actions"]
            if len(set(actions)) != len(actions) or len(actions) > self._spec.max_actions:
                raise PolicyError(f"expected at most {self._spec.max_actions} different actions, got {len(actions)}")
            check_shapes(arrays, {"sums": (len(actions), 2), "noise": (4,)})
            time, times = int(facts["time"]), list(map(int, facts["times"]))
            check_not_negative("counts, times", time, *times, *arrays["sums"][:, 0])
            self._check_sums(*arrays["sums"].T)
            noise = NoiseScale.restored(arrays["noise"])
            tallies = [
                _Tally(count, total, at) for (count, total), at in zip(arrays["sums"].tolist(), times, strict=True)
            ]
        self._time, self._noise = time, noise
        self._tallies = OrderedDict(zip(actions, tallies, strict=True))

    def _check_sums(self, counts: NDArray[np.float64], totals: NDArray[np.float64]) -> None:
        """Refuse sums that no rewards add up to: of them, probabilities could not be computed."""
        low, high = (0.0, 1.0) if self._bernoulli else (-MAX_NUMBER, MAX_NUMBER)
        slack = _ROUNDING * (high - low)
        possible = (
            (counts <= _MOST_INTERACTIONS) & (totals >= (low - slack) * counts) & (totals <= (high + slack) * counts)
        )
        if not possible.all():
            raise PolicyError(f"sums: expected rewards between {low:g} and {high:g} for each action, got others")

    def _sums(self, situation: Situation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        # Of thousands of actions, most may be new.
        new = _Tally()
        tallies = [self._tallies.get(action_id, new) for action_id in situation.action_ids]
        if self._spec.half_life:
            tallies = [self._now(tally) if tally is not new else new for tally in tallies]
        return np.array([tally.count for tally in tallies]), np.array([tally.total for tally in tallies])

    def _discount(self, age: int) -> float:
        return float(0.5 ** (age / self._spec.half_life)) if self._spec.half_life else 1.0

    def _now(self, tally: _Tally) -> _Tally:
        discount = self._discount(self._time - tally.time)
        return _Tally(tally.count * discount, tally.total * discount, self._time)

    def _counted(self, tally: _Tally, reward: float) -> _Tally:
        return _Tally(tally.count + 1.0, tally.total + reward, tally.time)

    def _drop(self) -> None:
        oldest = self._time - _GONE_AFTER * self._spec.half_life if self._spec.half_life else 0
        while len(self._tallies) > self._spec.max_actions or next(iter(self._tallies.values())).time < oldest:
            self._tallies.popitem(last=False)


def _contributions(prior: float, action_id: str, amount: float) -> list[Contribution]:
    constant = Contribution(Source.CONSTANT, "", "", prior)
    return largest_first([constant, Contribution(Source.ACTION, "", action_id, amount)])
