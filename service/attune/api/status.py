"""From errors to gRPC status: the only place where status codes are chosen.

`answers` wraps every method of a servicer (`attune.api.methods`). An expected error becomes a status whose message says
what to do, with a `google.rpc.BadRequest` where fields are to blame. Anything else is a bug: grpc would send its text
to the client, so it is logged under an id, and the client gets the id.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from attune.api.admission import Admitted
from attune.errors import (
    AlreadyExistsError,
    ExpectedError,
    InvalidInputError,
    LimitReachedError,
    NotBuiltError,
    NotFoundError,
    OverloadedError,
    StoreUnavailableError,
)

_CODES: dict[type[ExpectedError], grpc.StatusCode] = {
    InvalidInputError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    LimitReachedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    StoreUnavailableError: grpc.StatusCode.UNAVAILABLE,
    NotBuiltError: grpc.StatusCode.UNIMPLEMENTED,
    OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_DETAILS_KEY = "grpc-status-details-bin"
# Violations travel in a header; clients refuse headers above 8 KiB.
MAX_VIOLATIONS = 10
_MAX_MESSAGE = 500

_log = logging.getLogger(__name__)


def answers(
    method: Callable[[Any], Awaitable[Any]],
    failed: Callable[[str], None] = lambda _: None,
    admitted: Admitted | None = None,
) -> Callable[[Any, Any], Awaitable[Any]]:
    """Make a servicer's method answer errors with a status.

    Args:
        method: Takes a request and returns the response.
        failed: Called with the name of the status code of every error.
        admitted: How calls are let in; None lets in every one.

    Returns:
        What grpc calls, with the request, or the error of reading it, and the call's context.
    """

    async def answering(request: Any, context: "grpc.aio.ServicerContext[Any, Any]") -> Any:
        """Call the method; end the call with a status where it raises."""
        if isinstance(request, InvalidInputError):
            return await _abort(context, request, failed)
        try:
            if admitted is None:
                return await method(request)
            size, admission = admitted.size_of(request), admitted.admission
            admission.enter(size, context.time_remaining())
            try:
                return await method(request)
            finally:
                admission.leave(size)
        except ExpectedError as error:
            await _abort(context, error, failed)
        except asyncio.CancelledError:  # by the caller, or at its deadline: nobody waits for an answer
            failed(grpc.StatusCode.CANCELLED.name)
            raise
        # Only bugs are left, and no list of them is complete; grpc would send the client the text of what passes here.
        except Exception:  # noqa: BLE001 - the outermost place
            error_id = uuid.uuid4().hex[:12]
            _log.exception("error %s in %s", error_id, method.__qualname__)
            failed(grpc.StatusCode.INTERNAL.name)
            await context.abort(
                grpc.StatusCode.INTERNAL, f"a bug in attune; the server's log has it as error {error_id}"
            )

    return answering


def code_of(error: ExpectedError) -> grpc.StatusCode:
    """Return the status code of an error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), grpc.StatusCode.FAILED_PRECONDITION)


def message_of(error: ExpectedError) -> str:
    """Return the message of an error, no longer than a header may be."""
    return str(error)[:_MAX_MESSAGE]


async def _abort(
    context: "grpc.aio.ServicerContext[Any, Any]", error: ExpectedError, failed: Callable[[str], None]
) -> None:
    code = code_of(error)
    failed(code.name)
    message = message_of(error)
    metadata: tuple[tuple[str, bytes], ...] = ()
    if isinstance(error, InvalidInputError):
        metadata = ((_DETAILS_KEY, _bad_request(code, message, error)),)
    await context.abort(code, message, metadata)


def _bad_request(code: grpc.StatusCode, message: str, error: InvalidInputError) -> bytes:
    details = error_details_pb2.BadRequest()
    for violation in error.violations[:MAX_VIOLATIONS]:
        details.field_violations.add(field=violation.field, description=violation.description)
    packed = AnyMessage()
    packed.Pack(details)
    serialised: bytes = status_pb2.Status(code=code.value[0], message=message, details=[packed]).SerializeToString()
    return serialised
