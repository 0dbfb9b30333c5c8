"""Finds what stands as a list under a key of its own in a file: offers, segments."""

from collections.abc import Iterable, Iterator

import yaml

from attune.cli.placement_nodes import line_of
from attune.errors import Violation


def holds(node: yaml.Node, key: str) -> bool:
    """Say whether an item of a file is such a list."""
    return isinstance(node, yaml.MappingNode) and any(name.value == key for name, _ in node.value)


def listed(file: str, key: str, nodes: Iterable[yaml.Node], violations: list[Violation]) -> Iterator[yaml.Node]:
    """Yield the node of each element of the lists; what is no such list is among the violations.

    Args:
        file: The file's name.
        key: What the lists stand under.
        nodes: Those that `holds`.
        violations: Grows.
    """
    for node in nodes:
        for name, below in node.value:
            if name.value != key:
                what = f"expected {key} alone, as a document of their own (a line of --- ends one)"
                violations.append(Violation(f"{file}:{line_of(name)}: {name.value}", what))
            elif isinstance(below, yaml.SequenceNode):
                yield from below.value
            else:
                got = "fields" if isinstance(below, yaml.MappingNode) else f'"{below.value}"'
                violations.append(Violation(f"{file}:{line_of(name)}: {key}", f"expected a list of {key}, got {got}"))
