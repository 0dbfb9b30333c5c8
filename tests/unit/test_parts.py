"""Files that are named after the positions they hold."""

from pathlib import Path

from attune.logs.parts import Parts, positions
from attune.store.interactions import BEGINNING


def write(parts: Parts, day: str, first: str, last: str) -> Path:
    path = parts.begin(day, first)
    path.write_text("x")
    return parts.finish(path, first, last)


def test_where_to_go_on_is_read_from_the_names(tmp_path: Path) -> None:
    parts = Parts(tmp_path, ".x")
    assert parts.last() == BEGINNING
    write(parts, "2026-11-21", "9-0", "9-9")
    written = write(parts, "2026-11-22", "9-10", "10-0")
    assert written == tmp_path / "day=2026-11-22" / "9-10..10-0.x"
    # As text, 9-9 would be the last.
    assert parts.last() == "10-0"
    assert [(first, last) for first, last, _ in parts.files()] == [("9-0", "9-9"), ("9-10", "10-0")]


def test_what_is_not_finished_does_not_count_and_is_removed(tmp_path: Path) -> None:
    parts = Parts(tmp_path, ".x")
    parts.begin("2026-11-21", "5-0").write_text("half")
    assert parts.last() == BEGINNING
    parts.remove_unfinished()
    assert list(tmp_path.glob("*/*")) == []


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    parts = Parts(tmp_path, ".x")
    write(Parts(tmp_path, ".y"), "2026-11-21", "1-0", "2-0")
    (tmp_path / "day=2026-11-21" / "notes.x").write_text("mine")
    assert parts.files() == []
    parts.remove_unfinished()
    assert len(list(tmp_path.glob("*/*"))) == 2


def test_names_can_be_compared() -> None:
    assert positions(Path("day=x/9-9..10-0.parquet")) == ((9, 9), (10, 0))
    assert positions(Path("part-1.parquet")) == ((0, 0), (0, 0))
