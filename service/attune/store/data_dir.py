"""The data directory of the embedded store: who holds it, and where the store's socket is.

    lock           held by the service (flock); names its process and the socket
    store.lock     held by the server process itself, so it is free only when that process is really gone
    store.log      what the server says
    store.writer   which server program wrote the data last
    store.sock     the server's socket
    customer.key   the key of the hash that customers are stored under, hexadecimal
    appendonlydir/ the data

Locks are `flock`s: the kernel drops them with their holder, however it ends, so none is ever left behind.
"""

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from attune.errors import DataDirInUseError, SettingError, StoreUnavailableError
from attune.settings import KEY

# `sun_path` has 108 bytes on Linux and 104 on macOS, including the final NUL. A longer path is cut without a word.
LONGEST_SOCKET_PATH = 100
KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class DataDir:
    """A data directory.

    Attributes:
        path: Absolute path.
        socket: The server's socket: in the directory, or, where that path would be too long, in a private directory
            under the system's directory for temporary files.
    """

    path: Path
    socket: Path

    @property
    def url(self) -> str:
        """The store's URL."""
        return _url(self.socket)

    @property
    def server_log(self) -> Path:
        """What the server says."""
        return self.path / "store.log"


def locate(path: str | os.PathLike[str]) -> DataDir:
    """Return the data directory at `path`. Touches nothing.

    Raises:
        SettingError: The path is too long for a socket, and so is that of the directory for temporary files.
    """
    absolute = Path(path).absolute()
    socket = absolute / "store.sock"
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(absolute)).hexdigest()[:16]
        socket = Path(tempfile.gettempdir()) / f"attune-{os.getuid()}-{digest}" / "store.sock"
        if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
            raise SettingError(
                f"store.data_dir: expected a path of at most {LONGEST_SOCKET_PATH - len('/store.sock')} bytes, or a "
                f"shorter directory for temporary files (TMPDIR), got {str(absolute)!r} and {tempfile.gettempdir()!r}"
            )
    return DataDir(absolute, socket)


def create(path: str | os.PathLike[str]) -> DataDir:
    """Return the data directory at `path`, which is made where it is missing, for this user only.

    Raises:
        SettingError: It cannot be made or written to, or the directory for the socket belongs to somebody else.
    """
    data_dir = locate(path)
    try:
        data_dir.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data_dir.path, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "no permission to write there")
    except OSError as error:
        raise SettingError(f"store.data_dir: expected a directory, got {str(path)!r}: {error.strerror}") from error
    if data_dir.socket.parent != data_dir.path:
        _make_private(data_dir.socket.parent)
    return data_dir


def customer_key(path: str | os.PathLike[str]) -> str:
    """Return the key of the hash that customers are stored under, which is made where there is none yet.

    Args:
        path: The data directory, which exists and is held by this process.

    Returns:
        KEY_BYTES random bytes, hexadecimal.

    Raises:
        SettingError: There is a file that is none, or none can be written. It is never replaced: what is stored under
            a key that is lost is lost.
    """
    file = Path(path).absolute() / "customer.key"
    try:
        if not file.exists():
            _write_key(file)
        text = file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingError(f"customers.key: expected a readable file {file}: {error}") from error
    if not KEY.fullmatch(text) or len(text) % 2:
        raise SettingError(f"customers.key: expected a key in hexadecimal digits in {file}, got something else")
    return text


def _write_key(file: Path) -> None:
    """Write a new key: all of it, or nothing."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as opened:  # noqa: PTH123 - with its mode from the start
        opened.write(f"{secrets.token_hex(KEY_BYTES)}\n")
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)
    _sync(file.parent, os.fsync)


def _make_private(directory: Path) -> None:
    """Make a directory for this user only. Anyone may put anything under /tmp: what is there already is checked."""
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise SettingError(f"store.data_dir: no place for the store's socket: {error}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
        raise SettingError(
            f"store.data_dir: the path is too long for a socket, and {directory}, which would hold it instead, "
            "is not a directory of this user with mode 0700: remove it or choose a shorter path"
        )


def hold(data_dir: DataDir) -> int:
    """Take the data directory for this process.

    Returns:
        The file descriptor that holds it. Closing it, or the end of the process, lets go. Children do not inherit it.

    Raises:
        DataDirInUseError: Another service holds it.
    """
    lock = os.open(data_dir.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not try_lock(lock):
        holder = os.pread(lock, 64, 0).decode(errors="replace").partition("\n")[0] or "unknown"
        os.close(lock)
        raise DataDirInUseError(
            f"the data directory {data_dir.path} is in use by another attune service (pid {holder}): "
            f"stop that one, or choose another --data-dir"
        )
    os.ftruncate(lock, 0)
    os.pwrite(lock, os.fsencode(f"{os.getpid()}\n{data_dir.socket}\n"), 0)
    return lock


def remove_socket(data_dir: DataDir) -> None:
    """Remove what is left of the server's socket, and the directory that was made for it."""
    data_dir.socket.unlink(missing_ok=True)
    if data_dir.socket.parent != data_dir.path:
        with suppress(OSError):
            data_dir.socket.parent.rmdir()


def server_lock(data_dir: DataDir) -> int:
    """Open the lock that the server process inherits; see `try_lock`."""
    return os.open(data_dir.path / "store.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(file: int) -> bool:
    """Lock an open file, and say whether that worked: whether nobody else holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_log(data_dir: DataDir) -> None:
    """Put on the disk what the server has written to its log so far.

    Raises:
        OSError: The disk failed.
    """
    # A directory of files since Redis 7, a single file before.
    for file in [*data_dir.path.glob("appendonlydir/*.incr.aof"), *data_dir.path.glob("appendonly.aof")]:
        # A rewrite of the log may have removed the file by now; then the server has put its successor on the disk.
        with suppress(FileNotFoundError):
            _sync(file, getattr(os, "fdatasync", os.fsync))  # macOS has no fdatasync


def sync_entries(data_dir: DataDir) -> None:
    """Put the directory itself on the disk. The server does that for the directory of its log only."""
    _sync(data_dir.path, os.fsync)
    _sync(data_dir.path.parent, os.fsync)


def _sync(path: Path, how: Callable[[int], None]) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        how(file)
    finally:
        os.close(file)


def running_url(path: str | os.PathLike[str]) -> str:
    """Return the URL of the store that another process runs in a data directory.

    Raises:
        StoreUnavailableError: There is none, or it does not answer.
    """
    url = _recorded_url(path)
    try:
        if url is not None:
            with closing(redis.Redis.from_url(url, socket_timeout=5.0, retry=Retry(NoBackoff(), 0))) as client:
                client.ping()
                return url
    except redis.RedisError as error:
        reason = f" ({error})"
    else:
        reason = ""
    raise StoreUnavailableError(
        f"no store runs in the data directory {path}{reason}: start one with `attune serve --no-learner --data-dir "
        f"{path}`, or name another with --redis-url"
    )


def _recorded_url(path: str | os.PathLike[str]) -> str | None:
    # Where the socket is, is read from the lock file: the holder's directory for temporary files may not be ours.
    try:
        lines = os.fsdecode((Path(path) / "lock").read_bytes()).split("\n")
    except OSError:
        return None
    return _url(Path(lines[1])) if len(lines) > 1 else None


def _url(socket: Path) -> str:
    return f"unix://{quote(os.fsencode(socket))}"
