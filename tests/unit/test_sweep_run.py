"""A pass of a sweep: the same wherever it is made and whoever shares it, on the log that the sweep began with."""

import csv
import os
import pickle
import random
from dataclasses import replace
from pathlib import Path

import pytest

from attune.cli.evaluation_run import Cut, Log, Wishes
from attune.cli.sweep_run import Pass, identity
from attune.errors import SettingError
from attune.evaluation import evaluator
from attune.evaluation.evaluator import LOGGED
from attune.evaluation.grid import Candidate
from attune.v1.placement_pb2 import FixedSpec, PolicySpec

STORE = ("data_dir", "redis_url", "config_file")
CANDIDATES = [
    Candidate(f"{offer} {floor}", PolicySpec(fixed=FixedSpec(offer_id=offer), min_probability=floor))
    for offer in "abc"
    for floor in (0, 0.1)
]


@pytest.fixture
def one_pass(tmp_path: Path) -> Pass:
    """Return a pass over a small log."""
    rng = random.Random(1)
    (tmp_path / "map.yaml").write_text("{action: o, propensity: p, reward: r, offers: {ids: [a, b, c]}, context: {}}")
    with (tmp_path / "log.csv").open("w", newline="") as file:
        rows = ([rng.choice("abc"), 1 / 3, rng.random()] for _ in range(130))
        csv.writer(file).writerows([["o", "p", "r"], *rows])
    log = Log(str(tmp_path / "log.csv"), None, tmp_path / "map.yaml", None, any_order=False, **dict.fromkeys(STORE))
    wishes = Wishes(["snips"], model=False, confidence=0.9, resamples=100, reward_range=None, segments=[], seed=1)
    return Pass(log, Cut(0, skip_bad=False, seen=False), wishes, LOGGED, force=False, files=identity(log))


def test_a_report_does_not_depend_on_who_shares_the_pass(one_pass: Pass, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a log so small, chunks would be of one size without this.
    monkeypatch.setattr(evaluator, "_MOST_AT_ONCE", 4)
    monkeypatch.setattr(evaluator, "_LEAST_AT_ONCE", 1)
    together = one_pass(CANDIDATES).targets
    assert [one_pass([candidate]).targets[0] for candidate in CANDIDATES[:2]] == list(together[:2])


def test_a_pass_and_its_candidates_can_be_sent_to_another_process(one_pass: Pass) -> None:
    sent, batch = pickle.loads(pickle.dumps((one_pass, CANDIDATES)))
    assert sent == one_pass
    assert batch == CANDIDATES


def test_a_log_that_changes_during_a_sweep_is_refused(one_pass: Pass) -> None:
    os.utime(one_pass.log.source, ns=(1, 1))
    with pytest.raises(SettingError, match=r"SOURCE: expected .*log\.csv to stay as it was, but it has changed"):
        one_pass(CANDIDATES)


def test_the_files_of_offers_are_part_of_a_log(one_pass: Pass, tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text("id,colour\na,red\n")
    (tmp_path / "map.yaml").write_text(
        "{action: o, propensity: p, reward: r, context: {}, offers: {file: offers.csv, id: id, categorical: [colour]}}"
    )
    assert [Path(path).name for path, _, _ in identity(one_pass.log)] == ["log.csv", "offers.csv"]


def test_a_mapping_that_is_missing_is_said_so_for_a_directory_too(one_pass: Pass, tmp_path: Path) -> None:
    for source in (one_pass.log.source, str(tmp_path)):
        with pytest.raises(SettingError, match=r"missing.yaml"):
            identity(replace(one_pass.log, source=source, mapping=tmp_path / "missing.yaml"))


def test_hidden_files_are_no_part_of_a_directory(one_pass: Pass, tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / "day=1").mkdir()
    (tmp_path / "day=1" / "part").write_text("12345")
    found = identity(replace(one_pass.log, source=str(tmp_path)))
    assert [(Path(path).name, size) for path, size, _ in found if not path.endswith(("csv", "yaml"))] == [("part", 5)]


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("version:3", "--baseline: expected logged, uniform, fixed:OFFER or a placement file, got a version"),
        ("nonsense", "--target: expected uniform, "),
    ],
)
def test_what_is_no_baseline_is_refused(one_pass: Pass, baseline: str, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        list(replace(one_pass, baseline=baseline).baseline_targets())


def test_a_baseline_that_is_a_policy_is_evaluated_in_the_same_pass(one_pass: Pass) -> None:
    found = replace(one_pass, baseline="uniform")(CANDIDATES[:1])
    assert [target.name for target in found.targets] == ["a 0", "uniform"]
    assert found.baseline == "uniform"
