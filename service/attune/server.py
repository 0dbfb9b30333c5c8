"""The composition root: everything a process consists of is made here, and nowhere else.

`python -m attune.server decisions` serves the contract, `python -m attune.server learner` learns. The supervisor
(`attune.supervisor`) starts them, hands down their settings, and hears through a pipe when they are ready.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from attune import config, telemetry
from attune.api.admission import Admission, Admitted, Lag, Limits
from attune.api.catalog import CatalogServicer
from attune.api.decisions import DecisionServicer
from attune.api.methods import handler, with_own_queue
from attune.api.outcomes import RewardServicer
from attune.api.placements import PlacementServicer
from attune.child import EX_CONFIG, EX_UNAVAILABLE, READY_VARIABLE
from attune.config import ServerSettings, Settings
from attune.errors import SettingError, StoreUnavailableError
from attune.goaway import clients_gone
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope
from attune.learning.learners import Learners
from attune.metrics import LearningMetrics, ServingMetrics, published
from attune.serving.catalog import LiveCatalog
from attune.serving.decider import Decider
from attune.serving.explainer import Explainer
from attune.serving.live import LivePlacements
from attune.store.batch import Bounds
from attune.store.catalog import Catalog
from attune.store.challengers import Challengers
from attune.store.client import Store
from attune.store.decisions import Decisions
from attune.store.generations import Generations
from attune.store.hazards import hazards
from attune.store.journal import Journal
from attune.store.offer_sets import OfferSets
from attune.store.outcomes import Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.tasks import end
from attune.v1 import catalog_service_pb2, decision_service_pb2, placement_service_pb2, reward_service_pb2

MAX_MESSAGE_BYTES = 1 << 20
CONNECTION_GRACE_S = 30
# How long clients may take to leave before they are told that the server is gone: one trip there and back will do.
LEAVING_S = 1.0

_DECISIONS = decision_service_pb2.DESCRIPTOR.services_by_name["DecisionService"]
_REWARDS = reward_service_pb2.DESCRIPTOR.services_by_name["RewardService"]
_PLACEMENTS = placement_service_pb2.DESCRIPTOR.services_by_name["PlacementService"]
_CATALOG = catalog_service_pb2.DESCRIPTOR.services_by_name["CatalogService"]
_READ_AS: dict[str, type[Message]] = {"Decide": DecideEnvelope, "DecideBatch": DecideBatchEnvelope}
_SERVICES = (_DECISIONS.full_name, _REWARDS.full_name, _PLACEMENTS.full_name, _CATALOG.full_name)

# The methods that are loaded heavily, with how many decisions or outcomes a request asks for.
_SIZES: dict[str, Callable[[Any], int]] = {
    "Decide": lambda _: 1,
    "DecideBatch": lambda batch: len(batch.requests),
    "RecordOutcomes": lambda request: len(request.outcomes),
}

_log = logging.getLogger(__name__)


def new_grpc_server(settings: ServerSettings) -> grpc.aio.Server:
    """Return a server with attune's limits, without services."""
    return grpc.aio.server(
        options=[
            *_connection_age(settings),
            # What waits beyond this is ended in C, for a tenth of what it costs to look at it in Python: by the time a
            # busy process could refuse a call with a status of its own, it could almost have answered it.
            ("grpc.server.max_pending_requests", settings.max_queue),
            ("grpc.server.max_pending_requests_hard_limit", settings.max_queue),
            ("grpc.max_concurrent_streams", settings.max_streams),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # Several processes share the port, which the supervisor holds against everybody else.
            ("grpc.so_reuseport", 1),
            # Clients may ping every 10 s, with or without calls; the default answers that with too_many_pings.
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]
    )


def _connection_age(settings: ServerSettings) -> list[tuple[str, int]]:
    """Ask clients now and then to connect anew, which gRPC does without disturbing a call.

    The kernel chooses a process for a connection, not for a call: one that came while there were fewer processes would
    stay where it is for ever.
    """
    if not settings.max_connection_age_s:
        return []
    return [
        ("grpc.max_connection_age_ms", max(1, round(1000 * settings.max_connection_age_s))),
        # Only streams last that long (who watches our health, or asks what services there are).
        ("grpc.max_connection_age_grace_ms", 1000 * CONNECTION_GRACE_S),
    ]


def run_decisions(settings: Settings) -> int:
    """Serve decisions until SIGTERM or SIGINT; return the exit code."""
    return _run(_serve(settings))


def run_learner(settings: Settings) -> int:
    """Learn until SIGTERM or SIGINT; return the exit code."""
    return _run(_learn(settings))


async def _serve(settings: Settings) -> None:
    async with AsyncExitStack() as stack:
        metrics = ServingMetrics()
        await stack.enter_async_context(
            published(metrics.registry, settings.server.metrics_address, "server.metrics_address", shared=True)
        )
        store = await stack.enter_async_context(_store(settings))
        placements, versions = Placements(store), Versions(store)
        live = LivePlacements(placements, versions, metrics)
        await live.refresh(await placements.names())
        following = asyncio.create_task(live.follow())
        stack.push_async_callback(end, following)
        offers = Catalog(store)
        offer_sets = OfferSets(store)
        catalog = LiveCatalog(offers, offer_sets, live, metrics)
        await catalog.refresh()
        following_catalog = asyncio.create_task(catalog.follow())
        stack.push_async_callback(end, following_catalog)

        bounds = Bounds(settings.store.max_waiting, settings.store.max_waiting_mb << 20)
        pipe = _pipe(stack, settings.store.url, settings.store.decision_timeout_ms)
        journal = Journal(pipe, metrics, bounds, offers_lost=offer_sets.forget)
        stack.push_async_callback(journal.close)
        outcomes = Outcomes(_pipe(stack, settings.store.url, settings.store.timeout_ms), metrics, bounds)
        stack.push_async_callback(outcomes.close)
        server = new_grpc_server(settings.server)
        decisions = Decisions(store)
        decider, explainer = Decider(live, catalog.offers_of, journal, decisions), Explainer(versions)
        decision_servicer = DecisionServicer(decider, explainer, decisions, live, metrics)
        placement_servicer = PlacementServicer(
            placements, versions, Generations(store), Challengers(store), live=live, catalog=catalog
        )
        reward_servicer = RewardServicer(live, outcomes, decisions, metrics)
        doors = _Doors(settings.server, _lag(stack), metrics)
        doors.add(server, _DECISIONS, decision_servicer, journal.waited_s)
        doors.add(server, _REWARDS, reward_servicer, outcomes.waited_s)
        server.add_generic_rpc_handlers(
            [
                handler(_DECISIONS, decision_servicer, _READ_AS, metrics),
                handler(_REWARDS, reward_servicer, metrics=metrics),
                handler(_PLACEMENTS, placement_servicer, metrics=metrics),
                handler(_CATALOG, CatalogServicer(offers, catalog), metrics=metrics),
            ]
        )
        reflection.enable_server_reflection([*_SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        state = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(state, server)

        stopping = _stop_signal()
        address = _listen(server, settings.server.address)
        await server.start()
        await _report_serving(state)
        _log.info("serving decisions on %s", address)
        _say_ready(address)
        await stopping.wait()
        await state.enter_graceful_shutdown()
        await _drain(server, address, settings.server.drain_s)


async def _drain(server: grpc.aio.Server, address: str, drain_s: float) -> None:
    """Finish the calls under way, and stop."""
    until_s = asyncio.get_running_loop().time() + drain_s
    await clients_gone(int(address.rpartition(":")[2]), min(drain_s, LEAVING_S))
    await server.stop(max(0.0, until_s - asyncio.get_running_loop().time()))
    _log.info("stopped")


def _pipe(stack: AsyncExitStack, url: str, timeout_ms: int) -> Pipe:
    pipe = Pipe(url, timeout_ms / 1000)
    stack.callback(pipe.close)
    return pipe


def _lag(stack: AsyncExitStack) -> Lag:
    lag = Lag()
    stack.push_async_callback(end, asyncio.create_task(lag.follow()))
    return lag


class _Doors:
    """Give the methods that are loaded heavily queues of their own: the others are answered whatever comes."""

    def __init__(self, settings: ServerSettings, lag: Lag, metrics: ServingMetrics) -> None:
        """Let in as much as the settings say."""
        self._limits = Limits(settings.max_in_progress, settings.max_wait_ms / 1000)
        self._lag = lag
        self._metrics = metrics

    def add(
        self, server: grpc.aio.Server, service: ServiceDescriptor, servicer: object, stored_s: Callable[[], float]
    ) -> None:
        """Register the methods of a service whose requests have a size.

        Args:
            server: Where to register them.
            service: The service.
            servicer: Serves it.
            stored_s: For how long what waits for the store on its behalf has been waiting, in seconds.
        """
        admission = Admission(self._limits, self._lag, stored_s, self._metrics.refused)
        admitted = {name: Admitted(admission, _SIZES[name]) for name in _SIZES if name in service.methods_by_name}
        methods = with_own_queue(service, servicer, admitted, _READ_AS, self._metrics)
        server.add_registered_method_handlers(service.full_name, methods)


async def _learn(settings: Settings) -> None:
    metrics = LearningMetrics()
    publishing = published(metrics.registry, settings.learner.metrics_address, "learner.metrics_address")
    async with publishing, _store(settings) as store:
        stopping = _stop_signal()
        _log.info("learning")
        _say_ready("ready")
        await Learners(store, settings.learner, metrics).run(stopping)


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        await store.ping()
        for hazard in await hazards(store):
            _log.warning("%s", hazard)
        yield store
    finally:
        await store.close()


async def _report_serving(state: health.aio.HealthServicer) -> None:
    for service in ("", *_SERVICES):
        await state.set(service, health_pb2.HealthCheckResponse.SERVING)


def _stop_signal() -> asyncio.Event:
    """Return what is set when somebody wants the process to end."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def _listen(server: grpc.aio.Server, address: str) -> str:
    try:
        port = server.add_insecure_port(address)
    except RuntimeError as error:
        raise SettingError(f"server.address: expected an address that is free to listen on, got {address}") from error
    return f"{address.rpartition(':')[0]}:{port}"


def _say_ready(line: str) -> None:
    if (pipe := os.environ.pop(READY_VARIABLE, None)) is not None:
        with os.fdopen(int(pipe), "w") as ready:
            ready.write(f"{line}\n")


def _run(work: Coroutine[Any, Any, None]) -> int:
    try:
        uvloop.run(work)
    except StoreUnavailableError as error:
        _log.error("%s", error)
        return EX_UNAVAILABLE
    except SettingError as error:
        _log.error("%s", error)
        return EX_CONFIG
    return 0


def main(role: str, number: str = "") -> int:
    """Run one role with the settings that the supervisor handed down; return the exit code.

    Args:
        role: `decisions` or `learner`.
        number: Which one it is among several, for the log.
    """
    roles: dict[str, Callable[[Settings], int]] = {"decisions": run_decisions, "learner": run_learner}
    settings = config.from_json(os.environ[config.HANDED_DOWN_VARIABLE])
    telemetry.configure(settings.log, process=f"{role} {number}".strip())
    return roles[role](settings)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
