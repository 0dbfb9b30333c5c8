"""Reads placements from YAML or JSON files, and says in which line a mistake is.

A file holds one placement, a list of them, or several YAML documents. Fields are those of the message
`attune.v1.Placement`, in protobuf's JSON mapping (`min_probability` and `minProbability` are both understood). JSON is
read as the YAML that it is, so it has line numbers, too.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from google.protobuf import json_format

from attune.cli.placement_nodes import NodeReader
from attune.errors import InvalidInputError, Violation
from attune.v1 import placement_pb2
from attune.v1.placement_pb2 import Placement

_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")


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
        known = max((said for said in self.lines if _is_within(field, said)), key=len)
        path = f"placements[{self.position}]" + (f".{field}" if field else "")
        return Violation(f"{self.file}:{self.lines[known]}: {path}", violation.description)


def _is_within(field: str, other: str) -> bool:
    return not other or (field.startswith(other) and field[len(other) :][:1] in ("", ".", "["))


def read(files: Sequence[Path]) -> list[Document]:
    """Read all placements of all files, in order.

    Raises:
        InvalidInputError: Something is wrong in any of them; the violations name file, line and field.
    """
    documents: list[Document] = []
    violations: list[Violation] = []
    for file in files:
        try:
            documents += _read_file(file)
        except InvalidInputError as error:
            violations += error.violations
    violations += _repeated(documents)
    if violations:
        raise InvalidInputError(*violations)
    return documents


def _read_file(file: Path) -> list[Document]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputError(Violation(str(file), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(Violation(str(file), f"expected UTF-8 text: {error.reason}")) from error
    if file.suffix == ".json":
        text = _yaml_of_json(text)
    try:
        return list(_placements(str(file), yaml.SafeLoader(text)))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInputError(Violation(f"{file}:{line}", f"not valid YAML: {error.problem}")) from error
    except yaml.YAMLError as error:
        raise InvalidInputError(Violation(str(file), f"not valid YAML: {error}")) from error


def _yaml_of_json(text: str) -> str:
    """Return JSON as YAML with the same lines: the two places in which JSON is not YAML are rewritten."""
    # YAML allows no tabs between values; inside a JSON string there cannot be any.
    text = text.replace("\t", " ")
    # A character beyond U+FFFF is a pair of escapes in JSON, which YAML would take for two characters.
    return _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)


def _placements(file: str, loader: yaml.SafeLoader) -> Iterator[Document]:
    violations: list[Violation] = []
    documents: list[Document] = []
    for position, node in enumerate(_nodes(loader)):
        reader = NodeReader(loader, file, f"placements[{position}]")
        value = reader.message(node, placement_pb2.DESCRIPTOR.message_types_by_name["Placement"])
        violations += reader.violations
        if not reader.violations:
            placement = json_format.ParseDict(value, Placement())
            documents.append(Document(placement, file, position, reader.lines))
    if not documents and not violations:
        violations.append(Violation(file, "expected a placement, got an empty file"))
    if violations:
        raise InvalidInputError(*violations)
    yield from documents


def _nodes(loader: yaml.SafeLoader) -> Iterator[yaml.Node]:
    """Yield the node of each placement."""
    while loader.check_node():
        node = loader.get_node()
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        elif node is not None and node.value != "":
            yield node


def _repeated(documents: Sequence[Document]) -> Iterator[Violation]:
    first: dict[str, Document] = {}
    for document in documents:
        earlier = first.setdefault(document.placement.name, document)
        if earlier is not document:
            where = f"{earlier.file}:{earlier.lines['']}"
            description = f'expected a name of its own, got "{document.placement.name}", which is taken in {where}'
            yield document.located(Violation("placement.name", description))
