"""Processes under measurement: what they cost, where they may run, and the one that answers empty calls. Linux only."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a measurement.

    Attributes:
        address: Where the server listens, as host:port.
        server: Process id of the server.
        store: Process id of the store; None for a server without one.
    """

    address: str
    server: int
    store: int | None = None


@contextmanager
def empty_server() -> Iterator[Processes]:
    """Runs `benchmarks.empty_server` in a process of its own.

    Raises:
        RuntimeError: It ended before it was ready; what it printed is above the message.
    """
    command = [sys.executable, "-m", "benchmarks.empty_server"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  # ours
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                raise RuntimeError("benchmarks.empty_server ended before it was ready")
            yield Processes(address, process.pid)
        finally:
            process.terminate()


def cpu_s(pid: int | None) -> float:
    """Returns the CPU seconds, user and system, that a process has used so far; 0 for None. Steps of 10 ms."""
    if pid is None:
        return 0.0
    # The name in brackets may itself hold brackets and spaces: the fields that count follow the last one.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / _TICKS_PER_S


def pin(pid: int, core: int) -> None:
    """Keeps a process, with every thread it has and will have, on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def pin_apart(servers: list[int], others: list[int]) -> str:
    """Gives servers one core and everything else another one, where there are two.

    Args:
        servers: Process ids; only one of them is busy at a time.
        others: Process ids of everything else.

    Returns:
        What was done, in words.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        return "not pinned: this machine has one core for everything"
    first, second, *_ = cores
    for pid in servers:
        pin(pid, first)
    for pid in others:
        pin(pid, second)
    return f"pinned: servers to core {first}; load generator, store, learner and supervisor to core {second}"


def resident_bytes(pid: int) -> int:
    """Returns how much memory of a process is resident."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def children(pid: int) -> list[int]:
    """Returns the process ids of what a process has started, as far as it runs."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]
