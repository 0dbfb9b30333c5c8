"""Exports and DSJSON as samples: late outcomes count, and what is damaged is named."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from attune.errors import BadLogError
from attune.logs.counted import CountedSamples
from attune.logs.file_source import FileSource
from attune.logs.readings import LeftOut, Reason, Refused
from attune.logs.samples import Sample
from attune.storage.v1.records_pb2 import OutcomeRecord, SlotRecord
from attune.store.log_entries import LoggedInteraction
from attune.store.training_log import recorded_elsewhere
from attune_models.rewards import Aggregation, OutcomeRule, RewardSpec
from exported import STARTED_MS, entry, write, write_late

FORMATS = pytest.mark.parametrize("form", ["parquet", "dsjson"])
PERSONALIZER: dict[str, Any] = {
    "_label_cost": -1.0,
    "_label_probability": 0.8,
    "_labelIndex": 0,
    "Timestamp": "2026-11-21T12:00:00.5Z",
    "EventId": "e1",
    "a": [1, 2],
    "c": {"User": {"plan": "gold"}, "_multi": [{"_tag": "a"}, {"_tag": "b"}]},
    "p": [0.8, 0.2],
    "o": [{"v": 1.0}],
}


def samples(source: FileSource) -> list[Sample]:
    found = list(source.read())
    assert all(isinstance(each, Sample) for each in found), [each for each in found if not isinstance(each, Sample)][:3]
    return [each for each in found if isinstance(each, Sample)]


def problems(source: FileSource, path: Path) -> list[str]:
    return [str(each).removeprefix(f"{path}:") for each in source.read() if isinstance(each, Refused)]


def lines(path: Path, *changed: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(PERSONALIZER | each) + "\n" for each in changed))
    return path


def of_two_slots() -> LoggedInteraction:
    """A decision whose second slot earned 2."""
    logged = entry(0, chosen=2, reward=1.0)
    logged.decision.later_slots.append(SlotRecord(pmf=[0.5, 0.5, *[0.0] * 8], chosen=1))
    second = recorded_elsewhere("second", STARTED_MS + 1, OutcomeRecord(name="click", value=2.0, slot=1))
    return replace(logged, outcomes=[*logged.outcomes, second])


@FORMATS
def test_a_row_of_an_export_is_the_entry_it_was(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / f"a.{form}", [of_two_slots(), entry(1)], form)
    first, second = samples(FileSource([path]))
    assert (first.event_id, first.position, first.mode) == ("e0", f"{STARTED_MS + 60_000}-0", "learned")
    assert first.decided_at_ms == STARTED_MS
    assert [slot.reward for slot in first.slots] == [1.0, 2.0]
    assert [slot.propensity for slot in first.slots] == [0.1, 0.5]
    assert [slot.chosen for slot in first.slots] == [2, 1]
    assert list(first.pmfs) == [[0.1] * 10, [0.5, 0.5, *[0.0] * 7]]  # what slot 0 has drawn is gone
    assert [len(slot.situation.actions) for slot in first.slots] == [10, 9]
    assert dict(second.context.categorical) == {"device": "mobile", "city": "c1"}
    assert FileSource([path]).size_hint in (2, 3)


@FORMATS
def test_each_row_has_its_own_offers_whatever_the_rows_before_had(tmp_path: Path, form: str) -> None:
    logged = [entry(n) for n in range(600)]
    for n, each in enumerate(logged):
        offers = list(each.decision.offers)
        at = n // 2 % 7  # seven lists, each twice in a row: more than are kept
        each.decision.offers[:] = offers[at:] + offers[:at]
    path = write(tmp_path / f"a.{form}", logged, form)
    for n, sample in enumerate(samples(FileSource([path]))):
        at = n // 2 % 7
        assert sample.slots[0].situation.action_ids == [f"offer-{(i + at) % 10}" for i in range(10)]
        assert sample.slots[0].situation.actions[0].startswith(f"=offer-{at} age:")


@FORMATS
def test_late_outcomes_of_an_export_count(tmp_path: Path, form: str) -> None:
    write(tmp_path / f"a.{form}", [entry(n, reward=1.0) for n in range(3)], form)
    late = [(f"e{n}", recorded_elsewhere("late", 10**13, OutcomeRecord(name="refund", value=3.0))) for n in (1, 1, 7)]
    write_late(tmp_path / "late" / f"a.{form}", late, form)
    spec = RewardSpec({"click": OutcomeRule(), "refund": OutcomeRule(-0.5, Aggregation.SUM)})
    source = FileSource([tmp_path], reward=spec)
    for _ in range(2):  # it can be read more than once
        found = list(source.read())
        assert [each.slots[0].reward for each in found if isinstance(each, Sample)] == [1.0, -0.5, 1.0]
        assert found[3:] == [LeftOut(Reason.UNMATCHED)]


@FORMATS
@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (entry(1, pmf=[0.1] * 9 + [0.100002]), "pmf: expected a sum of 1 (+-1e-06), got 1.000002"),
        (entry(1, pmf=[0.0, 0.2, *[0.1] * 8]), "propensity: expected more than 0 and at most 1, got 0.0"),
        (entry(1, pmf=[0.3, -0.1, *[0.1] * 8]), "pmf: expected probabilities from 0 to 1, got -0.1"),
        (entry(1, reward=1e10), "outcomes[0].value: expected a number between -1e9 and 1e9, got 10000000000.0"),
    ],
    ids=["sum", "zero", "negative", "reward"],
)
def test_a_bad_row_is_named_and_the_others_are_read(
    tmp_path: Path, form: str, bad: LoggedInteraction, problem: str
) -> None:
    path = write(tmp_path / f"a.{form}", [entry(0), bad, entry(2)], form)
    assert problems(FileSource([path]), path) == [f"2: {problem}"]
    counted = CountedSamples(FileSource([path]), skip_bad=True)
    assert ([each.event_id for each in counted], counted.refused) == (["e0", "e2"], 1)


def test_parquet_rows_that_do_not_fit_are_named(tmp_path: Path) -> None:
    table = parquet.read_table(write(tmp_path / "a.parquet", [entry(n, reward=1.0) for n in range(6)])).to_pylist()
    table[1]["pmf"] = None
    table[2]["chosen"] = 10
    table[3]["outcomes"][0]["value"] = float("nan")
    table[4]["pmf"][0] = float("nan")
    table[5]["offers"] = None
    schema = parquet.read_schema(tmp_path / "a.parquet")
    parquet.write_table(pa.Table.from_pylist(table, schema), path := tmp_path / "b.parquet")
    assert [each.partition(", got")[0] for each in sorted(problems(FileSource([path]), path))] == [
        "2: pmf: expected a value",
        "3: chosen: expected a position from 0 to 9",
        "4: outcomes[0].value: expected a number between -1e9 and 1e9",
        "5: pmf: expected probabilities from 0 to 1",
        "6: offers: expected a value",
    ]


def test_a_parquet_file_that_lacks_columns_or_its_end_is_named(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.parquet", [entry(n) for n in range(50)])
    table = parquet.read_table(whole)
    parquet.write_table(table.drop_columns(["pmf", "chosen"]), tmp_path / "b.parquet")
    (tmp_path / "c.parquet").write_bytes(whole.read_bytes()[:-100])
    (tmp_path / "d.parquet").write_bytes(b"")
    found = problems(FileSource([tmp_path]), tmp_path)
    assert [each.removeprefix(f"{tmp_path}/").partition(", got")[0][:60] for each in found] == [
        "b.parquet: columns: expected event_id, slot, decided_at, mod",
        "c.parquet: expected a Parquet file as attune export writes i",
        "d.parquet: expected a Parquet file as attune export writes i",
    ]
    with pytest.raises(BadLogError, match=r"b\.parquet: columns: expected"):
        list(CountedSamples(FileSource([tmp_path]), skip_bad=False))


def test_an_export_without_positions_is_in_order_by_time(tmp_path: Path) -> None:
    table = parquet.read_table(write(tmp_path / "a.parquet", [entry(n) for n in (0, 2, 1)])).drop_columns(["position"])
    parquet.write_table(table, path := tmp_path / "b.parquet")
    assert [each[:8] for each in problems(FileSource([path]), path)] == ["3: time:"]
    assert len(samples(FileSource([path], any_order=True))) == 3


@FORMATS
def test_a_decision_of_which_a_slot_is_damaged_is_not_one_of_fewer_slots(tmp_path: Path, form: str) -> None:
    broken = of_two_slots()

    path = write(tmp_path / f"a.{form}", [broken, entry(1)], form)
    if form == "parquet":
        table = parquet.read_table(path).to_pylist()
        table[1]["pmf"] = None
        parquet.write_table(pa.Table.from_pylist(table, parquet.read_schema(path)), path)
    else:
        whole = path.read_text().splitlines()
        path.write_text("\n".join([whole[0], whole[1].replace('"a":[', '"a":[7,'), whole[2]]))
    counted = CountedSamples(FileSource([path]), skip_bad=True)
    assert ([each.event_id for each in counted], counted.refused) == (["e1"], 1)


@FORMATS
def test_an_export_out_of_order_is_refused_and_what_is_there_twice_is_not(tmp_path: Path, form: str) -> None:
    path = write(tmp_path / f"a.{form}", [entry(n) for n in (0, 0, 2, 1)], form)
    assert [each[:24] for each in problems(FileSource([path]), path)] == ["4: position: expected 17"]
    assert [each.event_id for each in samples(FileSource([path], any_order=True))] == ["e0", "e0", "e2", "e1"]


def test_what_personalizer_logged_is_read_with_its_observations(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    lines(path, {}, {"EventId": "e2", "_label_cost": 0.0, "o": []}, {"EventId": "e3", "_skipLearn": True})
    observed = [{"EventId": "e2", "RewardValue": 0.5}, {"EventId": "e9", "RewardValue": 1.0}]
    path.write_text(path.read_text() + "".join(json.dumps(each) + "\n" for each in observed))
    found = list(FileSource([path], reward=RewardSpec({"conversion": OutcomeRule(2.0)})).read())
    taken = [each for each in found if isinstance(each, Sample)]
    assert [each.slots[0].reward for each in taken] == [2.0, 1.0]
    assert [each.pmfs for each in taken] == [[[0.8, 0.2]]] * 2
    assert [each for each in found if isinstance(each, LeftOut)] == [
        LeftOut(Reason.NOT_TO_LEARN),
        LeftOut(Reason.UNMATCHED),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"p": [0.8, 0.3]}, "pmf: expected a sum of 1 (+-1e-06), got 1.1"),
        ({"p": [0.0, 1.0], "_label_probability": 0.0}, "propensity: expected more than 0 and at most 1, got 0.0"),
        (
            {"p": [0.8]},
            "a, p: expected each of 1 to 2 once, and a probability for each, got [1, 2] and 1 prob",
        ),
        (
            {"a": [3, 1]},
            "a, p: expected each of 1 to 2 once, and a probability for each, got [3, 1] and 2 prob",
        ),
        ({"_label_cost": "x"}, "_label_cost: expected a number, got 'x'"),
        ({"Timestamp": "2026-11-21T11:59:59Z"}, "time: expected 2026-11-21T12:00:00.500+00:00 or later, as in a row b"),
        ({"c": {"_multi": []}}, "c._multi: expected at least one action, got none"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: dict[str, Any], problem: str) -> None:
    path = lines(tmp_path / "a.dsjson", {}, line, {"EventId": "e2"})
    (found,) = problems(FileSource([path]), path)
    assert found.startswith(f"2: {problem}")


@pytest.mark.parametrize(
    "line",
    [b'{"EventId": "e2", "c": {"_mu', b"\xff\xfe\x00garbage", b"[" * 100_000, b'{"c":' * 3_000, b"NaN", b"{}"],
    ids=["half", "garbage", "deep list", "deep object", "constant", "nothing"],
)
def test_what_is_no_line_is_named(tmp_path: Path, line: bytes) -> None:
    path = lines(tmp_path / "a.dsjson", {})
    path.write_bytes(path.read_bytes() + line)
    (problem,) = problems(FileSource([path]), path)
    assert problem.startswith("2: c: expected a decision or an" if line == b"{}" else "2: expected a JSON object, got")


def test_actions_nested_too_deep_to_be_compared_are_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {}
    for _ in range(500):
        deep = {"x": deep}
    path = lines(tmp_path / "a.dsjson", {"c": {"_multi": [deep, {"_tag": "b"}]}}, {})
    assert [each[:3] for each in problems(FileSource([path]), path)] == ["1: "]


@FORMATS
def test_no_damage_ends_a_reading_but_by_naming_it(tmp_path: Path, form: str) -> None:
    whole = write(tmp_path / f"a.{form}", [entry(n) for n in range(8)], form).read_bytes()
    refused = 0
    for n, damaged in enumerate(_damaged(whole, 150)):
        path = tmp_path / f"d{n}.{form}"
        path.write_bytes(damaged)
        source = FileSource([path])
        assert source.size_hint >= 0
        refused += any(isinstance(each, Refused) for each in source.read())
        path.unlink()
    assert refused > 75


def _damaged(whole: bytes, n: int) -> Iterator[bytes]:
    rng = random.Random(7)
    for _ in range(n):
        at, size = rng.randrange(len(whole)), rng.randrange(40)
        damage = rng.randbytes(rng.randrange(40))
        yield whole[:at] if rng.random() < 0.3 else whole[:at] + damage + whole[at + size :]
