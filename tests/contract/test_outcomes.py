"""Outcomes on their way into the store, and decisions with their outcomes into the training log."""

import asyncio

import pytest
from redis.crc import key_slot

from attune.errors import NotFoundError, OverloadedError
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.batch import Bounds
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.outcomes import MAX_OUTCOMES_PER_DECISION, NewOutcome, Outcomes, Recorded
from attune.store.pipe import Pipe
from attune.v1.decision_service_pb2 import DECISION_STATE_CLOSED, DECISION_STATE_PENDING
from servers import every_key

LONG_MS = 60_000


async def decide(pipe: Pipe, keys: PlacementKeys, event_id: str, window_ms: int = LONG_MS) -> None:
    record = DecisionRecord(event_id=event_id, pmf=[1.0], offers=[b""]).SerializeToString()
    assert await Journal(pipe).append(keys, window_ms, event_id, record) is None


def outcome(event_id: str, outcome_id: str = "click", value: float = 1.0, at_ms: int | None = None) -> NewOutcome:
    return NewOutcome(event_id, outcome_id, OutcomeRecord(name="click", value=value, occurred_at_ms=at_ms))


async def test_an_outcome_counts_once(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1")
    outcomes = Outcomes(store)
    assert await outcomes.record(home, [outcome("e1"), outcome("e1")]) == [Recorded.ACCEPTED, Recorded.DUPLICATE]
    assert await outcomes.record(home, [outcome("e1", value=7)]) == [Recorded.DUPLICATE]
    assert [o.record.value for o in (await Decisions(store).get(home, "e1")).outcomes] == [1.0]
    assert await store.redis.hget(home.counts, "outcomes") == b"1"


async def test_outcomes_of_several_callers_share_a_call_and_each_gets_its_own_answers(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    for i in range(20):
        await decide(pipe, home, f"e{i}")
    outcomes = Outcomes(pipe)
    await store.redis.config_resetstat()
    recorded = await asyncio.gather(
        *(outcomes.record(home, [outcome(f"e{i}"), outcome(f"e{i // 2}", "buy"), outcome("nobody")]) for i in range(20))
    )
    # The second caller of each pair says again what the first one said.
    second = [[Recorded.ACCEPTED, Recorded.DUPLICATE][i % 2] for i in range(20)]
    assert recorded == [[Recorded.ACCEPTED, status, Recorded.UNKNOWN_EVENT] for status in second]
    stats = await store.redis.info("commandstats")
    # The second one where the store had not seen the script yet; of a cluster, another server may be asked.
    assert sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval")) <= 2
    assert await store.redis.hget(home.counts, "outcomes") == b"30"
    await outcomes.close()


async def test_a_caller_that_went_away_does_not_take_others_along(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1")
    outcomes = Outcomes(pipe)
    gone = asyncio.ensure_future(outcomes.record(home, [outcome("e1", "gone")]))
    stays = asyncio.ensure_future(outcomes.record(home, [outcome("e1", "stays")]))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == [Recorded.ACCEPTED]
    assert await store.redis.hkeys(home.outcomes("e1")) == [b"stays"]


async def test_outcomes_that_wait_for_the_store_are_bounded(pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1")
    outcomes = Outcomes(pipe, bounds=Bounds(entries=3))
    answers = await asyncio.gather(
        *(outcomes.record(home, [outcome("e1", f"{i}a"), outcome("e1", f"{i}b")]) for i in range(3)),
        return_exceptions=True,
    )
    assert answers[:2] == [[Recorded.ACCEPTED] * 2] * 2
    assert isinstance(answers[2], OverloadedError)
    assert await outcomes.record(home, [outcome("e1", "later")]) == [Recorded.ACCEPTED]


async def test_outcomes_of_a_deleted_placement_fail_for_every_caller(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await store.redis.delete(home.spec)
    outcomes = Outcomes(pipe)
    answers = await asyncio.gather(*(outcomes.record(home, [outcome("e1")]) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFoundError] * 3


async def test_an_outcome_of_an_unknown_event_writes_nothing(store: Store, home: PlacementKeys) -> None:
    before = await every_key(store)
    assert await Outcomes(store).record(home, [outcome("nobody")]) == [Recorded.UNKNOWN_EVENT]
    assert await every_key(store) == before


async def test_an_outcome_after_the_window_is_late_even_before_the_decision_is_joined(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1", window_ms=20)
    await asyncio.sleep(0.04)
    assert await Outcomes(store).record(home, [outcome("e1")]) == [Recorded.LATE]
    assert await Interactions(store).join(home, 10) == 1
    (entry,) = await Interactions(store).after(home, BEGINNING, 10)
    assert entry.outcomes == []
    assert await store.redis.xlen(home.late) == 1
    assert await store.redis.hget(home.counts, "late") == b"1"


async def test_a_repeated_outcome_is_a_duplicate_also_after_the_window(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await decide(pipe, home, "e1", window_ms=50)
    outcomes = Outcomes(store)
    assert await outcomes.record(home, [outcome("e1")]) == [Recorded.ACCEPTED]
    await asyncio.sleep(0.07)
    assert await Interactions(store).join(home, 10) == 1
    assert await outcomes.record(home, [outcome("e1"), outcome("e1", "other")]) == [Recorded.DUPLICATE, Recorded.LATE]
    assert await outcomes.record(home, [outcome("e1", "other")]) == [Recorded.DUPLICATE]
    assert await store.redis.ttl(home.outcomes("e1")) > 0


async def test_one_decision_does_not_take_outcomes_without_end(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1")
    many = [outcome("e1", f"o{i}") for i in range(MAX_OUTCOMES_PER_DECISION + 1)]
    statuses = await Outcomes(store).record(home, many)
    assert statuses == [Recorded.ACCEPTED] * MAX_OUTCOMES_PER_DECISION + [Recorded.TOO_MANY]


async def test_a_decision_with_the_most_outcomes_still_joins(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    """The join passes every outcome to one XADD: Lua's stack is the limit that must not be reached."""
    await decide(pipe, home, "e1", window_ms=2000)
    await Outcomes(store).record(home, [outcome("e1", f"o{i}") for i in range(MAX_OUTCOMES_PER_DECISION)])
    await asyncio.sleep(2.1)
    assert await Interactions(store).join(home, 10) == 1
    (entry,) = await Interactions(store).after(home, BEGINNING, 10)
    assert len(entry.outcomes) == MAX_OUTCOMES_PER_DECISION


async def test_joining_moves_what_is_due_and_nothing_else(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "short", window_ms=10)
    await decide(pipe, home, "long")
    await Outcomes(store).record(home, [outcome("long")])
    await asyncio.sleep(0.03)
    interactions = Interactions(store)
    assert await interactions.join(home, 10) == 1
    assert await interactions.join(home, 10) == 0
    (entry,) = await interactions.after(home, BEGINNING, 10)
    assert (entry.decision.event_id, entry.outcomes) == ("short", [])
    assert await interactions.after(home, entry.position, 10) == []
    assert (await store.redis.get(home.event("short"))).decode() == f"@{entry.position}"
    assert await store.redis.ttl(home.event("short")) > 0
    assert await store.redis.ttl(home.event("long")) == -1


async def test_joiners_that_work_at_once_move_each_decision_once(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    for i in range(50):
        await decide(pipe, home, f"e{i}", window_ms=1)
    await asyncio.sleep(0.02)
    moved = await asyncio.gather(*(Interactions(store).join(home, 50) for _ in range(4)))
    assert sum(moved) == 50
    entries = await Interactions(store).after(home, BEGINNING, 100)
    assert sorted(entry.decision.event_id for entry in entries) == sorted(f"e{i}" for i in range(50))
    assert await store.redis.hget(home.counts, "interactions") == b"50"


async def test_large_decisions_are_joined_in_portions_and_all_of_them(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    """A script stops at a mebibyte, so that nobody else waits for it: the joiner goes on with the rest, in order."""
    large = [DecisionRecord(event_id=f"e{i}", context=bytes(600_000)).SerializeToString() for i in range(5)]
    for i, record in enumerate(large):
        await Journal(pipe).append(home, 1, f"e{i}", record)
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.02)
    touched = [home.spec, home.due, home.counts, home.interactions]
    touched += [key for i in range(5) for key in (home.event(f"e{i}"), home.outcomes(f"e{i}"))]
    assert await store.run("join", touched, [60, 0, 1 << 20, *(f"e{i}" for i in range(5))]) == [2, 2]
    assert await Interactions(store).join(home, 10) == 3
    entries = await Interactions(store).after(home, BEGINNING, 10)
    assert [entry.decision.event_id for entry in entries] == [f"e{i}" for i in range(5)]
    assert await store.redis.hget(home.counts, "interactions") == b"5"


async def test_outcomes_are_ordered_by_when_they_happened(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1")
    await Outcomes(store).record(home, [outcome("e1", "b", at_ms=2000), outcome("e1", "a", at_ms=1000)])
    await Outcomes(store).record(home, [outcome("e1", "c", at_ms=1500)])
    stored = await Decisions(store).get(home, "e1")
    assert [recorded.outcome_id for recorded in stored.outcomes] == ["a", "c", "b"]


async def test_an_outcome_happens_between_its_decision_and_its_arrival(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    decided_ms, far_ms = 1_000_000, 10**13
    record = DecisionRecord(event_id="e1", decided_at_ms=decided_ms).SerializeToString()
    await Journal(pipe).append(home, LONG_MS, "e1", record)
    said = [outcome("e1", "future", at_ms=far_ms), outcome("e1", "past", at_ms=1), outcome("e1", "silent")]
    await Outcomes(store).record(home, said)
    seen = {each.outcome_id: each for each in (await Decisions(store).get(home, "e1")).outcomes}
    assert seen["past"].happened_ms == decided_ms
    assert seen["future"].happened_ms == seen["future"].received_ms
    assert seen["silent"].happened_ms == seen["silent"].received_ms


async def test_a_decision_is_found_before_and_after_it_is_joined(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await decide(pipe, home, "e1", window_ms=50)
    await Outcomes(store).record(home, [outcome("e1")])
    decisions = Decisions(store)
    pending = await decisions.get(home, "e1")
    await asyncio.sleep(0.07)
    await Interactions(store).join(home, 10)
    closed = await decisions.get(home, "e1")
    assert (pending.state, closed.state) == (DECISION_STATE_PENDING, DECISION_STATE_CLOSED)
    assert pending.record == closed.record
    assert pending.outcomes == closed.outcomes


async def test_an_unknown_decision_is_named(store: Store, home: PlacementKeys) -> None:
    with pytest.raises(NotFoundError, match='event_id: expected a decision of placement "home", got "e1"'):
        await Decisions(store).get(home, "e1")


@pytest.mark.parametrize("event_id", ["{other}", "a b\n\x00|:é", "}", "*", "x" * 256])
async def test_any_event_id_stays_in_the_placements_slot(
    store: Store, pipe: Pipe, home: PlacementKeys, event_id: str
) -> None:
    await decide(pipe, home, event_id)
    assert key_slot(home.event(event_id).encode()) == key_slot(home.due.encode())
    assert (await Decisions(store).get(home, event_id)).record.event_id == event_id
