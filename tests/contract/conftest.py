"""A real store for each test: the embedded server, emptied in between."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from attune.serving.specs import with_defaults
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.v1.placement_pb2 import Placement


@pytest.fixture(scope="session")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedStore(str(tmp_path_factory.mktemp("store") / Path("data")))
    yield server.start(give_up=lambda: False)
    server.stop()


@pytest.fixture
async def store(store_url: str) -> AsyncIterator[Store]:
    client = Store(store_url, timeout_s=5)
    await client.redis.flushall()
    yield client
    await client.close()


@pytest.fixture
async def pipe(store_url: str) -> AsyncIterator[Pipe]:
    client = Pipe(store_url, timeout_s=5)
    yield client
    client.close()


@pytest.fixture
async def home(store: Store) -> PlacementKeys:
    """The keys of an applied placement."""
    await Placements(store).apply(with_defaults(Placement(name="home")), now_ms=0)
    return PlacementKeys("home")
