"""A real store for each test, emptied in between: the embedded server and, with `-m ""`, every other kind."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import servers
from attune.serving.specs import with_defaults
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.v1.placement_pb2 import Placement
from shadow_traffic import Traffic

# Every test runs against the embedded server; with `-m ""` also against the others, of which some tests of
# `ALSO_ON_A_CLUSTER` always run against the one with the most to get wrong.
SERVERS = ("valkey", "redis", "cluster-1", "cluster-3")
ALSO_ON_A_CLUSTER = (
    *("test_pipe.py", "test_journal.py", "test_placements.py", "test_outcomes.py", "test_cluster.py"),
    *("test_catalog.py", "test_budgets.py", "test_taken.py", "test_shared_calls.py"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store_url" not in metafunc.fixturenames:
        return
    one_only = metafunc.definition.get_closest_marker("one_server") is not None
    quick = metafunc.config.option.markexpr == "not long"  # those that are left out anyway take time to collect
    always = {"valkey"} | ({"cluster-3"} if metafunc.definition.path.name in ALSO_ON_A_CLUSTER else set())
    kinds = [
        pytest.param(name, marks=() if name in always else pytest.mark.long, id=name)
        for name in SERVERS
        if not (one_only and name.startswith("cluster")) and not (quick and name not in always)
    ]
    metafunc.parametrize("store_url", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with started(request.param, tmp_path_factory.mktemp(request.param)) as url:
        yield url


@contextmanager
def started(name: str, directory: Path) -> Iterator[str]:
    """A server of one of the kinds `SERVERS`."""
    if name.startswith("cluster"):
        with servers.cluster(directory, int(name.rpartition("-")[2])) as cluster:
            yield cluster.url
    else:
        with {"valkey": servers.valkey, "redis": servers.single}[name](directory / "data") as url:
            yield url


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
def traffic(store: Store, pipe: Pipe) -> Traffic:
    """Visitors of a placement that is not applied yet."""
    return Traffic(store, pipe, PlacementKeys("home"))


@pytest.fixture
async def home(store: Store) -> PlacementKeys:
    """The keys of an applied placement."""
    await Placements(store).apply(with_defaults(Placement(name="home")), now_ms=0)
    return PlacementKeys("home")
