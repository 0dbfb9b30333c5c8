"""Features from the cells of a row."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from attune.errors import SettingError
from attune.logs.csv_mapping import FeatureColumns
from attune.logs.csv_rows import Header
from attune.logs.readings import RowError
from attune.v1.features_pb2 import Features

_ZEROS = frozenset({"0", "0.0"})


class FeatureReader:
    """Reads the features of rows with one header."""

    def __init__(self, columns: FeatureColumns, header: Header, meaning: str) -> None:
        """Find the columns.

        Args:
            columns: Which they are.
            header: Of the file.
            meaning: What the features are of, for messages.

        Raises:
            SettingError: There is no such column, or none that fits a pattern.
        """
        self._numeric = _columns(columns.numeric, header, f"{meaning}.numeric")
        self._categorical = _columns(columns.categorical, header, f"{meaning}.categorical")
        self._omit_zeros = columns.omit_zeros
        # Looked up before anything is parsed: most numbers of many logs are these.
        self._passed_over = frozenset({""}) | (_ZEROS if columns.omit_zeros else frozenset())

    def read(self, cells: Sequence[str]) -> Features:
        """Return the features of a row; empty cells are none.

        Raises:
            RowError: A cell that is to hold a number does not.
        """
        passed_over = self._passed_over
        numeric: dict[str, float] = {}
        for i, name in self._numeric:
            if (cell := cells[i]) in passed_over:
                continue
            number = number_of(name, cell)
            if number or not self._omit_zeros:
                numeric[name] = number
        categorical = {name: cell for i, name in self._categorical if (cell := cells[i])}
        return Features(numeric=numeric, categorical=categorical)


def number_of(column: str, cell: str) -> float:
    """Return the number in a cell; it may be none that is finite.

    Raises:
        RowError: There is none.
    """
    try:
        return plain_float(cell)
    except ValueError:
        raise RowError(f"{column}: expected a number, got {repr(cell[:60]) if cell else 'nothing'}") from None


def plain_float(cell: str) -> float:
    """Return a number as other programs read it: to Python, 0_1 is 1, and digits of any script are digits.

    Raises:
        ValueError: It is none.
    """
    if "_" in cell or not cell.isascii():
        raise ValueError(cell)
    return float(cell)


def _columns(names: Sequence[str], header: Header, meaning: str) -> list[tuple[int, str]]:
    found: dict[str, int] = {}
    for name in names:
        if "*" in name or "?" in name:
            matching = [column for column in header.names if fnmatchcase(column, name)]
            if not matching:
                raise SettingError(f"{header.path}: {meaning}: expected columns like {name!r}, got none")
        else:
            matching = [name]
        for column in matching:
            found[column] = header.position(column, meaning)
    return [(position, column) for column, position in found.items()]
