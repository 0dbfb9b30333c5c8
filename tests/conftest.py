"""Fixtures for every layer of tests: the running service and the reference data."""

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import settings

from attune.v1.placement_service_pb2 import DeletePlacementRequest, ListPlacementsRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from client import Client
from service import PATIENT, RunningService

# The same examples in every run: what fails here fails everywhere. No deadline: it would be by the wall's clock.
settings.register_profile("attune", derandomize=True, deadline=None)
settings.load_profile("attune")

LONG_S = 3600
"""Seconds a long test may take unless it says otherwise.

The clock is the wall's, and what takes two minutes of a processor of its own takes half an hour where ten others want
it. What hangs is still ended.
"""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give long tests the time they need: the limit of all others is for tests of seconds. `--timeout` overrules it."""
    for item in items if config.getoption("timeout") is None else ():
        if item.get_closest_marker("long") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(LONG_S))


def pytest_collection_finish() -> None:
    """Hide from the garbage collector what is there for good: it would look through thousands of tests each time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def one_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A running `attune serve` that waits for its store: one for all, because starting it costs seconds."""
    with RunningService(tmp_path_factory.mktemp("data"), env=PATIENT) as running:
        yield running


@pytest.fixture(scope="module")
def service(one_service: RunningService) -> Iterator[RunningService]:
    """A running `attune serve` without any placement; what the tests of a module apply is deleted after them.

    A test that kills or freezes any of it starts one of its own.
    """
    yield one_service
    with grpc.insecure_channel(one_service.address) as channel:
        stub = PlacementServiceStub(channel)
        for one in stub.ListPlacements(ListPlacementsRequest(), timeout=10).placements:
            stub.DeletePlacement(DeletePlacementRequest(placement=one.placement.name), timeout=10)
    with Client(one_service.address) as client:
        client.empty_catalog()


@pytest.fixture
def short_path() -> Iterator[Path]:
    """An empty directory with a short path: a unix socket's may have 107 bytes, and `tmp_path` takes most of them."""
    with tempfile.TemporaryDirectory(prefix="at-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def reference_data(pytestconfig: pytest.Config) -> Path:
    """The directory of third-party reference data; where it is absent the test is skipped and says so."""
    beside = pytestconfig.rootpath.parent / "shared" / "data"
    path = Path(os.environ.get("ATTUNE_REFERENCE_DATA", beside))
    if not path.is_dir():
        pytest.skip("no reference data: neither ../shared/data nor ATTUNE_REFERENCE_DATA is a directory")
    return path
