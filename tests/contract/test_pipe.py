"""The connection of the decision path."""

import asyncio
import time
from pathlib import Path

import pytest

from attune.errors import NotFoundError, StoreUnavailableError
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe

FAR_MS = 10**13
KEPT_S = 60


async def test_answers_belong_to_their_commands(pipe: Pipe, home: PlacementKeys) -> None:
    """Many scripts at once, before the store has seen the script: every answer is about its own event."""
    keys = [home.spec, home.due, home.counts, home.offersets]
    first = await asyncio.gather(
        *(
            pipe.run("journal", [*keys, home.event(f"e{i}")], [1000, FAR_MS, KEPT_S, f"e{i}", f"record {i}", ""])
            for i in range(100)
        )
    )
    again = await asyncio.gather(
        *(
            pipe.run("journal", [*keys, home.event(f"e{i}")], [1000, FAR_MS, KEPT_S, f"e{i}", "other", ""])
            for i in range(100)
        )
    )
    assert first == [[None]] * 100
    assert again == [[b"record %d" % i] for i in range(100)]


async def test_a_script_is_sent_whole_when_the_store_has_forgotten_it(
    store: Store, pipe: Pipe, home: PlacementKeys
) -> None:
    for _ in range(2):
        await store.redis.script_flush()
        assert await pipe.run("swap", [home.due, home.late], ["no such value", "new"]) == 0


async def test_a_refusal_leaves_the_connection_in_order(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    await store.redis.delete(home.spec)
    with pytest.raises(NotFoundError):
        await pipe.run(
            "journal",
            [home.spec, home.due, home.counts, home.offersets, home.event("e")],
            [1000, FAR_MS, KEPT_S, "e", "record", ""],
        )
    with pytest.raises(StoreUnavailableError, match="ommand arguments must be strings or integers"):
        await pipe.run("journal", [], [])
    await pipe.ping()


@pytest.mark.one_server
async def test_an_answer_that_does_not_come_in_time_costs_the_connection_only(
    store: Store, store_url: str, home: PlacementKeys
) -> None:
    pipe = Pipe(store_url, timeout_s=0.1)
    await pipe.ping()
    await store.redis.execute_command("CLIENT", "PAUSE", "300", "ALL")
    with pytest.raises(StoreUnavailableError, match="out of reach"):
        await pipe.ping()
    await asyncio.sleep(0.35)
    assert await pipe.run("swap", [home.due, home.late], ["no such value", "new"]) == 0
    pipe.close()


async def test_a_store_that_is_restarted_is_found_again(tmp_path: Path) -> None:
    server = EmbeddedStore(str(tmp_path))
    pipe = Pipe(server.start(give_up=lambda: False), timeout_s=2)
    await pipe.ping()
    server.stop()
    with pytest.raises(StoreUnavailableError):
        await pipe.ping()
    with pytest.raises(StoreUnavailableError):
        await pipe.ping()
    server.start(give_up=lambda: False)
    await pipe.ping()
    pipe.close()
    server.stop()


@pytest.mark.one_server
async def test_password_user_and_database_of_the_url_are_used(store: Store, store_url: str) -> None:
    await store.redis.acl_setuser("reader", enabled=True, passwords=["+secret"], categories=["+@all"], keys=["*"])
    scheme, _, place = store_url.partition("://")
    pipe = Pipe(f"{scheme}://reader:secret@{place}?db=3", timeout_s=2)
    assert await pipe.run("swap", ["key", "other"], ["", "value"]) == 1
    assert await store.redis.get("key") is None
    pipe.close()
    refused = Pipe(f"{scheme}://reader:wrong@{place}", timeout_s=2)
    with pytest.raises(StoreUnavailableError, match="WRONGPASS"):
        await refused.ping()
    await store.redis.acl_deluser("reader")


async def test_what_nobody_waits_for_any_more_is_not_written(store: Store, pipe: Pipe, home: PlacementKeys) -> None:
    keys = [home.spec, home.due, home.counts, home.offersets, home.event("e")]
    past_ms = await pipe.store_ms(asyncio.get_running_loop().time() - 0.01)
    with pytest.raises(StoreUnavailableError, match="nothing was written"):
        await pipe.run("journal", keys, [1000, past_ms, KEPT_S, "e", "record", ""])
    assert await store.redis.exists(home.event("e")) == 0
    soon_ms = await pipe.store_ms(asyncio.get_running_loop().time() + 5)
    assert await pipe.run("journal", keys, [1000, soon_ms, KEPT_S, "e", "record", ""]) == [None]


async def test_an_answer_that_lies_ready_is_not_late(store_url: str) -> None:
    """Something else keeps the event loop busy for longer than the limit; the store is not to blame."""
    quick = Pipe(store_url, timeout_s=0.05)
    await quick.ping()
    call = asyncio.ensure_future(quick.ping())
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - this is the point
    await call
    quick.close()
