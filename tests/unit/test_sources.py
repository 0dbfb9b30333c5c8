"""The files of an import, in their order."""

from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.logs.sources import found


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_an_export_is_read_in_the_order_of_its_positions_and_late_outcomes_at_the_end(tmp_path: Path) -> None:
    # As text, 10-0 comes before 9-0, and `interactions` before `late` only by chance.
    touch(tmp_path, "late/day=1/1-0..2-0.parquet", "z/day=1/10-0..11-0.parquet", "z/day=1/9-0..9-9.parquet")
    names = [source.path.name for source in found([tmp_path], None)]
    assert names == ["9-0..9-9.parquet", "10-0..11-0.parquet", "1-0..2-0.parquet"]


def test_what_is_not_a_file_of_a_log_is_left_alone(tmp_path: Path) -> None:
    touch(tmp_path, "_state.json", ".lock", "d/.unfinished-1-0.parquet", "_old/x.json", "notes.txt", "b.json", "a.log")
    assert [(source.path.name, source.format) for source in found([tmp_path], None)] == [
        ("a.log", "dsjson"),
        ("b.json", "dsjson"),
    ]


def test_a_format_that_is_said_overrules_the_ending(tmp_path: Path) -> None:
    touch(tmp_path, "events")
    with pytest.raises(SettingError, match="expected a file that ends with"):
        found([tmp_path / "events"], None)
    assert [source.format for source in found([tmp_path / "events"], "dsjson")] == ["dsjson"]
