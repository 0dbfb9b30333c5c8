"""How a Vowpal Wabbit policy explores: one value for each way, with the arguments that say it.

`K` is the number of actions, `f(a)` the predicted reward of action a. All are parts of `attune_models.vw_spec.VwSpec`.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SquareCb:
    """Inverse gap weighting.

    `p(a) = 1 / (K + gamma (f(best) - f(a)))` for all but the best action, which gets the rest;
    `gamma = gamma_scale t^gamma_exponent` after t interactions. Source: Foster, Rakhlin, "Beyond UCB: Optimal and
    Efficient Contextual Bandits with Regression Oracles", 2020.

    Attributes:
        gamma_scale: Greater than 0; larger explores less.
        gamma_exponent: 0 to 1; larger explores less as time goes on.
    """

    gamma_scale: float = 10.0
    gamma_exponent: float = 0.5

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--squarecb --gamma_scale {self.gamma_scale!r} --gamma_exponent {self.gamma_exponent!r}"


@dataclass(frozen=True, slots=True)
class Epsilon:
    """The best action with probability `1 - epsilon + epsilon / K`, every other with `epsilon / K`.

    Attributes:
        epsilon: 0 to 1.
    """

    epsilon: float = 0.1

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--epsilon {self.epsilon!r}"


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities proportional to `exp(lambda f(a))`.

    Attributes:
        inverse_temperature: The lambda, 0 to 1000; larger is greedier.
    """

    inverse_temperature: float = 10.0

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--softmax --lambda {self.inverse_temperature!r}"


@dataclass(frozen=True, slots=True)
class Bag:
    """The votes of several regressions, each of which sees every interaction a random number of times.

    `p(a) = votes(a) / policies`, but no action gets less than epsilon / K: what that takes comes from all others alike.
    Without the epsilon, all can agree on a wrong action for good. Source: Eckles, Kaptein, "Thompson sampling with the
    online bootstrap", 2014.

    Attributes:
        policies: How many regressions; 2 to 20.
        epsilon: 1e-6 to 1.
    """

    policies: int = 5
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--bag {self.policies} --epsilon {self.epsilon!r}"


@dataclass(frozen=True, slots=True)
class Cover:
    """The votes of several regressions, each rewarded for covering what those before it leave out.

    No action gets less than `epsilon / K`. Source: Agarwal et al., "Taming the Monster: A Fast and Simple Algorithm for
    Contextual Bandits", 2014.

    Attributes:
        policies: How many regressions; 2 to 20.
        psi: How much covering is worth; 1e-6 to 100.
        epsilon: 1e-6 to 1.
    """

    policies: int = 3
    psi: float = 1.0
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--cover {self.policies} --psi {self.psi!r} --epsilon {self.epsilon!r}"


@dataclass(frozen=True, slots=True)
class Rnd:
    """Inverse gap weighting with a bonus for actions on which regressions of random noise still disagree.

    No action gets less than `epsilon / K`. Source: Burda et al., "Exploration by Random Network Distillation", 2018.

    Attributes:
        predictors: How many regressions of noise; 1 to 20.
        alpha: How much the bonus counts; 1e-6 to 100.
        epsilon: 1e-6 to 1.
    """

    predictors: int = 3
    alpha: float = 0.1
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--rnd {self.predictors} --rnd_alpha {self.alpha!r} --epsilon {self.epsilon!r}"


@dataclass(frozen=True, slots=True)
class RegCb:
    """Chooses among the actions that could still be the best: those whose range of plausible rewards reaches up to it.

    `p(a) = (1 - epsilon) q(a) + epsilon / K`; q is uniform over these actions or, when optimistic, over those with the
    highest end of the range. Vowpal Wabbit itself gives every other action probability 0. Source: Foster et al.,
    "Practical Contextual Bandits with Regression Oracles", 2018.

    Attributes:
        optimistic: Whether only the highest end of the range counts (RegCB-opt).
        min_reward: Smallest reward there is.
        max_reward: Largest reward there is, greater than the smallest.
        mellowness: Wider ranges as it grows; 1e-6 to 100.
        epsilon: 1e-6 to 1.
    """

    optimistic: bool = False
    min_reward: float = 0.0
    max_reward: float = 1.0
    mellowness: float = 0.1
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments, without the epsilon: it takes one and does nothing with it here."""
        kind = "--regcb --regcbopt" if self.optimistic else "--regcb"
        # Costs are rewards with the other sign.
        lowest, highest = 0.0 - self.max_reward, 0.0 - self.min_reward
        return f"{kind} --mellowness {self.mellowness!r} --cb_min_cost {lowest!r} --cb_max_cost {highest!r}"


@dataclass(frozen=True, slots=True)
class SynthCover:
    """The cover algorithm as a sum in closed form, on one regression. No action gets less than `epsilon / K`.

    Attributes:
        size: How many policies are imagined; 1 to 1000.
        psi: Larger explores more; 1e-6 to 100.
        epsilon: 1e-6 to 1.
    """

    size: int = 100
    psi: float = 0.1
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--synthcover --synthcoversize {self.size} --synthcoverpsi {self.psi!r} --epsilon {self.epsilon!r}"


@dataclass(frozen=True, slots=True)
class First:
    """Uniform for the first interactions, then epsilon-greedy.

    Attributes:
        interactions: How many are uniform; 1 to 1e6.
        epsilon: From then on; 1e-6 to 1.
    """

    interactions: int = 1000
    epsilon: float = 0.05

    def arguments(self) -> str:
        """Return Vowpal Wabbit's arguments."""
        return f"--first {self.interactions} --epsilon {self.epsilon!r}"


Exploration: TypeAlias = SquareCb | Epsilon | Softmax | Bag | Cover | Rnd | RegCb | SynthCover | First
