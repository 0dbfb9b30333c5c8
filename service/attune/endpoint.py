"""Where calls arrive: the gRPC server of a process, with its limits, its queues, and how it begins and ends.

`attune.server` says what is served; docs/overload.md and docs/operations.md say what the limits and the end mean for
callers.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from attune.api.admission import Admission, Admitted, Lag, Limits
from attune.api.methods import handler, with_own_queue
from attune.errors import SettingError
from attune.goaway import clients_gone
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope
from attune.metrics import ServingMetrics
from attune.settings import ServerSettings

MAX_MESSAGE_BYTES = 1 << 20
CONNECTION_GRACE_S = 30
# How long clients may take to leave before they are told that the server is gone: one trip there and back will do.
LEAVING_S = 1.0

_READ_AS: dict[str, type[Message]] = {"Decide": DecideEnvelope, "DecideBatch": DecideBatchEnvelope}

# The methods that are loaded heavily, with how many decisions, outcomes or activities a request has.
_SIZES: dict[str, Callable[[Any], int]] = {
    "Decide": lambda _: 1,
    "DecideBatch": lambda batch: len(batch.requests),
    "RecordOutcomes": lambda request: len(request.outcomes),
    "RecordActivity": lambda request: len(request.activities),
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
            # Calls that were answered a moment ago, and that gRPC has not cleared away yet, do not count as under way:
            # the client cannot know of them, and would be refused what it was promised.
            ("grpc.http2.max_deallocating_streams", settings.max_streams),
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


class Endpoint:
    """A gRPC server with health and reflection.

    Methods that are loaded heavily have queues of their own: all others are answered whatever comes.
    """

    def __init__(self, settings: ServerSettings, lag: Lag, metrics: ServingMetrics) -> None:
        """Make a server without services.

        Args:
            settings: Its limits.
            lag: Of the event loop.
            metrics: Where errors and refused calls are counted.
        """
        self._server = new_grpc_server(settings)
        self._limits = Limits(settings.max_in_progress, settings.max_wait_ms / 1000)
        self._drain_s = settings.drain_s
        self._lag = lag
        self._metrics = metrics
        self._services: list[str] = []
        self._health = health.aio.HealthServicer()
        self._port = 0

    def add(self, service: ServiceDescriptor, servicer: object, stored_s: Callable[[], float] = lambda: 0.0) -> None:
        """Add a service.

        Args:
            service: The service.
            servicer: Serves it.
            stored_s: For how long what waits for the store on its behalf has been waiting, in seconds.
        """
        admission = Admission(self._limits, self._lag, stored_s, self._metrics.refused)
        admitted = {name: Admitted(admission, _SIZES[name]) for name in _SIZES if name in service.methods_by_name}
        methods = with_own_queue(service, servicer, admitted, _READ_AS, self._metrics)
        self._server.add_registered_method_handlers(service.full_name, methods)
        self._server.add_generic_rpc_handlers([handler(service, servicer, _READ_AS, self._metrics)])
        self._services.append(service.full_name)

    async def start(self, address: str) -> str:
        """Listen, and say that all services are served.

        Args:
            address: host:port.

        Returns:
            The address with the port that was bound.

        Raises:
            SettingError: Nobody can listen there.
        """
        names = [*self._services, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self._port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            said = f"server.address: expected an address that is free to listen on, got {address}"
            raise SettingError(said) from error
        await self._server.start()
        for service in ("", *self._services):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return f"{address.rpartition(':')[0]}:{self._port}"

    async def stop(self) -> None:
        """Say that nothing is served any more, let clients leave, finish the calls under way, and stop."""
        await self._health.enter_graceful_shutdown()
        until_s = asyncio.get_running_loop().time() + self._drain_s
        await clients_gone(self._port, min(self._drain_s, LEAVING_S))
        await self._server.stop(max(0.0, until_s - asyncio.get_running_loop().time()))
        _log.info("stopped")
