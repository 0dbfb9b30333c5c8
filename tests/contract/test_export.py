"""`attune export` on a real store: every entry once, whatever is killed, and nothing trimmed that is still needed."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyarrow import parquet

from attune.errors import NotFoundError, SettingError
from attune.logs import destination, trimming
from attune.logs.parts import Parts
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.client import Store
from attune.store.generations import Generations
from attune.store.interactions import BEGINNING
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog, order
from attune.v1.placement_pb2 import Placement
from training_logs import decision, entries, export, learn, make


def exported_positions(to: Path, stream: str = "interactions") -> list[str]:
    """Return the position of every row, in the order of the files; the rows of one decision counted once."""
    positions: list[str] = []
    for first, last, path in Parts(to / stream, ".parquet").files():
        inside = parquet.ParquetFile(path).read(["position"]).column("position").to_pylist()
        assert (inside[0], inside[-1]) == (first, last)
        positions += list(dict.fromkeys(inside))
    return positions


async def test_a_row_says_what_the_log_says(store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path) -> None:
    await make(store, pipe, home, 30, withheld=True)
    await export(store, home, tmp_path)
    table = parquet.read_table(tmp_path / "interactions")
    rows = table.to_pylist()
    log = {entry.position: entry for entry in await entries(store, home)}
    assert {row["position"] for row in rows} == set(log)
    for row in rows:
        entry = log[row["position"]]
        slot = ([entry.decision, *entry.decision.later_slots])[row["slot"]]
        assert row["pmf"] == list(slot.pmf)
        assert row["propensity"] == slot.pmf[slot.chosen]
        assert row["chosen_offer_id"] == row["offers"][slot.chosen]["id"]
        assert round(row["decided_at"].timestamp() * 1000) == entry.decision.decided_at_ms
        own = [each for each in entry.outcomes if each.record.slot == row["slot"]]
        assert [each["value"] for each in row["outcomes"]] == [each.record.value for each in own]
        assert row["reward"] == (own[0].record.value if own else 0.0)
    written = Parts(tmp_path / "interactions", ".parquet").files()[0][2]
    spec = json.loads(parquet.read_schema(written).metadata[b"attune.reward_spec"])
    assert spec["outcomes"] == [{"name": "click", "weight": 1.0, "aggregation": "AGGREGATION_FIRST"}]
    late = parquet.read_table(tmp_path / "late").to_pylist()
    assert [row["event_id"] for row in late] == [f"s1-e{i}" for i in range(0, 30, 5)]
    assert all(row["late"] for row in late)


@pytest.mark.parametrize("form", ["parquet", "dsjson"])
async def test_an_export_goes_on_where_the_last_one_ended(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path, form: str
) -> None:
    for seed in (1, 2):
        await make(store, pipe, home, 25, seed)
        done = await export(store, home, tmp_path, form, per_file=10)
        assert (done.interactions, done.late) == (25, 5)
        assert done.position == (await entries(store, home))[-1].position
    again = await export(store, home, tmp_path, form)
    assert (again.interactions, again.late, again.files) == (0, 0, 0)
    assert len(Parts(tmp_path / "interactions", f".{form}").files()) == 6
    if form == "parquet":
        assert exported_positions(tmp_path) == [entry.position for entry in await entries(store, home)]


async def test_a_revision_is_passed_over_and_not_counted(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    """Its interaction is in the files, and what revises it among the late outcomes."""
    await make(store, pipe, home, 20)
    late = NewOutcome("s1-e1", "late", OutcomeRecord(name="click", value=3.0))
    await Outcomes(store).record(home, [late], revise=True)
    done = await export(store, home, tmp_path)
    log = await entries(store, home)
    assert (done.interactions, done.late, done.position) == (20, 5, log[-1].position)
    assert parquet.read_table(tmp_path / "late").num_rows == 5
    assert (await export(store, home, tmp_path)).files == 0


async def test_every_file_is_of_one_day(store: Store, home: PlacementKeys, tmp_path: Path) -> None:
    midnight_ms = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000)
    times_ms = (midnight_ms - 1, midnight_ms, midnight_ms + 86_399_999, midnight_ms + 86_400_000)
    positions = [f"{time_ms}-{i}" for i, time_ms in enumerate(times_ms)]
    for position in positions:
        await store.redis.xadd(home.interactions, {"d": decision("e", Random(1)).SerializeToString()}, id=position)
    await export(store, home, tmp_path)
    assert [path.parent.name for _, _, path in Parts(tmp_path / "interactions", ".parquet").files()] == [
        "day=2026-11-20",
        "day=2026-11-21",
        "day=2026-11-22",
    ]
    assert exported_positions(tmp_path) == positions


async def test_two_exports_do_not_share_a_directory(store: Store, home: PlacementKeys, tmp_path: Path) -> None:
    placement = await Placements(store).get("home")
    with (
        destination.opened(tmp_path, ".parquet", placement),
        pytest.raises(SettingError, match="another export"),
    ):
        await export(store, home, tmp_path)
    await Placements(store).delete("home")
    await Placements(store).apply(with_defaults(Placement(name="home")), now_ms=5)
    with pytest.raises(SettingError, match="positions of one say nothing about the other"):
        await export(store, home, tmp_path)


async def test_nothing_is_trimmed_that_is_not_exported(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await make(store, pipe, home, 20)
    await learn(store, home, 20)
    assert await trimming.trim(store, "home") == 0
    assert len(await entries(store, home)) == 20


@pytest.mark.parametrize(("exported", "learned"), [(250, 120), (120, 250), (250, 250), (1, 250)])
async def test_only_what_is_behind_both_the_export_and_the_cursor_is_trimmed(
    store: Store, pipe: Pipe, home: PlacementKeys, exported: int, learned: int
) -> None:
    await make(store, pipe, home, 300)
    log = await entries(store, home)
    await learn(store, home, learned)
    await TrainingLog(store).note_exported(home, log[exported - 1].position, BEGINNING)
    removed = await trimming.trim(store, "home")
    # The entry at the boundary stays.
    assert removed == min(exported, learned) - 1
    assert [entry.position for entry in await entries(store, home)] == [entry.position for entry in log[removed:]]
    trimmed = (await TrainingLog(store).extent(home)).trimmed
    assert trimmed == (log[removed - 1].position if removed else BEGINNING)


async def test_what_is_younger_than_the_placement_keeps_it_is_not_trimmed(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    placement = with_defaults(Placement(name="home"))
    placement.log_retention.seconds = 3600
    await Placements(store).apply(placement, 0)
    seconds, _ = await store.redis.time()
    for age_s in (7200, 3660):
        entry = {"d": decision(f"old-{age_s}", Random(1)).SerializeToString()}
        await store.redis.xadd(home.interactions, entry, id=f"{(seconds - age_s) * 1000}-0")
    await make(store, pipe, home, 20)
    await export(store, home, tmp_path)
    await learn(store, home, 22)
    assert await trimming.trim(store, "home") == 2
    assert len(await entries(store, home)) == 20
    placement.log_retention.seconds = 0
    await Placements(store).apply(placement, 0)
    assert await trimming.trim(store, "home") == 19


async def test_a_log_that_a_new_spec_is_being_trained_on_is_not_trimmed(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 20)
    await learn(store, home, 20)
    await export(store, home, tmp_path)
    changed = with_defaults(Placement(name="home"))
    changed.reward.outcomes[0].weight = 2.0
    await Placements(store).apply(changed, 0)
    with pytest.raises(NotFoundError, match="nothing more was trimmed"):
        await trimming.trim(store, "home")
    assert len(await entries(store, home)) == 20


async def test_a_training_that_begins_while_the_log_is_trimmed_keeps_the_rest(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The present version is still the newest then, and has learned everything."""
    await make(store, pipe, home, 20)
    await learn(store, home, 20)
    await export(store, home, tmp_path)
    trim = TrainingLog.trim

    async def after_a_rebuild_has_begun(log: TrainingLog, *looked_at: Any) -> int | None:
        monkeypatch.setattr(TrainingLog, "trim", trim)
        await Generations(store).rebuild("home", whole_log=False)
        return await trim(log, *looked_at)

    monkeypatch.setattr(TrainingLog, "trim", after_a_rebuild_has_begun)
    with pytest.raises(NotFoundError, match="nothing more was trimmed"):
        await trimming.trim(store, "home")
    assert len(await entries(store, home)) == 20


async def test_other_windows_and_revisions_do_not_keep_a_log_from_being_trimmed(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    """They are no other training: no version with them comes before the next interaction."""
    await make(store, pipe, home, 20)
    await learn(store, home, 20)
    await export(store, home, tmp_path)
    changed = with_defaults(Placement(name="home"))
    changed.reward.window.FromSeconds(5)
    changed.reward.revise_late = True
    await Placements(store).apply(changed, 0)
    assert await trimming.trim(store, "home") == 19


async def test_a_rebuild_does_not_promise_what_was_trimmed(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 20)
    await learn(store, home, 20)
    await export(store, home, tmp_path)
    await trimming.trim(store, "home")
    assert await Generations(store).rebuild("home", whole_log=False) == 1
    assert (await Placements(store).numbers("home")).to_learn == 1


async def test_an_export_never_leaves_a_hole(store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path) -> None:
    await make(store, pipe, home, 20)
    await export(store, home, tmp_path / "one")
    await make(store, pipe, home, 20, seed=2)
    await export(store, home, tmp_path / "two")
    await learn(store, home, 40)
    assert await trimming.trim(store, "home") == 39
    with pytest.raises(SettingError, match="a hole would remain"):
        await export(store, home, tmp_path / "one")
    assert (await export(store, home, tmp_path / "two")).interactions == 0
    fresh = await export(store, home, tmp_path / "three")
    assert fresh.interactions == 1
    assert fresh.missing_up_to == exported_positions(tmp_path / "two")[-2]


async def test_files_of_another_log_are_not_taken_for_this_one(
    store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path
) -> None:
    await make(store, pipe, home, 20)
    await export(store, home, tmp_path)
    (tmp_path / "_state.json").unlink()
    await Placements(store).apply(with_defaults(Placement(name="other")), now_ms=0)
    with pytest.raises(SettingError, match="expected a directory that ends within the log"):
        await export(store, PlacementKeys("other"), tmp_path)
    assert (await TrainingLog(store).extent(PlacementKeys("other"))).exported == BEGINNING


async def test_what_is_noted_as_exported_never_goes_back(store: Store, home: PlacementKeys) -> None:
    log = TrainingLog(store)
    for position, noted in (("9-5", "9-5"), ("10-0", "10-0"), ("9-9", "10-0"), ("10-2", "10-2"), ("10-11", "10-11")):
        await log.note_exported(home, position, BEGINNING)
        assert (await log.extent(home)).exported == noted
    assert order("9-9") < order("10-0") < order("10-11")


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("form", ["parquet", "dsjson"])
async def test_a_longer_log_takes_no_more_memory(
    store: Store, store_url: str, home: PlacementKeys, tmp_path: Path, form: str
) -> None:
    rng, log = Random(1), TrainingLog(store)
    made = [decision("", rng) for _ in range(200)]
    peaks_kb: list[int] = []
    for first, end in ((0, 10_000), (10_000, 30_000)):
        for start in range(first, end, 200):
            for i, each in enumerate(made):
                each.event_id = f"e{start + i}"
            await log.append(home, [(each, []) for each in made], restore=False)
        options = ["--redis-url", store_url, "--to", str(tmp_path / str(end)), "--format", form]
        command = [sys.executable, "-m", "attune", "export", "home", *options]
        # Not subprocess: only wait4 says how much memory this one child took.
        child = os.posix_spawn(sys.executable, command, os.environ)  # noqa: ASYNC221 - returns at once
        _, status, usage = await asyncio.to_thread(os.wait4, child, 0)
        assert status == 0
        peaks_kb.append(usage.ru_maxrss)
    assert peaks_kb[1] < 1.15 * peaks_kb[0], peaks_kb


async def test_a_revision_is_no_row(store: Store, pipe: Pipe, home: PlacementKeys, tmp_path: Path) -> None:
    """It repeats a decision with another reward: what corrects it is among the late outcomes, once."""
    await make(store, pipe, home, 3)
    late = NewOutcome("s1-e1", "refund", OutcomeRecord(name="click", value=-1.0))
    await Outcomes(store).record(home, [late], revise=True)
    log = await entries(store, home)
    assert [bool(entry.revises) for entry in log] == [False, False, False, True]
    done = await export(store, home, tmp_path)
    assert done.position == log[-1].position
    assert exported_positions_of_rows(tmp_path) == [entry.position for entry in log[:3]]
    assert [row["event_id"] for row in parquet.read_table(tmp_path / "late").to_pylist()] == ["s1-e0", "s1-e1"]
    again = await export(store, home, tmp_path)
    assert (again.interactions, again.files) == (0, 0)


def exported_positions_of_rows(to: Path) -> list[str]:
    rows = parquet.read_table(to / "interactions", columns=["position"]).column("position").to_pylist()
    return list(dict.fromkeys(rows))
