"""The formats of an export, looked up by name. Parquet's library is loaded only when it is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from attune.errors import SettingError
from attune.logs import dsjson
from attune.logs.rows import SlotRow
from attune.store.training_log import LateEntry
from attune.v1.placement_pb2 import RewardSpec

NAMES = ("parquet", "dsjson")


class Sheet(Protocol):
    """A file that is being written."""

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows."""

    def close(self) -> None:
        """End the file."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the log is written.

    Attributes:
        suffix: Of the files.
        interaction: Makes the row of a slot, for a placement of this name.
        late: Makes the row of a late outcome.
        interactions_sheet: Given how rewards are folded, returns what begins a file of slots.
        late_sheet: Begins a file of late outcomes.
    """

    suffix: str
    interaction: Callable[[str, SlotRow], dict[str, Any]]
    late: Callable[[str, LateEntry], dict[str, Any]]
    interactions_sheet: Callable[[RewardSpec], Callable[[Path], Sheet]]
    late_sheet: Callable[[Path], Sheet]


def named(name: str) -> Format:
    """Return a format.

    Args:
        name: One of `NAMES`.

    Raises:
        SettingError: The library it needs is not installed.
    """
    if name == "dsjson":
        sheet = dsjson.DsjsonSheet
        return Format(dsjson.SUFFIX, dsjson.interaction_line, dsjson.late_line, lambda _: sheet, sheet)
    require_parquet()
    from attune.logs import parquet  # noqa: PLC0415 - see the module's docstring

    return Format(
        parquet.SUFFIX,
        parquet.interaction_row,
        parquet.late_row,
        lambda spec: partial(parquet.ParquetSheet, schema=parquet.interactions_schema(spec)),
        partial(parquet.ParquetSheet, schema=parquet.LATE),
    )


def require_parquet() -> None:
    """Make sure that Parquet files can be read and written.

    Raises:
        SettingError: They cannot.
    """
    if find_spec("pyarrow") is None:
        raise SettingError(
            "--format parquet: expected the library pyarrow, got none: pip install 'attune[export]', or use dsjson"
        )
