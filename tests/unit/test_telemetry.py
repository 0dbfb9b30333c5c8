"""Logs: one line per event, for people and for collectors."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from attune import telemetry
from attune.settings import LogSettings

logger = logging.getLogger("attune.test")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(capture=False)


def test_a_line_for_people_has_time_level_process_message_and_what_belongs_to_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry.configure(LogSettings(), process="learner")
    logger.info("committed\nversion %d", 3, extra={"placement": "home_hero"})
    time, rest = capsys.readouterr().err.split(" ", 1)
    assert len(time) == len("2026-03-01T12:00:00.123Z")
    assert rest == "info learner: committed\\nversion 3 placement=home_hero\n"


def test_what_is_less_severe_than_the_level_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(LogSettings(level="warning"))
    logger.info("quiet")
    logger.warning("loud")
    assert capsys.readouterr().err.endswith(" warning attune: loud\n")


def test_a_line_for_collectors_is_one_json_object_even_with_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(LogSettings(format="json"), process="decisions")
    try:
        int("none")
    except ValueError:
        logger.exception("failed", extra={"error_id": "7f"})
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record["message"] == "failed"
    assert record["level"] == "error"
    assert record["process"] == "decisions"
    assert record["logger"] == "attune.test"
    assert record["error_id"] == "7f"
    assert "ValueError: invalid literal" in record["exception"]


def test_configuring_again_replaces_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.configure(LogSettings())
    telemetry.configure(LogSettings(format="json"))
    logger.info("once")
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert logging.getLogger().handlers[0].stream is sys.stderr  # type: ignore[attr-defined]
