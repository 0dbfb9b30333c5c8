"""Sets of actions as Vowpal Wabbit sees them: all that can be worked out before there are weights.

Hashing the features of an action costs as much as predicting for it many times. Here it is done once for each action
and process: for every version of a policy, and for every set that the action is of.

    action set --here, once--> places and numbers --`vw_scorer`, for each version--> scores
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TypeAlias
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from attune_models.explanation import tokens_of
from attune_models.types import ActionSet
from attune_models.vw_crossings import product_token
from attune_models.vw_places import Crossed, Places, split_numbers
from attune_models.vw_spec import VwSpec

_SPECS = 64
# Together less than 40 MB for a spec.
_KEPT_ACTIONS = 1 << 15
_KEPT_TOKENS = 1 << 20
# Looking up weights twice costs less than finding out that they are the same.
_FEW_TOKENS = 1000

_Placed: TypeAlias = Sequence[tuple[NDArray[np.uint64], NDArray[np.float64]]]
"""Of an action, for each namespace: where its tokens go, and their numbers."""


@dataclass(frozen=True, slots=True)
class Block:
    """The tokens that the actions of a set have in one namespace, action by action; at least one each.

    Attributes:
        places: uint64, shape (n_places,): where the tokens go. Of a large set, each place once.
        tokens: int64, shape (n_tokens,); zero-based position in `places` of each token. None where there is a place for
            each token.
        numbers: float64, shape (n_tokens,).
        starts: int64, shape (n_actions,); zero-based position of the first token of each action.
    """

    places: NDArray[np.uint64]
    tokens: NDArray[np.int64] | None
    numbers: NDArray[np.float64]
    starts: NDArray[np.int64]

    def sums(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the sum of weight times number over the tokens of each action.

        Args:
            weights: Of each place, in several regards: shape (n, n_places).

        Returns:
            Shape (n, n_actions).
        """
        of_tokens = weights if self.tokens is None else weights.take(self.tokens, axis=1)
        return np.asarray(np.add.reduceat(of_tokens * self.numbers, self.starts, axis=1))


Table: TypeAlias = Mapping[str, Block]
"""A set of actions, by namespace."""


class ActionTables:
    """The sets that policies of one spec draw from. Whoever asks may be in another thread than whoever asked before."""

    def __init__(self, spec: VwSpec) -> None:
        """Start with none."""
        self._crossed = Crossed(spec)
        self._tables: WeakKeyDictionary[ActionSet, Table] = WeakKeyDictionary()
        self._placed: dict[str, _Placed] = {}
        self._n_tokens = 0

    def of(self, actions: ActionSet, places: Places) -> Table:
        """Return a set's table; it is kept as long as the set is.

        Args:
            actions: The set.
            places: Of any policy of this spec: where tokens go is the same for all.
        """
        table = self._tables.get(actions)
        if table is None:
            table = self._tables[actions] = self.of_some(actions.actions, places)
        return table

    def of_some(self, actions: Sequence[str], places: Places) -> Table:
        """Return the table of encoded actions that are of no set; it is not kept."""
        placed = [self._placed.get(action) or self._place(action, places) for action in actions]
        return {space: _block([each[i] for each in placed]) for i, space in enumerate(self._crossed.action[1:])}

    def _place(self, action: str, places: Places) -> _Placed:
        tokens = tokens_of(action)
        products = self._crossed.action_products(tokens)
        written = [tokens]
        written += [
            [product_token([tokens[i] for i in each]) for each in products.get(space, ())]
            for space in self._crossed.action[2:]
        ]
        placed = []
        for space, each in zip(self._crossed.action[1:], written, strict=True):
            names, numbers = split_numbers(each)
            placed.append((places.of_names(space, names), np.array(numbers, np.float64)))
        self._keep(action, placed, sum(map(len, written)))
        return placed

    def _keep(self, action: str, placed: _Placed, n_tokens: int) -> None:
        self._n_tokens += n_tokens
        if len(self._placed) >= _KEPT_ACTIONS or self._n_tokens > _KEPT_TOKENS:
            self._placed.clear()
            self._n_tokens = n_tokens
        self._placed[action] = placed


@lru_cache(_SPECS)
def action_tables(spec: VwSpec) -> ActionTables:
    """Return the sets that policies of a spec draw from, the same ones for all versions of a policy."""
    return ActionTables(spec)


_NOTHING = (np.zeros(1, np.uint64), np.zeros(1, np.float64))


def _block(placed: Sequence[tuple[NDArray[np.uint64], NDArray[np.float64]]]) -> Block:
    # An action without a token there gets one that counts 0: sums are of at least one token.
    whole = [each if len(each[0]) else _NOTHING for each in placed]
    numbers = np.concatenate([numbers for _, numbers in whole])
    ends = accumulate([len(places) for places, _ in whole], initial=0)
    starts = np.array(list(ends)[:-1], np.int64)
    places = np.concatenate([places for places, _ in whole])
    if len(places) <= _FEW_TOKENS:
        return Block(places, None, numbers, starts)
    # Actions share most of their tokens.
    places, tokens = np.unique(places, return_inverse=True)
    return Block(places, tokens, numbers, starts)
