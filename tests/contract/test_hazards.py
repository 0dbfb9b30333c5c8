"""What is said about a store that would lose what it was given."""

from collections.abc import AsyncIterator

import pytest

from attune.store.client import Store
from attune.store.hazards import hazards

EVICTS = (
    "the store's maxmemory-policy is allkeys-lru: when it is full it drops decisions, outcomes and models; "
    "set maxmemory-policy noeviction"
)
FORGETS = (
    "the store's appendonly is off: it loses what came after its last snapshot when it is restarted; set appendonly yes"
)
SETTINGS = ("maxmemory", "maxmemory-policy", "appendonly")


@pytest.fixture
async def configured(store: Store) -> AsyncIterator[Store]:
    """A store whose settings are put back."""
    before = {name: (await store.redis.config_get(name))[name] for name in SETTINGS}
    yield store
    for name, value in before.items():
        await store.redis.config_set(name, value)


@pytest.mark.one_server
@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (("0", "noeviction", "yes"), []),
        # Without a limit nothing is ever evicted.
        (("0", "allkeys-lru", "yes"), []),
        (("1gb", "noeviction", "yes"), []),
        (("1gb", "allkeys-lru", "yes"), [EVICTS]),
        (("0", "noeviction", "no"), [FORGETS]),
        (("1gb", "allkeys-lru", "no"), [FORGETS, EVICTS]),
    ],
)
async def test_settings_that_lose_data_are_named(
    configured: Store, settings: tuple[str, ...], expected: list[str]
) -> None:
    for name, value in zip(SETTINGS, settings, strict=True):
        await configured.redis.config_set(name, value)
    assert await hazards(configured) == sorted(expected)


async def test_every_server_is_asked(store: Store) -> None:
    """On a cluster there are several; each keeps nothing, which is said once."""
    assert await hazards(store) in ([], [FORGETS])


@pytest.mark.one_server
async def test_a_store_that_does_not_tell_is_taken_as_it_is(store: Store, store_url: str) -> None:
    await store.redis.acl_setuser("quiet", enabled=True, passwords=["+x"], commands=["+ping"], keys=["*"])
    scheme, _, place = store_url.partition("://")
    client = Store(f"{scheme}://quiet:x@{place}", timeout_s=2)
    assert await hazards(client) == []
    await client.close()
    await store.redis.acl_deluser("quiet")
