"""Estimators of what a target policy would have earned, from rounds of several slots.

The reward of a round is the sum over its slots. In the formulas, for slot k of a round: r_k its reward; w_k its weight,
given what the slots before drew; q_k and v_k the model's prediction for what was drawn and for the target policy, given
what the slots before drew. They differ in what they assume about what a reward depends on:

    ips, rips (cascade), iips: from no assumption and much variance to strong assumptions and little variance.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attune_models.estimator import Estimator, PlainMean
from attune_models.rounds import FloatArray, SlotRounds


@dataclass(frozen=True, slots=True)
class RoundIps(PlainMean[SlotRounds]):
    """IPS of the whole round: `mean (product of all w_k) (sum of all r_k)`.

    Unbiased whatever rewards depend on; the variance grows exponentially with the number of slots.

    Alex Strehl, John Langford, Lihong Li, Sham Kakade: Learning from Logged Implicit Exploration Data, 2010.
    """

    name: ClassVar[str] = "ips"
    needs_model: ClassVar[bool] = False

    def per_round(self, rounds: SlotRounds, /) -> FloatArray:
        """Return the product of the weights times the sum of the rewards, shape (n_rounds,)."""
        return _over_slots(rounds.weight.prod(axis=1, keepdims=True) * rounds.reward)


@dataclass(frozen=True, slots=True)
class IndependentIps(PlainMean[SlotRounds]):
    """IPS of each slot by itself: `mean sum of w_k r_k`.

    The weights are given what the slots before drew in the log. So this is the value of a mixture: slot k is drawn by
    the target policy, the slots before it as they were logged, summed over k. That is the target policy's value if what
    its slot k earns on average does not depend on what the slots before drew: neither by their effect on the customer
    nor by what they leave to choose from. Otherwise it is biased, the more the target differs from the log. The paper
    has weights by the marginal probability of an action in a slot; a log of draws one after the other does not state
    those. Little variance.

    Shuai Li, Yasin Abbasi-Yadkori, Branislav Kveton, S. Muthukrishnan, Vishwa Vinay, Zheng Wen: Offline Evaluation of
    Ranking Policies with Click Models, 2018.
    """

    name: ClassVar[str] = "iips"
    needs_model: ClassVar[bool] = False

    def per_round(self, rounds: SlotRounds, /) -> FloatArray:
        """Return the sum of `w_k r_k`, shape (n_rounds,)."""
        return _over_slots(rounds.weight * rounds.reward)


@dataclass(frozen=True, slots=True)
class RewardInteractionIps(PlainMean[SlotRounds]):
    """IPS of each slot given those before it: `mean sum of w_1 ... w_k r_k`.

    Unbiased if the reward of a slot does not depend on what later slots show (a customer who looks from the first slot
    to the last); less variance than IPS of the whole round.

    James McInerney, Brian Brost, Praveen Chandar, Rishabh Mehrotra, Ben Carterette: Counterfactual Evaluation of Slate
    Recommendations with Sequential Reward Interactions, 2020.
    """

    name: ClassVar[str] = "rips"
    needs_model: ClassVar[bool] = False

    def per_round(self, rounds: SlotRounds, /) -> FloatArray:
        """Return the sum of `w_1 ... w_k r_k`, shape (n_rounds,)."""
        return _over_slots(rounds.weight.cumprod(axis=1) * rounds.reward)


@dataclass(frozen=True, slots=True)
class CascadeDr(PlainMean[SlotRounds]):
    """Doubly robust given the slots before: `mean sum of w_1 ... w_k (r_k - q_k) + w_1 ... w_(k-1) v_k`.

    Unbiased where reward-interaction IPS is, whatever the model predicts. The variance is least where the model
    predicts what slot k and those after it earn together; predictions of r_k alone take off less, and may add some.

    Haruka Kiyohara, Yuta Saito, Tatsuya Matsuhiro, Yusuke Narita, Nobuyuki Shimizu, Yasuo Yamamoto: Doubly Robust
    Off-Policy Evaluation for Ranking Policies under the Cascade Behavior Model, 2022.
    """

    name: ClassVar[str] = "cascade-dr"
    needs_model: ClassVar[bool] = True

    def per_round(self, rounds: SlotRounds, /) -> FloatArray:
        """Return the sum over the slots, shape (n_rounds,)."""
        so_far = rounds.weight.cumprod(axis=1)
        before = np.ones_like(so_far)
        before[:, 1:] = so_far[:, :-1]
        return _over_slots(so_far * (rounds.reward - rounds.q_logged) + before * rounds.q_target)


def default_slot_estimators() -> tuple[Estimator[SlotRounds], ...]:
    """Return every estimator for several slots, in the order of reports."""
    return (RoundIps(), IndependentIps(), RewardInteractionIps(), CascadeDr())


def _over_slots(values: FloatArray) -> FloatArray:
    total: FloatArray = values.sum(axis=1)
    return total
