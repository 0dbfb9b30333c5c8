"""What the columns of a CSV log mean, read from a YAML file; examples/open-bandit.yaml explains every key.

Columns are named as in the header; `*` and `?` in the names of features stand for any text and any character.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from attune.errors import SettingError
from attune.logs.yaml_keys import Keys


class TimeUnit(Enum):
    """How times are written."""

    ISO = "iso"
    """As 2026-11-21T12:00:00.5+01:00, or with a space; UTC where no offset is said."""
    SECONDS = "s"
    """Since the epoch."""
    MILLISECONDS = "ms"
    """Since the epoch."""


@dataclass(frozen=True, slots=True)
class FeatureColumns:
    """Columns that are features, by their name or a pattern; empty cells are features that are not there.

    Attributes:
        numeric: Those that hold numbers.
        categorical: Those that hold one value out of several.
        omit_zeros: Whether a number that is 0 is left out. That takes less time, and means the same to Vowpal Wabbit;
            to linear policies, which scale by the number of features, the others count more.
    """

    numeric: Sequence[str] = ()
    categorical: Sequence[str] = ()
    omit_zeros: bool = False


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column whose cells hold lists.

    Attributes:
        column: Its name.
        separator: What stands between the values.
    """

    column: str
    separator: str


@dataclass(frozen=True, slots=True)
class OffersMapping:
    """Which offers could be drawn in a row. At least one of `ids`, `file` and `eligible` is said.

    Attributes:
        ids: The offers of every row, where there is no file of them.
        file: A CSV file of offers, beside each log file. All of them are eligible in every row, unless `eligible` says
            which.
        id: In that file, the column of the offer's id.
        features: In that file, the columns of the offers' features.
        eligible: In the log, the column that lists the ids of the row's offers.
    """

    ids: Sequence[str] = ()
    file: str | None = None
    id: str = ""
    features: FeatureColumns = FeatureColumns()
    eligible: ListColumn | None = None


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """What the columns mean.

    Attributes:
        action: The id of the offer that was drawn.
        propensity: The probability with which it was drawn; None where `pmf` says it.
        reward: What it earned.
        offers: What could have been drawn.
        context: What was known.
        event_id: The decision's id; None makes one of the file's name and the line.
        time: When it was made; None where the log does not say: then its order is taken as it is.
        time_unit: How that is written.
        pmf: The probability of each of the row's offers, in their order; None where the log has only the propensity.
        delimiter: What stands between columns.
    """

    action: str
    propensity: str | None
    reward: str
    offers: OffersMapping
    context: FeatureColumns = FeatureColumns()
    event_id: str | None = None
    time: str | None = None
    time_unit: TimeUnit = TimeUnit.ISO
    pmf: ListColumn | None = None
    delimiter: str = ","


def load(path: Path) -> CsvMapping:
    """Read a mapping.

    Raises:
        SettingError: It cannot be read, or is none; the message names file, key, expected and got.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingError(f"{path}: expected a mapping of columns, got: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{path}: expected UTF-8 text, got: {error.reason}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise SettingError(f"{path}: expected YAML, got: {' '.join(str(error).split())[:200]}") from error
    return _mapping(Keys(str(path), said))


def _mapping(keys: Keys) -> CsvMapping:
    known = {"action", "propensity", "reward", "offers", "context", "event_id", "time", "time_unit", "pmf", "delimiter"}
    keys.only(known)
    mapping = CsvMapping(
        action=keys.text("action"),
        propensity=keys.text_or_none("propensity"),
        reward=keys.text("reward"),
        offers=_offers(keys.inner("offers")),
        context=_features(keys.inner("context"), {"numeric", "categorical", "omit_zeros"}),
        event_id=keys.text_or_none("event_id"),
        time=keys.text_or_none("time"),
        time_unit=TimeUnit(keys.one_of("time_unit", [unit.value for unit in TimeUnit])),
        pmf=_list_column(keys, "pmf"),
        delimiter=keys.text("delimiter") if keys.has("delimiter") else ",",
    )
    if mapping.propensity is None and mapping.pmf is None:
        raise keys.wrong("propensity", "a column, or `pmf`", None)
    if len(mapping.delimiter) != 1 or mapping.delimiter in '\r\n"':
        raise keys.wrong("delimiter", "one character, no quote and no end of line", mapping.delimiter)
    return mapping


def _offers(keys: Keys) -> OffersMapping:
    keys.only({"ids", "file", "id", "numeric", "categorical", "omit_zeros", "eligible"})
    file = keys.text_or_none("file")
    of_file = {"id", "numeric", "categorical", "omit_zeros"}
    if file is None:
        keys.only({"ids", "eligible"}, "without `file`")
    elif keys.has("ids"):
        raise keys.wrong("ids", "nothing beside `file`", keys.get("ids"))
    offers = OffersMapping(
        ids=keys.texts("ids"),
        file=file,
        id=keys.text("id") if file is not None else "",
        features=_features(keys, of_file),
        eligible=_list_column(keys, "eligible"),
    )
    if not offers.ids and file is None and offers.eligible is None:
        raise keys.wrong("", "`ids`, `file` or `eligible`", None)
    if len(set(offers.ids)) != len(offers.ids):
        raise keys.wrong("ids", "ids of their own", list(offers.ids))
    return offers


def _features(keys: Keys, known: set[str]) -> FeatureColumns:
    if known == {"numeric", "categorical", "omit_zeros"}:
        keys.only(known)
    return FeatureColumns(keys.texts("numeric"), keys.texts("categorical"), omit_zeros=keys.flag("omit_zeros"))


def _list_column(keys: Keys, key: str) -> ListColumn | None:
    if not keys.has(key):
        return None
    inner = keys.inner(key)
    inner.only({"column", "separator"})
    separator = inner.text_or_none("separator")
    if separator == "":
        raise inner.wrong("separator", "a text", separator)
    return ListColumn(inner.text("column"), " " if separator is None else separator)
