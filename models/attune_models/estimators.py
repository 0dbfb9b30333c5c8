"""Estimators of what a target policy would have earned, from rounds of one slot.

    rounds --kernel--> one number a round --mean--> estimate

In the formulas, for each round: r the reward, w the importance weight `pi(a|x) / p`, with the target policy pi and the
logged propensity p; q(a) what a reward model that did not see the round predicts; q the same for the logged action
(`q_logged`); v = sum over a of pi(a|x) q(a) (`q_target`). `default_estimators` has all of them.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attune_models.cressie_read import CressieRead
from attune_models.estimator import Estimator, PlainMean, Ratio
from attune_models.rounds import FloatArray, Rounds

LIMIT = 10.0
"""Weights beyond it are clipped, or left to the model."""
STRENGTH = 100.0
"""How large a weight may be, squared, until optimistic shrinkage halves it."""


@dataclass(frozen=True, slots=True)
class Replay(Ratio[Rounds]):
    """Mean reward of the rounds in which a draw of the target policy's own was the logged action: `sum m r / sum m`.

    Unbiased only for uniform logs, and noisy: it uses one round in as many as there are actions.

    Lihong Li, Wei Chu, John Langford, Xuanhui Wang: Unbiased Offline Evaluation of Contextual-bandit-based News Article
    Recommendation Algorithms, 2011.
    """

    name: ClassVar[str] = "replay"
    needs_model: ClassVar[bool] = False

    def parts(self, rounds: Rounds, /) -> tuple[FloatArray, FloatArray]:
        """Return `m r` and m, with m = 1 where the draws match, else 0."""
        matched = rounds.matched.astype(np.float64)
        return matched * rounds.reward, matched


@dataclass(frozen=True, slots=True)
class DirectMethod(PlainMean[Rounds]):
    """Mean of what the reward model predicts for the target policy: `mean v`.

    As biased as the model, whatever the number of rounds; little variance. Its interval says nothing about the bias.

    Alina Beygelzimer, John Langford: The Offset Tree for Learning with Partial Labels, 2009.
    """

    name: ClassVar[str] = "dm"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return v."""
        return rounds.q_target


@dataclass(frozen=True, slots=True)
class Ips(PlainMean[Rounds]):
    """Inverse propensity score: `mean w r`.

    Unbiased where propensities are exact and everything the target policy draws could be drawn; the variance grows with
    the square of the weights.

    Alex Strehl, John Langford, Lihong Li, Sham Kakade: Learning from Logged Implicit Exploration Data, 2010; after
    Daniel Horvitz, Donovan Thompson: A Generalization of Sampling Without Replacement from a Finite Universe, 1952.
    """

    name: ClassVar[str] = "ips"
    needs_model: ClassVar[bool] = False

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `w r`."""
        return rounds.weight * rounds.reward


@dataclass(frozen=True, slots=True)
class ClippedIps(PlainMean[Rounds]):
    """IPS with weights of at most a limit: `mean min(w, limit) r`.

    Biased by what is clipped off the weights, towards 0 if rewards are not negative; in return no round counts more
    than `limit` times.

    Edward Ionides: Truncated Importance Sampling, 2008; Leon Bottou and others: Counterfactual Reasoning and Learning
    Systems, 2013.

    Attributes:
        limit: Largest weight; greater than 0.
    """

    limit: float = LIMIT
    name: ClassVar[str] = "clipped-ips"
    needs_model: ClassVar[bool] = False

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `min(w, limit) r`."""
        return np.minimum(rounds.weight, self.limit) * rounds.reward


@dataclass(frozen=True, slots=True)
class Snips(Ratio[Rounds]):
    """Self-normalised IPS: `sum w r / sum w`.

    A bias of order 1 / n_rounds; less variance than IPS, never beyond the rewards seen, and a constant added to all
    rewards is added to the estimate.

    Adith Swaminathan, Thorsten Joachims: The Self-Normalized Estimator for Counterfactual Learning, 2015.
    """

    name: ClassVar[str] = "snips"
    needs_model: ClassVar[bool] = False

    def parts(self, rounds: Rounds, /) -> tuple[FloatArray, FloatArray]:
        """Return `w r` and w."""
        return rounds.weight * rounds.reward, rounds.weight


@dataclass(frozen=True, slots=True)
class DoublyRobust(PlainMean[Rounds]):
    """Direct method, corrected by IPS of what the model gets wrong: `mean v + w (r - q)`.

    Unbiased where IPS is, whatever the model predicts; the better the model, the less variance.

    Miroslav Dudik, John Langford, Lihong Li: Doubly Robust Policy Evaluation and Learning, 2011.
    """

    name: ClassVar[str] = "dr"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `v + w (r - q)`."""
        return _corrected(rounds, rounds.weight)


@dataclass(frozen=True, slots=True)
class ClippedDr(PlainMean[Rounds]):
    """Doubly robust with weights of at most a limit: `mean v + min(w, limit) (r - q)`.

    Between the direct method (limit 0) and the doubly robust estimator; biased by the model's errors where weights are
    clipped.

    Yi Su, Maria Dimakopoulou, Akshay Krishnamurthy, Miroslav Dudik: Doubly Robust Off-Policy Evaluation with Shrinkage,
    2020.

    Attributes:
        limit: Largest weight; at least 0.
    """

    limit: float = LIMIT
    name: ClassVar[str] = "clipped-dr"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `v + min(w, limit) (r - q)`."""
        return _corrected(rounds, np.minimum(rounds.weight, self.limit))


@dataclass(frozen=True, slots=True)
class SelfNormalisedDr(Ratio[Rounds]):
    """Doubly robust with a self-normalised correction: `mean v + sum w (r - q) / sum w`.

    A bias of order 1 / n_rounds; less variance than the doubly robust estimator where weights vary much.

    Philip Thomas, Emma Brunskill: Data-Efficient Off-Policy Policy Evaluation for Reinforcement Learning, 2016 (the
    weighted doubly robust estimator, for one step).
    """

    name: ClassVar[str] = "sndr"
    needs_model: ClassVar[bool] = True
    n_columns: ClassVar[int] = 3

    def parts(self, rounds: Rounds, /) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return `w (r - q)`, w and v."""
        return rounds.weight * (rounds.reward - rounds.q_logged), rounds.weight, rounds.q_target


@dataclass(frozen=True, slots=True)
class SwitchDr(PlainMean[Rounds]):
    """Doubly robust where the weight is small, the direct method where it is not: `mean v + w [w <= limit] (r - q)`.

    Biased by the model's errors where weights are large; no round counts more than `limit` times.

    Yu-Xiang Wang, Alekh Agarwal, Miroslav Dudik: Optimal and Adaptive Off-policy Evaluation in Contextual Bandits,
    2017.

    Attributes:
        limit: Largest weight that is used; at least 0.
    """

    limit: float = LIMIT
    name: ClassVar[str] = "switch-dr"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `v + w (r - q)`, without the second term where w is beyond the limit."""
        return _corrected(rounds, np.where(rounds.weight <= self.limit, rounds.weight, 0.0))


@dataclass(frozen=True, slots=True)
class OptimisticShrinkageDr(PlainMean[Rounds]):
    """Doubly robust with shrunk weights: `mean v + w s / (w^2 + s) (r - q)`, of strength s.

    Between the direct method (s = 0) and the doubly robust estimator (s without end); biased by the model's errors in
    proportion to what is taken off the weights, none of which is more than sqrt(s) / 2 in the end.

    Yi Su, Maria Dimakopoulou, Akshay Krishnamurthy, Miroslav Dudik: Doubly Robust Off-Policy Evaluation with Shrinkage,
    2020.

    Attributes:
        strength: s; greater than 0.
    """

    strength: float = STRENGTH
    name: ClassVar[str] = "dr-os"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: Rounds, /) -> FloatArray:
        """Return `v + w s / (w^2 + s) (r - q)`."""
        return _corrected(rounds, self.strength * rounds.weight / (rounds.weight**2 + self.strength))


def default_estimators() -> tuple[Estimator[Rounds], ...]:
    """Return every estimator with its default limit, in the order of reports."""
    unweighted: tuple[Estimator[Rounds], ...] = (Replay(), DirectMethod())
    weighted: tuple[Estimator[Rounds], ...] = (Ips(), ClippedIps(), Snips())
    corrected: tuple[Estimator[Rounds], ...] = (DoublyRobust(), ClippedDr(), SelfNormalisedDr(), SwitchDr())
    return (*unweighted, *weighted, *corrected, OptimisticShrinkageDr(), CressieRead())


def _corrected(rounds: Rounds, weight: FloatArray) -> FloatArray:
    """Return v plus the weighted error of the model."""
    return rounds.q_target + weight * (rounds.reward - rounds.q_logged)
