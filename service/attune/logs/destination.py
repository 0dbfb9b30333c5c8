"""The directory of an export: who writes to it, and for which placement.

.lock          held while an export writes
_state.json    which placement it is of; only ever compared, the truth about positions is in the names of the files
interactions/  decisions with what came of them within the reward window
late/          outcomes that came afterwards
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attune.errors import SettingError
from attune.logs.parts import Parts
from attune.storage.v1.records_pb2 import PlacementRecord

_STATE = "_state.json"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an export goes.

    Attributes:
        interactions: Files of the training log.
        late: Files of late outcomes.
    """

    interactions: Parts
    late: Parts


@contextmanager
def opened(directory: Path, suffix: str, placement: PlacementRecord) -> Iterator[Destination]:
    """Hold a directory for one export.

    Args:
        directory: Made where it is missing.
        suffix: Of the files.
        placement: The placement that is exported.

    Raises:
        SettingError: It cannot be written to, another export writes to it, or it holds another placement's log.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"--to: expected a directory to write to, got {directory}: {error.strerror}") from error
    with held(directory, "--to"):
        _check_owner(directory / _STATE, placement)
        yield files(directory, suffix)


@contextmanager
def held(directory: Path, option: str) -> Iterator[None]:
    """Keep others from writing to a directory.

    Args:
        directory: The directory.
        option: What it was given with, for the message.

    Raises:
        SettingError: It is none, cannot be written to, or somebody else writes to it.
    """
    try:
        lock = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SettingError(f"{option}: expected a directory to write to, got {directory}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SettingError(f"{option}: another export writes to {directory}: wait for it") from error
    finally:
        os.close(lock)


def files(directory: Path, suffix: str) -> Destination:
    """Return the files in a directory that is held, without those that were left unfinished."""
    parts = [Parts(directory / name, suffix) for name in ("interactions", "late")]
    for each in parts:
        each.remove_unfinished()
    return Destination(*parts)


def _check_owner(state: Path, placement: PlacementRecord) -> None:
    owner = {"placement": placement.placement.name, "created_at_ms": placement.created_at_ms}
    try:
        found = json.loads(state.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # a new directory, or an export that was killed while it wrote this
        state.write_text(json.dumps(owner) + "\n", encoding="utf-8")
        return
    if found != owner:
        raise SettingError(
            f"--to: expected a directory for the log of placement {owner}, got one that holds the log of {found}: "
            "positions of one say nothing about the other; choose another directory"
        )
