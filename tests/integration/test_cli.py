"""`attune apply` and `attune status` against a running service."""

import json
from pathlib import Path

import pytest

from attune.cli import app
from service import RunningService

PLACEMENT = """
name: {name}
policy:
  vw:
    bits: {bits}
reward:
  outcomes:
  - name: click
  - name: {second}
"""


def write(directory: Path, name: str, bits: int = 18, second: str = "order") -> str:
    file = directory / f"{name}.yaml"
    file.write_text(PLACEMENT.format(name=name, bits=bits, second=second))
    return str(file)


def test_applying_says_what_became_of_each_placement(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []
    for bits in (18, 18, 19):
        assert app.run(["apply", "--address", service.address, write(tmp_path, "one", bits)]) == 0
        said.append(capsys.readouterr().out)
    assert said == ["one: created (revision 1)\n", "one: unchanged (revision 1)\n", "one: changed (revision 2)\n"]


def test_applying_prints_the_replies_as_json(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [write(tmp_path, "two"), write(tmp_path, "three")]
    assert app.run(["apply", "--json", "--address", service.address, *files]) == 0
    replies = json.loads(capsys.readouterr().out)
    assert [reply["placement"]["name"] for reply in replies] == ["two", "three"]
    assert replies[0]["placement"]["policy"]["vw"]["bits"] == 18


def test_what_the_service_refuses_is_shown_with_its_line(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "bad", bits=99, second="click")
    assert app.run(["apply", "--address", service.address, file]) == 78
    said = capsys.readouterr().err
    assert f"attune: {file}:5: placements[0].policy.vw.bits: expected 10 to 24" in said
    assert f"attune: {file}:9: placements[0].reward.outcomes[1].name: expected a name of its own" in said
    assert app.run(["status", "bad", "--address", service.address]) == 1
    assert capsys.readouterr().err.startswith("attune: not found: ")


def test_a_mistake_in_the_last_file_keeps_the_first_from_being_applied(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("nam: x\n")
    assert app.run(["apply", "--address", service.address, write(tmp_path, "four"), str(broken)]) == 78
    assert app.run(["status", "four", "--address", service.address]) == 1
    assert "broken.yaml:1: placements[0].nam: unknown field" in capsys.readouterr().err


def test_the_status_is_a_table_or_json(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["apply", "--address", service.address, write(tmp_path, "five")]) == 0
    capsys.readouterr()
    assert app.run(["status", "five", "--address", service.address]) == 0
    header, line, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == [
        "placement",
        "decisions",
        "outcomes",
        "pending",
        "late",
        "learned",
        "version",
        "lag",
        "learner",
    ]
    assert line.split()[:8] == ["five", "0", "0", "0", "0", "0", "0", "-"]

    assert app.run(["status", "five", "--json", "--address", service.address]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one["placement"]["name"] == "five"
    assert one["status"]["decisions"] == "0"  # protobuf's JSON mapping writes 64-bit numbers as text
    assert one["versions"] == []

    assert app.run(["status", "--json", "--address", service.address]) == 0
    everything = json.loads(capsys.readouterr().out)
    assert "five" in [placement["placement"]["name"] for placement in everything["placements"]]


GUARDED = """
name: guarded
guardrails:
  rules:
  - name: adults
    when: age >= 18
  - name: minors
    when: {all: [age < 18, country == "tr"]}
  quiet_hours:
  - starts_at: "22:00"
    ends_at: "{ends_at}"
    time_zone: Europe/Istanbul
"""


def test_what_is_hardly_meant_is_said_beside_what_was_done(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "guarded.yaml"
    file.write_text(GUARDED.replace("{ends_at}", "08:00"))
    assert app.run(["apply", "--address", service.address, str(file)]) == 0
    said = capsys.readouterr()
    assert said.out == "guarded: created (revision 1)\n"
    assert said.err.startswith("guarded: warning: guardrails.rules: ")


def test_a_guardrail_that_is_wrong_is_shown_with_its_line(
    service: RunningService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "silent.yaml"
    file.write_text(GUARDED.replace("{ends_at}", "22:00").replace("age < 18", "time.huor < 8"))
    assert app.run(["apply", "--address", service.address, str(file)]) == 78
    said = capsys.readouterr().err
    assert f"attune: {file}:8: placements[0].guardrails.rules[1].when.all[0]" in said
    assert f"attune: {file}:11: placements[0].guardrails.quiet_hours[0].ends_at: expected another time" in said
