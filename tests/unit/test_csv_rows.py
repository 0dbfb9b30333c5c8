"""Rows of CSV files of every kind of damage: each is named by its line, and the ones around it are read."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.logs.csv_rows import header, rows
from attune.logs.readings import Refused


def read(tmp_path: Path, content: bytes, name: str = "log.csv") -> list[str | Sequence[str]]:
    """Rows as they are, and what is refused without the path of the file."""
    path = tmp_path / name
    path.write_bytes(content)
    found = [cells for _, cells in rows(path, ",")]
    return [str(each).removeprefix(f"{path}:") if isinstance(each, Refused) else each for each in found]


def test_rows_are_named_by_their_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,"x,\r\ny"\r\n\r\n2,z')  # a byte order mark, a cell of two lines, no end
    assert header(path, ",").names == ["a", "b"]
    assert list(rows(path, ",")) == [(f"{path}:2", ["1", "x,\r\ny"]), (f"{path}:5", ["2", "z"])]


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"1,2,3\n", "3: columns: expected 2, got 3"),
        (b"1\n", "3: columns: expected 2, got 1"),
        (b"1,\xff\xfe\n", "3: expected a row of CSV, got: bytes that are no UTF-8: invalid start byte"),
        (b'1,"x"y\n', "3: expected a row of CSV, got: ',' expected after '\"'"),
        (b"1," + b"x" * 200_000 + b"\n", "3: expected a row of CSV, got: field larger than field limit (131072)"),
        (b"1," + b"x" * 3_000_000 + b"\n", "3: expected a row of CSV, got: a line of 1048576 bytes or more"),
    ],
    ids=["long", "short", "no text", "quote", "large cell", "large line"],
)
def test_a_bad_row_costs_one_row(tmp_path: Path, bad: bytes, problem: str) -> None:
    assert read(tmp_path, b"a,b\n1,2\n" + bad + b"3,4\n") == [["1", "2"], problem, ["3", "4"]]


def test_every_line_that_a_quote_without_an_end_takes_along_is_refused(tmp_path: Path) -> None:
    """Or a thousand rows would be missing, and one be counted."""
    rest = [f"{line}: row: expected one of its own, got a part of the damaged one in line 3" for line in (4, 5)]
    found = read(tmp_path, b'a,b\n1,2\n3,"4\n5,6\n7,8\n')
    assert found == [["1", "2"], "3: expected a row of CSV, got: unexpected end of data", *rest]
    many = read(tmp_path, b'a,b\n3,"4\n' + b"5,6\n" * 100_000)
    assert len(many) == 100_001


def test_half_a_line_at_the_end_is_refused(tmp_path: Path) -> None:
    assert read(tmp_path, b"a,b\n1,2\n3") == [["1", "2"], "3: columns: expected 2, got 1"]
    assert read(tmp_path, b'a,b\n1,2\n3,"4') == [["1", "2"], "3: expected a row of CSV, got: unexpected end of data"]


def test_a_truncated_gzip_file_is_read_up_to_where_it_ends(tmp_path: Path) -> None:
    text = b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(50_000))
    whole = gzip.compress(text)
    assert len(read(tmp_path, whole, "log.csv.gz")) == 50_000
    found = read(tmp_path, whole[: len(whole) // 2], "log.csv.gz")
    assert found[:2] == [["0", "0"], ["1", "1"]]
    assert len(found) > 10_000
    last = f"{len(found) + 1}: expected the rest of the file, got: Compressed file ended before the end"
    assert str(found[-1]).startswith(last)


def test_a_damaged_gzip_file_is_refused_where_it_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(50_000))))
    whole[-6] ^= 1  # the checksum
    last = read(tmp_path, bytes(whole), "log.csv.gz")[-1]
    assert str(last).startswith("50002: expected the rest of the file, got: CRC check failed")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "log.csv"),
        (b"", "log.csv.gz"),
        (b"a,b\n1,2\n", "log.csv.gz"),
        (b"\xff\xff\n", "log.csv"),
        (b"x" * 2_000_000, "log.csv"),
        (gzip.compress(b"a,b\n1,2\n")[:8], "log.csv.gz"),
    ],
    ids=["empty", "empty gzip", "no gzip", "no text", "no line", "no beginning"],
)
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingError, match="expected a CSV file with a header, got"):
        header(tmp_path / name, ",")


def test_a_missing_or_repeated_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("a,b,a\n")
    named = header(tmp_path / "log.csv", ",")
    assert named.position("b", "reward") == 1
    with pytest.raises(SettingError, match=r"reward: expected one column 'c', got only 'a', 'b', 'a'$"):
        named.position("c", "reward")
    with pytest.raises(SettingError, match=r"reward: expected one column 'a', got several$"):
        named.position("a", "reward")
