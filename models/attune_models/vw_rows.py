"""What each factor of a context adds to what is predicted of each action of a known set, kept in rows.

    row of a factor: weight x number, summed over the factors of each action        shape (n_actions,)

Used by `attune_models.vw_scorer`, which says what predictions are made of. Kept is what was used last, and as much of
what was used before it; the rest is found again.
"""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from attune_models.contexts import JoinedContext
from attune_models.vw_actions import Block, Table
from attune_models.vw_contexts import MAX_KEPT_CHARACTERS, ContextFactors
from attune_models.vw_places import Places, Weights, crossed_places

# Of each set: what was used last, and as much of what was used before it.
_KEPT_BYTES = 16 << 20
_BYTES_BESIDE_NUMBERS = 300
_BYTES_OF_A_LISTED, _BYTES_OF_A_FACTOR = 32, 100
# Some terms at a time: what does not fit a cache of the processor takes several times as long.
_TERMS_AT_A_TIME = 1 << 16
# Of so few actions a list is faster than an array.
_FEW = 32
# Customers of whom much is known have long names; they are kept all the same.
_MOST_KEPT_CHARACTERS = 4096


def constant_costs(table: Table, weights: Weights, places: Places) -> NDArray[np.float64]:
    """Return what each action of a table costs in every context: shape (n_actions,)."""
    own = table["o"]
    costs: NDArray[np.float64] = own.sums(weights.at(own.places)[np.newaxis])[0]
    return costs + weights.at(np.array([places.constant]))


def costs_of(places: NDArray[np.uint64], others: Sequence[str], table: Table, weights: Weights) -> NDArray[np.floating]:
    """Return what factors of a context add to the cost of each action of a table: shape (n_factors, n_actions).

    Args:
        places: Where the factors go.
        others: The namespaces of actions that they are multiplied with; "" where they count alone.
        table: The actions.
        weights: Of a state of a policy.
    """
    parts = [
        _crossed_costs(places, table[other], weights) if other else weights.at(places)[:, np.newaxis]
        for other in others
    ]
    costs = parts[0]
    for more in parts[1:]:
        costs = costs + more
    return costs


def _crossed_costs(places: NDArray[np.uint64], block: Block, weights: Weights) -> NDArray[np.float64]:
    step = max(1, _TERMS_AT_A_TIME // len(block.numbers))
    parts = [
        block.sums(weights.at(crossed_places(places[i : i + step], block.places))) for i in range(0, len(places), step)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def joined(rows: Sequence[Any]) -> NDArray[np.float64]:
    """Return rows as one array: float64, shape (n_rows, n_actions)."""
    # Joining bytes is the cheapest way to put many arrays into one.
    return np.frombuffer(bytearray().join(rows)).reshape(len(rows), -1)


class Row(NamedTuple):
    """What one factor of a context adds to the score of each action, or several do: shape (n_actions,).

    Attributes:
        all: float64.
        few: The same as a list, where the actions are few; else empty.
    """

    all: NDArray[np.float64]
    few: list[float]


class Start:
    """What predictions in all contexts with some names start from.

    Attributes:
        multiplied: See `attune_models.vw_contexts.Found`, of which nothing else is kept: it may be long.
        words: The constant, and the rows of all factors without a number: float64, shape (n_actions,).
        rows: Those of the factors with a number, in their order.
        few: `words` as a list, where the actions are few; else empty.
        few_rows: `rows` as lists, the same.
    """

    __slots__ = ("few", "few_rows", "multiplied", "rows", "words")

    def __init__(self, multiplied: Sequence[Sequence[int]] | None, words: Row, rows: Sequence[Row]) -> None:
        """Start from these."""
        self.multiplied, self.words, self.few = multiplied, words.all, words.few
        self.rows, self.few_rows = [row.all for row in rows], [row.few for row in rows]


class Rows:
    """The rows of one set of actions under one state of a policy.

    Attributes:
        constant: What counts in every context: float64, shape (n_actions,).
        nothing: A row of zeros, of the same shape.
        starts: By the names of a context, what predictions in it start from.
    """

    def __init__(self, weights: Weights, places: Places, crossed: dict[str, tuple[str, ...]], table: Table) -> None:
        """Read rows off weights.

        Args:
            weights: Of a state of a policy.
            places: Where its weights are.
            crossed: By namespace of a factor, the namespaces of actions that it is multiplied with.
            table: The actions.
        """
        self._weights, self._places, self._crossed, self._table = weights, places, crossed, table
        self.constant: NDArray[np.float64] = 0.0 - constant_costs(table, weights, places)
        self.nothing = np.zeros(len(self.constant))
        self.starts: dict[str, Start] = {}
        self._is_few = len(self.constant) <= _FEW
        self._row_bytes = self.constant.nbytes + _BYTES_BESIDE_NUMBERS
        self._row_bytes += _BYTES_OF_A_LISTED * len(self.constant) if self._is_few else 0
        self._kept: dict[str, Row] = {}
        self._kept_before: dict[str, Row] = {}
        self._numbered: dict[str, NDArray[np.float64]] = {}
        self._words: dict[str, NDArray[np.float64]] = {}
        self._bytes_besides = 0

    def start(self, names: str, factors: ContextFactors) -> Start:
        """Return what predictions in contexts with some names start from, and keep it in `starts`."""
        found = factors.of(names)
        # One sum of all: adding row by row costs more than finding them, where a context has many words.
        words = joined([self.constant, *[row.all for row in self._of(found.keys)]]).sum(axis=0)
        start = Start(found.multiplied, self._row(words), self._of(found.numbered))
        if len(names) <= MAX_KEPT_CHARACTERS:
            self.starts[names] = start
            self._bytes_besides += self._row_bytes + len(names) + _BYTES_OF_A_FACTOR * len(found.numbered)
        self._forget()
        return start

    def more(self, context: JoinedContext) -> NDArray[np.float64]:
        """Return what a context adds to the scores beside its own part: float64, shape (n_actions,)."""
        words, rows = self._words.get(context.words), self._numbered.get(context.numbered)
        if words is None:
            words = np.add.reduce(self._stacked(context.words.split()))
            self._keep(self._words, context.words, words)
        if rows is None:
            rows = self._stacked(context.numbered.replace(":", "").split())
            self._keep(self._numbered, context.numbered, rows)
        # An array of numbers one after the other is made in a third of the time that NumPy takes to look at a list.
        numbers = np.frombuffer(array("d", context.more)).reshape(-1, 1) if context.more else np.zeros((0, 1))
        more: NDArray[np.float64] = words + np.add.reduce(rows * numbers)
        return more

    def _stacked(self, keys: Sequence[str]) -> NDArray[np.float64]:
        """Return the rows of some factors: float64, shape (n_factors, n_actions)."""
        return joined([row.all for row in self._of(keys)]) if keys else np.zeros((0, len(self.constant)))

    def _keep(self, kept: dict[str, NDArray[np.float64]], names: str, found: NDArray[np.float64]) -> None:
        if len(names) <= _MOST_KEPT_CHARACTERS:
            kept[names] = found
            self._bytes_besides += found.nbytes + _BYTES_BESIDE_NUMBERS + len(names)
        self._forget()

    def _forget(self) -> None:
        """Leave out what was not used for long, where there is too much."""
        if len(self._kept) * self._row_bytes + self._bytes_besides > _KEPT_BYTES:
            self._kept, self._kept_before = {}, self._kept
            self.starts, self._numbered, self._words, self._bytes_besides = {}, {}, {}, 0

    def _row(self, numbers: NDArray[np.float64]) -> Row:
        return Row(numbers, numbers.tolist() if self._is_few else [])

    def _of(self, keys: Sequence[str]) -> list[Row]:
        kept = self._kept
        if missing := [key for key in keys if key not in kept]:
            self._find(missing)
        return [kept[key] for key in keys]

    def _find(self, keys: Sequence[str]) -> None:
        # Namespaces that are multiplied with the same ones go together: a call costs more than a few rows.
        missing: dict[tuple[str, ...], dict[str, int]] = {}
        for key in keys:
            if (row := self._kept_before.get(key)) is not None:
                self._kept[key] = row
                continue
            space, _, name = key.rpartition(" ")
            place = self._places.of_name(space or "c", name)
            missing.setdefault(self._crossed[space or "c"], {})[key] = place
        for others, placed in missing.items():
            costs = costs_of(np.array(list(placed.values()), np.uint64), others, self._table, self._weights)
            # Costs have the other sign; and each row is one of its own: a view would keep all of them.
            self._kept.update(zip(placed, [self._row(self.nothing - row) for row in costs], strict=True))
