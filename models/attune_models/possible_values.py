"""Whether one feature can be what several comparisons ask of it together.

A few values stand for all it could be. Of numbers: those that it is compared with, one between each two, and one beyond
them at either end. Of words: those, and one other. Of tags: all that are not ruled out, because more of them never meet
less; or none at all.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from math import inf, nextafter
from typing import NamedTuple

from attune_models.comparison_tests import ORDER_TESTS
from attune_models.comparisons import ORDERS, Comparison, Constant, Operator
from attune_models.facts import DATE
from attune_models.known_names import Kinds, kinds_of, least_of, most_of, whole_numbers_of

_PRESENCE = frozenset({Operator.EXISTS, Operator.MISSING})
_NEGATIVE = frozenset({Operator.UNEQUAL, Operator.NOT_AMONG})


class Literal(NamedTuple):
    """A comparison that has to hold, or not to.

    Attributes:
        comparison: The comparison.
        holds: Which of both.
        named: What it names; days instead of dates.
    """

    comparison: Comparison
    holds: bool
    named: frozenset[Constant]

    @classmethod
    def of(cls, comparison: Comparison, *, holds: bool) -> "Literal":
        """Make one."""
        values = comparison.values
        return cls(comparison, holds, frozenset(map(_day, values) if comparison.feature == DATE else values))

    @property
    def operator(self) -> Operator:
        """How it compares."""
        return self.comparison.operator

    @property
    def is_of_words(self) -> bool:
        """Whether it looks at words."""
        return any(isinstance(value, str) for value in self.named)

    def __str__(self) -> str:
        """Return it as it could have been written."""
        return f"`{self.comparison}`" if self.holds else f"not `{self.comparison}`"


def cost_of(literals: Sequence[Literal]) -> int:
    """Return about how many looks `are_possible` takes."""
    return 2 * (sum(len(literal.named) for literal in literals) + 3) * len(literals)


def are_possible(literals: Sequence[Literal], *, can_be_tags: bool = True) -> bool:
    """Tell whether literals of one feature can hold together.

    Args:
        literals: At least one.
        can_be_tags: Whether the feature may be tags, if its name allows that.
    """
    feature = literals[0].comparison.feature
    kinds = kinds_of(feature) if can_be_tags else kinds_of(feature) & ~Kinds.TAGS
    of_words = [literal for literal in literals if literal.is_of_words]
    of_numbers = [literal for literal in literals if literal.named and not literal.is_of_words]
    numbers = set(_number_presences(feature, of_numbers, can_be=Kinds.NUMBER in kinds or feature == DATE))
    words = set(_word_presences(of_words, kinds))
    vectors = {False, True} if Kinds.VECTOR in kinds else {False}
    presences = {number or word or vector for number in numbers for word in words for vector in vectors}
    wanted = {
        (literal.operator is Operator.EXISTS) == literal.holds for literal in literals if literal.operator in _PRESENCE
    }
    return wanted != {False, True} and bool(presences & (wanted or {False, True}))


def _number_presences(feature: str, literals: Sequence[Literal], *, can_be: bool) -> Iterator[bool]:
    """Yield whether the number can be absent, and whether it can be there, where the literals hold."""
    if all(not literal.holds for literal in literals):
        yield False
    constants = sorted({float(value) for literal in literals for value in literal.named})
    if can_be and any(
        all(_number_holds(literal, number) == literal.holds for literal in literals)
        for number in _numbers(feature, constants)
    ):
        yield True


def _numbers(feature: str, constants: Sequence[float]) -> Iterator[float]:
    """Yield numbers that stand for all that a feature can be, as far as comparisons with constants can tell."""
    if (whole := whole_numbers_of(feature)) is not None:
        yield from whole
        return
    if feature == DATE:
        yield from (day + step for day in constants or [1.0] for step in (-1, 0, 1))
        return
    between = (low / 2 + high / 2 for low, high in pairwise(constants))
    beyond = (nextafter(constants[0], -inf), nextafter(constants[-1], inf)) if constants else (1.0,)
    least, most = least_of(feature), most_of(feature)
    yield from (number for number in (*constants, *between, *beyond) if least <= number <= most)


def _number_holds(literal: Literal, number: float) -> bool:
    if literal.operator in ORDERS:
        (value,) = literal.named
        return ORDER_TESTS[literal.operator](number, value)
    return (number in literal.named) != (literal.operator in _NEGATIVE)


def _day(value: Constant) -> float:
    return float(date.fromisoformat(str(value)).toordinal())


def _word_presences(literals: Sequence[Literal], kinds: Kinds) -> Iterator[bool]:
    """Yield whether a word or tags can be there, and whether both can be absent, where the literals hold."""
    named = {str(value) for literal in literals for value in literal.named}
    words: list[str | None] = [None, *named, "".join(named) + "?"] if Kinds.WORD in kinds else [None]
    ruled_out = {value for literal in literals if _rules_out(literal) for value in literal.named}
    every_tag = [None, named - ruled_out] if Kinds.TAGS in kinds else [None]
    for tags in every_tag:
        tagged = [(literal, tags is not None and not literal.named.isdisjoint(tags)) for literal in literals]
        for word in words:
            is_there = word is not None or tags is not None
            if all(
                _word_holds(literal, word, is_tagged=is_tagged, is_there=is_there) == literal.holds
                for literal, is_tagged in tagged
            ):
                yield is_there


def _rules_out(literal: Literal) -> bool:
    """Tell whether no tag may be one that is named."""
    return literal.holds == (literal.operator in _NEGATIVE)


def _word_holds(literal: Literal, word: str | None, *, is_tagged: bool, is_there: bool) -> bool:
    if literal.operator is Operator.HAS:
        return is_tagged
    is_named = is_tagged or word in literal.named
    return is_there and not is_named if literal.operator in _NEGATIVE else is_named
