"""The terms that Vowpal Wabbit's predictions are sums of, found in its model file.

`attune_models.vw` hands over the file and the library's hash functions; nothing here touches a workspace, so that an
explanation cannot change what is predicted. Which weight belongs to what is told by `attune_models.vw_places`.
`tests/unit/test_vw_terms.py` compares the sums with the library's own predictions for every kind of policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models.explanation import Explanation, Factors, explained, tokens_of
from attune_models.types import Situation
from attune_models.vw_crossings import product_token
from attune_models.vw_places import Crossed, Hashing, Places, ProductsOf, Weights, crossed_places, split_numbers
from attune_models.vw_spec import VwSpec


@dataclass(frozen=True, slots=True)
class _Side:
    """The context, or an action: its factors, where they go, and their numbers. The constant comes first.

    Attributes:
        factors: What they are.
        spaces: int64, shape (n_factors,); which namespace each is in, zero-based in the order of `Crossed`.
        places: uint64, shape (n_factors,).
        numbers: float64, shape (n_factors,).
    """

    factors: Factors
    spaces: NDArray[np.int64]
    places: NDArray[np.uint64]
    numbers: NDArray[np.float64]


class VwTerms:
    """The predictions of one state of a policy, term by term.

    Attributes:
        weights: What they are made of, which says what is explained.
    """

    def __init__(self, spec: VwSpec, hashing: Hashing, weights: Weights) -> None:
        """Read predictions off weights."""
        self.weights = weights
        self._crossed = Crossed(spec)
        self._places = Places(spec, hashing)

    def explain(self, situation: Situation) -> list[Explanation]:
        """Return what the predicted reward of each action is made of."""
        crossed = self._crossed
        context = self._side(situation.context, crossed.context, crossed.context_products)
        weighed = crossed.terms[context.spaces]
        actions = (self._side(action, crossed.action, crossed.action_products) for action in situation.actions)
        return [self._explained(context, action, weighed[:, action.spaces]) for action in actions]

    def _explained(self, context: _Side, action: _Side, weighed: NDArray[np.bool_]) -> Explanation:
        places = crossed_places(context.places, action.places)
        places[1:, 0], places[0] = context.places[1:], action.places
        places[0, 0] = self._places.constant
        numbers = np.multiply.outer(context.numbers, action.numbers) * weighed
        return explained(0.0 - numbers * self.weights.at(places), context.factors, action.factors)

    def _side(self, encoded: str, spaces: Sequence[str], products: ProductsOf) -> _Side:
        tokens = tokens_of(encoded)
        found = products(tokens)
        written = [tokens, *([product_token([tokens[i] for i in each]) for each in found[space]] for space in found)]
        names = [spaces[1], *found]
        placed = [self._placed(space, each) for space, each in zip(names, written, strict=True)]
        return _Side(
            Factors(tokens, [each for space in found for each in found[space]]),
            np.repeat([0, *map(spaces.index, names)], [1, *map(len, written)]),
            np.concatenate([np.zeros(1, np.uint64), *(places for places, _ in placed)]),
            np.concatenate([np.ones(1), *(numbers for _, numbers in placed)]),
        )

    def _placed(self, namespace: str, tokens: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.float64]]:
        """Return where tokens go, and their numbers: both of shape (n_tokens,)."""
        names, numbers = split_numbers(tokens)
        return self._places.of_names(namespace, names), np.array(numbers, np.float64)
