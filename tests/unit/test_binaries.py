"""Which server program the embedded store runs."""

from pathlib import Path

import pytest

from attune.errors import StoreUnavailableError
from attune.store import binaries
from attune.store.binaries import Program


def put_program(directory: Path, name: str, version_line: str) -> Path:
    """Put a program on the disk that does nothing but say its version, for versions that are not installed here."""
    program = directory / name
    program.write_text(f"#!/bin/sh\necho '{version_line}'\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("reader", "writer", "can_read"),
    [
        # Nobody has written yet, or nobody knows who.
        (("Redis", 7, 0), "", True),
        # The same family: no step back, because the format of the base file only grows.
        (("Redis", 7, 0), "Redis 7.0", True),
        (("Redis", 7, 0), "Redis 6.2", True),
        (("Redis", 7, 0), "Redis 8.2", False),
        (("Valkey", 8, 1), "Valkey 9.1", False),
        # Valkey reads what Redis wrote before the two parted, and never the other way round.
        (("Valkey", 9, 1), "Redis 7.2", True),
        (("Valkey", 9, 1), "Redis 7.4", False),
        (("Redis", 8, 2), "Valkey 8.0", False),
    ],
)
def test_a_server_does_not_read_what_is_newer_or_of_the_other_family(
    reader: tuple[str, int, int], writer: str, *, can_read: bool
) -> None:
    family, major, minor = reader
    assert Program(Path("/x"), family, (major, minor)).reads(writer) == can_read


def test_without_any_program_on_path_that_of_the_wheel_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    program = binaries.choose("")
    assert (program.path.name, program.family) == ("valkey-server", "Valkey")
    assert program.path.is_absolute()


def test_a_program_on_path_is_preferred_to_that_of_the_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    mine = put_program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64")
    assert binaries.choose("") == Program(mine, "Redis", (7, 0))


@pytest.mark.parametrize(
    "version_line",
    [
        # Older than what attune needs.
        "Redis server v=5.0.14 sha=00000000:0 malloc=jemalloc-5.1.0 bits=64",
        # Something else of the same name.
        "my own redis-server",
    ],
)
def test_a_program_that_will_not_do_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version_line: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    put_program(tmp_path, "redis-server", version_line)
    assert binaries.choose("").family == "Valkey"


def test_a_server_that_is_installed_later_does_not_lock_out_of_the_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    wheel = binaries.choose("")
    put_program(tmp_path, "redis-server", "Redis server v=7.0.15 sha=00000000:0")
    assert binaries.choose(wheel.name) == wheel


def test_data_that_no_program_here_can_read_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreUnavailableError, match=r"written by Redis 99\.0, which none of these can read: Valkey "):
        binaries.choose("Redis 99.0")
