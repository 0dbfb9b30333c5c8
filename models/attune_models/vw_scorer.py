"""What a Vowpal Wabbit policy predicts of every action of a known set, without asking the library.

A prediction is a sum over products of a factor of the context (a feature, or a product of some) and a factor of the
action, see `attune_models.vw_places`. For a set of actions that many situations draw from, the sum over an action's
factors is computed once for each factor of a context and kept:

    row of a factor: weight x number, summed over the factors of each action        shape (n_actions,)
    score of an action = constant + row(factor 1) x number 1 + row(factor 2) x number 2 + ...

What remains of a prediction is an addition for each factor of the context and each action. A number of the context is
not part of the row: numbers that never come again find theirs. Which factors there are, `attune_models.vw_contexts`
tells.

Most contexts differ in numbers only: what the constant and the factors without a number add up to is kept, too, by the
names of a context. What is known of a customer has names that never come again together: it is summed by itself, and
added to the rest, see `attune_models.contexts.JoinedContext`.

The library adds float32, here all is float64: more exact, and the same bits in every process, because each sum has one
order, whatever was computed before it and with it: the constant, the factors without a number, those with one, and then
in the same way what is known of a customer.
"""

from collections import OrderedDict
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from attune_models.contexts import Context, JoinedContext
from attune_models.types import ActionSet, Situation
from attune_models.vw_actions import action_tables
from attune_models.vw_contexts import context_factors, product_numbers
from attune_models.vw_places import Hashing, Places, Weights
from attune_models.vw_rows import Rows, constant_costs, costs_of, joined
from attune_models.vw_spec import VwSpec

# A placement draws from one set, and for a moment from the one before.
_KEPT_SETS = 2
# Gathering before adding pays when at most one of so many actions of a set is left.
_FEW_OF_MANY = 4

Scores: TypeAlias = list[float] | NDArray[np.float64]
"""The predicted reward of each action: a list of few, float64 of shape (n_actions,) of many. Both have the same bits.
"""


class Scorer:
    """The predictions of one state of a policy for known sets of actions."""

    def __init__(self, spec: VwSpec, hashing: Hashing, weights: Weights) -> None:
        """Read predictions off weights."""
        self._weights = weights
        self._places = Places(spec, hashing)
        self._tables = action_tables(spec)
        self._factors = context_factors(spec)
        self._rows: OrderedDict[ActionSet, Rows] = OrderedDict()

    def scores(self, situation: Situation, known: ActionSet) -> Scores:
        """Return the predicted reward of each action of a situation.

        Args:
            situation: Its actions are of the set.
            known: The set.

        Returns:
            In the actions' order, never clipped; not to be changed.
        """
        context, positions = situation.read, situation.positions
        rows = self._rows.get(known) or self._rows_of(known)
        if isinstance(context, Context):
            return self._scores(rows, context, positions)
        if not self._factors.counts_one_by_one:
            return self._scores(rows, context.whole, positions)
        own, more = self._scores(rows, context.own, positions), rows.more(context)
        if positions is not None:
            more = more[np.asarray(positions, np.intp)]
        if isinstance(own, list):
            return [one + other for one, other in zip(own, more.tolist(), strict=True)]
        return own + more

    def scores_of_all(self, contexts: Sequence[Context | JoinedContext], known: ActionSet) -> NDArray[np.float64]:
        """Return the predicted reward of each action of a set in each of several contexts.

        Returns:
            The same bits as `scores` of each by itself: float64, shape (n_contexts, n_actions).
        """
        rows = self._rows_of(known)
        if not self._factors.counts_one_by_one:
            whole = [each.whole if isinstance(each, JoinedContext) else each for each in contexts]
            return self._scores_of_all(rows, whole)
        total = self._scores_of_all(rows, [each.own if isinstance(each, JoinedContext) else each for each in contexts])
        for i, each in enumerate(contexts):
            if isinstance(each, JoinedContext):
                total[i] += rows.more(each)
        return total

    def factors(self, names: str) -> "Factors":
        """Return what contexts with some names bring into a prediction."""
        found = self._factors.of(names)
        groups: dict[tuple[str, ...], tuple[list[int], list[int]]] = {}
        keys = [*found.keys, *found.numbered]
        for i, key in enumerate(keys, 1):
            space, _, name = key.rpartition(" ")
            rows, placed = groups.setdefault(self._factors.crossed[space or "c"], ([], []))
            rows.append(i)
            placed.append(self._places.of_name(space or "c", name))
        # A slice, where it is all of them: nothing has to be looked up.
        grouped = [
            (others, rows if len(groups) > 1 else slice(1, None), np.array(placed, np.uint64))
            for others, (rows, placed) in groups.items()
        ]
        return Factors(found.multiplied, len(found.keys), keys, grouped)

    def table(self, factors: "Factors", actions: Sequence[str]) -> NDArray[np.float64]:
        """Return what scores of some actions are made of in contexts with the same names.

        Args:
            factors: What these bring along.
            actions: Encoded; of no known set. At least one.

        Returns:
            The constant and what each factor adds to it: float64, shape (1 + n_factors, n_actions). The same bits
            whatever other actions there are, and as in a known set.
        """
        table = self._tables.of_some(actions, self._places)
        costs = np.empty((1 + len(factors.keys), len(actions)))
        costs[0] = constant_costs(table, self._weights, self._places)
        for others, rows, placed in factors.groups:
            costs[rows] = costs_of(placed, others, table, self._weights)
        return 0.0 - costs

    def _scores(self, rows: Rows, context: Context, positions: Sequence[int] | None) -> Scores:
        names, numbers = context
        start = rows.starts.get(names) or rows.start(names, self._factors)
        if start.multiplied is not None:
            numbers = product_numbers(start.multiplied, numbers)
        if not start.few:
            return _sum(start.words, start.rows, numbers, positions)
        total = sum_of_few(start.few, start.few_rows, numbers)
        return total if positions is None else [total[position] for position in positions]

    def _scores_of_all(self, rows: Rows, contexts: Sequence[Context]) -> NDArray[np.float64]:
        starts, weighing = [], []
        for names, numbers in contexts:
            start = rows.starts.get(names) or rows.start(names, self._factors)
            starts.append(start)
            weighing.append(numbers if start.multiplied is None else product_numbers(start.multiplied, numbers))
        total = joined([start.words for start in starts])
        # What some contexts do not have is added as 0: that leaves all bits as they are, a total is never -0.0.
        columns = zip_longest(*[start.rows for start in starts], fillvalue=rows.nothing)
        for column, weights in zip(columns, zip_longest(*weighing, fillvalue=1.0), strict=True):
            total += joined(column) * np.array(weights)[:, np.newaxis]
        return total

    def _rows_of(self, known: ActionSet) -> Rows:
        rows = self._rows.get(known)
        if rows is None:
            table = self._tables.of(known, self._places)
            rows = self._rows[known] = Rows(self._weights, self._places, self._factors.crossed, table)
            if len(self._rows) > _KEPT_SETS:
                self._rows.popitem(last=False)
        return rows


def sum_of_few(first: Sequence[float], rows: Sequence[Sequence[float]], numbers: Sequence[float]) -> list[float]:
    """Return what rows add up to: the first, and each of the others times its number; all of the same length."""
    if len(rows) == 2:  # noqa: PLR2004 - as what follows would have it, for contexts that there are most of
        (one, other), (p, q) = rows, numbers
        return [t + a * p + b * q for t, a, b in zip(first, one, other, strict=True)]
    total = list(first)
    # Two at a time: going through rows costs more than adding them. `a + b + c` is `(a + b) + c`.
    for i in range(1, len(rows), 2):
        p, q = numbers[i - 1], numbers[i]
        total = [t + a * p + b * q for t, a, b in zip(total, rows[i - 1], rows[i], strict=True)]
    if len(rows) % 2:
        p = numbers[-1]
        total = [t + a * p for t, a in zip(total, rows[-1], strict=True)]
    return total


def _sum(
    words: NDArray[np.float64],
    rows: Sequence[NDArray[np.float64]],
    numbers: Sequence[float],
    positions: Sequence[int] | None,
) -> NDArray[np.float64]:
    chosen = None if positions is None else np.asarray(positions, np.intp)
    if chosen is not None and len(chosen) * _FEW_OF_MANY < len(words):
        words, rows, chosen = words[chosen], [row[chosen] for row in rows], None
    total = words.copy()
    for row, number in zip(rows, numbers, strict=True):
        total += row * number
    return total if chosen is None else total[chosen]


class Factors(NamedTuple):
    """What contexts with some names bring into a prediction.

    Attributes:
        multiplied: See `attune_models.vw_contexts.Found`.
        n_words: How many factors have no number.
        keys: All factors, those without a number first: names in namespace `c` or, behind another namespace and a
            space, products.
        groups: Of the factors that are multiplied with the same namespaces of actions: these, then which factors they
            are, counted from 1, and where they go: uint64, shape (n_factors,).
    """

    multiplied: Sequence[Sequence[int]] | None
    n_words: int
    keys: Sequence[str]
    groups: Sequence[tuple[tuple[str, ...], list[int] | slice, NDArray[np.uint64]]]
