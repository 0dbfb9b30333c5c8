"""Turns a YAML node into the JSON form of a message, checking each field where its line is still known.

protobuf's own parser names neither the line nor, in a list, the position of what it refuses. So the structure is
checked here against the message's descriptor, and each single value by protobuf's parser on a message that has
nothing else; what passes here is what protobuf accepts.
"""

import json
from difflib import get_close_matches
from typing import Any

import yaml
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor

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


class NodeReader:
    """Reads one message.

    Attributes:
        violations: What was wrong so far, with file, line and path.
        lines: The line of each field, one-based, by its path within the message; the message's own by "".
    """

    def __init__(self, loader: yaml.SafeLoader, file: str, root: str) -> None:
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
        self.lines.setdefault(path, _line(node))
        value: dict[str, Any] = {}
        if not isinstance(node, yaml.MappingNode):
            self._refuse(node, path, f"expected {_fields(descriptor)}, got {self._shown(node)}")
            return value
        taken: dict[str, str] = {}
        for key, below in node.value:
            field = _field(descriptor, key.value)
            if field is None:
                self._refuse(key, _join(path, str(key.value)), _unknown(descriptor, str(key.value)))
                continue
            here = _join(path, field.name)
            self.lines[here] = _line(key)
            group = field.containing_oneof.name if field.containing_oneof else field.name
            if group in taken:
                self._refuse(key, here, f'expected one of a kind, got it besides "{taken[group]}"')
            taken[group] = field.name
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
            self.lines[here] = _line(key)
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, path, f"expected a name, got {self._shown(key)}")
            elif name in value:
                self._refuse(key, here, "expected each name once, got it again")
            value[name] = self._single(below, of, here)
        return value

    def _single(self, node: yaml.Node, field: FieldDescriptor, path: str) -> Any:
        if field.message_type and field.message_type.full_name not in _SCALAR_MESSAGES:
            return self.message(node, field.message_type, path)
        self.lines.setdefault(path, _line(node))
        value = self._loader.construct_object(node, deep=True) if isinstance(node, yaml.ScalarNode) else None
        if not _accepted(field, value):
            self._refuse(node, path, f"expected {_expected(field)}, got {self._shown(node)}")
        return value

    def _shown(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.MappingNode):
            return "fields"
        if isinstance(node, yaml.SequenceNode):
            return "a list"
        value = self._loader.construct_object(node, deep=True)
        return "nothing" if value is None else json.dumps(value, default=str, ensure_ascii=False)

    def _refuse(self, node: yaml.Node, path: str, description: str) -> None:
        self.violations.append(Violation(f"{self._file}:{_line(node)}: {_join(self._root, path)}", description))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _field(descriptor: Descriptor, name: object) -> FieldDescriptor | None:
    if not isinstance(name, str):
        return None
    return descriptor.fields_by_name.get(name) or descriptor.fields_by_camelcase_name.get(name)


def _names(descriptor: Descriptor) -> str:
    return ", ".join(field.name for field in descriptor.fields)


def _fields(descriptor: Descriptor) -> str:
    return f"fields ({_names(descriptor)})" if descriptor.fields else "{}, as it has no fields"


def _unknown(descriptor: Descriptor, name: str) -> str:
    close = get_close_matches(name, [field.name for field in descriptor.fields], n=1)
    return f'unknown field, did you mean "{close[0]}"?' if close else f"unknown field, known are {_names(descriptor)}"


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
