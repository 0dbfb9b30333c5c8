"""Shortlists: what a decision draws from where more offers are eligible than it can draw from.

The list is the best offers by the scores of whoever decides, and some of the others, drawn uniformly. It is made before
the draw and recorded with the decision; what is drawn, with which probability, is then as if nothing else had been
eligible. So every propensity is exact given the list, and lists depend on no reward: what is learned and estimated from
such decisions is as sound as from any others, for choosing from lists that are made this way. Offers whose scores are
equal have equal chances to be on the list: a control group that draws uniformly from it draws uniformly from all.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from attune_models.pmf import unit_interval
from attune_models.policy import Policy
from attune_models.types import Situation


def shortlist(scores: NDArray[np.float64], size: int, n_random: int, *key: str) -> Sequence[int]:
    """Return which offers are on the list.

    Args:
        scores: float64, shape (n_offers,); more than `size`, the highest are the best.
        size: Length of the list.
        n_random: How many of them are drawn from those that are not among the `size - n_random` best.
        key: Seeds the draw.

    Returns:
        Their positions, zero-based, in order.
    """
    # In a random order first, so that which of several equal scores comes out on top is drawn, too.
    seed = int(unit_interval(*key) * 2**53)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(scores))
    n_best = size - n_random
    is_best = np.zeros(len(scores), dtype=np.bool_)
    if n_best:
        is_best[np.argpartition(-scores[order], n_best - 1)[:n_best]] = True
    chosen = np.concatenate([order[is_best], order[~is_best][:n_random]])
    chosen.sort()
    positions: list[int] = chosen.tolist()
    return positions


def ranking(policy: Policy, situation: Situation) -> NDArray[np.float64]:
    """Return what a policy ranks offers by: the rewards that it predicts; its probabilities where it predicts none.

    Raises:
        PolicyError: The policy's state is damaged.
    """
    scores = policy.scores(situation)
    return np.array(policy.pmf(situation)) if scores is None else scores
