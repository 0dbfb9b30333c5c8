"""Comparisons as functions: what tells whether one holds, as fast as can be.

Made once for each comparison of a condition (`conditions`), and asked for every decision.
"""

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from attune_models.comparisons import Comparison, Constant, Operator
from attune_models.facts import Facts, WordsOf, is_known, number_of, tags_of, words_of

Test: TypeAlias = Callable[[Facts], bool]
"""Tells whether something holds."""

ORDER_TESTS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.MORE: operator.gt,
    Operator.AT_LEAST: operator.ge,
}
"""How two numbers, or two dates, are compared."""


def comparison_test(comparison: Comparison) -> Test:
    """Return what tells whether a comparison holds."""
    feature, values = comparison.feature, comparison.values
    match comparison.operator:
        case Operator.EXISTS:
            return is_known(feature)
        case Operator.MISSING:
            known = is_known(feature)
            return lambda facts: not known(facts)
        case Operator.HAS:
            return _among(tags_of(feature), frozenset(map(str, values)))
        case Operator.EQUAL | Operator.AMONG:
            return _is_among(feature, values)
        case Operator.UNEQUAL | Operator.NOT_AMONG:
            return _is_not_among(feature, values)
        case order:
            return _ordered(feature, order, values[0])


def _is_among(feature: str, values: tuple[Constant, ...]) -> Test:
    if isinstance(values[0], str):
        return _among(words_of(feature), frozenset(map(str, values)))
    number_in, allowed = number_of(feature), frozenset(values)
    # None is not among numbers.
    return lambda facts: number_in(facts) in allowed


def _is_not_among(feature: str, values: tuple[Constant, ...]) -> Test:
    if isinstance(values[0], str):
        return _apart(words_of(feature), frozenset(map(str, values)))
    number_in, refused = number_of(feature), frozenset([None, *values])
    return lambda facts: number_in(facts) not in refused


def _among(words_in: WordsOf, allowed: frozenset[str]) -> Test:
    def holds(facts: Facts) -> bool:
        """Tell whether one of the words is allowed."""
        words = words_in(facts)
        return words is not None and not allowed.isdisjoint(words)

    return holds


def _apart(words_in: WordsOf, refused: frozenset[str]) -> Test:
    def holds(facts: Facts) -> bool:
        """Tell whether the feature is there and none of its words is refused."""
        words = words_in(facts)
        return words is not None and refused.isdisjoint(words)

    return holds


def _ordered(feature: str, order: Operator, value: Constant) -> Test:
    if isinstance(value, str):
        return _date_ordered(feature, order, value)
    number_in, compare = number_of(feature), ORDER_TESTS[order]

    def holds(facts: Facts) -> bool:
        """Tell whether the number is there and in this order with the value."""
        number = number_in(facts)
        return number is not None and compare(number, value)

    return holds


def _date_ordered(feature: str, order: Operator, value: str) -> Test:
    # Dates as ISO 8601 writes them have the order of their texts.
    words_in, compare = words_of(feature), ORDER_TESTS[order]

    def holds(facts: Facts) -> bool:
        """Tell whether the date is there and in this order with the value."""
        words = words_in(facts)
        return words is not None and compare(words[0], value)

    return holds
