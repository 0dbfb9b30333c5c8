"""Linear bandits: the reward of each action is regressed on hashed features, exploration follows its uncertainty.

The model of the reward of action a in a context is

    reward = theta^T z + w_a^T x + noise

z holds all context features, action features and their products, hashed; theta is shared by all actions, so a new one
is judged by its features at once. x holds the context's features, hashed; w_a belongs to the action alone and learns
what theta leaves over. Both are ridge regressions (see `ridge`), and what is known about the reward is Gaussian:

    mean m_a = theta^T z + w_a^T x        deviation s_a = exploration sigma sqrt(z^T P z + x^T P_a x)

sigma^2 is the mean squared error of the predictions made before learning, each divided by its expected size
`1 + z^T P z + x^T P_a x`: rewards may have any unit. The two regressions are treated as independent, which they are not
quite: the deviation is on the large side.

Propensities are exact but not learned from: a regression on the chosen action's features needs no importance weights.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from attune_models import gaussian_argmax
from attune_models.features import MAX_NUMBER
from attune_models.hashing import action_sketches, context_sketch, products
from attune_models.ridge import RidgeBank
from attune_models.state import pack, unpack
from attune_models.types import Interaction, Pmf, PolicyError, Situation

_KIND = "linear 1"
_SHARED = 1
"""Position of the shared regression in its bank: behind the prior."""
_REFRESH_EVERY = 1000
"""Interactions after which inverses are computed anew, to lose the rounding of their updates."""
_REFRESHES_PER_HALF_LIFE = 8
"""How finely forgetting is stepped: what an interaction weighs is off by 9 % at most."""
_GONE_AFTER = 20
"""Half-lives after which an action that was not learned from is dropped: it weighs a millionth."""


@dataclass(frozen=True, slots=True)
class LinearSpec:
    """What both linear policies are made of.

    Attributes:
        ridge: Strength of the prior that all weights are 0, in interactions; greater than 0.
        bits: The shared regression has 2^bits weights and 4^bits covariances; 4 to 11. Best several times as many as
            context features times action features, or at least as action features.
        offer_bits: The regression of each action has 2^offer_bits weights; 2 to 8. Best several times as many as
            context features.
        max_actions: Most actions with a regression of their own; 1 to 10,000. Beyond, those that were not learned from
            for longest are dropped and judged by their features alone. Each takes 16 kB at 6 offer bits, twice.
        half_life: Interactions after which an interaction counts half; 0 for never forgetting, else at least 1.
        pairs: Whether pairs of categorical context features are features, see `attune_models.hashing.context_sketch`.
    """

    ridge: float = 1.0
    bits: int = 8
    offer_bits: int = 6
    max_actions: int = 256
    half_life: float = 0.0
    pairs: bool = True


@dataclass(frozen=True, slots=True)
class LinearUcbSpec(LinearSpec):
    """Parameters of LinUCB with inverse gap weighting.

    Attributes:
        exploration: Deviations by which the upper bound exceeds the mean, 0 to 100.
        gamma_scale: Greater than 0; larger keeps closer to the best upper bound.
        gamma_exponent: 0 to 1; larger keeps closer as time goes on.
    """

    exploration: float = 1.0
    gamma_scale: float = 10.0
    gamma_exponent: float = 0.5


@dataclass(frozen=True, slots=True)
class LinearThompsonSpec(LinearSpec):
    """Parameters of linear Thompson sampling.

    Attributes:
        exploration: Factor of the deviations; greater than 0, at most 100; larger explores more.
    """

    exploration: float = 1.0


class _LinearPolicy(ABC):
    """The regression that both policies explore on top of."""

    def __init__(self, spec: LinearSpec) -> None:
        self._spec = spec
        self._shared = RidgeBank(1 << spec.bits, spec.ridge)
        self._shared.add()
        self._own = RidgeBank(1 << spec.offer_bits, spec.ridge)
        # Position in the bank and time of the last interaction, the longest ago first.
        self._positions: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._time = 0
        self._n_learned = 0.0
        self._squares = 0.0
        period = spec.half_life / _REFRESHES_PER_HALF_LIFE if spec.half_life else _REFRESH_EVERY
        self._refresh_every = min(_REFRESH_EVERY, max(1, round(period)))

    @abstractmethod
    def pmf(self, situation: Situation) -> Pmf:
        """Return the exact probability of each action."""

    def estimates(self, situation: Situation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the model expects of each action.

        Returns:
            Mean of the reward and its deviation (without the exploration factor), in the reward's unit; float64, shape
            (n_actions,).
        """
        context = context_sketch(situation.context, pairs=self._spec.pairs)
        joint = products(context, action_sketches(tuple(situation.actions)), self._spec.bits)
        known, prior = self._positions, (RidgeBank.prior, 0)
        positions = np.array([known.get(action_id, prior)[0] for action_id in situation.action_ids])
        means, variances = self._own.each(positions, context.dense(self._spec.offer_bits))
        means += joint @ self._shared.weights[_SHARED]
        variances += self._shared.variances(_SHARED, joint)
        return means, self._noise() * np.sqrt(variances)

    def learn(self, interaction: Interaction) -> None:
        """Take in one interaction; how probable the action was does not matter to a regression.

        Raises:
            ValueError: The reward is not between -1e9 and 1e9.
        """
        reward, situation, chosen = interaction.reward, interaction.situation, interaction.chosen
        if not -MAX_NUMBER <= reward <= MAX_NUMBER:
            raise ValueError(f"expected a reward between -1e9 and 1e9, got {reward!r}")
        context = context_sketch(situation.context, pairs=self._spec.pairs)
        joint = products(context, action_sketches((situation.actions[chosen],)), self._spec.bits)[0]
        position = self._position_to_learn(situation.action_ids[chosen])
        shared = self._shared.learn(_SHARED, joint, reward)
        left_over = shared.error / (1.0 + shared.variance)
        own = self._own.learn(position, context.dense(self._spec.offer_bits), left_over)
        # What was predicted before is the sum of both; the second one is the prediction of what is left over.
        error = shared.error - (left_over - own.error)
        self._count(error * error / (1.0 + shared.variance + own.variance))

    def dumps(self) -> bytes:
        """Return the state: both banks, the times and the errors.

        Raises:
            PolicyError: A number is not finite.
        """
        facts = {
            "time": self._time,
            "n_learned": self._n_learned,
            "squares": self._squares,
            "actions": [[action_id, *at] for action_id, at in self._positions.items()],
        }
        banks = {"shared": self._shared, "own": self._own}
        arrays = {f"{bank}.{name}": array for bank in banks for name, array in banks[bank].arrays().items()}
        return pack(_KIND, facts, arrays)

    def loads(self, state: bytes) -> None:
        """Replace the state.

        Raises:
            PolicyError: The bytes are no state of a policy with an equal spec, or hold impossible numbers.
        """
        facts, arrays = unpack(_KIND, state)
        actions = OrderedDict((action_id, (position, time)) for action_id, position, time in facts["actions"])
        positions = sorted(position for position, _ in actions.values())
        if positions != list(range(1, len(positions) + 1)) or len(positions) > self._spec.max_actions:
            raise PolicyError(f"expected at most {self._spec.max_actions} actions in a row, got {len(positions)}")
        self._shared.restore(_part(arrays, "shared"), 1)
        self._own.restore(_part(arrays, "own"), len(positions))
        self._positions = actions
        self._time, self._n_learned, self._squares = facts["time"], facts["n_learned"], facts["squares"]

    def _noise(self) -> float:
        # One interaction of error 1 stands for what is not known yet.
        return sqrt((1.0 + self._squares) / (1.0 + self._n_learned))

    def _position_to_learn(self, action_id: str) -> int:
        at = self._positions.pop(action_id, None)
        if at is not None:
            position = at[0]
        elif len(self._positions) < self._spec.max_actions:
            position = self._own.add()
        else:
            _, (position, _) = self._positions.popitem(last=False)
            self._own.forget(position)
        self._positions[action_id] = (position, self._time + 1)
        return position

    def _count(self, square: float) -> None:
        self._time += 1
        self._n_learned += 1.0
        self._squares += square
        if self._time % self._refresh_every == 0:
            self._refresh()

    def _refresh(self) -> None:
        half_life = self._spec.half_life
        discount = 0.5 ** (self._refresh_every / half_life) if half_life else 1.0
        self._n_learned *= discount
        self._squares *= discount
        if half_life:
            self._drop_before(self._time - _GONE_AFTER * half_life)
        self._shared.refresh(discount)
        self._own.refresh(discount)

    def _drop_before(self, time: float) -> None:
        stay = [(action_id, *at) for action_id, at in self._positions.items() if at[1] >= time]
        if len(stay) < len(self._positions):
            self._own.keep([position for _, position, _ in stay])
            self._positions = OrderedDict((action_id, (i + 1, last)) for i, (action_id, _, last) in enumerate(stay))


class LinearUcbPolicy(_LinearPolicy):
    """Upper confidence bounds, kept exact and positive by inverse gap weighting.

    The bound is `u_a = m_a + s_a`: L. Li, W. Chu, J. Langford, R. E. Schapire, "A Contextual-Bandit Approach to
    Personalized News Article Recommendation", 2010. Always taking the largest would leave a log from which nothing can
    be estimated, so every other action is drawn with

        p(a) = 1 / (K + gamma (u_best - u_a) / sigma)        gamma = gamma_scale n^gamma_exponent

    after n (discounted) interactions, and the best one gets the rest: N. Abe, P. M. Long, "Associative Reinforcement
    Learning using Linear Probabilistic Concepts", 1999; D. Foster, A. Rakhlin, "Beyond UCB: Optimal and Efficient
    Contextual Bandits with Regression Oracles", 2020.
    """

    def __init__(self, spec: LinearUcbSpec) -> None:
        """Start untrained."""
        super().__init__(spec)
        self._exploration = spec.exploration
        self._gamma = (spec.gamma_scale, spec.gamma_exponent)

    def pmf(self, situation: Situation) -> Pmf:
        """Return the probabilities; all are positive."""
        means, deviations = self.estimates(situation)
        bounds = means + self._exploration * deviations
        scale, exponent = self._gamma
        gamma = scale * self._n_learned**exponent / self._noise()
        best = int(bounds.argmax())
        result = 1.0 / (len(bounds) + gamma * (bounds[best] - bounds))
        result[best] = 0.0
        result[best] = 1.0 - result.sum()
        return [float(probability) for probability in result]


class LinearThompsonPolicy(_LinearPolicy):
    """Thompson sampling: an action is as probable as it is to be the best one, given what is known.

    `p(a) = P(X_a is the largest)` with independent `X_a ~ N(m_a, s_a^2)`, integrated (see `gaussian_argmax`), not
    sampled. Source: S. Agrawal, N. Goyal, "Thompson Sampling for Contextual Bandits with Linear Payoffs", 2013; there
    one theta is drawn for all actions, here each action is drawn for itself, which is what makes p exact.
    """

    def __init__(self, spec: LinearThompsonSpec) -> None:
        """Start untrained."""
        super().__init__(spec)
        self._exploration = spec.exploration

    def pmf(self, situation: Situation) -> Pmf:
        """Return the probabilities; a hopeless action may have probability 0."""
        means, deviations = self.estimates(situation)
        result: Pmf = gaussian_argmax.probabilities(means, self._exploration * deviations).tolist()
        return result


def _part(arrays: dict[str, NDArray[np.float64]], bank: str) -> dict[str, NDArray[np.float64]]:
    start = f"{bank}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
