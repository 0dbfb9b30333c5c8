"""What a sweep keeps: what was written is read back as it was, and what is damaged is not read at all."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.evaluation.sweep_results import SweepResults, digest
from attune.reports.report import CurvePoint, Estimate, Interval
from evaluation_reports import LOGGED, refused, report, target

NAME = digest({"policy": "x"})


@pytest.fixture
def results(tmp_path: Path) -> SweepResults:
    return SweepResults(tmp_path / "kept")


def test_a_result_is_read_back_as_it_was(results: SweepResults) -> None:
    for whole in (report(target("softmax", 0.1 + 0.2)), report(refused("fixed:hello"), refused=1, problems=["row 7"])):
        results.save(NAME, whole)
        assert results.load(NAME) == replace(whole, targets=list(whole.targets))


def test_numbers_that_are_none_are_kept(results: SweepResults) -> None:
    endless = Estimate("mean", LOGGED, [Interval("anytime", -math.inf, math.inf)])
    results.save(NAME, report(target("odd", 0.1, curve=[CurvePoint(4, 0.5, math.nan, 1e-300)]), logged=endless))
    found = results.load(NAME)
    assert found is not None
    assert found.logged == endless
    (point,) = found.targets[0].curve
    assert math.isnan(point.low)
    assert point.high == 1e-300


def test_there_is_nothing_under_another_name(results: SweepResults) -> None:
    results.save(NAME, report(target("softmax", 0.06)))
    assert results.load(digest({"policy": "y"})) is None


def test_the_name_does_not_depend_on_the_order_of_what_was_asked() -> None:
    assert digest({"a": 1, "b": [1.5, None]}) == digest({"b": [1.5, None], "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})


def test_whatever_is_damaged_is_not_read(results: SweepResults, tmp_path: Path) -> None:
    results.save(NAME, report(target("softmax", 0.06)))
    said = results.load(NAME)
    file = tmp_path / "kept" / f"{NAME}.json"
    whole = file.read_bytes()
    # Cut off anywhere, and changed anywhere: a byte in every two thousand.
    for length in range(0, len(whole) - 1, 2003):
        file.write_bytes(whole[:length])
        assert results.load(NAME) is None
    for place in range(0, len(whole), 2003):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert results.load(NAME) in (None, said)  # where a byte says nothing, as a space
    file.write_bytes(whole)
    assert results.load(NAME) == said


def test_a_whole_file_of_something_else_is_not_read(results: SweepResults, tmp_path: Path) -> None:
    results.save(NAME, report(target("softmax", 0.06)))
    file = tmp_path / "kept" / f"{NAME}.json"
    for content in ("[]", "{}", "null", '{"sha256": "x", "report": {}}', json.dumps({"report": {}})):
        file.write_text(content)
        assert results.load(NAME) is None


def test_what_was_being_written_when_it_was_killed_counts_as_nothing(results: SweepResults, tmp_path: Path) -> None:
    (tmp_path / "kept" / f".unfinished-{NAME}").write_text('{"sha256"')
    assert results.load(NAME) is None
    results.save(NAME, report(target("softmax", 0.06)))
    assert [file.name for file in (tmp_path / "kept").iterdir()] == [f"{NAME}.json"]


def test_a_place_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="--keep: expected a directory to write to, got "):
        SweepResults(tmp_path / "file")
