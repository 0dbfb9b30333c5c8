"""A second opinion: the same load by nghttp2's `h2load`, where it is installed.

It can send one request body only, and it counts gRPC errors as successes; so it is a check of our own generator's
rates, never evidence of correctness. What it sends to `Decide` is the first of the varied requests, again and again.
"""

import os
import re
import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Target


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Calls per second by `h2load`, and the CPU microseconds per call that it used."""

    rate: float
    client_us: float


def throughput(target: Target, seconds: int) -> SecondOpinion | None:
    """Loads a target in closed loop.

    Args:
        target: What to load.
        seconds: For how long.

    Returns:
        What it showed; None where `h2load` is not installed.
    """
    program = shutil.which("h2load")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as directory:
        body = Path(directory) / "body"
        message = target.message()
        body.write_bytes(b"\0" + len(message).to_bytes(4) + message)
        before = _children_cpu_s()
        printed = subprocess.run(  # noqa: S603  # a fixed command
            _command(program, target, seconds, body), capture_output=True, text=True, check=True
        ).stdout
        used_s = _children_cpu_s() - before
    rate, calls = re.search(r"([\d.]+) req/s", printed), re.search(r"(\d+) succeeded", printed)
    if rate is None or calls is None:
        raise RuntimeError(f"h2load printed what is not understood here:\n{printed}")
    return SecondOpinion(float(rate[1]), 1e6 * used_s / max(1, int(calls[1])))


def _command(program: str, target: Target, seconds: int, body: Path) -> list[str]:
    load = ["-D", str(seconds), "-c", str(target.connections), "-m", str(target.in_flight), "-d", os.fspath(body)]
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    return [program, *load, *headers, f"http://{target.processes.address}{target.method}"]


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
