"""What a Vowpal Wabbit policy predicts of actions that come and go, without asking the library.

Offers that come along with requests are never the same set twice, but each of them comes again, and so do the factors
of contexts (see `attune_models.vw_scorer`). What a factor adds to the score of an action is kept for both of them, in a
table with a row for each factor and a column for each action:

    score of an action = constant + table[factor 1, action] x number 1 + table[factor 2, action] x number 2 + ...

What is not in the table yet comes from `attune_models.vw_scorer`, and so do the bits: a score is the same as in a known
set, and does not depend on what was asked before or together with it.

Most contexts differ in numbers only. So what was put together for an action in contexts with the same names is kept as
well: the sum of all that has no number, and what each number is multiplied with.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models.contexts import Context, JoinedContext
from attune_models.vw_contexts import MAX_KEPT_CHARACTERS, product_numbers
from attune_models.vw_scorer import Factors, Scorer, sum_of_few

# What is beyond is forgotten together, and found again. As the table grows, each side may be twice as long: 16 MB.
_MOST_NUMBERS = 1 << 19
_MOST_FACTORS, _MOST_ACTIONS, _MOST_CHARACTERS = 8192, 4096, 2048
_LEAST_SIDE = 64
# Of what was put together.
_KEPT_BYTES = 16 << 20
_BYTES_OF_NAMES, _BYTES_OF_A_COLUMN, _BYTES_OF_A_NUMBER = 2000, 200, 32

_Column: TypeAlias = tuple[float, ...]
"""Of an action: the sum of all that has no number, and what each number is multiplied with."""


class _Known(NamedTuple):
    """What is known of all contexts with some names.

    Attributes:
        factors: What they bring along.
        columns: By action, what was put together.
    """

    factors: Factors
    columns: dict[str, _Column]


class Offered:
    """The predictions of one state of a policy for actions that come and go."""

    def __init__(self, scorer: Scorer) -> None:
        """Take what finds the numbers."""
        self._scorer = scorer
        self._known: dict[str, _Known] = {}
        self._n_bytes = 0
        # By factor and by action, where they are in the table. The constant has row 0.
        self._rows: dict[str, int] = {}
        self._columns: dict[str, int] = {}
        self._table = np.full((_LEAST_SIDE, _LEAST_SIDE), np.nan)

    def scores(self, context: Context | JoinedContext, actions: Sequence[str]) -> list[float]:
        """Return the predicted reward of each of some actions, never clipped.

        Args:
            context: What they are asked about in.
            actions: Encoded, see `attune_models.features.encode_action`; at least one.
        """
        names, numbers = context.whole if isinstance(context, JoinedContext) else context
        known = self._known.get(names) or self._begun(names)
        try:
            columns = [known.columns[action] for action in actions]
        except KeyError:
            columns = self._put_together(known, actions)
        multiplied = known.factors.multiplied
        return _sums(columns, numbers if multiplied is None else product_numbers(multiplied, numbers))

    def _begun(self, names: str) -> _Known:
        known = _Known(self._scorer.factors(names), {})
        if len(names) <= MAX_KEPT_CHARACTERS:
            self._count(_BYTES_OF_NAMES)
            self._known[names] = known
        return known

    def _put_together(self, known: _Known, actions: Sequence[str]) -> list[_Column]:
        # Of one alone, numpy adds the numbers in another order.
        several = [*actions, *actions] if len(actions) == 1 else actions
        numbers, n_common = self._numbers(known.factors, several), 1 + known.factors.n_words
        words = np.add.reduce(numbers[:n_common], axis=0).tolist()
        columns = list(zip(words, *numbers[n_common:].tolist(), strict=True))[: len(actions)]
        if _are_kept(actions):
            each = _BYTES_OF_A_COLUMN + _BYTES_OF_A_NUMBER * len(columns[0])
            self._count(each * len(columns) + sum(map(len, actions)))
            known.columns.update(zip(actions, columns, strict=True))
        return columns

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        if self._n_bytes > _KEPT_BYTES:
            self._known, self._n_bytes = {}, 0

    def _numbers(self, factors: Factors, actions: Sequence[str]) -> NDArray[np.float64]:
        """Return the constant and what each factor adds to it, for each action: shape (1 + n_factors, n_actions)."""
        if not _are_kept(actions):
            return self._scorer.table(factors, actions)
        self._make_room(factors.keys, actions)
        columns = [self._columns.setdefault(action, len(self._columns)) for action in actions]
        rows = np.array([0, *[self._rows.setdefault(key, len(self._rows) + 1) for key in factors.keys]])[:, np.newaxis]
        found: NDArray[np.float64] = self._table[rows, columns]
        if np.isnan(found).any():  # as before anything was found
            self._table[rows, columns] = found = self._scorer.table(factors, actions)
        return found

    def _make_room(self, keys: Sequence[str], actions: Sequence[str]) -> None:
        """Let the table have a row for each of some factors and a column for each of some actions."""
        n_rows, n_columns = self._size_with(keys, actions)
        if n_rows * n_columns > _MOST_NUMBERS or n_rows > _MOST_FACTORS or n_columns > _MOST_ACTIONS:
            self._forget()
            n_rows, n_columns = self._size_with(keys, actions)
        had_rows, had_columns = self._table.shape
        if n_rows > had_rows or n_columns > had_columns:
            grown = np.full((_side(n_rows, had_rows), _side(n_columns, had_columns)), np.nan)
            grown[:had_rows, :had_columns] = self._table
            self._table = grown

    def _size_with(self, keys: Sequence[str], actions: Sequence[str]) -> tuple[int, int]:
        n_new_rows = sum([key not in self._rows for key in keys])
        n_new_columns = sum([action not in self._columns for action in actions])
        return 1 + len(self._rows) + n_new_rows, len(self._columns) + n_new_columns

    def _forget(self) -> None:
        self._rows, self._columns = {}, {}
        self._table = np.full((_LEAST_SIDE, _LEAST_SIDE), np.nan)


def _side(needed: int, had: int) -> int:
    return had if needed <= had else max(needed, 2 * had)


def _sums(columns: Sequence[_Column], numbers: Sequence[float]) -> list[float]:
    match numbers:
        # As what follows would have it, for contexts that there are most of.
        case [first]:
            return [words + one * first for words, one in columns]
        case [first, second]:
            return [words + one * first + other * second for words, one, other in columns]
    words, *rows = zip(*columns, strict=True)
    return sum_of_few(words, rows, numbers)


def _are_kept(actions: Sequence[str]) -> bool:
    return len(actions) <= _MOST_ACTIONS and max(map(len, actions)) <= _MOST_CHARACTERS
