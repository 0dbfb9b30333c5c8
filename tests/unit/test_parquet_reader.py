"""Parquet files that are not what `attune export` writes."""

from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from attune.logs.assembly import assembled
from attune.logs.parquet import INTERACTIONS, ParquetSheet, interaction_row
from attune.logs.parquet_reader import read
from attune.logs.readings import Candidate, Refused
from attune.logs.rows import rows_of
from attune.store.log_entries import LoggedInteraction
from attune_models.rewards import RewardSpec
from training_logs import decision

SEED = 6  # of a decision with two slots, the second of which has less to draw from


def write(path: Path, **changes: Any) -> None:
    sheet = ParquetSheet(path, INTERACTIONS)
    rows = rows_of(LoggedInteraction("5-1", decision("e", Random(SEED)), []), RewardSpec())
    sheet.add([interaction_row("home", row) | changes for row in rows])
    sheet.close()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write(tmp_path / "x.parquet")
    (made,) = assembled(read(tmp_path / "x.parquet"))
    assert isinstance(made, Candidate)
    assert made.decision.later_slots == decision("e", Random(SEED)).later_slots
    assert made.decision.later_slots[0].withdrawn


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1 and nothing more")
    (refused,) = read(path)
    assert str(refused).startswith(f"{path}: expected a Parquet file as attune export writes it")
    parquet.write_table(pa.table({"event_id": ["e"], "pmf": [[1.0]]}), path)
    (refused,) = read(path)
    assert "got none called slot, decided_at, mode, context, offers, chosen, outcomes" in str(refused)


# A column, what it holds instead, and what is said.
@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("event_id", None, "event_id: expected a value, got none"),
        ("chosen", None, "slot, chosen, received_at: expected a whole number"),
        ("chosen", 9, "chosen: expected a position from 0 to 3, got 9"),
        ("pmf", [1.0], "pmf: expected a probability for each of 4 offers, got 1"),
        ("pmf", None, "pmf: expected a value, got none"),
        ("pmf", [0.5, None, 0.25, 0.25], "pmf: expected a probability for each of 4 offers, got none for offer 1"),
        ("offers", None, "offers: expected a value, got none"),
        ("withdrawn", [9], "withdrawn: expected positions of offers that could not be drawn, got [9]"),
        (
            "withdrawn",
            [0, 1, 2, 3],
            "withdrawn: expected positions of offers that could not be drawn, got [0, 1, 2, 3]",
        ),
        ("mode", "guessed", "mode: expected one of control, default, fallback, learned, got 'guessed'"),
        ("mode", None, "mode: expected one of control, default, fallback, learned, got None"),
    ],
)
def test_a_row_with_a_wrong_value_is_refused(tmp_path: Path, column: str, value: Any, said: str) -> None:
    write(tmp_path / "x.parquet", **{column: value})
    first, *_ = read(tmp_path / "x.parquet")
    assert isinstance(first, Refused)
    assert said in first.problem
    assert first.where == f"{tmp_path}/x.parquet:1"
