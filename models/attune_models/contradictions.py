"""Finds conditions that nobody can ever meet, such as `tenure_days >= 30` together with `tenure_days < 10`.

What is found is certain; where a condition has too many branches to look at, nothing is said. Each feature is looked at
by itself, because no comparison is about two of them: of the numbers it could be, the ones it is compared with, those
between and those beyond stand for all others; of the words, those and one other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations, pairwise
from math import inf, nextafter
from typing import NamedTuple, TypeAlias

from attune_models.comparisons import ORDERS, Comparison, Operator
from attune_models.conditions import ORDER_TESTS, AllOf, AnyOf, Condition, Negation, Reference, leaves_of
from attune_models.facts import DATE
from attune_models.features import MAX_NUMBER
from attune_models.known_names import Kinds, kinds_of, least_of, whole_numbers_of

_MOST_STEPS = 1000
_PRESENCE = frozenset({Operator.EXISTS, Operator.MISSING})


class Literal(NamedTuple):
    """A comparison that has to hold, or not to.

    Attributes:
        comparison: The comparison.
        holds: Which of both.
    """

    comparison: Comparison
    holds: bool

    def __str__(self) -> str:
        """Return it as it could have been written."""
        return f"`{self.comparison}`" if self.holds else f"not `{self.comparison}`"


_Demand: TypeAlias = tuple[Condition, bool]
"""A condition that has to hold, or not to."""


class _TooManyStepsError(Exception):
    """There is more to look at than is worth it."""


def contradiction(condition: Condition) -> str | None:
    """Say why a condition can never be met; None where it can, or where that would take too long to find out.

    Args:
        condition: What it refers to, put in its place.
    """
    solver = _Solver(frozenset())
    if not solver.is_possible(condition):
        return f"nobody can meet it: {_reason(solver, condition)}"
    words = _single_words(condition)
    solver = _Solver(words)
    if words and not solver.is_possible(condition):
        named = ", ".join(sorted(words))
        return f"nobody can meet it unless tags are meant by {named}: {_reason(solver, condition)}"
    return None


class _Solver:
    """Looks for a way to meet a condition.

    Attributes:
        words: Features that are taken for single words, not for tags.
    """

    def __init__(self, words: frozenset[str]) -> None:
        self.words = words
        self._steps = 0

    def is_possible(self, condition: Condition) -> bool:
        self._steps = 0
        try:
            return self._can_hold([(condition, True)], [], {})
        except _TooManyStepsError:
            return True

    def are_possible(self, literals: Sequence[Literal]) -> bool:
        """Tell whether literals of one feature can hold together."""
        return _are_possible(literals, can_be_tags=literals[0].comparison.feature not in self.words)

    def _can_hold(
        self, pending: list[_Demand], choices: list[list[_Demand]], settled: dict[str, tuple[Literal, ...]]
    ) -> bool:
        """Tell whether all demands can be met; one out of each of the choices, besides.

        Args:
            pending: What must hold, all of it. It is used up.
            choices: Of each of these one must hold.
            settled: What was demanded of each feature so far; possible.
        """
        while pending:
            self._step()
            condition, holds = pending.pop()
            match condition:
                case Negation(part):
                    pending.append((part, not holds))
                case AllOf(parts) | AnyOf(parts):
                    demands = [(part, holds) for part in parts]
                    if isinstance(condition, AllOf) == holds:
                        pending += demands
                    else:
                        choices = [*choices, demands]
                case Comparison(feature=feature):
                    literals = (*settled.get(feature, ()), Literal(condition, holds))
                    if not self.are_possible(literals):
                        return False
                    settled = {**settled, feature: literals}
                case Reference():
                    pass  # what is kept elsewhere may hold or not
        if not choices:
            return True
        first, *others = sorted(choices, key=len)
        return any(self._can_hold([demand], others, settled) for demand in first)

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise _TooManyStepsError


def _reason(solver: _Solver, condition: Condition) -> str:
    by_feature: dict[str, list[Literal]] = {}
    for literal in _demanded(condition, holds=True):
        by_feature.setdefault(literal.comparison.feature, []).append(literal)
    for literals in by_feature.values():
        for size in (1, 2):
            for some in combinations(literals, size):
                if not solver.are_possible(some):
                    return f"{some[0]} never holds" if size == 1 else f"{some[0]} and {some[1]} never hold together"
        if not solver.are_possible(literals):
            return f"{', '.join(map(str, literals))} never hold together"
    return "none of the ways to meet it is possible"


def _demanded(condition: Condition, *, holds: bool) -> Iterator[Literal]:
    """Yield what must be so whichever way the condition is met."""
    match condition:
        case Comparison():
            yield Literal(condition, holds)
        case Negation(part):
            yield from _demanded(part, holds=not holds)
        case AllOf(parts) | AnyOf(parts) if isinstance(condition, AllOf) == holds or len(parts) == 1:
            for part in parts:
                yield from _demanded(part, holds=holds)
        case _:
            pass


def _single_words(condition: Condition) -> frozenset[str]:
    """Return the features that are compared with words, and never looked into as tags."""
    words, tags = set[str](), set[str]()
    for leaf in leaves_of(condition):
        if isinstance(leaf, Comparison) and leaf.values and isinstance(leaf.values[0], str):
            (tags if leaf.operator is Operator.HAS else words).add(leaf.feature)
    return frozenset(name for name in words - tags if kinds_of(name) & Kinds.TAGS and kinds_of(name) & Kinds.WORD)


@dataclass(frozen=True, slots=True)
class _World:
    """What a feature could be besides a number.

    Attributes:
        word: Its word; None for none.
        tags: Its tags; None for none.
    """

    word: str | None
    tags: frozenset[str] | None

    @property
    def words(self) -> frozenset[str] | None:
        """What comparisons with words look at; None where there is nothing."""
        if self.word is None:
            return self.tags
        return (self.tags or frozenset()) | {self.word}


def _are_possible(literals: Sequence[Literal], *, can_be_tags: bool) -> bool:
    feature = literals[0].comparison.feature
    kinds = kinds_of(feature)
    of_words = [literal for literal in literals if _is_of_words(literal.comparison)]
    of_numbers = [
        literal for literal in literals if literal not in of_words and literal.comparison.operator not in _PRESENCE
    ]
    numbers = set(_number_presences(feature, of_numbers, can_be=Kinds.NUMBER in kinds or feature == DATE))
    words = set(_word_presences(of_words, kinds if can_be_tags else kinds & ~Kinds.TAGS))
    vectors = {False, True} if Kinds.VECTOR in kinds else {False}
    wanted = {
        (literal.comparison.operator is Operator.EXISTS) == literal.holds
        for literal in literals
        if literal.comparison.operator in _PRESENCE
    }
    presences = {number or word or vector for number in numbers for word in words for vector in vectors}
    return wanted != {False, True} and bool(presences & (wanted or {False, True}))


def _is_of_words(comparison: Comparison) -> bool:
    return bool(comparison.values) and isinstance(comparison.values[0], str) and comparison.feature != DATE


def _number_presences(feature: str, literals: Sequence[Literal], *, can_be: bool) -> Iterator[bool]:
    """Yield whether the number can be there, and whether it can be absent, where the literals hold."""
    if all(not literal.holds for literal in literals):
        yield False
    if can_be:
        demands = [
            (literal.comparison.operator, frozenset(map(_as_number, literal.comparison.values)), literal.holds)
            for literal in literals
        ]
        if any(
            all(_number_holds(operator, values, number) == holds for operator, values, holds in demands)
            for number in _numbers(feature, sorted({value for _, values, _ in demands for value in values}))
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
    least = max(least_of(feature), -MAX_NUMBER)
    yield from (number for number in (*constants, *between, *beyond) if least <= number <= MAX_NUMBER)


def _as_number(value: float | str) -> float:
    return date.fromisoformat(value).toordinal() if isinstance(value, str) else value


def _number_holds(operator: Operator, values: frozenset[float], number: float) -> bool:
    if operator in ORDERS:
        (value,) = values
        return ORDER_TESTS[operator](number, value)
    return (number in values) == (operator in (Operator.EQUAL, Operator.AMONG))


def _word_presences(literals: Sequence[Literal], kinds: Kinds) -> Iterator[bool]:
    """Yield whether a word or tags can be there, and whether both can be absent, where the literals hold."""
    named = frozenset(str(value) for literal in literals for value in literal.comparison.values)
    other = "".join(named) + "?"
    words: list[str | None] = [None, *named, other] if Kinds.WORD in kinds else [None]
    # All tags that are not forbidden: fewer would meet less.
    forbidden = {str(v) for literal in literals if _forbids(literal) for v in literal.comparison.values}
    tags = [None, named - forbidden] if Kinds.TAGS in kinds else [None]
    for world in (_World(word, some) for word in words for some in tags):
        if all(_word_holds(literal.comparison, world) == literal.holds for literal in literals):
            yield world.words is not None


def _forbids(literal: Literal) -> bool:
    return literal.holds == (literal.comparison.operator in (Operator.UNEQUAL, Operator.NOT_AMONG))


def _word_holds(comparison: Comparison, world: _World) -> bool:
    named = frozenset(map(str, comparison.values))
    if comparison.operator is Operator.HAS:
        return world.tags is not None and not named.isdisjoint(world.tags)
    if world.words is None:
        return False
    return named.isdisjoint(world.words) == (comparison.operator in (Operator.UNEQUAL, Operator.NOT_AMONG))
