"""`attune evaluate` on a real log: straight from the store and through every kind of file, and how it ends."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest

from attune.cli import app
from attune.logs.file_source import FileSource
from attune.logs.samples import Sample
from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import ApplyPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.reward_service_pb2 import Outcome, RecordOutcomesRequest
from attune.v1.reward_service_pb2_grpc import RewardServiceStub
from messages import features, reward
from oracle import settled, status
from service import RunningService

N = 240
PRICES = (9.5, 4.25, 7.0)
OFFERS = [Offer(id=f"o{i}", features=features(numeric={"price": price})) for i, price in enumerate(PRICES)]
CHALLENGER = """
name: challenger
policy:
  linear_ucb: {}
  min_probability: 0.05
"""
MAPPING = """
event_id: event_id
time: time
time_unit: ms
context: {categorical: [device], numeric: [hour]}
offers: {file: offers.csv, id: id, numeric: [price]}
action: action
propensity: propensity
reward: reward
pmf: {column: pmf, separator: " "}
"""


@pytest.fixture(scope="module", autouse=True)
def address(service: RunningService) -> str:
    """A service whose placement `home` has decided by lot at first, and then learned."""
    rng = Random(1)
    with grpc.insecure_channel(service.address) as channel:
        placement = Placement(name="home", reward=reward(1), control={"share": 0.2})
        placement.policy.min_probability = 0.1
        apply = ApplyPlacementRequest(placement=placement)
        PlacementServiceStub(channel).ApplyPlacement(apply, timeout=5, wait_for_ready=True)
        for half in (range(N // 2), range(N // 2, N)):
            for i in half:
                _visit(channel, i, rng)
            settled(service.address, "home")
    return service.address


def _visit(channel: grpc.Channel, i: int, rng: Random) -> None:
    known = features(categorical={"device": ("mobile", "desktop")[i % 2]}, numeric={"hour": rng.random()})
    request = DecideRequest(placement="home", event_id=f"e{i}", offers=OFFERS, context=known)
    answer = DecisionServiceStub(channel).Decide(request, timeout=5)
    if rng.random() < (0.7 if answer.choices[0].offer_id == f"o{i % 2}" else 0.2):
        clicked = RecordOutcomesRequest(outcomes=[Outcome(placement="home", event_id=f"e{i}", name="click")])
        RewardServiceStub(channel).RecordOutcomes(clicked, timeout=5)


@pytest.fixture
def here(service: RunningService) -> tuple[str, str]:
    """The options that say where the service's store is."""
    return "--data-dir", str(service.data_dir)


@pytest.fixture
def challenger(tmp_path: Path) -> str:
    """A placement file."""
    path = tmp_path / "challenger.yaml"
    path.write_text(CHALLENGER)
    return str(path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = app.run(["evaluate", *words])
    return code, *capsys.readouterr()


def report(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """Returns a report as JSON, without what depends on where the log is and how fast the machine."""
    code, out, err = run(capsys, *words, "--json")
    assert (code, err) == (0, "")
    said: dict[str, Any] = json.loads(out)
    for name in ("source", "seconds", "command"):
        del said[name]
    return said


def as_csv(samples: list[Sample], directory: Path) -> tuple[str, ...]:
    """Writes samples as CSV, with a mapping; returns what to type."""
    directory.mkdir()
    (directory / "mapping.yaml").write_text(MAPPING)
    with (directory / "offers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "price"), *((f"o{i}", price) for i, price in enumerate(PRICES))])
    with (directory / "log.csv").open("w", newline="") as file:
        names = ("event_id", "time", "device", "hour", "action", "propensity", "reward", "pmf")
        csv.writer(file).writerows([names, *map(_cells, samples)])
    return str(directory / "log.csv"), "--mapping", str(directory / "mapping.yaml")


def _cells(sample: Sample) -> tuple[object, ...]:
    drawn, known = sample.slots[0], sample.context
    action = drawn.situation.action_ids[drawn.chosen]
    context = (known.categorical["device"], repr(known.numeric["hour"]))
    pmf = " ".join(map(repr, sample.pmfs[0]))
    return sample.event_id, sample.decided_at_ms, *context, action, repr(drawn.propensity), repr(drawn.reward), pmf


def test_the_same_log_gives_the_same_report_wherever_it_is_read_from(
    here: tuple[str, str], challenger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Straight from the store, as Parquet, as DSJSON, as CSV: bit by bit the same numbers."""
    for form in ("parquet", "dsjson"):
        assert app.run(["export", "home", "--to", str(tmp_path / form), "--format", form, *here]) == 0
    capsys.readouterr()
    samples = [found for found in FileSource([tmp_path / "parquet"]).read() if isinstance(found, Sample)]
    assert len(samples) == N
    asked = ("--target", "fixed:o1", "--target", challenger, "--segment", "device", "--resamples", "100")
    straight = report(capsys, "home", *asked, *here)
    parquet = report(capsys, str(tmp_path / "parquet"), *asked)
    dsjson = report(capsys, str(tmp_path / "dsjson"), *asked)
    table = report(capsys, *as_csv(samples, tmp_path / "csv"), *asked)
    assert straight["samples"] == N
    assert [each["learns"] for each in straight["targets"]] == [False, True]
    # Only the placement itself says how large control was to be, and only our own files say who decided.
    for target in straight["targets"]:
        assert target["diagnostics"].pop("control_share") == pytest.approx(0.2, abs=0.1)
        target["diagnostics"].pop("control_share_z")
    assert parquet == straight
    assert dsjson == straight
    assert table == straight


def test_a_version_is_judged_by_what_came_after_it(
    address: str, here: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    newest = status(address, "home").policy_version
    said = report(capsys, "home", "--target", f"version:{newest}", "--force", *here)["targets"][0]
    assert (said["samples"], said["verdict"]) == (0, "refuse")  # it has learned from all there is
    seen = report(capsys, "home", "--target", f"version:{newest}", "--seen", "--force", *here)["targets"][0]
    assert seen["samples"] == N
    assert any(f"learned from {N} of these decisions" in reason for reason in seen["reasons"])
    code, _, err = run(capsys, "home", "--target", "version:999999", *here)
    assert (code, err.count("\n")) == (1, 1)
    assert "expected a version that is kept" in err


def test_people_get_a_table_and_verdicts(
    here: tuple[str, str], challenger: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--target", "uniform", "--target", challenger, "--baseline", "uniform", "--segment", "device")
    page = tmp_path / "report.html"
    code, out, err = run(capsys, "home", *words, *here, "--html", str(page))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"placement home: {N} decisions"
    assert lines[2].split()[:3] == ["target", "decisions", "reward"]
    assert [line.split()[0] for line in lines[3:6]] == ["logged", "uniform", "challenger"]
    assert "minus uniform" in lines[2]
    assert any(line.startswith("caution  uniform (every eligible offer equally often)") for line in lines)
    assert any(line.startswith("challenger by") for line in lines)
    html = page.read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert f"attune evaluate home --target uniform --target {challenger} --baseline uniform" in html


def test_a_refused_estimate_is_shown_only_by_force(here: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("home", "--target", "uniform", "--limit", "20", *here)
    said = report(capsys, *words)["targets"][0]
    assert (said["verdict"], said["value"], said["estimates"]) == ("refuse", None, [])
    assert "at least 100 are needed" in said["reasons"][0]
    assert "refused" in run(capsys, *words)[1]
    assert report(capsys, *words, "--force")["targets"][0]["value"] is not None


# What is typed after `evaluate`, exit code, what is said in one line.
WRONG = [
    pytest.param((("nobody", "--target", "uniform"), 1, "expected the name of an applied placement"), id="placement"),
    pytest.param((("no/such", "--target", "uniform"), 78, "SOURCE: expected a placement's name"), id="source"),
    pytest.param((("log.parquet", "--target", "uniform"), 78, "or a file or directory that exists"), id="no file"),
    pytest.param((("home",), 2, "Missing option '--target'"), id="no target"),
    pytest.param((("home", "--target", "best"), 78, "--target: expected uniform, fixed:OFFER"), id="target"),
    pytest.param(
        (("home", "--target", "uniform", "--target", "uniform"), 78, "got uniform more than once"), id="twice"
    ),
    pytest.param(
        (("home", "--target", "uniform", "--baseline", "x"), 78, "--baseline: expected one of"), id="baseline"
    ),
    pytest.param(
        (("home", "--target", "uniform", "--estimator", "x"), 78, "--estimator: expected one of"), id="estimator"
    ),
    pytest.param((("home", "--target", "{}/bad.yaml"), 78, "bad.yaml:2: placements[0].policy.min_prob"), id="spec"),
    pytest.param((("{}/bad.json", "--target", "uniform"), 1, "bad.json:1: _multi: expected list"), id="bad row"),
    pytest.param((("{}/bad.json", "--target", "version:1"), 78, "expected version:NUMBER@PLACEMENT"), id="version"),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_done_is_said_in_one_line(
    here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[tuple[str, ...], int, str]
) -> None:
    words, code, said = wrong
    (tmp_path / "bad.yaml").write_text("name: x\npolicy: {min_probability: 7}\n")
    (tmp_path / "bad.json").write_text('{"EventId": "x", "c": {}}\n')
    ended, out, err = run(capsys, *(word.format(tmp_path) for word in words), *here)
    assert (ended, out, err.count("\n")) == (code, "", 1)
    assert said in err


def test_bad_rows_are_counted_and_named_when_they_are_to_be_skipped(
    here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run(["export", "home", "--to", str(tmp_path), "--format", "dsjson", *here])
    capsys.readouterr()
    (tmp_path / "interactions" / "zzz.dsjson").write_text('{"EventId": "x", "c": {}}\n')
    code, out, err = run(capsys, str(tmp_path), "--target", "uniform", "--skip-bad")
    assert code == 0
    assert "zzz.dsjson:1: _multi: expected list" in err
    assert f"{N} decisions, 1 bad rows skipped" in out


def test_ctrl_c_keeps_what_is_done(tmp_path: Path) -> None:
    """Interrupts a process once it weighs; an endless log is a pipe that nobody closes."""
    columns = "action,propensity,reward\n"
    (tmp_path / "mapping.yaml").write_text(
        "action: action\npropensity: propensity\nreward: reward\noffers: {ids: [a, b]}\n"
    )
    pipe = tmp_path / "log.csv"
    pipe.write_text(columns + "a,0.5,1\nb,0.5,0\n" * 150_000)
    words = [str(pipe), "--mapping", str(tmp_path / "mapping.yaml"), "--target", "uniform", "--no-model", "--json"]
    code = "import sys; from attune.cli import app; from attune.evaluation import evaluator as e\n"
    # Says when the first chunk was weighed, so that the test need not guess.
    code += "take = e.Evaluator._take\n"
    code += "def told(self, chunk):\n    take(self, chunk); sys.stderr.write('weighed\\n'); sys.stderr.flush()\n"
    code += "e.Evaluator._take = told\nsys.exit(app.run(['evaluate', *sys.argv[1:]]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert process.stderr.readline() == "weighed\n"
    os.kill(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    said = json.loads(out)
    assert (process.returncode, said["complete"]) == (130, False)
    assert 0 < said["samples"] < 300_000
    assert said["targets"][0]["samples"] == said["samples"]
