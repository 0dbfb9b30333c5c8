"""What is wrong with segments."""

from collections.abc import Iterator, Sequence

from attune.api.checks import MAX_ID_BYTES, prefixed
from attune.api.condition_validation import condition_violations
from attune.api.validation import refuse
from attune.errors import Violation
from attune.store.keys import PLACEMENT_NAME
from attune.store.segments import MAX_SEGMENTS
from attune.tasks import in_turns
from attune.v1.segment_service_pb2 import Segment


async def check_segments(segments: Sequence[Segment]) -> None:
    """Check segments that are to be put; decisions are made in between.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_count_violations("segments", len(segments)))
    found, first = list[Violation](), dict[str, int]()
    async for i, segment in in_turns(enumerate(segments)):
        found += prefixed(f"segments[{i}]", segment_violations(segment))
        if (seen := first.setdefault(segment.name, i)) != i:
            said = f'expected a name of its own, got "{segment.name[:80]}" as in segments[{seen}]'
            found.append(Violation(f"segments[{i}].name", said))
    refuse(found)


def check_names(names: Sequence[str]) -> None:
    """Check names of segments that are to be deleted.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_count_violations("names", len(names)))
    refuse(violation for i, name in enumerate(names) for violation in _name_violations(f"names[{i}]", name))


def segment_violations(segment: Segment) -> Iterator[Violation]:
    """Yield what is wrong with a segment by itself."""
    yield from _name_violations("name", segment.name)
    if (size := len(segment.title.encode())) > MAX_ID_BYTES:
        yield Violation("title", f"expected at most {MAX_ID_BYTES} bytes of UTF-8, got {size}")
    yield from prefixed("when", condition_violations(segment.when, None, of_offers=False))


def _name_violations(field: str, name: str) -> Iterator[Violation]:
    if not PLACEMENT_NAME.fullmatch(name):
        expected = "expected 1 to 64 characters of a-z, 0-9, _, - and ., starting with a letter or digit"
        yield Violation(field, f'{expected}, got "{name[:80]}"')


def _count_violations(field: str, count: int) -> Iterator[Violation]:
    if not 1 <= count <= MAX_SEGMENTS:
        yield Violation(field, f"expected 1 to {MAX_SEGMENTS}, got {count}")
