"""What several callers ask for at the same time leaves in one call, and each gets an answer of their own."""

import asyncio

import pytest

from attune.errors import StoreUnavailableError
from attune.store import shared_calls
from attune.store.client import Store
from attune.store.history import History, Known
from attune.store.journal import Journal
from attune.store.keys import CustomerKeys
from attune.store.pipe import Pipe


def customer(number: int) -> CustomerKeys:
    return CustomerKeys(bytes([number]) * 16)


def history(pipe: Pipe) -> History:
    return History(pipe, Journal(pipe).outages, 3600)


async def calls(store: Store) -> int:
    """Return how many scripts have been called."""
    stats = await store.redis.info("commandstats")
    return sum(each["calls"] for name, each in stats.items() if name in {"cmdstat_evalsha", "cmdstat_eval"})


async def add(known: History, number: int, entry: bytes, consent: bytes = b"") -> None:
    await known.add(customer(number), consent, [entry]).done()


async def test_each_gets_what_is_theirs(store: Store, pipe: Pipe) -> None:
    known = history(pipe)
    await store.redis.set(customer(1).profile, b"p")
    await store.redis.set(customer(2).consent, b"c")
    await asyncio.gather(add(known, 3, b"s"), add(known, 3, b"t"), add(known, 2, b"u", b"another consent"))
    asked = [(customer(i), i != 4) for i in (1, 2, 3, 4, 3)]
    first, second, third, fourth, again = await known.read(asked)
    assert (first, second) == (Known(b"p", b"", []), Known(b"", b"c", [])), "who has another consent by now has nothing"
    assert isinstance(third, Known)
    assert sorted(third.seen) == [b"s", b"t"]
    assert (fourth, again) == (Known(b"", b"", []), third)
    [without] = await known.read([(customer(3), False)])
    assert without == Known(b"", b"", [])


async def test_what_is_taken_back_is_there_no_more(store: Store, pipe: Pipe) -> None:
    known = history(pipe)
    adding, other = (known.add(customer(1), b"", [entry]) for entry in (b"s", b"t"))
    adding.send([adding, other])
    await adding.take_back()
    await other.done()
    assert await store.redis.lrange(customer(1).seen, 0, -1) == [b"t"]


@pytest.mark.one_server
async def test_many_share_a_call(store: Store, pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    known = history(pipe)
    await known.read([(customer(1), True)])  # connects
    before = await calls(store)
    found = await asyncio.gather(*(known.read([(customer(i), True)]) for i in range(20)))
    assert await calls(store) - before == 1
    assert [len(each) for each in found] == [1] * 20
    monkeypatch.setattr(shared_calls, "_MOST_PER_CALL", 8)
    await asyncio.gather(*(known.read([(customer(i), True)]) for i in range(20)))
    assert await calls(store) - before == 1 + 3


@pytest.mark.usefixtures("store")
async def test_who_stops_waiting_does_not_take_others_along(pipe: Pipe) -> None:
    known = history(pipe)
    await known.read([(customer(1), True)])
    tasks = [asyncio.create_task(known.read([(customer(i), True)])) for i in range(3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert await tasks[2] == [Known(b"", b"", [])]
    assert all(task.cancelled() for task in tasks[:2])
    assert await known.read([(customer(1), True)]) == [Known(b"", b"", [])]


@pytest.mark.usefixtures("store")
async def test_a_server_that_takes_the_keys_of_one_slot_only_is_asked_one_by_one(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of a cluster that is named as if it were alone; where it is alone, it takes all of them."""
    monkeypatch.setattr(Pipe, "together", lambda *_: "")
    known = history(pipe)
    await add(known, 2, b"s")
    for _ in range(2):
        found = await known.read([(customer(i), True) for i in range(4)])
        assert found == [Known(b"", b"", [b"s"] if i == 2 else []) for i in range(4)]


async def test_a_store_that_is_away_is_said_to_be_so_to_everybody() -> None:
    nowhere = Pipe("redis://127.0.0.1:1", timeout_s=0.2)
    known = history(nowhere)
    found = await asyncio.gather(*(known.read([(customer(i), True)]) for i in range(3)))
    assert all(isinstance(each, StoreUnavailableError) for [each] in found)
    nowhere.close()
