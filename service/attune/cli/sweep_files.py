"""Reads a sweep file: which policies are to be tried, and in which line a mistake is.

    policy:                        # what every candidate starts from; absent means the default policy
      vw: {}
    grid:                          # every combination of these
      vw.exploration:              # one of a kind: whole messages
        - squarecb: {gamma_scale: 10}
        - softmax: {lambda: 5}
      min_probability: [0.01, 0.05]
    random:                        # drawn, from a list or a range
      vw.learning_rate: {from: 0.1, to: 10, scale: log}
    draws: 20                      # how often; each with every combination of the grid
    seed: 1

Fields are those of the message `attune.v1.PolicySpec`, with dots between a message and its fields.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from attune.cli.placement_nodes import NodeReader
from attune.errors import InvalidInputError, Violation
from attune.evaluation.grid import Axis, Candidate, Grid, Range, candidates
from attune.v1 import placement_pb2
from attune.v1.placement_pb2 import PolicySpec

MAX_DRAWS = 10_000

_POLICY: Descriptor = placement_pb2.DESCRIPTOR.message_types_by_name["PolicySpec"]
_PARTS = ("policy", "grid", "random", "draws", "seed")
_RANGE = ("from", "to", "scale")
_WHOLE = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}


def expand(file: Path) -> list[Candidate]:
    """Return every policy that a sweep file says to try.

    Raises:
        InvalidInputError: Something is wrong in it; the violations name file, line and field.
    """
    grid = read(file)
    try:
        return candidates(grid)
    except InvalidInputError as error:
        violations = [Violation(f"{file}: {each.field}", each.description) for each in error.violations]
        raise InvalidInputError(*violations) from error


def read(file: Path) -> Grid:
    """Read a sweep file.

    Raises:
        InvalidInputError: Something is wrong in it; the violations name file, line and field.
    """
    try:
        loader = yaml.SafeLoader(file.read_text(encoding="utf-8-sig"))
        root = loader.get_single_node()
    except OSError as error:
        raise InvalidInputError(Violation(str(file), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(Violation(str(file), f"expected UTF-8 text: {error.reason}")) from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInputError(Violation(f"{file}:{line}", f"not valid YAML: {error.problem}")) from error
    except yaml.YAMLError as error:
        raise InvalidInputError(Violation(str(file), f"not valid YAML: {error}")) from error
    return _Reader(loader, str(file)).grid(root)


class _Reader:
    """Reads the parts of one file, and gathers what is wrong with them."""

    def __init__(self, loader: yaml.SafeLoader, file: str) -> None:
        self._loader = loader
        self._file = file
        self._violations: list[Violation] = []

    def grid(self, root: yaml.Node | None) -> Grid:
        """Read the whole file."""
        parts = self._fields(root, "", _PARTS)
        policy = self._message(parts["policy"], "policy") if "policy" in parts else {}
        listed = self._axes(parts.get("grid"), "grid")
        drawn = self._axes(parts.get("random"), "random")
        draws = self._whole(parts.get("draws"), "draws", 1, MAX_DRAWS, 1)
        seed = self._whole(parts.get("seed"), "seed", 0, 2**32 - 1, 1)
        if not listed and not drawn and not self._violations:
            self._refuse(root, "", "expected lists of values under grid, or lists and ranges under random")
        if drawn and "draws" not in parts:
            self._refuse(parts["random"], "draws", "expected how many times to draw, got nothing")
        if self._violations:
            raise InvalidInputError(*self._violations)
        return Grid(json_format.ParseDict(policy, PolicySpec()), listed, drawn, draws, seed)

    def _fields(self, node: yaml.Node | None, path: str, known: Sequence[str]) -> dict[str, yaml.Node]:
        """Return the fields of a mapping that is not a message."""
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, path, f"expected fields ({', '.join(known)})")
            return {}
        for key, _ in node.value:
            if key.value not in known:
                self._refuse(key, path, f'unknown field "{key.value}", known are {", ".join(known)}')
        return {key.value: below for key, below in node.value if key.value in known}

    def _axes(self, node: yaml.Node | None, part: str) -> list[Axis]:
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, part, "expected fields of the policy with their values")
            return []
        labels = [str(key.value) for key, _ in node.value]
        for label in {label for label in labels if labels.count(label) > 1}:
            self._refuse(node, f"{part}.{label}", "expected each field once, got it again")
        return [axis for key, below in node.value if (axis := self._axis(part, key, below)) is not None]

    def _axis(self, part: str, key: yaml.Node, node: yaml.Node) -> Axis | None:
        label = str(key.value)
        path, where = _path(label), f"{part}.{label}"
        if isinstance(node, yaml.SequenceNode) and node.value:
            return Axis(label, path, [self._value(path, each, part) for each in node.value])
        if part == "random" and isinstance(node, yaml.MappingNode):
            return self._range(label, path, node)
        wanted = "a list of values, or a range (from, to, scale)" if part == "random" else "a list of values"
        self._refuse(node, where, f"expected {wanted}")
        return None

    def _range(self, label: str, path: Sequence[str], node: yaml.Node) -> Axis | None:
        where = f"random.{label}"
        ends = self._fields(node, where, _RANGE)
        if not {"from", "to"} <= set(ends):
            self._refuse(node, where, "expected from and to")
            return None
        low, high = (self._value(path, ends[name], "random") for name in ("from", "to"))
        scale = getattr(ends.get("scale"), "value", "linear")
        if scale not in ("linear", "log"):
            self._refuse(ends["scale"], f"{where}.scale", f'expected linear or log, got "{scale}"')
        field = _field(path)
        if not (_is_number(low) and _is_number(high) and field is not None):
            self._refuse(node, where, "expected a range of numbers for a field that is one")
            return None
        if not low < high or (scale == "log" and low <= 0):
            least = "more than 0, and " if scale == "log" else ""
            self._refuse(node, where, f"expected from to be {least}less than to, got {low} and {high}")
            return None
        return Axis(label, path, Range(float(low), float(high), scale == "log", field.cpp_type in _WHOLE))

    def _value(self, path: Sequence[str], node: yaml.Node, part: str) -> Any:
        """Return a value as JSON, checked as if it stood alone in a policy at its place."""
        for name in reversed(path):
            key = yaml.ScalarNode("tag:yaml.org,2002:str", name, node.start_mark, node.end_mark)
            node = yaml.MappingNode("tag:yaml.org,2002:map", [(key, node)], node.start_mark, node.end_mark)
        value: Any = self._message(node, part)
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _message(self, node: yaml.Node, part: str) -> dict[str, Any]:
        reader = NodeReader(self._loader, self._file, part)
        value = reader.message(node, _POLICY)
        self._violations += reader.violations
        return value

    def _whole(self, node: yaml.Node | None, path: str, low: int, high: int, default: int) -> int:
        if node is None:
            return default
        value = self._loader.construct_object(node, deep=True) if isinstance(node, yaml.ScalarNode) else None
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._refuse(
                node, path, f"expected a whole number from {low} to {high:,}, got {getattr(node, 'value', '')}"
            )
            return default
        return value

    def _refuse(self, node: yaml.Node | None, path: str, description: str) -> None:
        line = node.start_mark.line + 1 if node else 1
        where = f"{self._file}:{line}" + (f": {path}" if path else "")
        self._violations.append(Violation(where, description))


def _path(label: str) -> list[str]:
    """Return the fields that lead to what a label names, under the contract's names; of a choice, to where it is."""
    names = label.split(".")
    descriptor: Descriptor | None = _POLICY
    for position, name in enumerate(names):
        if descriptor is None:
            break
        if position == len(names) - 1 and name in descriptor.oneofs_by_name:
            return names[:position]
        field = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
        names[position] = field.name if field else name
        descriptor = field.message_type if field else None
    return names


def _field(path: Sequence[str]) -> FieldDescriptor | None:
    """Return the field at the end of a path; None where there is none."""
    descriptor: Descriptor | None = _POLICY
    field: FieldDescriptor | None = None
    for name in path:
        field = descriptor.fields_by_name.get(name) if descriptor else None
        descriptor = field.message_type if field else None
    return field


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
