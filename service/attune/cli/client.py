"""The way from a command to a running service: a channel, and errors that say what to do."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from attune import config
from attune.cli.failures import FAILED, UNAVAILABLE, CallError
from attune.errors import Violation

TIMEOUT_S = 10.0  # for one call
MAX_REPLY_BYTES = 256 << 20  # hundreds of placements, each with the largest spec there may be
_LOOPBACK = ("127.", "localhost:", "[::1]:")

_Response = TypeVar("_Response")


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is called.

    Attributes:
        address: host:port.
        channel: For the stubs.
    """

    address: str
    channel: grpc.Channel

    def call(self, method: Callable[..., _Response], request: Any, timeout_s: float = TIMEOUT_S) -> _Response:
        """Call a method of a stub.

        Args:
            method: The method.
            request: What it is asked.
            timeout_s: How long the answer may take, in seconds.

        Raises:
            CallError: Nothing answers, or the service refuses.
        """
        try:
            return method(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise _translated(error, self.address) from error


@contextmanager
def connect(address: str | None) -> Iterator[Service]:
    """Open a channel to a service. That nothing answers there shows with the first call.

    Args:
        address: host:port; None takes the address from the settings.

    Raises:
        SettingError: The address is not one.
    """
    settings = config.load(None, os.environ, {"server.address": address})
    target = config.reachable(settings.server.address)
    options: list[tuple[str, int]] = [("grpc.max_receive_message_length", MAX_REPLY_BYTES)]
    # A proxy for the outside world must not be asked for a service on this machine.
    options += [("grpc.enable_http_proxy", 0)] if target.startswith(_LOOPBACK) else []
    with grpc.insecure_channel(target, options=options) as channel:
        yield Service(target, channel)


def _translated(error: Any, address: str) -> CallError:
    """Say what a failed call means.

    Args:
        error: An `RpcError` that is a `grpc.Call`, too, as all that calls raise; its published type does not say so.
        address: Who was called.
    """
    code, details, status = error.code(), error.details() or "", rpc_status.from_call(error)
    if code is grpc.StatusCode.UNAVAILABLE and status is None:  # made by gRPC itself, not by the service
        return CallError(
            f"no attune service answers on {address}: start one with `attune serve`, or name it with --address "
            f"({details})",
            UNAVAILABLE,
        )
    if code in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
        return CallError(f"the service on {address} cannot answer now: {details}", UNAVAILABLE)
    violations = tuple(_violations(status))
    reason = "; ".join(map(str, violations)) or details
    return CallError(f"{code.name.lower().replace('_', ' ')}: {reason}", FAILED, violations)


def _violations(status: Status | None) -> Iterator[Violation]:
    for detail in status.details if status else []:
        bad_request = BadRequest()
        if detail.Unpack(bad_request):
            for violation in bad_request.field_violations:
                yield Violation(violation.field, violation.description)
