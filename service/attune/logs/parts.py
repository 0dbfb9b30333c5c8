"""A directory of files that are named after the positions they hold: how an export is resumable and exactly once.

    interactions/day=2026-11-21/1795300000000-0..1795300004711-3.parquet

A file is written under another name, put on the disk, and then renamed; the next one begins after its last position. So
whatever is killed when, the files that have their names are whole, do not overlap, and leave nothing out. Nothing else
is remembered: where to go on is read from the names.
"""

import os
import re
from pathlib import Path

from attune.store.interactions import BEGINNING, order

_NAME = re.compile(r"(\d+-\d+)\.\.(\d+-\d+)")
_UNFINISHED = ".unfinished-"


class Parts:
    """The files of one stream in one format."""

    def __init__(self, root: Path, suffix: str) -> None:
        """Look after files with this suffix in the `day=...` directories of a directory, which is made when needed."""
        self._root = root
        self._suffix = suffix

    def files(self) -> list[tuple[str, str, Path]]:
        """Return first position, last position and path of each file, in the order of their positions."""
        found = [
            (match.group(1), match.group(2), path)
            for path in self._root.glob(f"day=*/*{self._suffix}")
            if (match := _NAME.fullmatch(path.name.removesuffix(self._suffix)))
        ]
        return sorted(found, key=lambda part: order(part[0]))

    def last(self) -> str:
        """Return the last position that is in a file; `BEGINNING` when there is none."""
        return max((last for _, last, _ in self.files()), key=order, default=BEGINNING)

    def remove_unfinished(self) -> None:
        """Remove what an export that was killed has left behind."""
        for path in self._root.glob(f"day=*/{_UNFINISHED}*{self._suffix}"):
            path.unlink()

    def begin(self, day: str, first: str) -> Path:
        """Return where to write a file that begins at a position.

        Args:
            day: Its day, as 2026-11-21.
            first: The position of its first entry.
        """
        directory = self._root / f"day={day}"
        if not directory.is_dir():
            directory.mkdir(parents=True)
            for parent in (self._root, self._root.parent):
                _sync(parent)
        return directory / f"{_UNFINISHED}{first}{self._suffix}"

    def finish(self, written: Path, first: str, last: str) -> Path:
        """Put a file on the disk and give it its name.

        Args:
            written: What `begin` returned; closed.
            first: The position of its first entry.
            last: The position of its last entry.
        """
        _sync(written)
        finished = written.rename(written.with_name(f"{first}..{last}{self._suffix}"))
        _sync(finished.parent)
        return finished


def positions(path: Path) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return first and last position of a file in a form that can be compared; zeros for a file of another name."""
    match = _NAME.match(path.name)
    return (order(match.group(1)), order(match.group(2))) if match else ((0, 0), (0, 0))


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
