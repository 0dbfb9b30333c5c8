"""From the predictions of one regression to probabilities, as Vowpal Wabbit's explorations do it, release 9.11.

For sets of actions that are known, `attune_models.vw_scorer` predicts; this is the other half of a prediction.
`K` is the number of actions, `f(a)` the predicted reward. Ties are told apart, or shared, as the library does.

Each exploration comes in two forms: for one situation on a list, which is faster for few actions, and for many
situations on an array. Both do the same operations in the same order, and so give the same bits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.types import Pmf, PolicyError
from attune_models.vw_explorations import Epsilon, Exploration, First, Softmax, SquareCb

# So few on a list are faster than on an array.
_FEW = 64

Rows: TypeAlias = NDArray[np.float64]
"""Of several situations with as many actions each: float64, shape (n_situations, n_actions)."""


@dataclass(frozen=True, slots=True)
class PmfOf:
    """How an exploration makes probabilities of predicted rewards. Both raise PolicyError where one is not finite.

    Attributes:
        one: For one situation.
        many: For several, each by itself.
    """

    one: Callable[[list[float]], Pmf]
    many: Callable[[Rows], Rows]

    def of(self, scores: NDArray[np.float64]) -> Pmf:
        """Return the probabilities of one situation in whichever form is faster."""
        if len(scores) <= _FEW:
            return self.one(scores.tolist())
        pmf: Pmf = self.many(scores[np.newaxis])[0].tolist()
        return pmf


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
            return PmfOf(
                lambda scores: inverse_gap_weighted(scores, gamma), lambda rows: inverse_gap_weighted_rows(rows, gamma)
            )
        case Epsilon(epsilon=epsilon):
            return _greedy(epsilon, shared=True)
        case First(epsilon=epsilon):
            if count > 0:
                return PmfOf(
                    lambda scores: pmfs.uniform(len(scores)), lambda rows: np.full(rows.shape, 1.0 / rows.shape[1])
                )
            return _greedy(epsilon, shared=False)
        case Softmax(inverse_temperature=inverse_temperature):
            return _of_rows(lambda rows: softmax_rows(rows, inverse_temperature))
        case _:
            return _of_rows(_none)


def inverse_gap_weighted(scores: list[float], gamma: float) -> Pmf:
    """Return `1 / (K + gamma (f(best) - f(a)))` for all but the first best action, which gets the rest.

    Raises:
        PolicyError: A score is not finite.
    """
    highest, n_actions = max(scores), float(len(scores))
    result = [1.0 / (n_actions + gamma * (highest - score)) for score in scores]
    best = scores.index(highest)
    result[best] = others = 0.0
    # One after the other, as `_sums` adds; what `sum` does depends on the release of Python.
    for probability in result:
        others += probability
    result[best] = rest = 1.0 - others
    # A NaN fails the comparison.
    if not rest > 0.0:
        raise _damaged(np.array(scores))
    return result


def inverse_gap_weighted_rows(scores: Rows, gamma: float) -> Rows:
    """Return what `inverse_gap_weighted` returns of each row."""
    best = _flat(scores.argmax(axis=1), scores)
    result: Rows = scores.reshape(-1)[best][:, np.newaxis] - scores
    result *= gamma
    result += scores.shape[1]
    np.reciprocal(result, out=result)
    flat = result.reshape(-1)
    flat[best] = 0.0
    rest = 1.0 - _sums(result)
    # A NaN fails the comparison.
    if not np.minimum.reduce(rest) > 0.0:
        raise _damaged(scores)
    flat[best] = rest
    return result


def greedy(scores: list[float], epsilon: float, *, shared: bool) -> Pmf:
    """Return `epsilon / K` for each action, and the rest for the best one.

    Args:
        scores: Predicted rewards.
        epsilon: 0 to 1.
        shared: Whether several that are equally good share the rest; else the first one gets it.

    Raises:
        PolicyError: A score is not finite.
    """
    highest, least = max(scores), epsilon / len(scores)
    *_, total = accumulate(scores)
    # A NaN is not equal to itself.
    if total != total:  # noqa: PLR0124
        raise _damaged(np.array(scores))
    if shared:
        most = least + (1.0 - epsilon) / scores.count(highest)
        return [most if score == highest else least for score in scores]
    result = [least] * len(scores)
    result[scores.index(highest)] += 1.0 - epsilon
    return result


def greedy_rows(scores: Rows, epsilon: float, *, shared: bool) -> Rows:
    """Return what `greedy` returns of each row."""
    best = scores == scores.max(axis=1, keepdims=True)
    n_best = best.sum(axis=1, keepdims=True)
    if not n_best.all():
        raise _damaged(scores)
    least = epsilon / scores.shape[1]
    if shared:
        return np.asarray(np.where(best, least + (1.0 - epsilon) / n_best, least))
    result = np.full(scores.shape, least)
    result.reshape(-1)[_flat(best.argmax(axis=1), scores)] = least + (1.0 - epsilon)
    return result


def softmax_rows(scores: Rows, inverse_temperature: float) -> Rows:
    """Return probabilities proportional to `exp(lambda f(a))`, row by row.

    Raises:
        PolicyError: A score is not finite.
    """
    result = np.asarray((scores - scores.max(axis=1, keepdims=True)) * inverse_temperature)
    # The bits of an exponential may depend on where in an array it stands: not on which row it is.
    for row in result:
        np.exp(row, out=row)
    totals = _sums(result)
    if not np.minimum.reduce(totals) > 0.0:
        raise _damaged(scores)
    result /= totals[:, np.newaxis]
    return result


def _sums(rows: Rows) -> NDArray[np.float64]:
    # Unlike a sum, a cumulative sum has no choice of order.
    return np.asarray(np.add.accumulate(rows, axis=1)[:, -1])


def _flat(columns: NDArray[np.intp], rows: Rows) -> NDArray[np.intp]:
    """Return where one column of each row is when the rows follow one another."""
    n_rows, n_actions = rows.shape
    return columns if n_rows == 1 else columns + np.arange(0, n_rows * n_actions, n_actions)


def _greedy(epsilon: float, *, shared: bool) -> PmfOf:
    return PmfOf(
        lambda scores: greedy(scores, epsilon, shared=shared), lambda rows: greedy_rows(rows, epsilon, shared=shared)
    )


def _of_rows(many: Callable[[Rows], Rows]) -> PmfOf:
    def one(scores: list[float]) -> Pmf:
        """Return the probabilities for one row of scores."""
        pmf: Pmf = many(np.array([scores]))[0].tolist()
        return pmf

    return PmfOf(one, many)


def _none(rows: Rows) -> Rows:
    raise PolicyError(f"expected an exploration that needs predictions only, got another for {rows.shape[1]} actions")


def _damaged(scores: NDArray[np.float64]) -> PolicyError:
    return PolicyError(f"expected finite scores, got {scores[~np.isfinite(scores)][:10].tolist()!r}")
