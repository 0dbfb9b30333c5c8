"""Conditions of the contract, as they are asked: read, put together with the segments they name, and made predicates.

A segment is looked up when it is asked: one that has changed counts from then on, with nothing built anew.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attune.errors import InvalidInputError, Violation
from attune.serving.circumstances import Circumstances
from attune.v1 import condition_pb2
from attune_models.comparisons import ComparisonError, parse
from attune_models.conditions import (
    AllOf,
    AnyOf,
    Condition,
    Negation,
    Predicate,
    Reference,
    UnknownReferenceError,
    predicate_of,
)
from attune_models.facts import Facts

Conditions = Mapping[str, condition_pb2.Condition]
"""Conditions of segments, by name; it may change as they do."""

NO_SEGMENTS: Conditions = {}


def compiled(condition: condition_pb2.Condition, segments: Conditions) -> Predicate:
    """Prepare a condition.

    Args:
        condition: A valid one, see `attune.api.condition_validation`.
        segments: Those that it may name, with valid conditions. It is kept, and looked into each time; while one that
            it names is not there, it does not hold.

    Raises:
        InvalidInputError: It is none.
    """
    return predicate_of(condition_tree(condition, lambda name: _reference(name, segments)))


def segment_predicate(condition: condition_pb2.Condition) -> Predicate:
    """Prepare the condition of a segment, which names no other.

    Raises:
        InvalidInputError: It is none.
    """
    return predicate_of(condition_tree(condition, _nested))


def facts_of(circumstances: Circumstances, channel: str = "", default_zone: str = "") -> Facts:
    """Return what conditions look at, as far as it does not go with an offer.

    Args:
        circumstances: What a decision is made under.
        channel: Where it will be shown, where the request does not say it.
        default_zone: The time zone of customers of whom none is known; empty for UTC.
    """
    zone = circumstances.time_zone or default_zone
    return Facts(
        circumstances.context,
        channel=circumstances.channel or channel,
        clock=local_clock(circumstances.now_ms, zone),
        known=circumstances.known,
    )


def local_clock(now_ms: int, time_zone: str) -> Callable[[], datetime]:
    """Return what tells a time by the clock of a time zone; it is worked out when it is first asked for.

    Args:
        now_ms: Milliseconds since the epoch.
        time_zone: As IANA calls it; empty or unknown ones are UTC.
    """
    known: list[datetime] = []

    def clock() -> datetime:
        """Tell the time, the same one each time."""
        if not known:
            known.append(datetime.fromtimestamp(now_ms / 1000, _zone(time_zone)))
        return known[0]

    return clock


def condition_tree(condition: condition_pb2.Condition, refer: Callable[[str], Condition]) -> Condition:
    """Return a condition as the core's value.

    Args:
        condition: One of the contract.
        refer: Returns what the name of a segment stands for.

    Raises:
        InvalidInputError: It is none: the field is a path such as `all[1].not.test`.
    """
    if condition.all:
        return AllOf(tuple(_part(part, f"all[{i}]", refer) for i, part in enumerate(condition.all)))
    if condition.any:
        return AnyOf(tuple(_part(part, f"any[{i}]", refer) for i, part in enumerate(condition.any)))
    if condition.HasField("negated"):
        return Negation(_part(condition.negated, "not", refer))
    if condition.segment:
        return refer(condition.segment)
    try:
        return parse(condition.test)
    except ComparisonError as error:
        raise InvalidInputError(Violation("test", str(error))) from None


def _part(condition: condition_pb2.Condition, path: str, refer: Callable[[str], Condition]) -> Condition:
    try:
        return condition_tree(condition, refer)
    except InvalidInputError as error:
        raise InvalidInputError(
            *(Violation(f"{path}.{violation.field}", violation.description) for violation in error.violations)
        ) from None


def _reference(name: str, segments: Conditions) -> Reference:
    """Return the condition of a segment: as it is when it is asked."""
    known: tuple[condition_pb2.Condition, Predicate] | None = None

    def holds(facts: Facts) -> bool:
        """Tell whether the segment's condition holds; it is compiled anew where it has changed."""
        nonlocal known
        try:
            now = segments[name]
        except KeyError:
            raise UnknownReferenceError from None
        if known is None or known[0] is not now:
            known = now, segment_predicate(now)
        return known[1].test(facts)

    return Reference(name, holds)


def _nested(name: str) -> Condition:
    raise InvalidInputError(Violation("segment", f'expected no segment within a segment, got "{name[:80]}"'))


# `ZoneInfo` itself keeps eight: of more, each decision would read a file.
@lru_cache(1000)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC
