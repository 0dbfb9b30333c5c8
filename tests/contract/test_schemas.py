"""What the schema guard reads from a real store, and who may write what it knows."""

import asyncio

import pytest

from attune.errors import FencedError
from attune.learning.guard import PlacementGuard
from attune.storage.v1.records_pb2 import DecisionRecord, FindingsRecord
from attune.store.client import Store
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.schemas import Schemas
from attune.store.versions import Versions
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_service_pb2 import FEATURE_PROBLEM_CONSTANT, FeatureFinding
from servers import every_key

FOUND = FindingsRecord(findings=[FeatureFinding(name="device")])
DAY_MS = 86_400_000


def record(event_id: str) -> bytes:
    context = Features(categorical={"device": "mobile"}).SerializeToString()
    offers = [Offer(id="a").SerializeToString()]
    return DecisionRecord(event_id=event_id, context=context, offers=offers, pmf=[1.0]).SerializeToString()


async def decided(pipe: Pipe, keys: PlacementKeys, window_ms: int, *event_ids: str) -> None:
    """Journal decisions, each in a call of its own so that they have an order."""
    journal = Journal(pipe)
    for event_id in event_ids:
        await journal.append(keys, window_ms, event_id, record(event_id))


@pytest.mark.parametrize("window_ms", [1000, 90 * DAY_MS])
async def test_each_decision_is_seen_once_whatever_the_window(
    store: Store, pipe: Pipe, home: PlacementKeys, window_ms: int
) -> None:
    schemas, seen = Schemas(store), []
    await decided(pipe, home, window_ms, "before")
    since = (await schemas.sample(home, window_ms, None, 10)).until_ms
    await asyncio.sleep(0.003)
    for number in range(3):
        await decided(pipe, home, window_ms, *(f"e{number}{i}" for i in range(3)))
        sample = await schemas.sample(home, window_ms, since, 10)
        since = sample.until_ms
        seen += [decision.record.event_id for decision in sample.decisions]
        await asyncio.sleep(0.003)  # what is decided in the very millisecond of a look may be missed
    assert seen == [f"e{number}{i}" for number in range(3) for i in range(3)]


async def test_of_many_decisions_the_newest_are_seen(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decided(pipe, home, 60_000, *(f"e{i:02}" for i in range(20)))  # ids in order: some share a millisecond
    await store.redis.set(home.event("e18"), b"@1-0")  # joined in between
    await store.redis.set(home.event("e17"), b"\xff")  # damaged
    now_ms = (await Schemas(store).sample(home, 60_000, None, 4)).until_ms
    sample = await Schemas(store).sample(home, 60_000, now_ms - 10_000, 20)
    assert [decision.record.event_id for decision in sample.decisions][-3:] == ["e15", "e16", "e19"]


async def test_a_shorter_window_does_not_hide_later_decisions(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """Decisions of before the change close in 90 days: by that alone they would be the newest for as long."""
    schemas = Schemas(store)
    since = (await schemas.sample(home, 90 * DAY_MS, None, 10)).until_ms - 1
    await decided(pipe, home, 90 * DAY_MS, "long")
    assert (await schemas.sample(home, 1000, since, 10)).decisions == []
    await decided(pipe, home, 1000, "short")
    assert [each.record.event_id for each in (await schemas.sample(home, 1000, since, 10)).decisions] == ["short"]


async def test_only_the_holder_of_the_lease_writes(store: Store, home: PlacementKeys) -> None:
    versions, schemas = Versions(store), Schemas(store)
    stale = await versions.acquire(home, "a:1", 60_000)
    assert stale is not None
    await schemas.write(stale, b"first", FOUND)
    await versions.release(stale)
    fresh = await versions.acquire(home, "b:2", 60_000)
    assert fresh is not None
    await schemas.write(fresh, b"second", FindingsRecord())
    with pytest.raises(FencedError):
        await schemas.write(stale, b"third", FOUND)
    assert await schemas.state(home) == b"second"
    assert list((await Placements(store).numbers("home")).findings) == []


async def test_findings_are_shown_and_go_with_the_placement(store: Store, home: PlacementKeys) -> None:
    lease = await Versions(store).acquire(home, "a:1", 60_000)
    assert lease is not None
    await Schemas(store).write(lease, b"state", FOUND)
    assert list((await Placements(store).numbers("home")).findings) == list(FOUND.findings)
    await Placements(store).delete("home")
    assert await every_key(store) == []
    with pytest.raises(FencedError):
        await Schemas(store).write(lease, b"state", FOUND)


async def test_damaged_findings_do_not_hide_the_numbers(store: Store, home: PlacementKeys) -> None:
    await store.redis.hset(home.schema, "findings", b"\xff")
    numbers = await Placements(store).numbers("home")
    assert (list(numbers.findings), numbers.decisions) == ([], 0)


async def test_a_guard_goes_on_from_what_was_written_and_starts_anew_when_that_is_damaged(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    lease = await Versions(store).acquire(home, "a:1", 60_000)
    assert lease is not None
    placement = (await Placements(store).get("home")).placement
    window_ms = placement.reward.window.ToMilliseconds()
    one, two, three = (PlacementGuard(lease, Schemas(store), window_s=0.5) for _ in range(3))

    async def after_a_window(guard: PlacementGuard, name: str) -> list[int]:
        await guard.look(placement)
        journal, event_ids = Journal(pipe), [f"{name}{i}" for i in range(510)]
        await asyncio.sleep(0.5)  # it looks twice a second
        await asyncio.gather(*(journal.append(home, window_ms, each, record(each)) for each in event_ids))
        await guard.look(placement)
        return [finding.problem for finding in (await Placements(store).numbers("home")).findings]

    assert await after_a_window(one, "one") == []
    assert await after_a_window(two, "two") == [FEATURE_PROBLEM_CONSTANT]
    await store.redis.hset(home.schema, "state", b"{}")
    assert await after_a_window(three, "three") == []
