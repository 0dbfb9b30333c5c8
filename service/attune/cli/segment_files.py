"""Reads segments from YAML and JSON files, and says in which line a mistake is.

They are a list under the key `segments`, in a file of their own or beside placements and offers. Fields are those of
the message `attune.v1.Segment`; in a condition a plain text stands for a `test`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml
from google.protobuf import json_format
from yaml.constructor import SafeConstructor

from attune.cli.listed_nodes import listed
from attune.cli.placement_nodes import NodeReader, is_within
from attune.errors import Violation
from attune.v1 import segment_service_pb2
from attune.v1.segment_service_pb2 import Segment

KEY = "segments"
_SEGMENT = segment_service_pb2.DESCRIPTOR.message_types_by_name["Segment"]
_INDEX = re.compile(rf"^{KEY}\[(\d+)\]\.?")


@dataclass(frozen=True, slots=True)
class SegmentEntry:
    """A segment and where it came from.

    Attributes:
        segment: The segment.
        file: The file's name, as it was given.
        where: Which segment of the file it is, for example `segments[3]`.
        lines: The line of each field, one-based, by its path in the message; the segment's own by "".
    """

    segment: Segment
    file: str
    where: str
    lines: Mapping[str, int]

    def located(self, violation: Violation) -> Violation:
        """Return a violation that was found in a request, with the file's name and line.

        Args:
            violation: Its field is a path in the request, for example `segments[7].when.test`.
        """
        field = _INDEX.sub("", violation.field, count=1)
        known = max((said for said in self.lines if is_within(field, said)), key=len)
        path = f"{self.where}.{field}" if field else self.where
        return Violation(f"{self.file}:{self.lines[known]}: {path}", violation.description)


def segments(
    file: str, loader: SafeConstructor, nodes: Iterable[yaml.Node]
) -> tuple[list[SegmentEntry], list[Violation]]:
    """Read the segments of a file.

    Args:
        file: Its name.
        loader: Makes values of nodes.
        nodes: The items that hold segments.

    Returns:
        Those in which nothing is wrong, and what is wrong in the others.
    """
    violations: list[Violation] = []
    entries: list[SegmentEntry] = []
    for position, node in enumerate(listed(file, KEY, nodes, violations)):
        where = f"{KEY}[{position}]"
        reader = NodeReader(loader, file, where)
        value = reader.message(node, _SEGMENT)
        violations += reader.violations
        if not reader.violations:
            entries.append(SegmentEntry(json_format.ParseDict(value, Segment()), file, where, reader.lines))
    return entries, violations


def located(entries: Sequence[SegmentEntry], violation: Violation) -> Violation:
    """Return a violation that was found in a request of these segments, with the file's name and line."""
    named = _INDEX.match(violation.field)
    return entries[int(named[1])].located(violation) if named else violation


def repeated(entries: Sequence[SegmentEntry]) -> Iterator[Violation]:
    """Yield a violation for each segment that has the name of an earlier one."""
    first: dict[str, SegmentEntry] = {}
    for entry in entries:
        earlier = first.setdefault(entry.segment.name, entry)
        if earlier is not entry:
            where = f"{earlier.file}:{earlier.lines['']}"
            description = f'expected a name of its own, got "{entry.segment.name}", which is taken in {where}'
            yield entry.located(Violation("segments[0].name", description))
