"""Lines of JSON from a file of any size: each is read alone, and what is no object is refused by its line."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from attune.logs.readings import Refused, RowError

_MAX_LINE_BYTES = 16 << 20


def lines(path: Path, without: bytes = b"") -> Iterator[tuple[str, Mapping[str, Any] | Refused]]:
    """Yield `file:line` and the object of each line that is not empty; a `Refused` where it has none.

    Args:
        path: The file.
        without: Lines that hold this are passed over unread; empty for all lines.
    """
    try:
        with path.open("rb") as file:
            number, is_rest = 0, False
            while line := file.readline(_MAX_LINE_BYTES):
                number += not is_rest
                where = f"{path}:{number}"
                is_whole = line.endswith(b"\n") or len(line) < _MAX_LINE_BYTES
                if not is_whole and not is_rest:
                    yield (
                        where,
                        Refused(where, f"expected a line of less than {_MAX_LINE_BYTES} bytes, got a longer one"),
                    )
                elif is_whole and not is_rest and line.strip() and not (without and without in line):
                    yield where, _object(where, line)
                is_rest = not is_whole
    except OSError as error:
        yield str(path), Refused(str(path), f"expected a file that can be read, got: {error.strerror}")


def _object(where: str, line: bytes) -> Mapping[str, Any] | Refused:
    try:
        value = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return Refused(where, f"expected a JSON object, got: {error}")
    if not isinstance(value, dict):
        return Refused(where, f"expected a JSON object, got {type(value).__name__}")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise RowError(f"a number that is none: {name}")
