"""Decisions that leave without a task of their own, and what happens when their call is not just answered."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from attune.errors import StoreUnavailableError
from attune.store.client import Store
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe

WINDOW_MS = 60_000
TIMEOUT_S = 0.3


@pytest.fixture
async def quick(store_url: str, home: PlacementKeys) -> AsyncIterator[Pipe]:
    """A connection that is open, with a short time limit."""
    client = Pipe(store_url, TIMEOUT_S)
    await client.ping(home.spec)
    yield client
    client.close()


@pytest.fixture
async def journal(quick: Pipe, home: PlacementKeys) -> AsyncIterator[Journal]:
    """A journal that has written a decision, so that the store knows the script."""
    made = Journal(quick)
    assert await made.append(home, WINDOW_MS, "first", b"first record") is None
    yield made
    await made.close()


async def pause(store: Store, pause_ms: int) -> None:
    """Have the store answer nobody for a while."""
    await store.redis.execute_command("CLIENT", "PAUSE", str(pause_ms), "ALL")


def append(journal: Journal, keys: PlacementKeys, event_id: str) -> asyncio.Task[bytes | None]:
    return asyncio.create_task(journal.append(keys, WINDOW_MS, event_id, b"record of " + event_id.encode()))


async def left(journal: Journal) -> None:
    """Return once a call is under way."""
    while not journal.waited_s():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.002)


async def until_written(journal: Journal, keys: PlacementKeys, event_id: str) -> bytes | None:
    """Write a decision as soon as the store is known to be back."""
    for _ in range(100):
        try:
            return await journal.append(keys, WINDOW_MS, event_id, b"record")
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
    raise AssertionError


@pytest.mark.one_server
async def test_a_call_over_an_open_connection_takes_no_task(
    store: Store, journal: Journal, home: PlacementKeys
) -> None:
    await pause(store, 100)
    before = asyncio.all_tasks()
    waits = append(journal, home, "e1")
    await left(journal)
    assert asyncio.all_tasks() - before == {waits}
    assert await waits is None


async def test_a_script_that_the_store_has_forgotten_is_sent_whole(
    store: Store, journal: Journal, home: PlacementKeys
) -> None:
    await store.redis.script_flush()
    answers = await asyncio.gather(*(append(journal, home, event_id) for event_id in ("e1", "first", "e2")))
    assert answers == [None, b"first record", None]
    assert await store.redis.get(home.event("e2")) == b"record of e2"


@pytest.mark.one_server
async def test_an_answer_that_comes_too_late_is_nobody_else_s(
    store: Store, journal: Journal, home: PlacementKeys
) -> None:
    await pause(store, 500)
    started = asyncio.get_running_loop().time()
    answers = await asyncio.gather(*(append(journal, home, f"e{i}") for i in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailableError] * 5
    assert "no answer within 0.3 s" in str(answers[0])
    assert TIMEOUT_S - 0.005 < asyncio.get_running_loop().time() - started < TIMEOUT_S + 0.2
    with pytest.raises(StoreUnavailableError, match="out of reach"):  # at once: the store is known to be away
        await append(journal, home, "e5")
    assert await until_written(journal, home, "first") == b"first record"


@pytest.mark.one_server
async def test_a_connection_that_is_lost_fails_all_calls_under_way(
    store: Store, quick: Pipe, journal: Journal, home: PlacementKeys
) -> None:
    other = PlacementKeys("other")
    await store.redis.set(other.spec, b"spec")
    await pause(store, 100)
    waiting = [append(journal, keys, "e1") for keys in (home, other)]
    await left(journal)
    link = quick.link(home.spec)
    assert link is not None
    link.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailableError] * 2
    assert "connection was lost" in str(answers[0])
    assert await until_written(journal, other, "e2") is None
    assert await until_written(journal, home, "first") == b"first record"


@pytest.mark.one_server
async def test_a_caller_that_goes_while_the_call_is_under_way_leaves_the_others_their_answers(
    store: Store, journal: Journal, home: PlacementKeys
) -> None:
    await pause(store, 100)
    waiting = [append(journal, home, event_id) for event_id in ("e1", "gone", "first", "e2")]
    await left(journal)
    waiting[1].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [answers[0], answers[2], answers[3]] == [None, b"first record", None]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert await journal.append(home, WINDOW_MS, "gone", b"again") == b"record of gone"


@pytest.mark.one_server
async def test_closing_waits_for_what_is_under_way_and_for_its_turn(
    store: Store, journal: Journal, home: PlacementKeys
) -> None:
    places = [PlacementKeys(f"p{i}") for i in range(5)]
    for keys in places:
        await store.redis.set(keys.spec, b"spec")
    await pause(store, 100)
    waiting = [append(journal, keys, "e1") for keys in (home, *places)]
    await left(journal)
    await journal.close()
    assert journal.waited_s() == 0
    assert await asyncio.gather(*waiting) == [None] * 6


@pytest.mark.one_server
async def test_no_more_than_two_calls_are_under_way(store: Store, journal: Journal, home: PlacementKeys) -> None:
    """The third placement's decision can still be called back: it has not left."""
    places = [home, PlacementKeys("p1"), PlacementKeys("p2")]
    for keys in places[1:]:
        await store.redis.set(keys.spec, b"spec")
    await pause(store, 100)
    waiting = [append(journal, keys, "e1") for keys in places]
    await left(journal)
    waiting[2].cancel()
    await asyncio.wait(waiting)
    await journal.close()
    assert await store.redis.exists(*(keys.event("e1") for keys in places)) == 2
    assert await store.redis.exists(places[2].event("e1")) == 0


async def test_a_command_that_cannot_be_sent_takes_nobody_s_answer(quick: Pipe, home: PlacementKeys) -> None:
    link = quick.link(home.spec)
    assert link is not None
    with pytest.raises(TypeError):
        link.send("ECHO", object())  # type: ignore[arg-type] - this is the point
    assert await asyncio.wait_for(link.send("ECHO", "mine"), 1) == b"mine"
