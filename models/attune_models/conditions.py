"""Conditions: comparisons under all, any and not; and predicates, which say fast whether one holds.

A feature that is absent meets no comparison, also none with `!=` or `not in`; and so it meets every `not` of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from attune_models.comparison_tests import Test, comparison_test
from attune_models.comparisons import Comparison
from attune_models.facts import CHANNEL, OFFER_PREFIX, Facts
from attune_models.types import Features, FeatureSet


class UnknownReferenceError(Exception):
    """What a condition refers to is not there."""


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part holds.

    Attributes:
        parts: What must hold; where there is none, it always does.
    """

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part holds.

    Attributes:
        parts: One of which must hold; where there is none, it never does.
    """

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class Negation:
    """It does not hold.

    Attributes:
        part: What does not.
    """

    part: "Condition"


@dataclass(frozen=True, slots=True)
class Reference:
    """A condition that is kept elsewhere and may change there, such as a segment's.

    Attributes:
        name: What it is called.
        test: Tells whether it holds as it is now; raises `UnknownReferenceError` where there is none of this name.
    """

    name: str
    test: Test = field(repr=False)


Condition: TypeAlias = AllOf | AnyOf | Negation | Comparison | Reference
"""A condition, as a value."""


ALWAYS, NEVER = AllOf(()), AnyOf(())
"""Conditions of no parts, which hold everywhere and nowhere."""


@dataclass(frozen=True, slots=True)
class Predicate:
    """A condition that is ready to be asked. Those of equal conditions are equal.

    Attributes:
        condition: What is asked.
        test: Tells whether it holds.
        needs_offer: Whether it looks at the offer: then it is asked with `Facts.of_offer`, or given the offer before.
        needs_channel: Whether it may look at the channel.
    """

    condition: Condition
    test: Test = field(compare=False, repr=False)
    needs_offer: bool = field(compare=False)
    needs_channel: bool = field(compare=False)

    def __call__(self, facts: Facts) -> bool:
        """Tell whether the condition holds."""
        return self.test(facts)

    @property
    def verdict(self) -> bool | None:
        """Whether it holds, where that is the same whatever the facts are; else None."""
        return {ALWAYS: True, NEVER: False}.get(self.condition)

    def given_offer(self, offer: Features) -> "Predicate":
        """Return what is left to be asked once the offer is known.

        Many offers leave the same: that is asked once for all of them.

        Args:
            offer: Its features.
        """
        return predicate_of(_given(self.condition, Facts(FeatureSet(), offer=offer))) if self.needs_offer else self


def predicate_of(condition: Condition) -> Predicate:
    """Prepare a condition.

    Args:
        condition: What is to be asked. Those that it refers to look at no offer, but perhaps at the channel. While one
            of them is not there, the condition does not hold: not even where a `not` stands before it.
    """
    leaves = list(leaves_of(condition))
    features = {leaf.feature for leaf in leaves if isinstance(leaf, Comparison)}
    refers = any(isinstance(leaf, Reference) for leaf in leaves)
    test = _test(condition)
    return Predicate(
        condition=condition,
        test=_unless_unknown(test) if refers else test,
        needs_offer=any(feature.startswith(OFFER_PREFIX) for feature in features),
        needs_channel=CHANNEL in features or refers,
    )


def leaves_of(condition: Condition) -> Iterator[Comparison | Reference]:
    """Yield the comparisons and references of a condition, from left to right."""
    match condition:
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from leaves_of(part)
        case Negation(part):
            yield from leaves_of(part)
        case Comparison() | Reference():
            yield condition


def _unless_unknown(test: Test) -> Test:
    def holds(facts: Facts) -> bool:
        """Tell whether it holds; while a reference stands for nothing, it does not."""
        try:
            return test(facts)
        except UnknownReferenceError:
            return False

    return holds


def _given(condition: Condition, offer: Facts) -> Condition:
    """Return a condition with what it asks of the offer answered, as short as that makes it."""
    match condition:
        case AllOf(parts):
            return _shortest(AllOf, [_given(part, offer) for part in parts], ALWAYS, NEVER)
        case AnyOf(parts):
            return _shortest(AnyOf, [_given(part, offer) for part in parts], NEVER, ALWAYS)
        case Negation(part):
            left = _given(part, offer)
            return NEVER if left == ALWAYS else ALWAYS if left == NEVER else Negation(left)
        case Comparison(feature=feature) if feature.startswith(OFFER_PREFIX):
            return ALWAYS if comparison_test(condition)(offer) else NEVER
        case _:
            return condition


def _shortest(
    kind: type[AllOf] | type[AnyOf], parts: list[Condition], neutral: Condition, decisive: Condition
) -> Condition:
    if decisive in parts:
        return decisive
    left = tuple(part for part in parts if part != neutral)
    return left[0] if len(left) == 1 else kind(left)


def _test(condition: Condition) -> Test:
    match condition:
        case AllOf(parts):
            return _all_of(tuple(map(_test, parts)))
        case AnyOf(parts):
            return _any_of(tuple(map(_test, parts)))
        case Negation(part):
            test = _test(part)
            return lambda facts: not test(facts)
        case Comparison():
            return comparison_test(condition)
        case Reference(test=test):
            return test


def _all_of(tests: tuple[Test, ...]) -> Test:
    def holds(facts: Facts) -> bool:
        """Tell whether every part holds."""
        for test in tests:  # noqa: SIM110 - a generator for all() would cost more than the tests
            if not test(facts):
                return False
        return True

    return holds


def _any_of(tests: tuple[Test, ...]) -> Test:
    def holds(facts: Facts) -> bool:
        """Tell whether some part holds."""
        for test in tests:  # noqa: SIM110 - as above
            if test(facts):
                return True
        return False

    return holds
