"""Reads the offers of the catalogue from CSV, as spreadsheets write it: an offer a row.

    id,placements,starts_at,categorical.category,numeric.discount,tags.styles
    spring-sale,home_hero,2026-03-01T00:00:00Z,running,0.2,road|trail

Columns are the fields of an offer, and one for each feature: its kind, a dot, its name. Several values in a cell have a
`|` between them. An empty cell says nothing, as if the column was not there.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path

from attune.cli.offer_files import KEY, OfferEntry
from attune.cli.placement_nodes import unknown
from attune.cli.yaml_files import gathered, text_of
from attune.errors import InvalidInputError, Violation
from attune.v1.catalog_service_pb2 import CatalogOffer
from attune.v1.features_pb2 import Tags, Vector

BETWEEN_VALUES = "|"
_DELIMITERS = ",;\t"
_LISTS = ("placements", "channels", "tags")
_TIMES = ("starts_at", "ends_at")
_FEATURES = ("numeric", "categorical", "tags", "dense")
_COLUMNS = ("id", *_LISTS, *_TIMES, *(f"{kind}.NAME" for kind in _FEATURES))

_Put = Callable[[CatalogOffer, str], None]


def read(file: Path) -> list[OfferEntry]:
    """Read the offers of a file.

    Raises:
        InvalidInputError: It cannot be read, or something is wrong in it.
    """
    rows = _rows(file, text_of(file))
    _, header = next(rows, (1, []))
    columns = _columns(file, header)
    entries, violations = gathered(enumerate(rows), lambda row: [_entry(str(file), columns, row[0], *row[1])])
    if violations:
        raise InvalidInputError(*violations)
    return entries


def _rows(file: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the line it begins in, one-based."""
    delimiter = max(_DELIMITERS, key=text.partition("\n")[0].count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInputError(Violation(f"{file}:{line}", f"not valid CSV: {error}")) from error


def _columns(file: Path, header: Sequence[str]) -> Mapping[str, _Put]:
    """Return what each column puts into an offer, in their order."""
    columns: dict[str, _Put] = {}
    violations: list[Violation] = []
    for name in map(str.strip, header):
        kind, dot, feature = name.partition(".")
        put = _feature(kind, feature) if dot and kind in _FEATURES else _FIELDS.get(name)
        if put is None:
            said = unknown(_COLUMNS, f"{kind}.NAME" if dot else name).replace("field", "column", 1)
            violations.append(Violation(f"{file}:1: {name}", said))
        elif name in columns:
            violations.append(Violation(f"{file}:1: {name}", "expected each column once, got it again"))
        else:
            columns[name] = put
    if not violations and "id" not in columns:
        violations.append(Violation(f"{file}:1", "expected a column id, got none"))
    if violations:
        raise InvalidInputError(*violations)
    return columns


def _entry(file: str, columns: Mapping[str, _Put], position: int, line: int, cells: Sequence[str]) -> OfferEntry:
    offer = CatalogOffer()
    violations: list[Violation] = []
    if len(cells) != len(columns):
        violations.append(Violation(f"{file}:{line}", f"expected {len(columns)} cells, got {len(cells)}"))
    for (name, put), cell in zip(columns.items(), cells, strict=False):
        try:
            if cell:
                put(offer, cell)
        except ValueError as error:
            violations.append(Violation(f"{file}:{line}: {name}", f'expected {error}, got "{cell[:80]}"'))
    if violations:
        raise InvalidInputError(*violations)
    return OfferEntry(offer, file, f"{KEY}[{position}]", {"": line}, folded=True)


def _feature(kind: str, name: str) -> _Put:
    def put(offer: CatalogOffer, cell: str) -> None:
        """Put a cell into a feature."""
        features = offer.offer.features
        match kind:
            case "numeric":
                features.numeric[name] = _number(cell)
            case "categorical":
                features.categorical[name] = cell
            case "tags":
                features.tags[name].CopyFrom(Tags(values=cell.split(BETWEEN_VALUES)))
            case _:
                features.dense[name].CopyFrom(Vector(values=map(_number, cell.split(BETWEEN_VALUES))))

    return put


def _id(offer: CatalogOffer, cell: str) -> None:
    offer.offer.id = cell


def _list(name: str) -> _Put:
    def put(offer: CatalogOffer, cell: str) -> None:
        """Add what a cell lists."""
        getattr(offer, name).extend(cell.split(BETWEEN_VALUES))

    return put


def _time(name: str) -> _Put:
    def put(offer: CatalogOffer, cell: str) -> None:
        """Put a time."""
        try:
            getattr(offer, name).FromJsonString(cell)
        except (ValueError, AttributeError) as error:
            raise ValueError('a time in the form "2026-01-31T12:00:00Z"') from error

    return put


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ValueError("a number") from None


_FIELDS: dict[str, _Put] = {"id": _id} | {name: _list(name) for name in _LISTS} | {name: _time(name) for name in _TIMES}
