"""Says what a measurement ran on."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("attune", "grpcio", "protobuf", "uvloop", "redis", "hiredis", "vowpalwabbit", "numpy")


def describe(store: int | None = None, packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Describes machine and versions.

    Args:
        store: Process id of the store's server; None where none takes part.
        packages: Of which the versions are stated.

    Returns:
        Descriptions by name, in the order in which they are to be read.
    """
    described = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores usable",
        "kernel": f"{platform.system()} {platform.release()}",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()) + " (1, 5, 15 min)",
        "python": platform.python_version(),
        "packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }
    return described if store is None else {**described, "store": _store(store)}


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _store(pid: int) -> str:
    # One program may be several, by the name it is called with: Debian's redis-server is a link to redis-check-rdb.
    program = Path(f"/proc/{pid}/exe").readlink()
    command = ["redis-server", "--version"]
    printed = subprocess.run(command, executable=program, capture_output=True, text=True, check=True)  # noqa: S603  # ours
    return printed.stdout.split(" sha=", maxsplit=1)[0].strip()
