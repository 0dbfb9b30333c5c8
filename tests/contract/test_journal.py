"""Decisions on their way into the store."""

import asyncio
from pathlib import Path

import pytest

from attune.errors import NotFoundError, OverloadedError, StoreUnavailableError
from attune.metrics import ServingMetrics
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.batch import Bounds
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.journal import DEFERRED, Entry, Journal
from attune.store.keys import DEFERRED_TTL_S, PlacementKeys
from attune.store.offer_sets import OfferSets, offer_digest, offer_set_of
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from servers import every_key

WINDOW_MS = 60_000


async def test_a_written_decision_is_in_the_store_and_due_when_its_window_closes(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    seconds, microseconds = await store.redis.time()
    assert await Journal(pipe).append(home, WINDOW_MS, "e1", b"record") is None

    assert await store.redis.get(home.event("e1")) == b"record"
    due_ms = await store.redis.zscore(home.due, "e1")
    started_ms = seconds * 1000 + microseconds // 1000
    assert started_ms + WINDOW_MS <= due_ms <= started_ms + WINDOW_MS + 5000
    assert await store.redis.hget(home.counts, "decisions") == b"1"


async def test_the_first_record_of_an_event_id_wins(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    assert await journal.append(home, WINDOW_MS, "e1", b"first") is None
    assert await journal.append(home, WINDOW_MS, "e1", b"second") == b"first"
    assert await store.redis.hget(home.counts, "decisions") == b"1"


async def test_the_first_record_wins_within_one_call_too(pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    answers = await asyncio.gather(*(journal.append(home, WINDOW_MS, "e1", b"%d" % i) for i in range(5)))
    assert answers == [None, b"0", b"0", b"0", b"0"]


async def test_decisions_of_one_moment_share_a_call(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    await store.redis.config_resetstat()
    await asyncio.gather(*(journal.append(home, WINDOW_MS, f"e{i}", b"record") for i in range(300)))
    # One call, and a second one where the store had not seen the script yet.
    assert await script_calls(store) <= 2
    assert await store.redis.zcard(home.due) == 300


async def script_calls(store: Store) -> int:
    stats = await store.redis.info("commandstats")
    return sum(stats.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval"))


async def test_many_decisions_of_one_caller_share_a_call_and_keep_their_order(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    journal = Journal(pipe)
    await journal.append(home, WINDOW_MS, "e7", b"first")
    await store.redis.config_resetstat()
    answers = await journal.append_many(home, WINDOW_MS, [Entry(f"e{i}", b"%d" % i) for i in range(1000)])
    assert answers == [None] * 7 + [b"first"] + [None] * 992
    assert await script_calls(store) <= 1  # of a cluster, another server may be asked
    assert await store.redis.hget(home.counts, "decisions") == b"1000"
    assert await journal.append_many(home, WINDOW_MS, []) == []


async def test_many_decisions_that_do_not_fit_one_call_take_several(pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    entries = [Entry(f"e{i % 2500}", b"%04d" % i + b"x" * 1000) for i in range(3000)]
    single, answers = await asyncio.gather(
        journal.append(home, WINDOW_MS, "e0", b"before"), journal.append_many(home, WINDOW_MS, entries)
    )
    assert single is None
    assert answers == [b"before"] + [None] * 2499 + [b"before"] + [each.record for each in entries[1:500]]


async def test_many_decisions_of_a_deleted_placement_get_an_error_each(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    await store.redis.delete(home.spec)
    answers = await Journal(pipe).append_many(home, WINDOW_MS, [Entry("e1", b"record"), Entry("e2", b"record")])
    assert [type(answer) for answer in answers] == [NotFoundError, NotFoundError]


async def test_a_full_call_leaves_at_once_and_nothing_is_lost(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    await asyncio.gather(*(journal.append(home, WINDOW_MS, f"e{i}", b"x" * 1000) for i in range(3000)))
    assert await store.redis.hget(home.counts, "decisions") == b"3000"
    assert await store.redis.zcard(home.due) == 3000


async def test_a_deleted_placement_takes_no_decisions(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await store.redis.delete(home.spec)
    with pytest.raises(NotFoundError, match="placement"):
        await Journal(pipe).append(home, WINDOW_MS, "e1", b"record")
    assert await every_key(store) == [b"attune:placements"]


async def test_a_caller_that_went_away_does_not_take_others_along(pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    gone = asyncio.ensure_future(journal.append(home, WINDOW_MS, "gone", b"record"))
    stays = asyncio.ensure_future(journal.append(home, WINDOW_MS, "stays", b"record"))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays is None


async def test_what_nobody_waits_for_any_more_is_not_written(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    gone = asyncio.ensure_future(journal.append(home, WINDOW_MS, "gone", b"record"))
    many = [Entry("gone1", b"record"), Entry("gone2", b"record")]
    all_gone = asyncio.ensure_future(journal.append_many(home, WINDOW_MS, many))
    stays = asyncio.ensure_future(journal.append(home, WINDOW_MS, "stays", b"record"))
    await asyncio.sleep(0)
    gone.cancel()
    all_gone.cancel()
    assert await stays is None
    assert await store.redis.zrange(home.due, 0, -1) == [b"stays"]
    alone = asyncio.ensure_future(journal.append(home, WINDOW_MS, "alone", b"record"))
    await asyncio.sleep(0)
    alone.cancel()
    await journal.close()
    assert await store.redis.zrange(home.due, 0, -1) == [b"stays"]


@pytest.mark.parametrize("bounds", [Bounds(entries=10), Bounds(size_bytes=10 * 1000)], ids=["number", "size"])
async def test_what_waits_for_the_store_is_bounded(
    store: Store, pipe: Pipe, home: PlacementKeys, bounds: Bounds
) -> None:
    metrics = ServingMetrics()
    journal = Journal(pipe, metrics, bounds)
    entries = [Entry(f"e{i}", b"x" * 1000) for i in range(15)]
    answers = await asyncio.gather(
        *(journal.append(home, WINDOW_MS, each.event_id, each.record) for each in entries),
        journal.append_many(home, WINDOW_MS, entries[:2]),
        return_exceptions=True,
    )
    assert answers[:10] == [None] * 10
    many = answers.pop()
    assert isinstance(many, list)
    assert [type(answer) for answer in [*answers[10:], *many]] == [OverloadedError] * 7
    assert "waiting for the store, got 10, 10000 bytes; nothing was written" in str(answers[10])
    assert metrics.registry.get_sample_value("attune_calls_refused_total", {"reason": "journal"}) == 6
    assert await store.redis.zcard(home.due) == 10
    assert await journal.append(home, WINDOW_MS, "later", b"record") is None


@pytest.mark.one_server
async def test_how_long_the_store_lets_wait_is_known(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    journal = Journal(pipe)
    await journal.append(home, WINDOW_MS, "e1", b"record")
    assert journal.waited_s() < 0.05  # nothing waits, or what did has just been answered
    await store.redis.execute_command("CLIENT", "PAUSE", "200", "ALL")
    waits = asyncio.ensure_future(journal.append(home, WINDOW_MS, "e2", b"record"))
    await asyncio.sleep(0.1)
    assert 0.05 < journal.waited_s() < 1.0
    assert await waits is None
    await journal.close()
    assert journal.waited_s() == 0.0


async def test_a_store_that_is_away_refuses_at_once_after_the_first_failure(tmp_path: Path) -> None:
    metrics = ServingMetrics()
    journal = Journal(Pipe(f"unix://{tmp_path}/nobody", timeout_s=0.1), metrics)
    keys = PlacementKeys("home")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError, match="out of reach"):
            await journal.append(keys, WINDOW_MS, "e1", b"record")
    started = asyncio.get_running_loop().time()
    refused = await asyncio.gather(
        *(journal.append(keys, WINDOW_MS, f"e{i}", b"record") for i in range(1000)), return_exceptions=True
    )
    assert all(isinstance(answer, StoreUnavailableError) for answer in refused)
    assert asyncio.get_running_loop().time() - started < 0.5
    assert metrics.registry.get_sample_value("attune_journal_outages_total") == 1
    await journal.close()


async def test_a_burst_on_many_placements_waits_for_its_turn(store: Store, pipe: Pipe) -> None:
    """Each placement needs a call of its own: however many there are, none fails."""
    journal = Journal(pipe)
    names = [f"p{i}" for i in range(200)]
    for name in names:
        await store.redis.set(PlacementKeys(name).spec, b"spec")
    answers = await asyncio.gather(*(journal.append(PlacementKeys(name), WINDOW_MS, "e1", b"record") for name in names))
    assert answers == [None] * 200


@pytest.mark.one_server
async def test_a_decision_does_not_wait_longer_than_its_limit_behind_others(store: Store, store_url: str) -> None:
    """The store answers each call just in time; what would have to wait for many of them is refused."""
    pipe = Pipe(store_url, timeout_s=0.5)
    journal = Journal(pipe)
    names = [f"p{i}" for i in range(40)]
    for name in names:
        await store.redis.set(PlacementKeys(name).spec, b"spec")
    await pipe.ping()
    await store.redis.execute_command("CLIENT", "PAUSE", "250", "ALL")
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(
        *(journal.append(PlacementKeys(name), WINDOW_MS, "e", b"record") for name in names), return_exceptions=True
    )
    assert asyncio.get_running_loop().time() - started < 1.2
    assert None in answers
    await journal.close()
    pipe.close()


@pytest.mark.one_server
async def test_a_store_that_is_full_is_no_outage_and_does_not_flood_the_log(
    store: Store, pipe: Pipe, home: PlacementKeys, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(pipe)
    limit = (await store.redis.config_get("maxmemory"))["maxmemory"]
    await store.redis.config_set("maxmemory", 1)
    try:
        for i in range(50):
            with pytest.raises(StoreUnavailableError, match="refuses"):
                await journal.append(home, WINDOW_MS, f"e{i}", b"record")
    finally:
        await store.redis.config_set("maxmemory", limit)
    assert await journal.append(home, WINDOW_MS, "later", b"record") is None
    assert len(caplog.records) == 1


async def test_a_deferred_decision_is_forgotten_unless_it_is_activated(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    journal, decisions = Journal(pipe), Decisions(store)
    await asyncio.gather(
        journal.append(home, DEFERRED, "later", b"\n\x05later"), journal.append(home, WINDOW_MS, "now", b"\n\x03now")
    )
    assert await journal.append(home, DEFERRED, "later", b"again") == b"\n\x05later"
    assert await store.redis.zrange(home.due, 0, -1) == [b"now"]
    assert 0 < await store.redis.ttl(home.event("later")) <= DEFERRED_TTL_S
    await Outcomes(store).record(home, [NewOutcome("later", "click", OutcomeRecord(name="click", value=1.0))])
    assert 0 < await store.redis.ttl(home.outcomes("later")) <= DEFERRED_TTL_S

    assert await decisions.activate(home, WINDOW_MS, "later")
    assert sorted(await store.redis.zrange(home.due, 0, -1)) == [b"later", b"now"]
    assert await store.redis.ttl(home.event("later")) == -1
    assert await store.redis.ttl(home.outcomes("later")) == -1
    assert await store.redis.hget(home.counts, "decisions") == b"2"


async def test_activations_at_once_open_one_window(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await Journal(pipe).append(home, DEFERRED, "later", b"\n\x05later")
    opened = await asyncio.gather(*(Decisions(store).activate(home, WINDOW_MS, "later") for _ in range(5)))
    assert sorted(opened) == [False, False, False, False, True]
    assert await store.redis.hget(home.counts, "decisions") == b"1"


async def test_a_decision_is_not_written_without_the_offers_it_names(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    """Whatever was lost: the others are written, and whoever registers sets is told to do so again."""
    offers = [b"\n\x01a", b"\n\x01b"]
    offer_set, sets = offer_set_of(offers, list(map(offer_digest, offers))), OfferSets(store)
    journal = Journal(pipe, offers_lost=sets.forget)
    await sets.register(home, offer_set)
    assert await journal.append(home, WINDOW_MS, "before", b"record", offer_set.digest) is None
    await store.redis.delete(home.offersets)
    with pytest.raises(StoreUnavailableError, match="lost the offers"):
        await journal.append(home, WINDOW_MS, "lost", b"record", offer_set.digest)
    both = [Entry("inline", b"record"), Entry("lost", b"record", offer_set.digest)]
    answers = await journal.append_many(home, WINDOW_MS, both)
    assert (answers[0], type(answers[1])) == (None, StoreUnavailableError)
    assert await store.redis.exists(home.event("lost")) == 0
    # What is there already is found, with or without them.
    assert await journal.append(home, WINDOW_MS, "before", b"again", offer_set.digest) == b"record"
    await sets.register(home, offer_set)
    assert await journal.append(home, DEFERRED, "lost", b"record", offer_set.digest) is None
    assert await store.redis.hget(home.counts, "decisions") == b"2"
