"""Exports without the customers who were erased: all else is as it was, byte for byte, and can be exported on."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from attune.errors import SettingError
from attune.logs import destination, dsjson_reader, formats, parquet_reader
from attune.logs.erasing import Removed, erase
from attune.logs.readings import Reading, RowError, SlotReading, customer_of
from attune.logs.rows import rows_of
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.training_log import LateEntry, recorded_elsewhere
from attune.v1.placement_pb2 import RewardSpec
from attune_models import rewards
from exported import entry

HASHES = [bytes([n]) * 16 for n in range(3)]
"""Of three customers; the first one is erased. Every fourth decision is of nobody."""


def write(directory: Path, form: str) -> None:
    """Two files of ten decisions, and one of late outcomes of all of them."""
    known = formats.named(form)
    files = destination.Destination(*(destination.Parts(directory / n, known.suffix) for n in ("interactions", "late")))
    entries = [entry(n) for n in range(20)]
    for n, each in enumerate(entries):
        each.decision.customer = b"" if n % 4 == 3 else HASHES[n % 4]
    for some in (entries[:10], entries[10:]):
        path = files.interactions.begin("2026-11-21", some[0].position)
        sheet = known.interactions_sheet(RewardSpec())(path)
        for each in some:
            sheet.add([known.interaction("home", row) for row in rows_of(each, rewards.RewardSpec())])
        sheet.close()
        files.interactions.finish(path, some[0].position, some[-1].position)
    path = files.late.begin("2026-11-21", "1-0")
    sheet = known.late_sheet(path)
    record = OutcomeRecord(name="click", value=1.0)
    late = [LateEntry(f"{n}-0", f"e{n}", recorded_elsewhere("late", n, record)) for n in range(20)]
    sheet.add([known.late("home", each) for each in late])
    sheet.close()
    files.late.finish(path, "0-0", "19-0")


def event_ids(directory: Path, form: str) -> list[list[str]]:
    """What is in each file, in the order of their names."""
    found = sorted(directory.glob(f"*/*/*.{form}"))
    if form == "parquet":
        return [parquet.read_table(path, partitioning=None)["event_id"].to_pylist() for path in found]
    return [[json.loads(line)["EventId"] for line in path.read_text().splitlines()] for path in found]


@pytest.mark.parametrize("form", formats.NAMES)
def test_rows_and_late_outcomes_of_a_customer_go(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    before, names = event_ids(tmp_path, form), sorted(tmp_path.glob("*/*/*"))
    assert erase(tmp_path, {HASHES[0].hex()}) == Removed(rows=5, late=5, files=3, unknown=0)
    gone = {f"e{n}" for n in range(0, 20, 4)}
    assert event_ids(tmp_path, form) == [[each for each in ids if each not in gone] for ids in before]
    assert sorted(tmp_path.glob("*/*/*")) == names, "their names say how far the export got"
    for path in names:
        assert HASHES[0].hex().encode() not in path.read_bytes()
    assert erase(tmp_path, {HASHES[0].hex()}) == Removed(0, 0, 0, 0)


@pytest.mark.parametrize("form", formats.NAMES)
def test_what_is_left_is_what_an_export_without_them_would_have(tmp_path: Path, form: str) -> None:
    write(tmp_path, form)
    before = _rows(tmp_path, form)
    erase(tmp_path, {each.hex() for each in HASHES[:2]})
    assert _rows(tmp_path, form) == [row for row in before if row["customer"] not in {h.hex() for h in HASHES[:2]}]
    erase(tmp_path, {HASHES[2].hex()})
    assert {row["customer"] for row in _rows(tmp_path, form)} == {None}


def test_a_file_of_nobody_else_stays_without_rows(tmp_path: Path) -> None:
    write(tmp_path, "parquet")
    [path, *_] = sorted(tmp_path.glob("interactions/*/*"))
    table = parquet.read_table(path, partitioning=None)
    owned = table.set_column(table.schema.get_field_index("customer"), "customer", pa.array([HASHES[0].hex()] * 10))
    parquet.write_table(owned.cast(table.schema), path)
    erase(tmp_path, {HASHES[0].hex()})
    left = parquet.read_table(path, partitioning=None)
    assert (left.num_rows, left.schema.equals(table.schema, check_metadata=True)) == (0, True)


def test_a_file_of_an_earlier_release_is_named(tmp_path: Path) -> None:
    write(tmp_path, "parquet")
    [path, *_] = sorted(tmp_path.glob("interactions/*/*"))
    parquet.write_table(parquet.read_table(path, partitioning=None).drop_columns(["customer"]), path)
    assert erase(tmp_path, {HASHES[0].hex()}).unknown == 1


def test_only_an_export_that_nobody_writes_to_is_changed(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="--exports: expected a directory that attune export has written"):
        erase(tmp_path, set())
    write(tmp_path, "dsjson")
    with (
        destination.held(tmp_path, "--to"),
        pytest.raises(SettingError, match="--exports: another export writes to"),
    ):
        erase(tmp_path, {HASHES[0].hex()})


def _rows(directory: Path, form: str) -> list[dict[str, object]]:
    paths = sorted(directory.glob(f"interactions/*/*.{form}"))
    if form == "parquet":
        return [row for path in paths for row in parquet.read_table(path, partitioning=None).to_pylist()]
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    return [{**line, "customer": line["_attune"].get("customer")} for line in lines]


@pytest.mark.parametrize("form", formats.NAMES)
def test_whose_a_decision_is_comes_back_with_an_import(tmp_path: Path, form: str) -> None:
    """So that it can be erased where it was brought."""
    write(tmp_path, form)
    found = [reading.decision.customer for reading in read_files(tmp_path, form) if isinstance(reading, SlotReading)]
    assert found == [b"" if n % 4 == 3 else HASHES[n % 4] for n in range(20)]


@pytest.mark.parametrize("wrong", ["x", "AA" * 16, "aa" * 17, 5])
def test_a_customer_that_is_no_hash_is_refused(wrong: object) -> None:
    with pytest.raises(RowError, match="customer: expected 32 hexadecimal digits"):
        customer_of({"customer": wrong})


def read_files(directory: Path, form: str) -> list[Reading]:
    paths = sorted(directory.glob(f"interactions/*/*.{form}"))
    if form == "parquet":
        return [reading for path in paths for reading in parquet_reader.read(path)]
    return [reading for path in paths for reading in dsjson_reader.read(path, "click", {})]
