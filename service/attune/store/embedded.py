"""The embedded store: a Valkey or Redis server of our own, for running attune without setting up anything.

`attune serve` without a store URL starts one in its data directory, on a Unix socket that only this user can reach.
It is the same program and the same code path as in production; moving to a server elsewhere is a URL. The supervisor
owns it: it starts it, starts it again when it dies, has it write to disk once a second, and stops it last.
"""

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from attune.errors import StoreUnavailableError
from attune.process import bound, ending
from attune.store import binaries, data_dir

PREDECESSOR_S = 15.0  # how long a server of an earlier run may take to end
SILENCE_S = 60.0  # how long a new server may stay without any answer
PROGRESS_S = 5.0  # how often loading is reported
POLL_S = 0.02
LOG_BYTES = 4 * 1024 * 1024
LAST_LINES = 8

logger = logging.getLogger(__name__)


def _never() -> bool:
    return False


class EmbeddedStore:
    """A server process in a data directory.

    Start it from the main thread: the kernel ends the server together with the thread that started it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Name the data directory. Nothing happens before `start`."""
        self._path = path
        self._data_dir = data_dir.locate(path)
        self._held: int | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process id, None where there is no server."""
        return self._server.pid if self._server else None

    def start(self, *, give_up: Callable[[], bool] = _never) -> str:
        """Take the data directory, start the server and wait until its data is loaded.

        Args:
            give_up: Asked again and again while waiting; true ends the attempt.

        Returns:
            The server's URL.

        Raises:
            DataDirInUseError: Another service holds the data directory.
            SettingError: The data directory cannot be used.
            StoreUnavailableError: There is no server program, or it did not start; the message has its last words.
        """
        self._data_dir = data_dir.create(self._path)
        self._held = data_dir.hold(self._data_dir)
        try:
            self._launch(give_up)
        except BaseException:
            self.stop()
            raise
        return self._data_dir.url

    def restart(self, *, give_up: Callable[[], bool] = _never) -> None:
        """Start the server again, at the same URL; one that still runs is stopped first.

        Raises:
            StoreUnavailableError: It did not start.
        """
        self._end_server(PREDECESSOR_S)
        self._launch(give_up)

    def alive(self) -> bool:
        """Say whether the server process runs."""
        return self._server is not None and self._server.poll() is None

    def last_ending(self) -> str:
        """Describe how the server ended, for example `was killed by SIGKILL`."""
        code = self._server.poll() if self._server else None
        return "is not running" if code is None else ending(code)

    def sync(self) -> None:
        """Have everything that the server has written so far put on the disk. May be called from any thread.

        The server runs with `appendfsync no` and never waits for the disk; instead this is called once a second. Why:
        with `everysec` the server puts off the *write* itself for up to 2 s while its own fsync is under way, and
        answers nevertheless, so killing it would lose what it had acknowledged. With `no` every write is handed to
        the kernel before the answer: a killed server loses nothing, and a loss of power loses what came after the
        last sync. See docs/decisions/0002-embedded-store-durability.md.

        Raises:
            OSError: The disk failed.
        """
        data_dir.sync_log(self._data_dir)

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Stop the server and let go of the data directory. Does nothing where nothing was started.

        Args:
            timeout_s: Seconds the server may take to end before it is killed; what it has written is kept either way.
        """
        self._end_server(timeout_s)
        if self._held is not None:
            data_dir.remove_socket(self._data_dir)
            os.close(self._held)  # last: from here on another service may use the directory
            self._held = None

    def _launch(self, give_up: Callable[[], bool]) -> None:
        assert threading.current_thread() is threading.main_thread()
        server_lock = data_dir.server_lock(self._data_dir)
        try:
            self._wait_for_predecessor(server_lock, give_up)
            writer = self._data_dir.path / "store.writer"
            program = binaries.choose(writer.read_text(encoding="utf-8").strip() if writer.exists() else "")
            writer.write_text(f"{program.name}\n", encoding="utf-8")
            self._server = self._run(_command(program.path, self._data_dir), server_lock)
        finally:
            os.close(server_lock)  # from here on only the server holds it
        try:
            self._wait_until_loaded(give_up)
        except StoreUnavailableError:
            self._end_server(PREDECESSOR_S)
            raise
        data_dir.sync_entries(self._data_dir)

    def _wait_for_predecessor(self, server_lock: int, give_up: Callable[[], bool]) -> None:
        """Wait until no server of an earlier run is left: two servers writing one log would destroy it."""
        deadline = time.monotonic() + PREDECESSOR_S
        while not data_dir.try_lock(server_lock):
            # Linux ends the server with its service, and the lock is free within moments. Elsewhere it has to be told.
            with closing(self._connect()) as client, suppress(redis.RedisError):
                client.shutdown(nosave=True)
            if time.monotonic() > deadline or give_up():
                raise StoreUnavailableError(
                    f"a store server of an earlier run still works in {self._data_dir.path} and does not end"
                )
            time.sleep(POLL_S)

    def _run(self, command: Sequence[str], server_lock: int) -> subprocess.Popen[bytes]:
        log = self._data_dir.server_log
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            return subprocess.Popen(  # noqa: S603 - the program was chosen by `binaries`
                bound(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._data_dir.path,
                umask=0o077,
                # Ctrl-C goes to everyone in the session: the store has to stay until the server has drained.
                start_new_session=True,
                pass_fds=[server_lock],
            )

    def _wait_until_loaded(self, give_up: Callable[[], bool]) -> None:
        """Wait for the server; loading a large log may take minutes, so progress is reported and no limit is set."""
        heard = reported = time.monotonic()
        with closing(self._connect()) as client:
            while (loaded := self._loaded_percent(client)) is None or loaded < 100:  # noqa: PLR2004
                now = time.monotonic()
                if loaded is not None:
                    heard = now
                    if now - reported > PROGRESS_S:
                        reported = now
                        logger.info("the store is loading its data: %.0f %%", loaded)
                if not self.alive() or now - heard > SILENCE_S or give_up():
                    raise StoreUnavailableError(self._failure())
                time.sleep(POLL_S)

    def _loaded_percent(self, client: redis.Redis) -> float | None:
        """Return how much of the data is loaded, 100 when the server is ready; None when it does not answer."""
        try:
            state = client.info("persistence")
        except redis.RedisError:
            return None
        return min(float(state.get("loading_loaded_perc", 0)), 99.0) if state["loading"] else 100.0

    def _failure(self) -> str:
        how = "does not answer" if self.alive() else self.last_ending()
        log = self._data_dir.server_log
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
        return "\n  ".join([f"the embedded store {how}; the end of {log}:", *lines])

    def _end_server(self, timeout_s: float) -> None:
        if self._server is None:
            return
        self._server.terminate()
        try:
            self._server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            logger.warning("the store did not end within %g s; killing it", timeout_s)
            self._server.kill()
            self._server.wait()
        self._server = None

    def _connect(self) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=str(self._data_dir.socket),
            socket_timeout=1.0,
            socket_connect_timeout=1.0,
            retry=Retry(NoBackoff(), 0),
        )


def _command(program: Path, where: data_dir.DataDir) -> list[str]:
    options = {
        "port": "0",
        "unixsocket": str(where.socket),
        "unixsocketperm": "700",
        "dir": str(where.path),
        "appendonly": "yes",
        "appendfsync": "no",  # see EmbeddedStore.sync
        "aof-load-truncated": "yes",  # the end of the log may be torn after a loss of power
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "always-show-logo": "no",
    }
    return [str(program), *(word for name, value in options.items() for word in (f"--{name}", value))]
