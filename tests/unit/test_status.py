"""Errors become status codes at one place: asked over a real connection, because headers have limits of their own."""

from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from attune.api.status import answers
from attune.errors import (
    AlreadyExistsError,
    BadSnapshotError,
    ExpectedError,
    FencedError,
    InvalidInputError,
    NotFoundError,
    OverloadedError,
    StoreUnavailableError,
    Violation,
)
from attune.v1.decision_service_pb2 import DecideRequest, DecideResponse
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub

UNREADABLE = InvalidInputError(Violation("request", "expected a message, got bytes that are none"))


class Failing:
    """Raises what it is told to."""

    def __init__(self) -> None:
        """Answer until told otherwise."""
        self.error: BaseException | None = None

    async def Decide(self, request: DecideRequest) -> DecideResponse:  # noqa: N802 - the contract's name
        """Raise, or answer."""
        if self.error is not None:
            raise self.error
        return DecideResponse(event_id=request.event_id)


@pytest.fixture
async def failing() -> AsyncIterator[tuple[Failing, DecisionServiceStub]]:
    """A server that fails, and a client of it."""
    servicer, server = Failing(), grpc.aio.server()
    method = grpc.unary_unary_rpc_method_handler(
        answers(servicer.Decide),
        request_deserializer=_read,
        response_serializer=DecideResponse.SerializeToString,
    )
    service = grpc.method_handlers_generic_handler("attune.v1.DecisionService", {"Decide": method})
    server.add_generic_rpc_handlers([service])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield servicer, DecisionServiceStub(channel)
    await server.stop(None)


def _read(serialised: bytes) -> DecideRequest | InvalidInputError:
    """Read a request, or find it unreadable: then what `answers` gets is the error."""
    request = DecideRequest.FromString(serialised)
    return UNREADABLE if request.event_id == "unreadable" else request


async def failure(failing: tuple[Failing, DecisionServiceStub], error: BaseException) -> grpc.aio.AioRpcError:
    servicer, stub = failing
    servicer.error = error
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Decide(DecideRequest(), timeout=10)
    return caught.value


def details_of(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    return None


def violations_of(error: grpc.aio.AioRpcError) -> list[Violation]:
    status = details_of(error)
    assert status is not None
    (packed,) = status.details
    assert isinstance(packed, AnyMessage)
    bad_request = error_details_pb2.BadRequest()
    assert packed.Unpack(bad_request)
    return [Violation(each.field, each.description) for each in bad_request.field_violations]


async def test_an_answer_passes(failing: tuple[Failing, DecisionServiceStub]) -> None:
    response = await failing[1].Decide(DecideRequest(event_id="e"), timeout=10)
    assert response == DecideResponse(event_id="e")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError("placement: expected x, got y"), grpc.StatusCode.NOT_FOUND),  # named, but not there
        (AlreadyExistsError("event_id: expected x, got y"), grpc.StatusCode.ALREADY_EXISTS),  # taken
        (StoreUnavailableError("the store is out of reach"), grpc.StatusCode.UNAVAILABLE),  # try again later
        (OverloadedError("there is too much to do"), grpc.StatusCode.RESOURCE_EXHAUSTED),  # try again, but not at once
        (FencedError("another learner"), grpc.StatusCode.FAILED_PRECONDITION),  # expected, without a code of its own
        (ExpectedError("größe: 😀"), grpc.StatusCode.FAILED_PRECONDITION),  # Unicode passes
    ],
)
async def test_an_expected_error_says_what_it_says(
    failing: tuple[Failing, DecisionServiceStub], error: ExpectedError, code: grpc.StatusCode
) -> None:
    caught = await failure(failing, error)
    assert (caught.code(), caught.details()) == (code, str(error))
    assert details_of(caught) is None


async def test_a_violation_comes_with_its_field(failing: tuple[Failing, DecisionServiceStub]) -> None:
    violations = [
        Violation("offers[1].id", "expected 1 to 256 bytes of UTF-8, got nothing"),
        Violation("slots", "expected 0 or 1, got 2"),
    ]
    caught = await failure(failing, InvalidInputError(*violations))
    message = "offers[1].id: expected 1 to 256 bytes of UTF-8, got nothing; slots: expected 0 or 1, got 2"
    assert (caught.code(), caught.details()) == (grpc.StatusCode.INVALID_ARGUMENT, message)
    status = details_of(caught)
    assert status is not None
    assert (status.code, status.message) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], message)
    assert violations_of(caught) == violations


async def test_a_request_that_cannot_be_read_does_not_reach_the_method(
    failing: tuple[Failing, DecisionServiceStub],
) -> None:
    failing[0].error = AssertionError("called")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await failing[1].Decide(DecideRequest(event_id="unreadable"), timeout=10)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, str(UNREADABLE))
    assert violations_of(caught.value) == list(UNREADABLE.violations)


@pytest.mark.parametrize("character", ["x", "é", "😀"], ids=["1 byte", "2 bytes", "4 bytes"])
async def test_the_worst_request_still_gets_a_readable_status(
    failing: tuple[Failing, DecisionServiceStub], character: str
) -> None:
    """A thousand times the same longest id: clients refuse headers above 8 KiB, which would hide the answer."""
    offer_id = character * (256 // len(character.encode()))
    violations = [
        Violation(f"offers[{i}].id", f'expected an id of its own, got "{offer_id}" as in offers[0]')
        for i in range(1, 1000)
    ]
    caught = await failure(failing, InvalidInputError(*violations))
    assert caught.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert str(caught.details()).startswith("offers[1].id: expected an id of its own, got ")
    told = violations_of(caught)
    assert told
    assert told[0].field == "offers[1].id"
    assert told[0].description.startswith(f'expected an id of its own, got "{character * 20}')


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret: password=hunter2"),  # a bug
        BadSnapshotError("secret: weights"),  # ours, but nothing the caller can act on
        KeyError("secret"),  # a bug without a sentence
    ],
)
async def test_a_bug_is_logged_under_an_id_and_its_text_stays_here(
    failing: tuple[Failing, DecisionServiceStub], error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caught = await failure(failing, error)
    assert caught.code() == grpc.StatusCode.INTERNAL
    told = str(caught.details())
    prefix, _, error_id = told.rpartition(" ")
    assert prefix == "a bug in attune; the server's log has it as error"
    assert len(error_id) == 12
    assert f"error {error_id} in Failing.Decide" in caplog.text
    assert "secret" in caplog.text


async def test_after_a_failure_the_next_call_is_answered(failing: tuple[Failing, DecisionServiceStub]) -> None:
    await failure(failing, RuntimeError("once"))
    failing[0].error = None
    assert await failing[1].Decide(DecideRequest(event_id="e"), timeout=10) == DecideResponse(event_id="e")
