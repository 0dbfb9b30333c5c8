"""Which offers could be drawn in a row of a CSV log: read and encoded once, and shared by all rows that have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from attune.errors import SettingError
from attune.logs.checks import MAX_OFFERS
from attune.logs.csv_features import FeatureReader
from attune.logs.csv_mapping import CsvMapping, ListColumn, OffersMapping
from attune.logs.csv_rows import header, rows
from attune.logs.readings import Refused, RowError
from attune.v1.features_pb2 import Offer
from attune_models.features import FeatureError, encode_action

_CACHED_LISTS = 1024
_CACHED_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Eligible:
    """Offers that could be drawn.

    Attributes:
        ids: Their ids, in the order of the log.
        actions: Their encoded features, in the same order.
        position: The position of each id, zero-based.
    """

    ids: Sequence[str]
    actions: Sequence[str]
    position: Mapping[str, int]


class Offers:
    """The offers of the rows of one log file."""

    def __init__(self, mapping: CsvMapping, log: Path) -> None:
        """Read what is known about offers.

        Args:
            mapping: What the columns mean.
            log: The log file: a file of offers is beside it.

        Raises:
            SettingError: The file of offers cannot be read, or something is wrong with a row of it.
        """
        said = mapping.offers
        self._file = log.parent / said.file if said.file is not None else None
        self._known = _of_ids(said.ids) if self._file is None else _of_file(self._file, said, mapping.delimiter)
        self._all = None if said.eligible else _eligible(list(self._known), self._known)
        if self._all is not None and not 1 <= len(self._known) <= MAX_OFFERS:
            where = self._file or "offers.ids"
            raise SettingError(f"{where}: expected 1 to {MAX_OFFERS} offers, got {len(self._known)}")
        where = str(self._file or "offers.ids")
        # No method: its cache would hold on to this object, and this object to its cache.
        self._listed = partial(_of_list, said.eligible, self._known, where)
        self._cached = lru_cache(_CACHED_LISTS)(self._listed)

    def eligible(self, cell: str) -> Eligible:
        """Return the offers of a row.

        Args:
            cell: The list of their ids; not looked at where all offers are eligible in every row.

        Raises:
            RowError: It is no such list.
        """
        if self._all is not None:
            return self._all
        return self._cached(cell) if len(cell) <= _CACHED_CHARACTERS else self._listed(cell)


def listed(cell: str, separator: str) -> list[str]:
    """Return the values of a list in a cell, which may stand in square brackets; none for an empty one."""
    inside = cell.strip().removeprefix("[").removesuffix("]").strip()
    if not separator.strip():
        return inside.split()
    return [value.strip() for value in inside.split(separator)] if inside else []


def _eligible(ids: Sequence[str], actions: Mapping[str, str]) -> Eligible:
    return Eligible(ids, [actions[offer_id] for offer_id in ids], {offer_id: i for i, offer_id in enumerate(ids)})


def _of_list(listed_in: ListColumn | None, known: Mapping[str, str], where: str, cell: str) -> Eligible:
    assert listed_in is not None
    column = listed_in.column
    ids = listed(cell, listed_in.separator)
    if not 1 <= len(ids) <= MAX_OFFERS:
        raise RowError(f"{column}: expected 1 to {MAX_OFFERS} offers, got {len(ids)}")
    if len(set(ids)) != len(ids):
        raise RowError(f"{column}: expected each offer once, got {cell[:80]!r}")
    try:
        actions = known or {offer_id: encode_action(Offer(id=offer_id)) for offer_id in ids}
    except FeatureError as error:
        raise RowError(f"{column}: {error}") from None
    if unknown := [offer_id for offer_id in ids if offer_id not in actions]:
        raise RowError(f"{column}: expected offers of {where}, got {unknown[0][:60]!r}")
    return _eligible(ids, actions)


def _of_ids(ids: Sequence[str]) -> dict[str, str]:
    try:
        return {offer_id: encode_action(Offer(id=offer_id)) for offer_id in ids}
    except FeatureError as error:
        raise SettingError(f"offers.ids: {error}") from None


def _of_file(file: Path, said: OffersMapping, delimiter: str) -> dict[str, str]:
    named = header(file, delimiter)
    at = named.position(said.id, "offers.id")
    reader = FeatureReader(said.features, named, "offers")
    actions: dict[str, str] = {}
    for where, cells in rows(file, delimiter):
        if isinstance(cells, Refused):
            raise SettingError(str(cells))
        try:
            action = encode_action(Offer(id=cells[at], features=reader.read(cells)))
        except (FeatureError, RowError) as error:
            raise SettingError(f"{where}: {error}") from None
        if cells[at] in actions:
            raise SettingError(f"{where}: {said.id}: expected an id of its own, got {cells[at][:60]!r} a second time")
        actions[cells[at]] = action
    return actions
