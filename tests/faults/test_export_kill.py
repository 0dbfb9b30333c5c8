"""`attune export` and `attune import` are killed at random moments: run again, every row is there once, in order."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
from pyarrow import parquet

from attune.logs.parts import Parts
from attune.process import bound
from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.interactions import BEGINNING
from attune.store.keys import PlacementKeys
from attune.store.placements import Placements
from attune.store.training_log import TrainingLog, recorded_elsewhere
from attune.v1.placement_pb2 import Placement
from service import wait_until
from training_logs import decision, entries

KEYS = PlacementKeys("home")
SEED = 20261121


@pytest.fixture(scope="module")
def store_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = EmbeddedStore(str(tmp_path_factory.mktemp("store")))
    yield server.start(give_up=lambda: False)
    server.stop()


async def apply(url: str, name: str) -> None:
    store = Store(url, timeout_s=5)
    await Placements(store).apply(with_defaults(Placement(name=name)), now_ms=0)
    await store.close()


async def make(url: str, n: int) -> tuple[list[str], list[str]]:
    """Make a log of n decisions and n / 4 late outcomes; return the position of each decision and late outcome."""
    store = Store(url, timeout_s=5)
    await store.redis.flushall()
    await apply(url, "home")
    rng, log = Random(SEED), TrainingLog(store)
    made = [decision(f"e{i}", rng) for i in range(n)]
    click = recorded_elsewhere("click", 1, OutcomeRecord(name="click", value=1.0))
    for start in range(0, n, 100):
        await log.append(KEYS, [(each, [click]) for each in made[start : start + 100]], restore=False)
    refund = recorded_elsewhere("refund", 2, OutcomeRecord(name="refund", value=1.0))
    await log.append_late(KEYS, [(each.event_id, refund) for each in made[::4]])
    positions = [entry.position for entry in await entries(store, KEYS)]
    late = [outcome.position for outcome in await log.late_after(KEYS, BEGINNING, n)]
    await store.close()
    return positions, late


def command(url: str, to: Path, form: str) -> list[str]:
    options = ["--redis-url", url, "--to", str(to), "--format", form, "--entries-per-file", "2", "--json"]
    return [sys.executable, "-m", "attune", "export", "home", *options]


def written(to: Path, form: str) -> int:
    return len(list(to.glob(f"*/day=*/[0-9]*.{form}")))


def positions_in(to: Path, stream: str, form: str) -> list[str]:
    """Return the position of every row of every file; the slots of one decision once."""
    found: list[str] = []
    for _, _, path in Parts(to / stream, f".{form}").files():
        if form == "parquet":
            inside = parquet.ParquetFile(path).read(["position"]).column("position").to_pylist()
        else:
            inside = [json.loads(line)["_attune"]["position"] for line in path.read_text().splitlines()]
        found += list(dict.fromkeys(inside))
    return found


def kill_amid(arguments: list[str], done: Callable[[], int], rng: Random) -> None:
    """Start a command, and kill it a random time after more is done than before."""
    before = done()
    # Bound to the life of this process, like everything that a test starts.
    with subprocess.Popen(bound(arguments), stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: done() > before or process.poll() is not None, "something to be done", every_s=0.001)
            time.sleep(rng.uniform(0, 0.05))
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL, "it had ended before it was killed: the log is too short"


@pytest.mark.parametrize(
    ("form", "n", "kills"),
    [
        ("parquet", 700, 2),
        pytest.param("parquet", 5000, 12, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
        pytest.param("dsjson", 5000, 12, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_every_row_is_written_once_however_often_the_export_is_killed(
    store_url: str, tmp_path: Path, form: str, n: int, kills: int
) -> None:
    positions, late = asyncio.run(make(store_url, n))
    rng = Random(SEED)
    for _ in range(kills):
        kill_amid(command(store_url, tmp_path, form), lambda: written(tmp_path, form), rng)
    assert written(tmp_path, form) < (len(positions) + len(late)) / 2, "nothing was left to do after the last kill"

    done = subprocess.run(command(store_url, tmp_path, form), capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["position"] == positions[-1]
    assert positions_in(tmp_path, "interactions", form) == positions
    assert positions_in(tmp_path, "late", form) == late
    assert list(tmp_path.glob("*/day=*/.*")) == [], "nothing unfinished is left behind"


async def events(url: str, name: str) -> list[str]:
    store = Store(url, timeout_s=5)
    log = await entries(store, PlacementKeys(name))
    await store.close()
    return [entry.decision.event_id for entry in log]


async def length(url: str) -> int:
    store = Store(url, timeout_s=5)
    n: int = await store.redis.xlen(PlacementKeys("other").interactions)
    await store.close()
    return n


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [1, 10])
def test_an_import_that_is_killed_is_the_same_as_one_that_is_not(store_url: str, tmp_path: Path, kills: int) -> None:
    asyncio.run(make(store_url, 400 + 300 * kills))
    subprocess.run([*command(store_url, tmp_path, "dsjson")[:-3], "--json"], stdout=subprocess.DEVNULL, check=True)
    asyncio.run(apply(store_url, "other"))
    arguments = [sys.executable, "-m", "attune", "import", "other", str(tmp_path), "--redis-url", store_url, "--json"]
    rng = Random(SEED)
    for _ in range(kills):
        kill_amid(arguments, lambda: asyncio.run(length(store_url)), rng)
    subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
    assert asyncio.run(events(store_url, "other")) == asyncio.run(events(store_url, "home"))
