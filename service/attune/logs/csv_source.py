"""CSV files as a source of samples: any log with a propensity, once a mapping says what its columns mean."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from attune.errors import SettingError
from attune.logs.csv_layout import Layout
from attune.logs.csv_mapping import CsvMapping
from attune.logs.csv_rows import rows
from attune.logs.ordered import in_order
from attune.logs.readings import Refused
from attune.logs.samples import Found
from attune.logs.sizes import about_lines

_SUFFIXES = (".csv", ".csv.gz")


class CsvSource:
    """The decisions in CSV files: a row is a decision of one slot, and says what it earned."""

    def __init__(self, paths: Sequence[Path], mapping: CsvMapping, *, any_order: bool = False) -> None:
        """Find the files and their columns.

        Args:
            paths: Files, or directories, which are searched for files that end with .csv or .csv.gz; hidden ones and
                files of offers are left alone. They are read in the order of their names.
            mapping: What the columns mean.
            any_order: Whether samples may go back in time.

        Raises:
            SettingError: There is no such file, or none in a directory; a column is missing; offers cannot be read.
        """
        self.name = ", ".join(map(str, paths))
        self._mapping = mapping
        self._any_order = any_order
        self._files = [file for path in paths for file in _files(path, mapping)]
        for file in self._files:
            Layout(file, mapping)  # so that what is wrong with one is said before anything is read

    @cached_property
    def size_hint(self) -> int:
        """About how many samples there are; 0 where nobody knows."""
        return sum(about_lines(file) for file in self._files)

    def read(self) -> Iterator[Found]:
        """Read the rows, one file after the other.

        Raises:
            SettingError: A file has gone, or has other columns by now.
        """
        found = self._found()
        yield from found if self._any_order else in_order(found)

    def _found(self) -> Iterator[Found]:
        for file in self._files:
            layout = Layout(file, self._mapping)  # one at a time: each keeps the offers that it has read
            for where, cells in rows(file, self._mapping.delimiter):
                yield cells if isinstance(cells, Refused) else layout.sample(where, cells)


def _files(path: Path, mapping: CsvMapping) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SettingError(f"{path}: expected a file or a directory, got none")
    offers = mapping.offers.file and Path(mapping.offers.file).name
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.endswith(_SUFFIXES) and file.name != offers and not file.name.startswith((".", "_"))
    )
    if not found:
        raise SettingError(f"{path}: expected files that end with {' or '.join(_SUFFIXES)}, got none")
    return found
