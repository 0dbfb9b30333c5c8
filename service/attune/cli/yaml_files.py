"""Opens the YAML and JSON files that commands are given: nodes, which still know in which line they stand.

JSON is read as the YAML that it is, so it has line numbers, too.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from yaml.constructor import SafeConstructor

from attune.errors import InvalidInputError, Violation

_SURROGATES = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
# libyaml takes a quarter of the time, which counts with thousands of offers; not every build of PyYAML has it.
_QUICK: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_Item = TypeVar("_Item")
_T = TypeVar("_T")


def gathered(items: Iterable[_Item], what: Callable[[_Item], Iterable[_T]]) -> tuple[list[_T], list[Violation]]:
    """Read files or parts of one, and go on with the next where something is wrong.

    Args:
        items: The files.
        what: Reads one; raises InvalidInputError.

    Returns:
        What they hold, in order, and what is wrong in them.
    """
    found: list[_T] = []
    violations: list[Violation] = []
    for item in items:
        try:
            found += what(item)
        except InvalidInputError as error:
            violations += error.violations
    return found, violations


def read(file: Path, what: Callable[[SafeConstructor, Sequence[yaml.Node]], _T]) -> _T:
    """Read a file.

    Args:
        file: The file.
        what: Is given what makes values of nodes, and the node of each item of the file: of each of its documents, or,
            where a document is a list, of each of its elements.

    Returns:
        What `what` returns.

    Raises:
        InvalidInputError: It cannot be read, or is not YAML.
    """
    text = text_of(file)
    if file.suffix == ".json":
        text = _yaml_of_json(text)
    try:
        return what(*_composed(text))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidInputError(Violation(f"{file}:{line}", f"not valid YAML: {error.problem}")) from error
    except yaml.YAMLError as error:
        raise InvalidInputError(Violation(str(file), f"not valid YAML: {error}")) from error


def text_of(file: Path) -> str:
    """Return the text of a file.

    Raises:
        InvalidInputError: It cannot be read, or is not UTF-8.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidInputError(Violation(str(file), f"cannot be read: {error.strerror}")) from error
    except UnicodeDecodeError as error:
        raise InvalidInputError(Violation(str(file), f"expected UTF-8 text: {error.reason}")) from error


def _composed(text: str) -> tuple[SafeConstructor, list[yaml.Node]]:
    try:
        loader = _QUICK(text)
        return loader, list(_items(loader))
    except (yaml.YAMLError, UnicodeEncodeError):
        # What is wrong is said by the other one, whose words name what was found.
        loader = yaml.SafeLoader(text)
        return loader, list(_items(loader))


def _items(loader: yaml.SafeLoader) -> Iterator[yaml.Node]:
    while loader.check_node():
        node = loader.get_node()
        if isinstance(node, yaml.SequenceNode):
            yield from node.value
        elif node is not None and node.value != "":
            yield node


def _yaml_of_json(text: str) -> str:
    """Return JSON as YAML with the same lines: the two places in which JSON is not YAML are rewritten."""
    # YAML allows no tabs between values; inside a JSON string there cannot be any.
    text = text.replace("\t", " ")
    # A character beyond U+FFFF is a pair of escapes in JSON, which YAML would take for two characters.
    return _SURROGATES.sub(lambda pair: str(json.loads(f'"{pair[0]}"')), text)
