"""`attune export`: the training log and the late outcomes, from the store into files, in the order of their positions.

What has been exported is what the names of the files say; see `attune.logs.parts`. Only when everything is on the
disk, the store is told how far: trimming happens behind that.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from attune.errors import InvalidInputError, SettingError
from attune.logs.destination import Destination
from attune.logs.formats import Format
from attune.logs.parts import Parts
from attune.logs.rows import day_of, rows_of
from attune.serving.specs import reward_spec
from attune.storage.v1.records_pb2 import PlacementRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING, order
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction
from attune.store.training_log import LateEntry, TrainingLog

_log = logging.getLogger(__name__)

_READ_BYTES = 1 << 20
_MOST_PER_READ = 1000


class _Entry(Protocol):
    """What stands in a stream."""

    @property
    def position(self) -> str:
        """Return its stream id."""
        ...


_E = TypeVar("_E", bound=_Entry)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did.

    Attributes:
        interactions: Interactions of the training log that were written, by this run.
        late: Late outcomes that were written, by this run.
        files: Files that were written, by this run.
        position: Position up to which the directory holds the training log.
        late_position: The same for late outcomes.
        missing_up_to: Position up to which entries were trimmed before this directory was begun; empty when it has all.
        damaged: Interactions that were left out, because the offers that they name are lost.
    """

    interactions: int
    late: int
    files: int
    position: str
    late_position: str
    missing_up_to: str
    damaged: int = 0


class Exporter:
    """Exports the log of a placement."""

    def __init__(self, store: Store, placement: PlacementRecord, form: Format, entries_per_file: int) -> None:
        """Prepare to export a placement's log in a format, with so many entries in a file at most."""
        self._name = placement.placement.name
        self._keys = PlacementKeys(self._name)
        self._log = TrainingLog(store)
        self._form = form
        self._spec = placement.placement.reward
        self._entries_per_file = entries_per_file

    async def run(self, to: Destination, progress: Callable[[int, int], None]) -> Exported:
        """Export what is in the log now and not yet in the directory.

        Args:
            to: Where to.
            progress: Is told how many entries are done, and how many there are.

        Raises:
            SettingError: Entries that the directory has not seen were trimmed behind an export to elsewhere, or the
                directory holds more than the log.
            StoreUnavailableError: The store did not answer in time; run again later.
        """
        extent = await self._log.extent(self._keys)
        begun, begun_late = to.interactions.last(), to.late.last()
        _check_ends(begun, extent.last)
        _check_ends(begun_late, extent.last_late)
        rewards = reward_spec(self._spec)
        damaged: list[str] = []

        def interaction_rows(entry: LoggedInteraction) -> list[Mapping[str, Any]]:
            """Return a row for each slot of an entry."""
            if entry.revises:
                return []  # the entry that it corrects is there, and what corrects it is among the late outcomes
            try:
                return [self._form.interaction(self._name, row) for row in rows_of(entry, rewards)]
            except InvalidInputError as error:
                damaged.append(entry.position)
                _log.warning("interaction %s cannot be exported: %s", entry.position, error)
                return []

        def late_rows(entry: LateEntry) -> list[Mapping[str, Any]]:
            """Return the row of a late outcome."""
            return [self._form.late(self._name, entry)]

        count = _Count(extent.entries, progress)
        interactions = _Writer(to.interactions, self._entries_per_file, self._form.interactions_sheet(self._spec))
        async for entries in _portions(self._read, begun, extent.last):
            count.add(interactions.write(entries, interaction_rows))
        position = interactions.finish() or begun
        late = _Writer(to.late, self._entries_per_file, self._form.late_sheet)
        async for outcomes in _portions(self._read_late, begun_late, extent.last_late):
            count.add(late.write(outcomes, late_rows))
        late_position = late.finish() or begun_late
        await self._log.note_exported(self._keys, position, late_position)
        missing = extent.trimmed if begun == BEGINNING != extent.trimmed else ""
        files = interactions.files + late.files
        return Exported(interactions.entries, late.entries, files, position, late_position, missing, len(damaged))

    async def _read(self, position: str, most: int) -> tuple[list[LoggedInteraction], int]:
        entries, trimmed = await self._log.after(self._keys, position, most)
        if position != BEGINNING and order(position) < order(trimmed):
            raise SettingError(
                f"--to: the directory ends at position {position}, but the log was trimmed up to {trimmed} behind an "
                "export to another directory: a hole would remain. Export to that one, or to a new one"
            )
        return entries, sum(map(_size_bytes, entries))

    async def _read_late(self, position: str, most: int) -> tuple[list[LateEntry], int]:
        outcomes = await self._log.late_after(self._keys, position, most)
        return outcomes, sum(late.outcome.record.ByteSize() for late in outcomes)


class _Writer:
    """Writes entries of one stream into files: each of one day, and of a limited number of entries."""

    def __init__(self, parts: Parts, most: int, begin: Callable[[Path], Any]) -> None:
        self._parts = parts
        self._most = most
        self._begin = begin
        self._sheet: Any = None
        self._path = Path()
        self._day = self._first = self._last = ""
        self._in_file = 0
        self.entries = 0
        self.files = 0

    def write(self, entries: Sequence[_E], rows: Callable[[_E], list[Mapping[str, Any]]]) -> int:
        """Write entries that follow those before; return how many."""
        pending: list[Mapping[str, Any]] = []
        for entry in entries:
            day = day_of(entry.position)
            if self._sheet is None or day != self._day or self._in_file >= self._most:
                self._add(pending)
                pending = []
                self.finish()
                self._open(day, entry.position)
            made = rows(entry)
            pending += made
            self.entries += bool(made)
            self._last = entry.position
            self._in_file += 1
        self._add(pending)
        return len(entries)

    def finish(self) -> str:
        """Finish the file that is being written; return the last position that was written, empty for none."""
        if self._sheet is not None:
            self._sheet.close()
            self._parts.finish(self._path, self._first, self._last)
            self._sheet = None
            self.files += 1
        return self._last

    def _open(self, day: str, first: str) -> None:
        self._day, self._first, self._in_file = day, first, 0
        self._path = self._parts.begin(day, first)
        self._sheet = self._begin(self._path)

    def _add(self, rows: list[Mapping[str, Any]]) -> None:
        if rows:
            self._sheet.add(rows)


class _Count:
    """Tells how far an export is."""

    def __init__(self, total: int, tell: Callable[[int, int], None]) -> None:
        self._done = 0
        self._total = total
        self._tell = tell

    def add(self, n: int) -> None:
        """Count n more entries."""
        self._done += n
        self._tell(self._done, self._total)


async def _portions(
    read: Callable[[str, int], Awaitable[tuple[list[_E], int]]], after: str, last: str
) -> AsyncIterator[list[_E]]:
    """Yield the entries after a position up to another one, in portions of about as many bytes each."""
    most = 1  # one alone may have all offers of a large catalogue
    while order(after) < order(last):
        entries, size_bytes = await read(after, most)
        if not entries:
            return  # the placement was deleted meanwhile
        yield [entry for entry in entries if order(entry.position) <= order(last)]
        after = entries[-1].position
        most = min(max(1, _READ_BYTES * len(entries) // max(1, size_bytes)), 2 * most, _MOST_PER_READ)


def _size_bytes(entry: LoggedInteraction) -> int:
    size = entry.decision.ByteSize()
    if entry.offer_set is not None:
        with contextlib.suppress(InvalidInputError):
            size += sum(map(len, entry.offers))
    return size


def _check_ends(begun: str, last: str) -> None:
    # What is noted as exported may be trimmed: that must not come from files of another log.
    if order(begun) > order(last):
        raise SettingError(
            f"--to: expected a directory that ends within the log, which ends at position {last}, got one that ends at "
            f"{begun}: it is of another log, or the store has lost its last entries. Choose another directory"
        )
