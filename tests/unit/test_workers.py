"""Where each of several server processes publishes its metrics; the rest is in tests/integration/test_workers.py."""

import os
import resource

import pytest

from attune.errors import SettingError
from attune.settings import ServerSettings, Settings
from attune.workers import Workers, metrics_address_of


@pytest.mark.parametrize(
    ("address", "addresses"),
    [
        # Each on the port after its predecessor's.
        ("127.0.0.1:9100", ["127.0.0.1:9100", "127.0.0.1:9101", "127.0.0.1:9102"]),
        ("[::1]:9100", ["[::1]:9100", "[::1]:9101", "[::1]:9102"]),
        # Free ones.
        ("127.0.0.1:0", ["127.0.0.1:0"] * 3),
        # Nowhere.
        ("", [""] * 3),
    ],
)
def test_each_process_has_a_place_for_its_metrics(address: str, addresses: list[str]) -> None:
    settings = ServerSettings(workers=3, metrics_address=address)
    assert [metrics_address_of(settings, i) for i in range(3)] == addresses


def test_there_have_to_be_as_many_ports_as_processes() -> None:
    settings = ServerSettings(workers=3, metrics_address="127.0.0.1:65534")
    assert metrics_address_of(settings, 1) == "127.0.0.1:65535"
    with pytest.raises(SettingError, match="expected a port up to 65533, because there are 3 workers, got 127"):
        metrics_address_of(settings, 2)


def test_a_process_that_cannot_be_started_leaves_the_old_ones_alone(caplog: pytest.LogCaptureFixture) -> None:
    """Where the system has no more files or processes to give, a rolling restart must not end the service."""
    workers = Workers(Settings(server=ServerSettings(address="127.0.0.1:0")), lambda: None)
    limits, lowest = resource.getrlimit(resource.RLIMIT_NOFILE), os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, limits[1]))
    try:
        assert workers.replace() is False
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        workers.stop(hurry=lambda: True)
    assert "Too many open files: the old processes go on" in caplog.text
