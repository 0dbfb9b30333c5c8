"""Reads placements from YAML or JSON files, and says in which line a mistake is.

A file holds one placement, a list of them, or several YAML documents. Fields are those of the message
`attune.v1.Placement`, in protobuf's JSON mapping (`min_probability` and `minProbability` are both understood).
Offers and segments may be in the same files, see `offer_files` and `segment_files`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from google.protobuf import json_format
from yaml.constructor import SafeConstructor

from attune.cli import yaml_files
from attune.cli.listed_nodes import holds
from attune.cli.placement_nodes import NodeReader, is_within
from attune.errors import InvalidInputError, Violation
from attune.v1 import placement_pb2
from attune.v1.placement_pb2 import Placement

OTHER_KEYS = ("offers", "segments")
"""What lists of something else stand under."""


@dataclass(frozen=True, slots=True)
class Document:
    """A placement and where it came from.

    Attributes:
        placement: The placement.
        file: The file's name, as it was given.
        position: Which placement of the file it is, zero-based.
        lines: The line of each field, one-based, by its path in the placement; the placement's own by "".
    """

    placement: Placement
    file: str
    position: int
    lines: Mapping[str, int]

    def located(self, violation: Violation) -> Violation:
        """Return a violation that the service found, with the file's name and line.

        Args:
            violation: Its field is a path in the request, for example `placement.policy.vw.bits`.
        """
        field = violation.field.removeprefix("placement").removeprefix(".")
        known = max((said for said in self.lines if is_within(field, said)), key=len)
        path = f"placements[{self.position}]" + (f".{field}" if field else "")
        return Violation(f"{self.file}:{self.lines[known]}: {path}", violation.description)


def read(files: Sequence[Path]) -> list[Document]:
    """Read all placements of all files, in order. Offers and segments that are in them are passed over.

    Raises:
        InvalidInputError: Something is wrong in any of them; the violations name file, line and field.
    """
    documents, violations = yaml_files.gathered(files, _read_file)
    violations += repeated(documents)
    if violations:
        raise InvalidInputError(*violations)
    return documents


def is_placement(node: yaml.Node) -> bool:
    """Say whether an item of a file is a placement, and not a list of something else."""
    return not any(holds(node, key) for key in OTHER_KEYS)


def placements(
    file: str, loader: SafeConstructor, nodes: Iterable[yaml.Node]
) -> tuple[list[Document], list[Violation]]:
    """Read the placements of a file.

    Args:
        file: Its name.
        loader: Makes values of nodes.
        nodes: A node for each placement.

    Returns:
        Those in which nothing is wrong, and what is wrong in the others.
    """
    violations: list[Violation] = []
    documents: list[Document] = []
    for position, node in enumerate(nodes):
        reader = NodeReader(loader, file, f"placements[{position}]")
        value = reader.message(node, placement_pb2.DESCRIPTOR.message_types_by_name["Placement"])
        violations += reader.violations
        if not reader.violations:
            placement = json_format.ParseDict(value, Placement())
            documents.append(Document(placement, file, position, reader.lines))
    return documents, violations


def repeated(documents: Sequence[Document]) -> Iterator[Violation]:
    """Yield a violation for each placement that has the name of an earlier one."""
    first: dict[str, Document] = {}
    for document in documents:
        earlier = first.setdefault(document.placement.name, document)
        if earlier is not document:
            where = f"{earlier.file}:{earlier.lines['']}"
            description = f'expected a name of its own, got "{document.placement.name}", which is taken in {where}'
            yield document.located(Violation("placement.name", description))


def _read_file(file: Path) -> list[Document]:
    def found(loader: SafeConstructor, nodes: Sequence[yaml.Node]) -> list[Document]:
        """Return the placements of a file, but for those documents that hold something else."""
        others = [key for key in OTHER_KEYS if any(holds(node, key) for node in nodes)]
        documents, violations = placements(str(file), loader, filter(is_placement, nodes))
        if not documents and not violations:
            got = " and ".join(others) or "an empty file"
            violations.append(Violation(str(file), f"expected a placement, got {got}"))
        if violations:
            raise InvalidInputError(*violations)
        return documents

    return yaml_files.read(file, found)
