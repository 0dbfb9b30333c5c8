"""The log of a running placement as samples: the same as those of its export, with final rewards."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from attune.errors import BadLogError, NotFoundError, StoreUnavailableError
from attune.logs import trimming
from attune.logs.counted import CountedSamples
from attune.logs.file_source import FileSource
from attune.logs.log_source import LogSource
from attune.logs.readings import Refused
from attune.logs.samples import Sample, SampleSource
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.client import Store
from attune.store.interactions import BEGINNING
from attune.store.keys import PlacementKeys
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.training_log import TrainingLog
from attune.v1.features_pb2 import Features
from attune_models.rewards import Aggregation, OutcomeRule, RewardSpec
from training_logs import decision, entries, export, learn, make

SUM = RewardSpec({"click": OutcomeRule(aggregation=Aggregation.SUM)})


def read(source: SampleSource) -> list[Sample]:
    return list(CountedSamples(source, skip_bad=False))


async def opened(url: str, reward: RewardSpec | None = None) -> LogSource:
    """Sources are read where no event loop runs."""
    return await asyncio.to_thread(LogSource, url, 5.0, "home", reward)


def without_names(samples: Sequence[Sample]) -> list[Sample]:
    """Leaves out what a file calls otherwise: where it is, and the order of a context's tags."""
    return [replace(sample, where="", context=Features()) for sample in samples]


async def test_an_export_has_the_samples_of_the_log(
    store: Store, pipe: Pipe, home: PlacementKeys, store_url: str, tmp_path: Path
) -> None:
    await make(store, pipe, home, 150, withheld=True)
    live = await asyncio.to_thread(read, await opened(store_url, SUM))
    assert len(live) == 120
    for form in ("parquet", "dsjson"):
        await export(store, home, tmp_path / form, form)
        exported = await asyncio.to_thread(read, FileSource([tmp_path / form], reward=SUM))
        assert without_names(exported) == without_names(live)
    log = [entry for entry in await entries(store, home) if not entry.decision.withheld]
    assert [sample.where for sample in live] == [f"position {entry.position}" for entry in log]
    assert sum(len(sample.slots) for sample in live) == sum(1 + len(entry.decision.later_slots) for entry in log)


async def test_late_outcomes_count_and_revisions_are_no_decisions(
    store: Store, pipe: Pipe, home: PlacementKeys, store_url: str
) -> None:
    await make(store, pipe, home, 40)
    before = await asyncio.to_thread(read, await opened(store_url, SUM))
    late = [
        NewOutcome(f"s1-e{i}", "much later", OutcomeRecord(name="click", value=8.0, occurred_at_ms=1)) for i in (3, 7)
    ]
    await Outcomes(store).record(home, late, revise=True)
    assert [entry.revises != "" for entry in await entries(store, home)] == [False] * 40 + [True] * 2
    source = await opened(store_url, SUM)
    after = await asyncio.to_thread(read, source)
    assert [sample.event_id for sample in after] == [sample.event_id for sample in before]
    gained = {
        new.event_id: new.slots[0].reward - old.slots[0].reward
        for old, new in zip(before, after, strict=True)
        if new.slots[0].reward != old.slots[0].reward
    }
    assert gained == {"s1-e3": pytest.approx(8.0), "s1-e7": pytest.approx(8.0)}
    assert source.size_hint >= 40


async def test_the_reward_is_the_placements_own_unless_it_is_said(
    store: Store, pipe: Pipe, home: PlacementKeys, store_url: str
) -> None:
    await make(store, pipe, home, 20)
    first = await asyncio.to_thread(read, await opened(store_url))
    none = await asyncio.to_thread(read, await opened(store_url, RewardSpec({}, default_reward=-3.0)))
    assert any(slot.reward for sample in first for slot in sample.slots)
    assert {slot.reward for sample in none for slot in sample.slots} == {-3.0}


async def test_every_pass_reads_the_log_as_it_was_opened(
    store: Store, pipe: Pipe, home: PlacementKeys, store_url: str
) -> None:
    await make(store, pipe, home, 100)
    source = await opened(store_url, SUM)
    first = await asyncio.to_thread(read, source)
    await make(store, pipe, home, 30, seed=2)
    late = NewOutcome(first[0].event_id, "later", OutcomeRecord(name="click", value=9.0))
    await Outcomes(store).record(home, [late])
    assert await asyncio.to_thread(read, source) == first
    assert len(await asyncio.to_thread(read, await opened(store_url, SUM))) == 130


async def test_a_log_that_is_trimmed_while_it_is_read_is_not_taken_for_a_whole_one(
    store: Store, pipe: Pipe, home: PlacementKeys, store_url: str
) -> None:
    await make(store, pipe, home, 50)
    source = await opened(store_url)
    assert len(await asyncio.to_thread(read, source)) == 50
    last = await learn(store, home, 50)
    await TrainingLog(store).note_exported(home, last, BEGINNING)
    assert await trimming.trim(store, "home") == 49
    with pytest.raises(BadLogError, match="the log was trimmed up to"):
        await asyncio.to_thread(read, source)
    assert len(await asyncio.to_thread(read, await opened(store_url))) == 1


async def test_an_entry_that_cannot_be_counted_is_named_by_its_position(
    store: Store, home: PlacementKeys, store_url: str
) -> None:
    good, bad = decision("e1", Random(1)), decision("e2", Random(2))
    bad.pmf[bad.chosen] = 0.0
    for i, each in enumerate((good, bad, good)):
        await store.redis.xadd(home.interactions, {"d": each.SerializeToString()}, id=f"{i + 1}-0")
    found = await asyncio.to_thread(list, (await opened(store_url)).read())
    assert [isinstance(each, Sample) for each in found] == [True, False, True]
    assert isinstance(found[1], Refused)
    assert str(found[1]).startswith("position 2-0: pmf: expected a sum of 1 (+-1e-06), got ")


@pytest.mark.usefixtures("store")
async def test_what_is_not_there_is_an_error(store_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        await opened(store_url)
    with pytest.raises(StoreUnavailableError):
        await asyncio.to_thread(LogSource, f"unix://{tmp_path}/none.sock", 5.0, "home")


@pytest.mark.usefixtures("home")
async def test_an_empty_log_is_an_error(store_url: str) -> None:
    with pytest.raises(BadLogError, match=r"^placement home: expected at least one decision, got an empty log$"):
        await asyncio.to_thread(read, await opened(store_url))
