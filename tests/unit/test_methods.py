"""Every method of the contract is served, and what cannot be read is refused in words.

Asked over a real connection, with bytes that no stub would send. The second half compares the message that requests for
decisions are read as with the contract's own, so that the two cannot drift apart.
"""

import inspect
import pkgutil
from collections.abc import AsyncIterator
from importlib import import_module

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from attune import v1
from attune.api.catalog import CatalogServicer
from attune.api.customers import CustomerServicer
from attune.api.decisions import DecisionServicer
from attune.api.insight import InsightServicer
from attune.api.methods import handler
from attune.api.outcomes import RewardServicer
from attune.api.placements import PlacementServicer
from attune.api.segments import SegmentServicer
from attune.internal.v1.envelope_pb2 import DecideBatchAnswer, DecideBatchEnvelope, DecideEnvelope
from attune.serving.candidates import joined
from attune.v1.decision_service_pb2 import (
    DESCRIPTOR,
    ActivateRequest,
    ActivateResponse,
    DecideBatchRequest,
    DecideBatchResponse,
    DecideRequest,
    DecideResponse,
    GetDecisionRequest,
)
from attune.v1.decision_service_pb2 import GetDecisionResponse as GetResponse
from attune.v1.features_pb2 import Features, Offer, Tags

SERVICERS: dict[str, type] = {
    "attune.v1.DecisionService": DecisionServicer,
    "attune.v1.RewardService": RewardServicer,
    "attune.v1.PlacementService": PlacementServicer,
    "attune.v1.CatalogService": CatalogServicer,
    "attune.v1.SegmentService": SegmentServicer,
    "attune.v1.CustomerService": CustomerServicer,
    "attune.v1.InsightService": InsightServicer,
}
REQUEST = DecideRequest(
    placement="home_hero",
    event_id="e",
    context=Features(categorical={"device": "mobile"}),
    customer_id="c",
    offers=[Offer(id="a", features=Features(numeric={"price": 9.5})), Offer(id="b")],
    excluded_offer_ids=["b", "z"],
    slots=1,
    ranking_size=3,
    deferred=True,
    offer_ids=["a"],
    channel="email",
    time_zone="Europe/Istanbul",
)

READ_AS: dict[str, type[Message]] = {"Decide": DecideEnvelope, "DecideBatch": DecideBatchEnvelope}


def services() -> list[ServiceDescriptor]:
    """Return every service of the contract, whatever file it is in."""
    names = [module.name for module in pkgutil.iter_modules(v1.__path__) if module.name.endswith("_pb2")]
    files = [import_module(f"attune.v1.{name}").DESCRIPTOR for name in names]
    return [service for file in files for service in file.services_by_name.values()]


def test_every_service_of_the_contract_has_a_servicer() -> None:
    assert {service.full_name for service in services()} == set(SERVICERS)


@pytest.mark.parametrize(
    ("servicer", "method"),
    [
        pytest.param(SERVICERS[service.full_name], method.name, id=f"{service.name}.{method.name}")
        for service in services()
        for method in service.methods
    ],
)
def test_every_method_is_a_coroutine_that_takes_a_request(servicer: type, method: str) -> None:
    function = getattr(servicer, method)
    assert inspect.iscoroutinefunction(function)
    assert len(inspect.signature(function).parameters) == len(["self", "request"])


class Echo:
    """Answers with what it was asked, and remembers what it got."""

    def __init__(self) -> None:
        """Nothing came yet."""
        self.got: list[object] = []

    async def Decide(self, request: DecideEnvelope) -> DecideResponse:  # noqa: N802 - the contract's name
        """Answer with the event_id."""
        self.got.append(request)
        return DecideResponse(event_id=request.event_id)

    async def DecideBatch(self, request: DecideBatchEnvelope) -> DecideBatchResponse:  # noqa: N802 - the contract's name
        """Answer with the event_ids."""
        self.got.append(request)
        return DecideBatchResponse(results=[{"decision": {"event_id": one.event_id}} for one in request.requests])

    async def Activate(self, request: ActivateRequest) -> ActivateResponse:  # noqa: N802 - the contract's name
        """Answer that it is active."""
        self.got.append(request)
        return ActivateResponse(activated=True)

    async def GetDecision(self, request: GetDecisionRequest) -> GetResponse:  # noqa: N802 - the contract's name
        """Answer with the event_id."""
        self.got.append(request)
        return GetResponse(decision={"event_id": request.event_id})


SERVICE = DESCRIPTOR.services_by_name["DecisionService"]


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, grpc.aio.Channel]]:
    """A server that echoes, and a channel to it."""
    servicer, server = Echo(), grpc.aio.server()
    server.add_generic_rpc_handlers([handler(SERVICE, servicer, READ_AS)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield servicer, channel
    await server.stop(None)


async def call(channel: grpc.aio.Channel, method: str, request: bytes) -> bytes:
    """Call a method of the decision service, bytes in and bytes out."""
    calling = channel.unary_unary(f"/attune.v1.DecisionService/{method}", lambda sent: sent, lambda came: came)
    answer: bytes = await calling(request, timeout=10)
    return answer


async def test_a_method_reads_the_contract_s_request(echo: tuple[Echo, grpc.aio.Channel]) -> None:
    asked = GetDecisionRequest(placement="home_hero", event_id="e")
    answer = await call(echo[1], "GetDecision", asked.SerializeToString())
    assert GetResponse.FromString(answer).decision.event_id == "e"
    assert echo[0].got == [asked]


async def test_a_method_may_read_its_request_as_another_message(echo: tuple[Echo, grpc.aio.Channel]) -> None:
    answer = await call(echo[1], "Decide", REQUEST.SerializeToString())
    assert DecideResponse.FromString(answer).event_id == "e"
    assert echo[0].got == [DecideEnvelope.FromString(REQUEST.SerializeToString())]


async def test_a_batch_is_read_request_by_request(echo: tuple[Echo, grpc.aio.Channel]) -> None:
    asked = DecideBatchRequest(requests=[REQUEST, DecideRequest(event_id="f")])
    answer = DecideBatchResponse.FromString(await call(echo[1], "DecideBatch", asked.SerializeToString()))
    assert [result.decision.event_id for result in answer.results] == ["e", "f"]
    assert echo[0].got == [DecideBatchEnvelope.FromString(asked.SerializeToString())]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x0a\x05ab",  # a string that ends too early
        b"\x0a\x01\xff",  # a string that is no UTF-8
        b"\x07",  # a wire type that does not exist
        b"\xff" * 20,  # a number that does not end
    ],
)
@pytest.mark.parametrize(
    ("method", "expected"), [("Decide", "attune.v1.DecideRequest"), ("GetDecision", "attune.v1.GetDecisionRequest")]
)
async def test_bytes_that_are_no_request_are_refused_in_words(
    echo: tuple[Echo, grpc.aio.Channel], method: str, expected: str, garbage: bytes
) -> None:
    """What grpc itself makes of them is UNKNOWN with the text of an exception."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(echo[1], method, garbage)
    said = f"expected a serialised {expected}, got {len(garbage)} bytes that are none"
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, f"request: {said}")
    assert violations_of(caught.value) == [("request", said)]
    assert echo[0].got == []


def violations_of(error: grpc.aio.AioRpcError) -> list[tuple[str, str]]:
    (packed,) = [value for key, value in error.trailing_metadata() or () if key == "grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    bad_request = error_details_pb2.BadRequest()
    assert status_pb2.Status.FromString(packed).details[0].Unpack(bad_request)
    return [(violation.field, violation.description) for violation in bad_request.field_violations]


async def test_after_bytes_that_are_no_request_the_next_call_is_answered(echo: tuple[Echo, grpc.aio.Channel]) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await call(echo[1], "Decide", b"\xff")
    assert await call(echo[1], "Decide", b"") == b""


def test_a_servicer_without_one_of_the_methods_is_noticed_before_anything_is_served() -> None:
    with pytest.raises(AttributeError, match="Decide"):
        handler(SERVICE, object())


# --- the message that requests for decisions are read as

TYPES = {
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_BOOL: "bool",
}


def fields_of(message: type[Message]) -> list[tuple[int, str, bool, str]]:
    """Return what a message is made of on the wire: number, name, whether it is repeated, and type of each field."""
    return [
        (
            field.number,
            field.name,
            field.is_repeated,
            field.message_type.full_name if field.message_type else TYPES[field.type],
        )
        for field in message.DESCRIPTOR.fields
    ]


def test_an_envelope_has_the_fields_of_a_request() -> None:
    """Numbers, names, labels and types are the same, but messages are left as bytes, which are the same on the wire.

    The context is repeated: protobuf merges a message that comes twice; of bytes that do, it would keep the last.
    """
    contract = [
        (number, name, repeated or name == "context", "bytes" if name in {"context", "offers"} else kind)
        for number, name, repeated, kind in fields_of(DecideRequest)
    ]
    assert fields_of(DecideEnvelope) == contract
    assert (5, "offers", True, "attune.v1.Offer") in fields_of(DecideRequest)


def test_an_answer_has_the_fields_of_a_response() -> None:
    assert fields_of(DecideBatchResponse) == [(1, "results", True, "attune.v1.DecideResult")]
    assert fields_of(DecideBatchAnswer) == [(1, "results", True, "bytes")]


def test_the_request_of_these_tests_uses_every_field() -> None:
    assert [field for field, _ in REQUEST.ListFields()] == list(DecideRequest.DESCRIPTOR.fields)


def test_an_envelope_is_the_same_bytes_as_the_request() -> None:
    sent = REQUEST.SerializeToString(deterministic=True)
    envelope = DecideEnvelope.FromString(sent)
    assert envelope.SerializeToString(deterministic=True) == sent
    assert [Features.FromString(context) for context in envelope.context] == [REQUEST.context]
    assert [Offer.FromString(offer) for offer in envelope.offers] == list(REQUEST.offers)


def test_a_context_that_comes_in_parts_is_put_together_as_the_contract_s_is() -> None:
    """Protobuf merges a message that comes twice; of bytes that come twice it would keep the last."""
    parts = [Features(numeric={"x": 1.0}), Features(numeric={"y": 2.0}, tags={"t": Tags(values=["a"])})]
    sent = b"".join(DecideRequest(context=part).SerializeToString() for part in parts)
    expected = DecideRequest.FromString(sent).context
    assert Features.FromString(joined(DecideEnvelope.FromString(sent).context)) == expected
    assert dict(expected.numeric) == {"x": 1.0, "y": 2.0}
