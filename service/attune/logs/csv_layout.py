"""From a row of a CSV log to a sample."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import fsum
from pathlib import Path

from attune.logs import checks
from attune.logs.csv_features import FeatureReader, number_of, plain_float
from attune.logs.csv_mapping import CsvMapping, TimeUnit
from attune.logs.csv_offers import Offers, listed
from attune.logs.csv_rows import header
from attune.logs.readings import Refused, RowError
from attune.logs.samples import Sample
from attune.logs.sampling import SUM_TOLERANCE
from attune_models.features import MAX_NUMBER, FeatureError, encode
from attune_models.types import Interaction, Pmf, Situation

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SHORT = 64  # so many characters are never more bytes than an id may have


class Layout:
    """Where everything is in the rows of one file."""

    def __init__(self, path: Path, mapping: CsvMapping) -> None:
        """Find the columns in a file's header, and read its offers.

        Args:
            path: The file.
            mapping: What its columns mean.

        Raises:
            SettingError: A column is missing, or the file or its offers cannot be read.
        """
        self._mapping = mapping
        names = header(path, mapping.delimiter)
        pmf, eligible = mapping.pmf, mapping.offers.eligible
        self._action = names.position(mapping.action, "action")
        self._reward = names.position(mapping.reward, "reward")
        self._propensity = None if mapping.propensity is None else names.position(mapping.propensity, "propensity")
        self._event_id = None if mapping.event_id is None else names.position(mapping.event_id, "event_id")
        self._time = None if mapping.time is None else names.position(mapping.time, "time")
        self._pmf = None if pmf is None else names.position(pmf.column, "pmf.column")
        self._eligible = None if eligible is None else names.position(eligible.column, "offers.eligible.column")
        self._context = FeatureReader(mapping.context, names, "context")
        self._offers = Offers(mapping, path)

    def sample(self, where: str, cells: Sequence[str]) -> Sample | Refused:
        """Return the sample of a row.

        Args:
            where: File and line.
            cells: As many as the header has.
        """
        try:
            return self._sample(where, cells)
        except FeatureError as error:
            return Refused(where, f"context.{error}" if error.field else f"context: {error.description}")
        except RowError as error:
            return Refused(where, str(error))

    def _sample(self, where: str, cells: Sequence[str]) -> Sample:
        eligible = self._offers.eligible("" if self._eligible is None else cells[self._eligible])
        action = cells[self._action]
        chosen = eligible.position.get(action)
        if chosen is None:
            raise RowError(
                f"{self._mapping.action}: expected the id of one of {len(eligible.ids)} offers, got {action[:60]!r}"
            )
        pmf = self._read_pmf(cells, len(eligible.ids))
        propensity = self._read_propensity(cells, pmf, chosen)
        context = self._context.read(cells)
        situation = Situation(encode(context), eligible.ids, eligible.actions)
        slots = (Interaction(situation, chosen, propensity, self._read_reward(cells)),)
        pmfs = () if pmf is None else (pmf,)
        return Sample(where, self._read_event_id(where, cells), self._read_time(cells), "", "", context, slots, pmfs)

    def _read_pmf(self, cells: Sequence[str], n_offers: int) -> Pmf | None:
        said = self._mapping.pmf
        if said is None or self._pmf is None:
            return None
        pmf = [number_of(said.column, value) for value in listed(cells[self._pmf], said.separator)]
        if len(pmf) != n_offers:
            raise RowError(f"{said.column}: expected a probability for each of {n_offers} offers, got {len(pmf)}")
        wrong = [probability for probability in pmf if not 0.0 <= probability <= 1.0]
        if wrong:
            raise RowError(f"{said.column}: expected probabilities from 0 to 1, got {wrong[0]!r}")
        if abs(fsum(pmf) - 1.0) > SUM_TOLERANCE:
            raise RowError(f"{said.column}: expected a sum of 1 (+-{SUM_TOLERANCE:g}), got {fsum(pmf)!r}")
        return pmf

    def _read_propensity(self, cells: Sequence[str], pmf: Pmf | None, chosen: int) -> float:
        column = self._mapping.propensity
        if column is None or self._propensity is None:
            assert self._mapping.pmf is not None
            assert pmf is not None
            column, propensity = self._mapping.pmf.column, pmf[chosen]
        else:
            propensity = number_of(column, cells[self._propensity])
        # Written so that NaN, which compares false with everything, is refused too.
        if not 0.0 < propensity <= 1.0:
            raise RowError(f"{column}: expected a propensity of more than 0, at most 1, got {propensity!r}")
        if pmf is not None and abs(pmf[chosen] - propensity) > SUM_TOLERANCE:
            raise RowError(f"{column}: expected {pmf[chosen]!r}, as the distribution says, got {propensity!r}")
        return propensity

    def _read_reward(self, cells: Sequence[str]) -> float:
        column = self._mapping.reward
        reward = number_of(column, cells[self._reward])
        if not -MAX_NUMBER <= reward <= MAX_NUMBER:
            raise RowError(f"{column}: expected a reward from -1e6 to 1e6, got {reward!r}")
        return reward

    def _read_event_id(self, where: str, cells: Sequence[str]) -> str:
        if self._event_id is None:
            return where
        event_id = cells[self._event_id]
        if not 1 <= len(event_id) <= _SHORT:
            for violation in checks.text_violations(str(self._mapping.event_id), event_id):
                raise RowError(str(violation))
        return event_id

    def _read_time(self, cells: Sequence[str]) -> int:
        column = self._mapping.time
        if column is None or self._time is None:
            return 0
        cell = cells[self._time]
        try:
            at_ms = _milliseconds(cell, self._mapping.time_unit)
        except (ValueError, OverflowError):
            unit = self._mapping.time_unit.value
            raise RowError(
                f"{column}: expected a time ({unit}), got {repr(cell[:60]) if cell else 'nothing'}"
            ) from None
        if not 0 < at_ms <= checks.MAX_MS:
            raise RowError(f"{column}: expected a time from 1970 to 9999, got {cell[:60]!r}")
        return at_ms


def _milliseconds(cell: str, unit: TimeUnit) -> int:
    """Return milliseconds since the epoch, rounded down."""
    if unit is TimeUnit.SECONDS:
        return int(plain_float(cell) * 1000)
    if unit is TimeUnit.MILLISECONDS:
        return int(plain_float(cell))
    moment = datetime.fromisoformat(cell)
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
