"""Linear bandits: policies that explore as far as a regression of the reward is unsure.

What they know is the mean m_a and the deviation s_a of the reward of each action a (see `linear_model`); how they turn
that into probabilities is here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models import gaussian_argmax
from attune_models import pmf as pmfs
from attune_models.explanation import Explanation
from attune_models.linear_model import LinearModel, LinearSpec
from attune_models.one_by_one import OneByOne
from attune_models.types import ActionSet, Interaction, Pmf, Situation


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
        exploration: Factor of the deviations; greater than 0, at most 100; larger explores more. Below 1 it
            leaves actions nearly untried sooner, so that logs are harder to learn from: a floor mends that.
    """

    exploration: float = 0.7


class _LinearPolicy(OneByOne):
    """What both policies have in common: all but the exploration."""

    def __init__(self, spec: LinearSpec) -> None:
        self._model = LinearModel(spec)

    def learn(self, interaction: Interaction) -> None:
        """Regress the reward of the chosen action.

        Raises:
            ValueError: The reward is not between -1e6 and 1e6.
        """
        self._model.learn(interaction)

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the mean of the reward of each action is made of; see `attune_models.linear_model`."""
        return self._model.explain(situation)

    def scores(self, situation: Situation) -> NDArray[np.float64]:
        """Return the mean of the reward of each action: float64, shape (n_actions,).

        Raises:
            PolicyError: The state is damaged: one is not finite.
        """
        return self._model.means(situation)

    def prepare(self, actions: ActionSet) -> None:
        """Sketch the actions."""
        self._model.prepare(actions)

    def dumps(self) -> bytes:
        """Return the state of the regressions.

        Raises:
            PolicyError: A number is not finite.
        """
        return self._model.dumps()

    def loads(self, state: bytes) -> None:
        """Replace the state of the regressions.

        Raises:
            PolicyError: The bytes are no state of a policy with an equal spec, or hold impossible numbers.
        """
        self._model.loads(state)


class LinearUcbPolicy(_LinearPolicy):
    """Upper confidence bounds, kept exact and positive by inverse gap weighting.

    The bound is `u_a = m_a + exploration s_a`: L. Li, W. Chu, J. Langford, R. E. Schapire, "A Contextual-Bandit
    Approach to Personalized News Article Recommendation", 2010. Always taking the largest would leave a log from which
    nothing can be estimated, so every other action is drawn with

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
        """Return the probabilities; all are positive.

        Raises:
            PolicyError: The state is damaged: they would be none.
        """
        means, deviations = self._model.estimates(situation)
        bounds = means + self._exploration * deviations
        scale, exponent = self._gamma
        gamma = scale * self._model.noise.n_learned**exponent / self._model.noise.sigma
        best = int(bounds.argmax())
        result = 1.0 / (len(bounds) + gamma * (bounds[best] - bounds))
        result[best] = 0.0
        result[best] = 1.0 - result.sum()
        return pmfs.checked(result.tolist())


class LinearThompsonPolicy(_LinearPolicy):
    """Thompson sampling: an action is as probable as it is to be the best one, given what is known.

    `p(a) = P(X_a is the largest)` with independent `X_a ~ N(m_a, (exploration s_a)^2)`, integrated (see
    `gaussian_argmax`), not sampled. Source: S. Agrawal, N. Goyal, "Thompson Sampling for Contextual Bandits with Linear
    Payoffs", 2013; there one theta is drawn for all actions, here each action is drawn for itself, which is what makes
    p exact.
    """

    def __init__(self, spec: LinearThompsonSpec) -> None:
        """Start untrained."""
        super().__init__(spec)
        self._exploration = spec.exploration

    def pmf(self, situation: Situation) -> Pmf:
        """Return the probabilities; a hopeless action may have probability 0.

        Raises:
            PolicyError: The state is damaged: they would be none.
        """
        means, deviations = self._model.estimates(situation)
        return pmfs.checked(gaussian_argmax.probabilities(means, self._exploration * deviations).tolist())
