"""Turns a YAML node into the JSON form of a message, checking each field where its line is still known.

protobuf's own parser names neither the line nor, in a list, the position of what it refuses. So the structure is
checked here against the message's descriptor, and each single value by protobuf's parser on a message that has
nothing else; what passes here is what protobuf accepts.
"""

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import yaml
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from yaml.constructor import SafeConstructor

from attune.errors import Violation

_EXPECTED = {
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_INT32: "a whole number",
    FieldDescriptor.CPPTYPE_INT64: "a whole number",
    FieldDescriptor.CPPTYPE_STRING: "text, if need be in quotes",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number, 0 or more",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number, 0 or more",
}
# Messages that the JSON mapping writes as a single value.
_SCALAR_MESSAGES = {
    "google.protobuf.Duration": 'seconds in the form "600s"',
    "google.protobuf.Timestamp": 'a time in the form "2026-01-31T12:00:00Z"',
}
# Messages of nothing but a list, for which the list itself is understood as well.
_LISTS = {"attune.v1.Tags", "attune.v1.Vector"}
# Messages for which a plain text is understood as well, and the field that it is.
_TEXTS = {"attune.v1.Condition": "test"}
_YAML_TIME = "tag:yaml.org,2002:timestamp"


class NodeReader:
    """Reads one message.

    Attributes:
        violations: What was wrong so far, with file, line and path.
        lines: The line of each field, one-based, by its path within the message; the message's own by "".
    """

    def __init__(self, loader: SafeConstructor, file: str, root: str) -> None:
        """Prepare to read.

        Args:
            loader: Where the nodes come from.
            file: Its name, for the violations.
            root: Path of the message within the file, for the violations.
        """
        self.violations: list[Violation] = []
        self.lines: dict[str, int] = {}
        self._loader = loader
        self._file = file
        self._root = root

    def message(self, node: yaml.Node, descriptor: Descriptor, path: str = "") -> dict[str, Any]:
        """Return the JSON form of a message; where something is wrong it is incomplete, and `violations` grows.

        Args:
            node: What the file says.
            descriptor: What the message may hold.
            path: Where it is within the outermost message.
        """
        self.lines.setdefault(path, line_of(node))
        value: dict[str, Any] = {}
        if isinstance(node, yaml.SequenceNode) and descriptor.full_name in _LISTS:
            (only,) = descriptor.fields
            return {only.name: self._value(node, only, path)}
        if isinstance(node, yaml.ScalarNode) and (text := _TEXTS.get(descriptor.full_name)):
            return {text: node.value}
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, path, f"expected {_fields(descriptor)}, got {self._shown(node)}")
            return value
        taken: dict[str, str] = {}
        for key, below in node.value:
            field = field_of(descriptor, key.value)
            if field is None:
                self._refuse(key, _join(path, str(key.value)), unknown(_names(descriptor), str(key.value)))
                continue
            here = _join(path, _written(field))
            self.lines[here] = line_of(key)
            group = field.containing_oneof.name if field.containing_oneof else field.name
            if group in taken:
                self._refuse(key, here, f'expected one of a kind, got it besides "{taken[group]}"')
            taken[group] = _written(field)
            value[field.name] = self._value(below, field, here)
        return value

    def _value(self, node: yaml.Node, field: FieldDescriptor, path: str) -> Any:
        if _is_map(field):
            return self._map(node, field, path)
        if not field.is_repeated:
            return self._single(node, field, path)
        if not isinstance(node, yaml.SequenceNode):
            self._refuse(node, path, f"expected a list, got {self._shown(node)}")
            return []
        return [self._single(item, field, f"{path}[{index}]") for index, item in enumerate(node.value)]

    def _map(self, node: yaml.Node, field: FieldDescriptor, path: str) -> dict[str, Any]:
        """Return the JSON form of a map from text to something."""
        assert field.message_type  # a map is a list of messages of a name and a value
        of, value = field.message_type.fields_by_name["value"], dict[str, Any]()
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, path, f"expected names with values, got {self._shown(node)}")
            return value
        for key, below in node.value:
            # What was written, not what YAML takes it for: a feature may be called `1` or `on`.
            name = str(key.value)
            here = f'{path}["{name}"]'
            self.lines[here] = line_of(key)
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, path, f"expected a name, got {self._shown(key)}")
            elif name in value:
                self._refuse(key, here, "expected each name once, got it again")
            value[name] = self._single(below, of, here)
        return value

    def _single(self, node: yaml.Node, field: FieldDescriptor, path: str) -> Any:
        if field.message_type and field.message_type.full_name not in _SCALAR_MESSAGES:
            return self.message(node, field.message_type, path)
        self.lines.setdefault(path, line_of(node))
        value = self._constructed(node) if isinstance(node, yaml.ScalarNode) else None
        if field.message_type and node.tag == _YAML_TIME:
            value = node.value  # YAML would make a date of it
        if not _accepted(field, value):
            self._refuse(node, path, f"expected {_expected(field)}, got {self._shown(node)}")
        return value

    def _constructed(self, node: yaml.Node) -> Any:
        try:
            return self._loader.construct_object(node, deep=True)
        except ValueError:  # it has the form of a date, and is none
            self._loader.recursive_objects.pop(node, None)  # where PyYAML notes what is not finished
            return node.value

    def _shown(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.MappingNode):
            return "fields"
        if isinstance(node, yaml.SequenceNode):
            return "a list"
        value = self._constructed(node)
        return "nothing" if value is None else json.dumps(value, default=str, ensure_ascii=False)

    def _refuse(self, node: yaml.Node, path: str, description: str) -> None:
        self.violations.append(Violation(f"{self._file}:{line_of(node)}: {_join(self._root, path)}", description))


def line_of(node: yaml.Node) -> int:
    """Return the line that a node begins in, one-based."""
    return int(node.start_mark.line) + 1


def is_within(field: str, other: str) -> bool:
    """Say whether a path is another one, or leads into what is there."""
    return not other or (field.startswith(other) and field[len(other) :][:1] in ("", ".", "["))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def field_of(descriptor: Descriptor, name: object) -> FieldDescriptor | None:
    """Return the field of this name, in either of its spellings; None where there is none."""
    if not isinstance(name, str):
        return None
    known = descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)
    return known or next((field for field in descriptor.fields if _written(field) == name), None)


def unknown(names: Sequence[str], name: str) -> str:
    """Return what is said about a field that is none of these."""
    close = get_close_matches(name, names, n=1)
    return f'unknown field, did you mean "{close[0]}"?' if close else f"unknown field, known are {', '.join(names)}"


def _names(descriptor: Descriptor) -> list[str]:
    return [_written(field) for field in descriptor.fields]


def _written(field: FieldDescriptor) -> str:
    """Return how a field is called in files: as in the contract, or as the contract calls it in JSON."""
    is_own = field.json_name.lower() != field.name.replace("_", "").lower()
    return field.json_name if is_own else field.name


def _fields(descriptor: Descriptor) -> str:
    return f"fields ({', '.join(_names(descriptor))})" if descriptor.fields else "{}, as it has no fields"


def _expected(field: FieldDescriptor) -> str:
    if field.enum_type:
        return f"one of {', '.join(value.name for value in field.enum_type.values if value.number)}"
    if field.message_type:
        return _SCALAR_MESSAGES[field.message_type.full_name]
    return _EXPECTED[field.cpp_type]


def _accepted(field: FieldDescriptor, value: Any) -> bool:
    """Say whether protobuf's JSON parser takes the value for this field."""
    if value is None or isinstance(value, bool) != (field.cpp_type == FieldDescriptor.CPPTYPE_BOOL):
        return False
    assert field.containing_type  # only extensions have none
    alone = message_factory.GetMessageClass(field.containing_type)()
    try:
        json_format.ParseDict({field.name: [value] if field.is_repeated else value}, alone)
    except (json_format.ParseError, ValueError, TypeError, AttributeError):
        return False
    return True
