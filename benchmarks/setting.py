"""Everything that is measured, running at once: the service, an empty server and three daemons, and what loads them."""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import getpid
from pathlib import Path

import grpc
from tests.support.service import RunningService

from attune.store import data_dir
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.versions import Versions
from attune.v1.decision_service_pb2 import DecideRequest
from benchmarks import customers, machine, workload
from benchmarks.measure import Loaded, Target
from benchmarks.processes import Processes, empty_server, pin_apart
from benchmarks.targets import (
    DECIDE,
    DECIDE_BATCH,
    Asked,
    DecideTarget,
    OutcomesTarget,
    Service,
    empty,
    learn,
    name_decisions,
)
from benchmarks.vw_daemon import DaemonTarget, daemon, examples

DAEMON_SIZES = (10, 50, 200)
_TIMEOUT_S = 10.0
# The daemon prints six digits.
_SAME = 1e-5


@dataclass(frozen=True, slots=True)
class Setting:
    """What can be loaded.

    Attributes:
        empty: The call that does nothing.
        inline: `Decide` with inline offers.
        catalogue: `Decide` with offers of the catalogue, by how many there are.
        customers: `Decide` for customers of whom something is known, under caps and rules.
        batches: `DecideBatch`, by how many offers there are.
        daemons: `vw --daemon`, the same.
        rows: All of them, and everything else that is loaded in closed loop, in the order of the table.
        processes: Process ids by role.
        machine: What it runs on, in words, by name; what was pinned to which core among it.
    """

    empty: Target
    inline: Target
    catalogue: dict[int, Target]
    customers: Target
    batches: dict[int, Target]
    daemons: dict[int, DaemonTarget]
    rows: Sequence[Loaded]
    processes: dict[str, int]
    machine: dict[str, str]


@contextmanager
def running() -> Iterator[Setting]:
    """Starts everything, and lets the service learn; ends it again."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attune-bench-")))
        running_service = stack.enter_context(RunningService(directory / "data"))
        idle = stack.enter_context(empty_server())
        channel = stack.enter_context(grpc.insecure_channel(running_service.address))
        pids = running_service.children()
        service = Service(Processes(running_service.address, pids["server"], pids["store"]), channel)
        numbers = workload.days()
        inline, catalogue, batches = _decisions(service, numbers)
        known = customers.target(service, channel, numbers)
        daemons = {size: _daemon(stack, service, directory, size, numbers) for size in DAEMON_SIZES}
        name_decisions(service)
        nothing = empty(idle)
        recording = [OutcomesTarget(f"RecordOutcomes, {batch} a call", service, batch) for batch in (1, workload.BATCH)]
        compared = [each for size in DAEMON_SIZES for each in (batches[size], daemons[size])]
        asked = [each.pid for each in daemons.values()]
        others = [running_service.pid, pids["store"], pids["learner"], getpid()]
        described = machine.describe(pids["store"])  # before cores are taken away from this process
        pinning = pin_apart([pids["server"], idle.server, *asked], others)
        rows = [nothing, inline, known, *catalogue.values(), *compared, *recording]
        machine_in_words = {**described, "cores": pinning}
        yield Setting(nothing, inline, catalogue, known, batches, daemons, rows, pids, machine_in_words)


def _decisions(service: Service, numbers: Iterator[float]) -> tuple[Target, dict[int, Target], dict[int, Target]]:
    """Returns what loads decisions: with inline offers, of the catalogue by size, in batches by size."""
    service.put_catalogue()

    def messages(requests: Sequence[DecideRequest]) -> Iterator[bytes]:
        """Returns requests whose contexts never repeat."""
        return workload.ever_other(requests, numbers)

    def decide(name: str, asked: Asked, requests: Sequence[DecideRequest]) -> Target:
        """Returns what loads a placement, once it has learned."""
        learn(service, asked, messages(requests))
        return DecideTarget(name, DECIDE, service, asked, messages(requests))

    n_inline = workload.INLINE_OFFERS
    brought = Asked(workload.INLINE, n_inline)
    inline = decide(f"Decide, K = {n_inline} inline", brought, workload.inline_requests())
    catalogue: dict[int, Target] = {}
    batches: dict[int, Target] = {}
    for size in workload.SIZES:
        requests, asked = workload.catalogue_requests(size), Asked(workload.by_catalogue(size), size)
        catalogue[size] = decide(f"Decide, K = {size:,}", asked, requests)
        if size in DAEMON_SIZES:
            several = workload.ever_other(workload.batches(requests), numbers)
            name = f"DecideBatch of {workload.BATCH}, K = {size:,}"
            batches[size] = DecideTarget(name, DECIDE_BATCH, service, asked, several)
    return inline, catalogue, batches


def _daemon(
    stack: ExitStack, service: Service, directory: Path, n_offers: int, numbers: Iterator[float]
) -> DaemonTarget:
    """Starts a daemon on the weights that a placement serves with; returns what loads it."""
    placement = workload.by_catalogue(n_offers)
    model = directory / f"{placement}.model"
    model.write_bytes(asyncio.run(_weights(data_dir.locate(directory / "data").url, placement)))
    address, pid = stack.enter_context(daemon(model))
    target = DaemonTarget(address, pid, n_offers, numbers)
    _check_same(service, target, n_offers)
    return target


async def _weights(url: str, placement: str) -> bytes:
    store = Store(url, _TIMEOUT_S)
    try:
        versions, keys = Versions(store), PlacementKeys(placement)
        head = await versions.head(keys)
        if head is None:
            raise RuntimeError(f"{placement}: expected a version, got none")
        return await versions.weights(keys, head)
    finally:
        await store.close()


def _check_same(service: Service, target: DaemonTarget, n_offers: int) -> None:
    """Asks both the same.

    Raises:
        RuntimeError: They state other probabilities.
    """
    days = next(workload.days())
    request = workload.catalogue_requests(n_offers)[0]
    request.context.numeric["tenure_days"] = days
    ours = service.probabilities(request)
    theirs = target.probabilities(next(examples(n_offers, iter([days]))), n_offers)
    by_id = sorted(zip((offer.id for offer in workload.offers(n_offers)), theirs, strict=True))
    worst = max(abs(ours[offer_id] - probability) for offer_id, probability in by_id)
    if not worst < _SAME:
        raise RuntimeError(f"{target.name}: expected the probabilities of the service, got some that differ by {worst}")
