"""From a servicer to the methods that grpc calls: how messages are read, and how errors are answered.

The functions that grpcio-tools writes for this read requests with the contract's classes and let errors of reading
reach the client as they are. Here a method may read its request as another message with the same bytes, and a request
that cannot be read is an error like any other.
"""

from collections.abc import Callable, Mapping
from functools import partial
from operator import methodcaller
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from attune.api.admission import Admitted
from attune.api.status import answers
from attune.errors import InvalidInputError, Violation
from attune.metrics import ServingMetrics


def handler(
    service: ServiceDescriptor,
    servicer: object,
    read_as: Mapping[str, type[Message]] | None = None,
    metrics: ServingMetrics | None = None,
) -> grpc.GenericRpcHandler:
    """Return what serves a service.

    Args:
        service: The service.
        servicer: Has a coroutine method of the same name for each method of the service; it gets the request.
        read_as: Class of the request, by method, where it is not the contract's.
        metrics: Where errors are counted.
    """
    metrics = metrics or ServingMetrics()
    methods = {
        method.name: _method(method, servicer, (read_as or {}).get(method.name), metrics) for method in service.methods
    }
    return grpc.method_handlers_generic_handler(service.full_name, methods)


def with_own_queue(
    service: ServiceDescriptor,
    servicer: object,
    admitted: Mapping[str, Admitted],
    read_as: Mapping[str, type[Message]] | None = None,
    metrics: ServingMetrics | None = None,
) -> "dict[str, grpc.RpcMethodHandler[Any, Any]]":
    """Return what serves methods that are loaded heavily, to be registered with the server one by one.

    Calls of a registered method wait in a queue of their own: when that one is full, others are still served.

    Args:
        service: The service.
        servicer: As for `handler`.
        admitted: How calls are let in, by method.
        read_as: As for `handler`.
        metrics: Where errors are counted.
    """
    metrics = metrics or ServingMetrics()
    return {
        name: _method(service.methods_by_name[name], servicer, (read_as or {}).get(name), metrics, how)
        for name, how in admitted.items()
    }


def _method(
    method: MethodDescriptor,
    servicer: object,
    request_class: type[Message] | None,
    metrics: ServingMetrics,
    admitted: Admitted | None = None,
) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.unary_unary_rpc_method_handler(
        answers(getattr(servicer, method.name), partial(metrics.failed, method.name), admitted),
        request_deserializer=_reader(request_class or GetMessageClass(method.input_type), method.input_type.full_name),
        # Of whatever class: some have the bytes of the contract's.
        response_serializer=methodcaller("SerializeToString"),
    )


def _reader(request_class: type[Message], expected: str) -> Callable[[bytes], Message | InvalidInputError]:
    def read(serialised: bytes) -> Message | InvalidInputError:
        """Return the request, or what is wrong with its bytes."""
        try:
            return request_class.FromString(serialised)
        except DecodeError:
            # Answered by `answers`: what is raised here reaches the client as UNKNOWN.
            got = f"expected a serialised {expected}, got {len(serialised)} bytes that are none"
            return InvalidInputError(Violation("request", got))

    return read
