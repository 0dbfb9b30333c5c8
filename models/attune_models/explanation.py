"""What a score is made of: terms of a regression, shared among the features that they are products of.

A policy that regresses the reward says what the score of each action is a sum of (`attune_models.vw_terms`,
`attune_models.linear_model`). Every term is a weight times a product of features: of none (the constant), of one, or of
those of the context and of the action that are crossed. Here each feature of a term gets an equal part of it, and goes
by the name that the caller gave it.

These parts are Shapley values of the game in which the features are the players and the score is what they earn, with
the number 0 for a feature that is left out: L. S. Shapley, "A Value for n-Person Games", 1953; S. Lundberg, S. Lee, "A
Unified Approach to Interpreting Model Predictions", 2017. Such a term earns its whole amount when all of its features
take part and nothing otherwise, whatever their numbers are, so by symmetry they share it equally; and Shapley values of
a sum of games are the sums of their Shapley values.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from attune_models.features import Kind, decode

_CACHED_TOKENS = 16_384


class Source(Enum):
    """Where a feature is from."""

    CONSTANT = "constant"
    """Nowhere: what every score has."""
    CONTEXT = "context"
    """The context."""
    ACTION = "action"
    """The action."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one feature adds to the score of an action.

    Attributes:
        source: Where the feature is from.
        name: The caller's name of it; empty for the constant, for an action's id and for the slot of a context.
        value: Which value of it: a word, a tag, the id, the slot; `[3]` for a component of a vector; empty for a
            number.
        amount: What it adds, in units of the reward.
    """

    source: Source
    name: str
    value: str
    amount: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the score of an action is made of.

    Attributes:
        score: The reward that is predicted, in units of the reward; never clipped.
        contributions: They sum to the score, up to rounding; the largest magnitude first. What adds nothing is left
            out.
    """

    score: float
    contributions: Sequence[Contribution]


@dataclass(frozen=True, slots=True)
class Factors:
    """One side of the products: the constant 1, then each token, then products of tokens.

    Attributes:
        tokens: Encoded features, see `attune_models.features.encode`.
        products: Positions in `tokens`, zero-based, of those that are multiplied with each other.
        orders: Of how many features each factor is made: int64, shape (1 + n_tokens + n_products,).
    """

    tokens: Sequence[str]
    products: Sequence[tuple[int, ...]] = ()
    orders: NDArray[np.int64] = field(init=False, compare=False)
    _multiplied: NDArray[np.int64] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Count once what each of many actions is multiplied with."""
        orders = [0, *[1] * len(self.tokens), *map(len, self.products)]
        object.__setattr__(self, "orders", np.array(orders, np.int64))
        object.__setattr__(self, "_multiplied", np.array(list(chain.from_iterable(self.products)), np.int64))

    def credits(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each token gets.

        Args:
            shares: What each feature of a factor gets from it; float64, shape (1 + n_tokens + n_products,).

        Returns:
            float64, shape (n_tokens,).
        """
        n_tokens = len(self.tokens)
        result = shares[1 : n_tokens + 1].copy()
        if self.products:
            np.add.at(result, self._multiplied, np.repeat(shares[n_tokens + 1 :], self.orders[n_tokens + 1 :]))
        return result


def tokens_of(encoded: str) -> list[str]:
    """Return the tokens of encoded features."""
    return encoded.split(" ") if encoded else []


def explained(terms: NDArray[np.float64], context: Factors, action: Factors) -> Explanation:
    """Share the terms of a score among the features.

    Args:
        terms: Each product of a factor of the context and one of the action, times its weight; float64, shape
            (n_context_factors, n_action_factors).
        context: What the rows are.
        action: What the columns are.
    """
    n_features = context.orders[:, np.newaxis] + action.orders
    shares = terms / np.maximum(n_features, 1)
    contributions = [Contribution(Source.CONSTANT, "", "", float(terms[0, 0]))]
    contributions += _named(Source.CONTEXT, context.tokens, context.credits(shares.sum(axis=1)))
    contributions += _named(Source.ACTION, action.tokens, action.credits(shares.sum(axis=0)))
    return Explanation(float(terms.sum()), largest_first(contributions))


def largest_first(contributions: Iterable[Contribution]) -> list[Contribution]:
    """Sort contributions by magnitude, and leave out what adds nothing."""
    return sorted((each for each in contributions if each.amount), key=lambda each: -abs(each.amount))


def _named(source: Source, tokens: Sequence[str], amounts: NDArray[np.float64]) -> Iterator[Contribution]:
    for token, amount in zip(tokens, amounts.tolist(), strict=True):
        yield Contribution(source, *_name_and_value(token), amount)


@lru_cache(_CACHED_TOKENS)
def _name_and_value(token: str) -> tuple[str, str]:
    feature = decode(token)
    return feature.name, f"[{feature.value}]" if feature.kind is Kind.COMPONENT else feature.value
