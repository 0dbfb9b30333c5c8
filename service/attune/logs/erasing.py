"""Customers who are erased, in files that `attune export` wrote: these are the same afterwards, without their rows.

Rows are found by the keyed hash of the customer, late outcomes by the decision they belong to. A file is written anew
under another name, put on the disk and renamed, as an export does it; late outcomes go first. So whatever is killed
when, doing it again finds what is left. A file that has no row any more stays, because its name says how far the export
got.
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from attune.errors import SettingError
from attune.logs import destination, dsjson
from attune.logs.parts import Parts

_PARQUET = ".parquet"


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from a directory.

    Attributes:
        rows: Slots of decisions.
        late: Late outcomes.
        files: Files that were written anew.
        unknown: Files whose rows do not say whose they are, because they are of an earlier release.
    """

    rows: int
    late: int
    files: int
    unknown: int


class _Form(Protocol):
    """How files of a format are read and written."""

    def decisions(self, path: Path, customers: Collection[str]) -> set[str] | None:
        """Return the event_ids of customers in a file; None where it does not say whose they are."""

    def without(self, path: Path, event_ids: Collection[str], to: Path) -> int:
        """Write a file without the rows of decisions; return how many there were."""


def erase(directory: Path, customers: Collection[str]) -> Removed:
    """Remove customers from an export.

    Args:
        directory: Of the export.
        customers: Keyed hashes, hexadecimal.

    Raises:
        SettingError: It is not the directory of an export, cannot be written to, or somebody else writes to it. Or it
            has Parquet files, and the library for them is not installed.
    """
    check(directory)
    with destination.held(directory, "--exports"):
        done = [_erase(destination.files(directory, suffix), form(), customers) for suffix, form in _forms(directory)]
    return Removed(*(sum(numbers) for numbers in zip(*done, strict=True))) if done else Removed(0, 0, 0, 0)


def check(directory: Path) -> None:
    """Check that customers can be removed from an export.

    Raises:
        SettingError: It is not the directory of one, or has Parquet files, and the library for them is not installed.
    """
    if not (directory / "interactions").is_dir():
        raise SettingError(f"--exports: expected a directory that attune export has written, got {directory}")
    list(_forms(directory))


def _forms(directory: Path) -> Iterable[tuple[str, Callable[[], _Form]]]:
    yield dsjson.SUFFIX, _Lines
    if any(directory.glob(f"interactions/day=*/*{_PARQUET}")):
        if find_spec("pyarrow") is None:
            raise SettingError(f"--exports: {directory} has Parquet files: pip install 'attune[export]'")
        from attune.logs.parquet_erasing import ParquetFiles  # noqa: PLC0415 - loaded only where it is needed

        yield _PARQUET, ParquetFiles


def _erase(files: destination.Destination, form: _Form, customers: Collection[str]) -> tuple[int, int, int, int]:
    found = [(part, form.decisions(part[2], customers)) for part in files.interactions.files()]
    event_ids = {event_id for _, ids in found for event_id in ids or ()}
    late = [_rewrite(files.late, part, form, event_ids) for part in files.late.files()] if event_ids else []
    rows = [_rewrite(files.interactions, part, form, ids) for part, ids in found if ids]
    return sum(rows), sum(late), sum(n > 0 for n in rows + late), sum(ids is None for _, ids in found)


def _rewrite(parts: Parts, part: tuple[str, str, Path], form: _Form, event_ids: Collection[str]) -> int:
    first, last, path = part
    written = parts.begin(path.parent.name.removeprefix("day="), first)
    removed = form.without(path, event_ids, written)
    if removed:
        parts.finish(written, first, last)
    else:
        written.unlink()
    return removed


class _Lines:
    """DSJSON."""

    def decisions(self, path: Path, customers: Collection[str]) -> set[str] | None:
        """Return the event_ids of customers in a file. A line of nobody says nothing, of whatever release it is."""
        with path.open("rb") as lines:
            return {
                said["EventId"]
                for line in lines
                if any(customer.encode() in line for customer in customers)
                and (said := json.loads(line))["_attune"].get("customer") in customers
            }

    def without(self, path: Path, event_ids: Collection[str], to: Path) -> int:
        """Write a file without the lines of decisions; return how many there were."""
        removed = 0
        with path.open("rb") as lines, to.open("wb") as left:
            for line in lines:
                if json.loads(line)["EventId"] in event_ids:
                    removed += 1
                else:
                    left.write(line)
        return removed
