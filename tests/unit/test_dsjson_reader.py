"""Lines of DSJSON that somebody has tampered with: refused, or read, but nothing falls over."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import InvalidInputError
from attune.logs import checks
from attune.logs.assembly import assembled
from attune.logs.dsjson import interaction_line, late_line
from attune.logs.dsjson_reader import dangling, left_over, read
from attune.logs.readings import Candidate, LateReading, LeftOut, Refused
from attune.logs.rows import rows_of
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.log_entries import LoggedInteraction
from attune.store.training_log import LateEntry, recorded_elsewhere
from attune_models.rewards import RewardSpec
from training_logs import decision

CLICK = recorded_elsewhere("click", 1, OutcomeRecord(name="click", value=1.0, occurred_at_ms=5))
ENTRY = LoggedInteraction("5-1", decision("e", Random(4)), [CLICK])
OURS = [interaction_line("home", row) for row in rows_of(ENTRY, RewardSpec())]
FOREIGN = {key: value for key, value in OURS[0].items() if key != "_attune"} | {"pdrop": 0.1, "_skipLearn": False}
LINES = [*OURS, FOREIGN, late_line("home", LateEntry("6-0", "e", CLICK)), {"EventId": "e", "RewardValue": 1.0}]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything in a JSON value."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


@st.composite
def tampered(draw: st.DrawFn) -> dict[str, Any]:
    """Draws a line in which one thing is another one, or missing."""
    line: dict[str, Any] = json.loads(json.dumps(draw(st.sampled_from(LINES))))
    path = draw(st.sampled_from(list(places(line))))
    parent: Any = line
    for key in path[:-1]:
        parent = parent[key]
    if draw(st.booleans()):
        parent[path[-1]] = draw(ANY)
    else:
        del parent[path[-1]]
    return line


def readings(path: Path, *lines: Any) -> list[Candidate | LateReading | LeftOut | Refused]:
    path.write_text("\n".join(json.dumps(line) for line in lines))
    observed, refused = dangling([path])
    return [*refused, *assembled(read(path, "click", observed)), *left_over("click", observed)]


@given(tampered())
@settings(max_examples=150, deadline=None)
def test_whatever_a_line_says_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, line: Any) -> None:
    for reading in readings(tmp_path_factory.getbasetemp() / "tampered.dsjson", line):
        # What the checks refuse they name; what they let pass can be written.
        with suppress(InvalidInputError):
            if isinstance(reading, Candidate):
                checks.check(reading)
                assert reading.decision.SerializeToString()
            elif isinstance(reading, LateReading):
                checks.check_late(reading)
                assert reading.event_id.encode()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    made, *others = readings(tmp_path / "log.dsjson", *OURS)
    assert not others
    assert isinstance(made, Candidate)
    assert list(made.decision.pmf) == list(ENTRY.decision.pmf)
    assert list(made.outcomes) == [CLICK]


def test_a_line_that_is_too_long_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    path = tmp_path / "log.dsjson"
    path.write_bytes(b" " * (33 << 20) + b"\n" + json.dumps(FOREIGN).encode() + b"\n")
    refused, made = assembled(read(path, "click", {}))
    assert str(refused).startswith(f"{path}:1: expected a line of less than")
    assert isinstance(made, Candidate)
    assert made.where == f"{path}:2"
