"""What a Vowpal Wabbit policy predicts of every action of a known set, without asking the library.

A prediction is a sum over products of a factor of the context (a feature, or a product of some) and a factor of the
action, see `attune_models.vw_places`. For a set of actions that many situations draw from, the sum over an action's
factors is computed once for each factor of a context and kept:

    row of a factor: weight x number, summed over the factors of each action        shape (n_actions,)
    score of an action = constant + row(factor 1) x number 1 + row(factor 2) x number 2 + ...

What remains of a prediction is an addition for each factor of the context and each action. A number of the context is
not part of the row: numbers that never come again find theirs.

The library adds float32, here all is float64: more exact, and the same bits in every process, because each sum has one
order, whatever was computed before it and with it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune_models.explanation import tokens_of
from attune_models.types import ActionSet, Situation
from attune_models.vw_actions import Block, Table, action_tables
from attune_models.vw_crossings import product_token
from attune_models.vw_places import Crossed, Hashing, Places, Weights, crossed_places, pairs_of, split_numbers
from attune_models.vw_spec import Crossings, VwSpec

# A placement draws from one set, and for a moment from the one before.
_KEPT_SETS = 2
# Of each set: what was used last, and as much of what was used before it.
_KEPT_BYTES = 16 << 20
_BYTES_BESIDE_NUMBERS = 300
# Some terms at a time: what does not fit a cache of the processor takes several times as long.
_TERMS_AT_A_TIME = 1 << 16
# Gathering before adding pays when at most one of so many actions of a set is left.
_FEW = 4
# Adding row by row costs half a microsecond for each, whatever its length: so many short ones are added at once.
_MANY, _SHORT = 8, 128


class Scorer:
    """The predictions of one state of a policy for known sets of actions."""

    def __init__(self, spec: VwSpec, hashing: Hashing, weights: Weights) -> None:
        """Read predictions off weights."""
        self._weights = weights
        self._places = Places(spec, hashing)
        self._tables = action_tables(spec)
        self._factors = _ContextFactors(spec)
        self._rows: OrderedDict[ActionSet, _Rows] = OrderedDict()

    def scores(self, situation: Situation, known: ActionSet) -> NDArray[np.float64]:
        """Return the predicted reward of each action of a situation.

        Args:
            situation: Its actions are of the set.
            known: The set.

        Returns:
            In the actions' order, never clipped: float64, shape (n_actions,).
        """
        keys, numbers = self._factors.of(situation.context)
        rows = self._rows_of(known)
        return _sum(rows.constant, rows.of(keys), numbers, situation.positions)

    def _rows_of(self, known: ActionSet) -> "_Rows":
        rows = self._rows.get(known)
        if rows is None:
            table = self._tables.of(known, self._places)
            rows = self._rows[known] = _Rows(self._weights, self._places, self._factors.crossed, table)
            if len(self._rows) > _KEPT_SETS:
                self._rows.popitem(last=False)
        return rows


def _sum(
    constant: NDArray[np.float64],
    rows: Sequence[NDArray[np.float64]],
    numbers: Sequence[float],
    positions: Sequence[int] | None,
) -> NDArray[np.float64]:
    chosen = None if positions is None else np.asarray(positions, np.intp)
    if chosen is not None and len(chosen) * _FEW < len(constant):
        constant, rows, chosen = constant[chosen], [row[chosen] for row in rows], None
    # The same additions in the same order, and so the same bits, in both ways.
    many = len(rows) >= _MANY and 1 < len(constant) <= _SHORT
    total = (_sum_of_many if many else _sum_of_long)(constant, rows, numbers)
    return total if chosen is None else total[chosen]


def _sum_of_long(
    constant: NDArray[np.float64], rows: Sequence[NDArray[np.float64]], numbers: Sequence[float]
) -> NDArray[np.float64]:
    total = constant.copy()
    for row, number in zip(rows, numbers, strict=True):
        total += row if number == 1.0 else row * number
    return total


def _sum_of_many(
    constant: NDArray[np.float64], rows: Sequence[NDArray[np.float64]], numbers: Sequence[float]
) -> NDArray[np.float64]:
    # Joining bytes is the cheapest way to put many small arrays into one.
    pieces: list[Any] = [constant, *rows]
    joined = np.frombuffer(b"".join(pieces)).reshape(1 + len(rows), len(constant))
    weighed = joined * np.array([1.0, *numbers]).reshape(-1, 1)
    return np.asarray(np.add.reduce(weighed, axis=0))


class _ContextFactors:
    """What a context has that is multiplied with actions, or counts alone.

    Attributes:
        crossed: For each namespace of contexts that counts, the namespaces of actions that it is multiplied with; ""
            where it counts alone.
    """

    def __init__(self, spec: VwSpec) -> None:
        crossed = Crossed(spec)
        self._products = crossed.context_products
        self._pairs = spec.crossings is Crossings.CONTEXT_PAIRS_ACTION
        names = {
            space: tuple(other for other, counts in zip(crossed.action, terms, strict=True) if counts)
            for space, terms in zip(crossed.context[1:], crossed.terms[1:], strict=True)
        }
        self.crossed = {space: others for space, others in names.items() if others}

    def of(self, context: str) -> tuple[list[str], list[float]]:
        """Return the keys of a context's factors, and their numbers.

        A key is a name in namespace `c` or, behind another namespace and a space, a product's. No name has a space.
        """
        tokens = tokens_of(context)
        keys, numbers = split_numbers(tokens) if "c" in self.crossed else ([], [])
        if self._pairs:
            pairs = [f"p {pair}" for pair in pairs_of(tokens)]
            return keys + pairs, numbers + [1.0] * len(pairs)
        for space, products in self._products(tokens).items():
            names, factors = split_numbers(product_token([tokens[i] for i in each]) for each in products)
            keys += [f"{space} {name}" for name in names]
            numbers += factors
        return keys, numbers


class _Rows:
    """The rows of one set of actions under one state of a policy.

    Attributes:
        constant: What counts in every context: float64, shape (n_actions,).
    """

    def __init__(self, weights: Weights, places: Places, crossed: dict[str, tuple[str, ...]], table: Table) -> None:
        self._weights, self._places, self._crossed, self._table = weights, places, crossed, table
        own = table["o"]
        constant = weights.at(np.array([places.constant]))
        self.constant: NDArray[np.float64] = 0.0 - (own.sums(weights.at(own.places)[np.newaxis])[0] + constant)
        self._nothing = np.zeros(len(self.constant))
        self._kept: dict[str, NDArray[np.float64]] = {}
        self._kept_before: dict[str, NDArray[np.float64]] = {}

    def of(self, keys: Sequence[str]) -> list[NDArray[np.float64]]:
        """Return the row of each key: shape (n_actions,)."""
        kept = self._kept
        try:
            return [kept[key] for key in keys]
        except KeyError:
            self._find([key for key in keys if key not in kept])
        rows = [kept[key] for key in keys]
        if len(kept) * (self.constant.nbytes + _BYTES_BESIDE_NUMBERS) > _KEPT_BYTES:
            self._kept, self._kept_before = {}, kept
        return rows

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
            costs = self._costs(np.array(list(placed.values()), np.uint64), others)
            # Costs have the other sign; and each row is one of its own: a view would keep all of them.
            self._kept.update(zip(placed, [self._nothing - row for row in costs], strict=True))

    def _costs(self, places: NDArray[np.uint64], others: Sequence[str]) -> NDArray[np.floating]:
        parts = [
            self._crossed_costs(places, self._table[other]) if other else self._weights.at(places)[:, np.newaxis]
            for other in others
        ]
        costs = parts[0]
        for more in parts[1:]:
            costs = costs + more
        return costs

    def _crossed_costs(self, places: NDArray[np.uint64], block: Block) -> NDArray[np.float64]:
        step = max(1, _TERMS_AT_A_TIME // len(block.numbers))
        parts = [
            block.sums(self._weights.at(crossed_places(places[i : i + step], block.places)))
            for i in range(0, len(places), step)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
