"""Streams 10,000 logged decisions of a fashion shop through the running service, and restarts it.

Run as `python -m benchmarks.open_bandit`; `tests/integration/test_open_bandit.py` runs the same and judges it. For
every logged decision the service is asked anew, with all offers. Where it draws the offer that was shown in the log,
the logged click goes back as an outcome. Other draws get no outcome and count as reward 0: this shows that the loop
keeps and learns what it is given, not how well the shop would do.
"""

import argparse
import asyncio
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvloop
from tests.support.service import RunningService

from attune.v1.features_pb2 import Offer
from benchmarks.open_bandit_client import Client, State, Stream
from benchmarks.open_bandit_rows import find_data, read_offers, read_rows

# A version that was committed decides within this time.
SWAP_S = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """The whole story: the stream, the states around the restart, and what was learned after a second restart."""

    stream: Stream
    learned_after_s: float
    before: State
    after: State
    learned_in_the_end: int

    def kept(self) -> bool:
        """Says whether the restart kept everything; the fixed requests before it are decisions, too."""
        decisions = self.before.decisions + len(self.before.probabilities)
        return dataclasses.replace(self.before, decisions=decisions) == self.after


async def run(data: Path, data_dir: Path, limit: int | None = None) -> Report:
    """Runs the whole story.

    Args:
        data: The directory of the reference data.
        data_dir: Where the service keeps its data; empty.
        limit: How many rows to stream; None means all.
    """
    rows, offers = read_rows(data)[:limit], read_offers(data)
    async with _client(data_dir, offers) as client:
        await client.apply()
        stream = await client.stream(rows)
        streamed = time.perf_counter()
        await client.wait_until_learned()
        learned_after_s = time.perf_counter() - streamed
        await asyncio.sleep(SWAP_S)
        before = await client.state(rows, "before")
    # Without a learner: it would soon learn from the fixed requests themselves, and the model would move on.
    async with _client(data_dir, offers, "--no-learner") as client:
        after = await client.state(rows, "after")
    async with _client(data_dir, offers) as client:
        return Report(stream, learned_after_s, before, after, await client.wait_until_learned())


@asynccontextmanager
async def _client(data_dir: Path, offers: list[Offer], *args: str) -> AsyncIterator[Client]:
    with RunningService(data_dir, args=args) as service:
        async with grpc.aio.insecure_channel(service.address) as channel:
            yield Client(channel, offers)


def main() -> int:
    """Streams, restarts, prints what came of it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_bandit", description=__doc__)
    parser.add_argument("--rows", type=int, help="stream only the first ROWS decisions")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    data = find_data()
    if data is None:
        sys.stderr.write("no reference data: neither ../shared/data nor ATTUNE_REFERENCE_DATA is a directory\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="attune-open-bandit-") as directory:
        report = uvloop.run(run(data, Path(directory), arguments.rows))
    figures = _figures(report)
    lines = [json.dumps(figures, indent=2)] if arguments.json else [f"{name}: {it}" for name, it in figures.items()]
    sys.stdout.write("\n".join([*lines, ""]))
    return 0 if report.kept() else 1


def _figures(report: Report) -> dict[str, float]:
    state = {name: getattr(report.after, name) for name in ("decisions", "outcomes", "learned", "policy_version")}
    return {
        **dataclasses.asdict(report.stream),
        "learned_after_s": report.learned_after_s,
        **{f"{name}_after_restart": figure for name, figure in state.items()},
        "learned_in_the_end": report.learned_in_the_end,
        "all_kept": report.kept(),
        "probabilities_bit_equal": report.before.probabilities == report.after.probabilities,
    }


if __name__ == "__main__":
    sys.exit(main())
