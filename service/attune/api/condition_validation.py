"""What is wrong with conditions, said at the place where it is, and what is allowed but hardly meant."""

from collections.abc import Collection, Container, Iterator, Mapping, Sequence

from attune.api.checks import prefixed
from attune.errors import Violation
from attune.serving.conditions import Conditions, condition_tree
from attune.v1.condition_pb2 import Condition
from attune_models import conditions as core
from attune_models.comparisons import Comparison, ComparisonError, parse
from attune_models.contradictions import contradiction
from attune_models.facts import OFFER_PREFIX
from attune_models.known_names import check_names, doubt

MAX_DEPTH = 8
MAX_CONDITIONS = 100


class _AnyName(Container[str]):
    """Holds every name."""

    def __contains__(self, _: object) -> bool:
        """Say yes."""
        return True


ANY_SEGMENT = _AnyName()
"""For `condition_violations` where it is not known which segments there are: whoever is asked in the end knows."""

_FIELDS = "all, any, not, test and segment"


def condition_violations(
    condition: Condition, segments: Container[str] | None, *, of_offers: bool = True
) -> Iterator[Violation]:
    """Yield what is wrong with a condition; fields are paths in it, such as `all[1].not.test`.

    Args:
        condition: What came in.
        segments: Names of those that it may name; None where it may name none.
        of_offers: Whether it may be about the offer.
    """
    if (count := _count(condition)) > MAX_CONDITIONS:
        yield Violation("", f"expected at most {MAX_CONDITIONS} conditions in all, got {count}")
    else:
        yield from _violations(condition, segments, of_offers=of_offers, depth=1)


def condition_warnings(
    field: str, condition: Condition, segments: Conditions, offer_features: Collection[str] = ()
) -> list[str]:
    """Return what is allowed but hardly meant about a condition, each with the field.

    Args:
        field: What the condition is in the message, such as `guardrails.rules[0].when`.
        condition: A valid one.
        segments: Those that it names, by name.
        offer_features: Names of the features that offers have, without `offer.`; empty where they are not known.
    """
    known = {f"{OFFER_PREFIX}{name}" for name in offer_features}
    own = condition_tree(condition, _nothing_asked)
    doubts = [doubt(leaf, known) for leaf in core.leaves_of(own) if isinstance(leaf, Comparison)]
    whole = condition_tree(condition, lambda name: condition_tree(segments[name], _nothing_asked))
    return [f"{field}: {said}" for said in (*dict.fromkeys(doubts), contradiction(whole)) if said]


def _nothing_asked(_: str) -> core.Condition:
    return core.ALWAYS


def named_segments(condition: Condition) -> set[str]:
    """Return the names of the segments that a condition looks at."""
    below = [*condition.all, *condition.any, *([condition.negated] if condition.HasField("negated") else [])]
    named = {condition.segment} - {""}
    return named.union(*map(named_segments, below))


def _count(condition: Condition) -> int:
    """Count conditions, however deep: messages of more than a hundred levels are not read at all."""
    below: Sequence[Condition] = [*condition.all, *condition.any]
    return 1 + sum(map(_count, below)) + (_count(condition.negated) if condition.HasField("negated") else 0)


def _violations(
    condition: Condition, segments: Container[str] | None, *, of_offers: bool, depth: int
) -> Iterator[Violation]:
    given = [name for name, is_set in _given(condition).items() if is_set]
    if len(given) != 1:
        yield Violation("", f"expected one of {_FIELDS}, got {' and '.join(given) or 'none'}")
    elif depth > MAX_DEPTH:
        yield Violation("", f"expected at most {MAX_DEPTH} conditions within each other, got more")
    elif condition.test:
        yield from _test_violations(condition.test, of_offers=of_offers)
    elif condition.segment:
        yield from _segment_violations(condition.segment, segments)
    else:
        for path, part in _parts(condition):
            yield from prefixed(path, _violations(part, segments, of_offers=of_offers, depth=depth + 1))


def _given(condition: Condition) -> Mapping[str, bool]:
    return {
        "all": bool(condition.all),
        "any": bool(condition.any),
        "not": condition.HasField("negated"),
        "test": bool(condition.test),
        "segment": bool(condition.segment),
    }


def _parts(condition: Condition) -> Iterator[tuple[str, Condition]]:
    for name in ("all", "any"):
        yield from ((f"{name}[{i}]", part) for i, part in enumerate(getattr(condition, name)))
    if condition.HasField("negated"):
        yield "not", condition.negated


def _test_violations(text: str, *, of_offers: bool) -> Iterator[Violation]:
    try:
        comparison = parse(text)
        check_names(comparison)
    except ComparisonError as error:
        yield Violation("test", str(error))
        return
    if not of_offers and comparison.feature.startswith(OFFER_PREFIX):
        yield Violation("test", f"expected a feature of the customer or the situation, got {comparison.feature}")


def _segment_violations(name: str, segments: Container[str] | None) -> Iterator[Violation]:
    if segments is None:
        yield Violation("segment", f'expected no segment here, got "{name[:80]}"')
    elif name not in segments:
        yield Violation("segment", f'expected the name of a segment, got "{name[:80]}"')
