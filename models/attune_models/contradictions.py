"""Finds conditions that nobody can ever meet, such as `tenure_days >= 30` together with `tenure_days < 10`.

What is found is certain; where there are too many ways to meet a condition to look at all of them, nothing is said.
Each feature is looked at by itself (`possible_values`), because no comparison is about two of them.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import combinations
from typing import TypeAlias

from attune_models.comparisons import Comparison, Operator
from attune_models.conditions import AllOf, AnyOf, Condition, Negation, Reference, leaves_of
from attune_models.known_names import Kinds, kinds_of
from attune_models.possible_values import Literal, are_possible, cost_of

# Some hundredths of a second: conditions are looked at where others wait.
_MOST_LOOKS = 30_000
_LOOKS_A_STEP = 20

_Demand: TypeAlias = tuple[Condition, bool]
"""A condition that has to hold, or not to."""


class _TooManyLooksError(Exception):
    """There is more to look at than is worth it."""


def contradiction(condition: Condition) -> str | None:
    """Say why a condition can never be met; None where it can, or where that would take too long to find out.

    Args:
        condition: What it refers to, put in its place.
    """
    if not _Solver().is_possible(condition):
        return f"nobody can meet it: {_Solver().reason(condition)}"
    words = _single_words(condition)
    if words and not _Solver(words).is_possible(condition):
        named = ", ".join(sorted(words))
        return f"nobody can meet it unless tags are meant by {named}: {_Solver(words).reason(condition)}"
    return None


class _Solver:
    """Looks for a way to meet a condition, for so long."""

    def __init__(self, words: frozenset[str] = frozenset()) -> None:
        """Begin; these features are taken for single words, not for tags."""
        self._words = words
        self._left = _MOST_LOOKS

    def is_possible(self, condition: Condition) -> bool:
        """Tell whether a condition can be met, or may be able to."""
        try:
            return self._can_hold([(condition, True)], [], {})
        except _TooManyLooksError:
            return True

    def reason(self, condition: Condition) -> str:
        """Say why a condition cannot be met."""
        by_feature: dict[str, list[Literal]] = {}
        for literal in _demanded(condition, holds=True):
            by_feature.setdefault(literal.comparison.feature, []).append(literal)
        with suppress(_TooManyLooksError):
            for literals in by_feature.values():
                if not self._are_possible(literals):
                    return self._smallest(literals)
        return "none of the ways to meet it is possible"

    def _smallest(self, literals: Sequence[Literal]) -> str:
        """Name those of some literals that cannot hold together: one or two of them, if those cannot already."""
        for size in (1, 2):
            for some in combinations(literals, size):
                if not self._are_possible(some):
                    return f"{some[0]} never holds" if size == 1 else f"{some[0]} and {some[1]} never hold together"
        return f"{', '.join(map(str, literals))} never hold together"

    def _can_hold(
        self, pending: list[_Demand], choices: list[list[_Demand]], settled: dict[str, tuple[Literal, ...]]
    ) -> bool:
        """Tell whether all demands can be met, and one out of each of the choices besides.

        Args:
            pending: What must hold, all of it. It is used up.
            choices: Of each of these one must hold.
            settled: What was demanded of each feature so far; possible.
        """
        while pending:
            self._pay(_LOOKS_A_STEP)
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
                    literals = (*settled.get(feature, ()), Literal.of(condition, holds=holds))
                    if not self._are_possible(literals):
                        return False
                    settled = {**settled, feature: literals}
                case Reference():
                    pass  # what is kept elsewhere may hold or not
        if not choices:
            return True
        # What leaves the fewest ways first: there a contradiction shows soonest.
        first, *others = sorted(choices, key=len)
        return any(self._can_hold([demand], others, settled) for demand in first)

    def _are_possible(self, literals: Sequence[Literal]) -> bool:
        self._pay(_LOOKS_A_STEP + cost_of(literals))
        return are_possible(literals, can_be_tags=literals[0].comparison.feature not in self._words)

    def _pay(self, looks: int) -> None:
        self._left -= looks
        if self._left < 0:
            raise _TooManyLooksError


def _demanded(condition: Condition, *, holds: bool) -> Iterator[Literal]:
    """Yield what must be so whichever way the condition is met."""
    match condition:
        case Comparison():
            yield Literal.of(condition, holds=holds)
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
    both = Kinds.WORD | Kinds.TAGS
    return frozenset(name for name in words - tags if kinds_of(name) & both == both)
