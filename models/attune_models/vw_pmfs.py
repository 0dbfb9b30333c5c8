"""From the predictions of one regression to probabilities, as Vowpal Wabbit's explorations do it, release 9.11.

For sets of actions that are known, `attune_models.vw_scorer` predicts; this is the other half of a prediction.
`K` is the number of actions, `f(a)` the predicted reward. Ties are told apart, or shared, as the library does.
"""

from collections.abc import Callable
from math import fsum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.types import Pmf, PolicyError
from attune_models.vw_explorations import Epsilon, Exploration, First, Softmax, SquareCb

# Below, a list is faster than an array.
_FEW = 32

PmfOf: TypeAlias = Callable[[NDArray[np.float64]], Pmf]
"""From the predicted reward of each action, float64, shape (n_actions,), to the probability of each."""


def needs_predictions_only(exploration: Exploration) -> bool:
    """Tell whether probabilities are made of the predictions of one regression, and of nothing else but a count."""
    return isinstance(exploration, SquareCb | Epsilon | First | Softmax)


def counts(exploration: Exploration) -> bool:
    """Tell whether an exploration depends on how much was learned."""
    return isinstance(exploration, SquareCb | First)


def pmf_of(exploration: Exploration, count: float) -> PmfOf:
    """Return how an exploration makes probabilities of predictions.

    Args:
        exploration: One of them.
        count: Where it counts: what `attune_models.vw_file.read_count` says, or for `SquareCb` a discounted count.

    Raises:
        PolicyError: When called, where more than predictions is needed.
    """
    match exploration:
        case SquareCb(gamma_scale=scale, gamma_exponent=exponent):
            gamma = scale * count**exponent
            return lambda scores: inverse_gap_weighted(scores, gamma)
        case Epsilon(epsilon=epsilon):
            return lambda scores: greedy(scores, epsilon, shared=True)
        case First(epsilon=epsilon):
            if count > 0:
                return lambda scores: pmfs.uniform(len(scores))
            return lambda scores: greedy(scores, epsilon, shared=False)
        case Softmax(inverse_temperature=inverse_temperature):
            return lambda scores: softmax(scores, inverse_temperature)
        case _:
            return _none


def inverse_gap_weighted(scores: NDArray[np.float64], gamma: float) -> Pmf:
    """Return `1 / (K + gamma (f(best) - f(a)))` for all but the first best action, which gets the rest.

    Raises:
        PolicyError: A score is not finite.
    """
    if len(scores) <= _FEW:
        return _inverse_gap_weighted_few(scores.tolist(), gamma)
    best = int(scores.argmax())
    result = scores[best] - scores
    result *= gamma
    result += len(scores)
    np.reciprocal(result, out=result)
    result[best] = 0.0
    rest = 1.0 - float(result.sum())
    # A NaN fails the comparison.
    if not rest > 0.0:
        raise _damaged(scores)
    result[best] = rest
    pmf: Pmf = result.tolist()
    return pmf


def _inverse_gap_weighted_few(scores: list[float], gamma: float) -> Pmf:
    highest, n_actions = max(scores), len(scores)
    result = [1.0 / (n_actions + gamma * (highest - score)) for score in scores]
    best = scores.index(highest)
    result[best] = 0.0
    result[best] = 1.0 - fsum(result)
    # A NaN fails the comparison.
    if not result[best] > 0.0:
        raise _damaged(np.array(scores))
    return result


def greedy(scores: NDArray[np.float64], epsilon: float, *, shared: bool) -> Pmf:
    """Return `epsilon / K` for each action, and the rest for the best one.

    Args:
        scores: Predicted rewards.
        epsilon: 0 to 1.
        shared: Whether several that are equally good share the rest; else the first one gets it.

    Raises:
        PolicyError: A score is not finite.
    """
    best = scores == scores.max()
    n_best = int(best.sum())
    if not n_best:
        raise _damaged(scores)
    n_actions = len(scores)
    result = np.full(n_actions, epsilon / n_actions)
    if shared:
        result[best] += (1.0 - epsilon) / n_best
    else:
        result[int(best.argmax())] += 1.0 - epsilon
    return result.tolist()


def softmax(scores: NDArray[np.float64], inverse_temperature: float) -> Pmf:
    """Return probabilities proportional to `exp(lambda f(a))`.

    Raises:
        PolicyError: A score is not finite.
    """
    result = np.exp((scores - scores.max()) * inverse_temperature)
    total = float(result.sum())
    if not total > 0.0:
        raise _damaged(scores)
    result /= total
    pmf: Pmf = result.tolist()
    return pmf


def _none(scores: NDArray[np.float64]) -> Pmf:
    raise PolicyError(f"expected an exploration that needs predictions only, got another for {len(scores)} actions")


def _damaged(scores: NDArray[np.float64]) -> PolicyError:
    return PolicyError(f"expected finite scores, got {scores[~np.isfinite(scores)][:10].tolist()!r}")
