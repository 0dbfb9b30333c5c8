"""Rows of a CSV file of any size, plain or compressed by gzip: each is read alone, and what is none is refused.

    file:1 is the header, file:2 the first row

The standard library's reader takes the lines apart. It goes on after a line that is no CSV, so one bad row costs a row.
Where a quote has no end, every line that it takes along is refused, so that they are counted.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedIOBase, BufferedReader, RawIOBase
from pathlib import Path
from typing import Any

from attune.errors import SettingError
from attune.logs.readings import Refused, RowError

_MAX_LINE_BYTES = 1 << 20
_BUFFER_BYTES = 256 << 10
# What a file that is not what its name says, or ends too early, gives.
_UNREADABLE = (OSError, EOFError, zlib.error)


class Header:
    """The names of the columns of a file."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Keep the names.

        Args:
            path: The file, for messages.
            names: Its columns, in their order.
        """
        self.path = path
        self.names = names

    def position(self, column: str, meaning: str) -> int:
        """Return the position of a column, zero-based.

        Args:
            column: Its name.
            meaning: What it is for, for messages.

        Raises:
            SettingError: There is none of this name, or several.
        """
        if self.names.count(column) == 1:
            return self.names.index(column)
        found = "several" if column in self.names else f"only {', '.join(map(repr, self.names[:12]))}"
        more = ", ..." if column not in self.names and len(self.names) > 12 else ""  # noqa: PLR2004 - for people
        raise SettingError(f"{self.path}: {meaning}: expected one column {column!r}, got {found}{more}")


def header(path: Path, delimiter: str) -> Header:
    """Read the names of a file's columns.

    Raises:
        SettingError: The file cannot be read, or has none.
    """
    try:
        with _opened(path) as file:
            names = next(csv.reader(_Lines(file), delimiter=delimiter, strict=True), [])
    except (*_UNREADABLE, csv.Error, RowError) as error:
        raise SettingError(f"{path}: expected a CSV file with a header, got: {_said(error)}") from error
    if not names:
        raise SettingError(f"{path}: expected a CSV file with a header, got an empty file")
    return Header(path, names)


def rows(path: Path, delimiter: str) -> Iterator[tuple[str, Sequence[str] | Refused]]:
    """Yield `file:line` and the cells of each row after the header; a `Refused` where they are none.

    Args:
        path: A CSV file; one that ends with .gz is decompressed.
        delimiter: What stands between cells.
    """
    line = 1
    try:
        with _opened(path) as file:
            lines = _Lines(file)
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            n_columns = len(next(reader, []))
            while True:
                line = lines.number + 1
                where = f"{path}:{line}"
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except (csv.Error, RowError) as error:
                    yield where, Refused(where, f"expected a row of CSV, got: {_said(error)}")
                    yield from _lost(path, line, lines.number)
                    continue
                if len(cells) == n_columns:
                    yield where, cells
                elif cells:  # an empty line is no row
                    yield where, Refused(where, f"columns: expected {n_columns}, got {len(cells)}")
    except _UNREADABLE as error:
        where = f"{path}:{line}"
        yield where, Refused(where, f"expected the rest of the file, got: {_said(error)}")


def _lost(path: Path, first: int, last: int) -> Iterator[tuple[str, Refused]]:
    """Refuse the lines that a damaged row has taken along: a quote without an end goes on over many."""
    for line in range(first + 1, last + 1):
        where = f"{path}:{line}"
        yield where, Refused(where, f"row: expected one of its own, got a part of the damaged one in line {first}")


@contextmanager
def _opened(path: Path) -> Iterator[BufferedIOBase]:
    with path.open("rb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with BufferedReader(_Unzipped(raw), _BUFFER_BYTES) as file:
            yield file


class _Unzipped(RawIOBase):
    """What is in a gzip file, up to where it is damaged; GzipFile's own lines are cut in Python, which is slow."""

    def __init__(self, raw: BufferedIOBase) -> None:
        self._file = gzip.GzipFile(fileobj=raw)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one read goes; return with how many bytes."""
        # Not `readinto`: that fills the whole buffer, or, where the file is damaged, nothing of it.
        found = self._file.read1(len(buffer))
        buffer[: len(found)] = found
        return len(found)


class _Lines:
    """The lines of a file as text. No generator: that would be over after the first line that is none."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(_MAX_LINE_BYTES)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
            self._pass_over_rest()
            raise RowError(f"a line of {_MAX_LINE_BYTES} bytes or more")
        try:
            return line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise RowError(f"bytes that are no UTF-8: {error.reason}") from None

    def _pass_over_rest(self) -> None:
        while (rest := self._file.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass


def _said(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
