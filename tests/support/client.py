"""A client of the running service: one connection, all services, and what a refusal says.

`with Client(service.address) as client:` opens a connection of its own: two clients share no connection, so that a
test with two of them sees what two callers see.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from attune.v1 import (
    catalog_service_pb2,
    catalog_service_pb2_grpc,
    customer_service_pb2_grpc,
    decision_service_pb2,
    decision_service_pb2_grpc,
    placement_pb2,
    placement_service_pb2,
    placement_service_pb2_grpc,
    reward_service_pb2,
    reward_service_pb2_grpc,
)
from messages import decision
from service import wait_until

DEADLINE_S = 20.0
# gRPC's server starts to cancel calls at random when more than 1,000 of them wait.
AT_ONCE = 500
# gRPC keeps one connection for all channels to an address unless told otherwise.
OWN_CONNECTION = (("grpc.use_local_subchannel_pool", 1),)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refused call said.

    Attributes:
        code: The status code.
        message: The text of the status.
        violations: Field and description of each field violation in the status's BadRequest details.
    """

    code: grpc.StatusCode
    message: str
    violations: tuple[tuple[str, str], ...]


class Client:
    """One connection to a running service.

    Attributes:
        channel: The connection.
        decisions: Stub of DecisionService.
        rewards: Stub of RewardService.
        placements: Stub of PlacementService.
        catalog: Stub of CatalogService.
        customers: Stub of CustomerService.
    """

    def __init__(self, address: str) -> None:
        """Connects to `address`, host:port."""
        self.channel = grpc.insecure_channel(address, options=OWN_CONNECTION)
        self.decisions = decision_service_pb2_grpc.DecisionServiceStub(self.channel)
        self.rewards = reward_service_pb2_grpc.RewardServiceStub(self.channel)
        self.placements = placement_service_pb2_grpc.PlacementServiceStub(self.channel)
        self.catalog = catalog_service_pb2_grpc.CatalogServiceStub(self.channel)
        self.customers = customer_service_pb2_grpc.CustomerServiceStub(self.channel)

    def apply(self, name: str, **fields: Any) -> placement_service_pb2.ApplyPlacementResponse:
        """Creates or changes a placement."""
        placement = placement_pb2.Placement(name=name, **fields)
        request = placement_service_pb2.ApplyPlacementRequest(placement=placement)
        answer: placement_service_pb2.ApplyPlacementResponse
        answer = self.placements.ApplyPlacement(request, timeout=DEADLINE_S)
        return answer

    def delete(self, name: str) -> None:
        """Deletes a placement."""
        self.placements.DeletePlacement(
            placement_service_pb2.DeletePlacementRequest(placement=name), timeout=DEADLINE_S
        )

    def status(self, name: str) -> placement_service_pb2.PlacementStatus:
        """Asks how a placement is doing."""
        request = placement_service_pb2.GetPlacementRequest(placement=name)
        answer: placement_service_pb2.GetPlacementResponse
        answer = self.placements.GetPlacement(request, timeout=DEADLINE_S)
        return answer.status

    def counts(self, name: str) -> tuple[int, int, int, int, int]:
        """Asks how many decisions, pending decisions, outcomes, late outcomes and interactions a placement has."""
        status = self.status(name)
        return status.decisions, status.pending, status.outcomes, status.late_outcomes, status.interactions

    def versions(self, name: str) -> list[placement_pb2.PolicyVersion]:
        """Asks for the kept versions of a placement's policy, newest first."""
        request = placement_service_pb2.ListPolicyVersionsRequest(placement=name)
        return list(self.placements.ListPolicyVersions(request, timeout=DEADLINE_S).versions)

    def decide(self, request: decision_service_pb2.DecideRequest) -> decision_service_pb2.DecideResponse:
        """Asks for a decision."""
        answer: decision_service_pb2.DecideResponse
        answer = self.decisions.Decide(request, timeout=DEADLINE_S)
        return answer

    def decide_all(
        self, requests: Iterable[decision_service_pb2.DecideRequest]
    ) -> list[decision_service_pb2.DecideResponse]:
        """Asks for many decisions, up to `AT_ONCE` of them at once.

        Returns:
            The answers, in the order of the requests.
        """
        waiting, answers = list(requests), []
        while waiting:
            calls = [self.decisions.Decide.future(request, timeout=DEADLINE_S) for request in waiting[:AT_ONCE]]
            answers += [call.result() for call in calls]
            del waiting[:AT_ONCE]
        return answers

    def batch(self, requests: Iterable[decision_service_pb2.DecideRequest]) -> list[decision_service_pb2.DecideResult]:
        """Asks for many decisions in one call.

        Returns:
            What became of each, in the order of the requests.
        """
        request = decision_service_pb2.DecideBatchRequest(requests=requests)
        return list(self.decisions.DecideBatch(request, timeout=DEADLINE_S).results)

    def put(self, *offers: catalog_service_pb2.CatalogOffer) -> catalog_service_pb2.PutOffersResponse:
        """Puts offers into the catalogue."""
        request = catalog_service_pb2.PutOffersRequest(offers=offers)
        answer: catalog_service_pb2.PutOffersResponse
        answer = self.catalog.PutOffers(request, timeout=DEADLINE_S)
        return answer

    def listed(self, **filters: Any) -> list[catalog_service_pb2.KeptOffer]:
        """Lists offers, all pages of them."""
        found: list[catalog_service_pb2.KeptOffer] = []
        request = catalog_service_pb2.ListOffersRequest(**filters)
        while True:
            page = self.catalog.ListOffers(request, timeout=DEADLINE_S)
            found += page.offers
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def take_out(self, *ids: str) -> catalog_service_pb2.DeleteOffersResponse:
        """Takes offers out of the catalogue."""
        answer: catalog_service_pb2.DeleteOffersResponse
        answer = self.catalog.DeleteOffers(catalog_service_pb2.DeleteOffersRequest(ids=ids), timeout=DEADLINE_S)
        return answer

    def empty_catalog(self) -> None:
        """Takes all offers out of the catalogue."""
        ids = [one.offer.offer.id for one in self.listed(page_size=1000)]
        for start in range(0, len(ids), 1000):
            self.take_out(*ids[start : start + 1000])

    def get(self, placement: str, event_id: str) -> decision_service_pb2.Decision:
        """Asks for a stored decision."""
        answer: decision_service_pb2.GetDecisionResponse
        answer = self.decisions.GetDecision(decision(placement, event_id), timeout=DEADLINE_S)
        return answer.decision

    def record(self, *outcomes: reward_service_pb2.Outcome) -> list[reward_service_pb2.OutcomeReceipt]:
        """Sends outcomes in one request.

        Returns:
            Their receipts, in the same order.
        """
        request = reward_service_pb2.RecordOutcomesRequest(outcomes=outcomes)
        return list(self.rewards.RecordOutcomes(request, timeout=DEADLINE_S).receipts)

    def wait_learned(self, placement: str, interactions: int) -> placement_service_pb2.PlacementStatus:
        """Waits until the serving version has learned at least that many interactions and none is on its way.

        Returns:
            The status then.
        """
        seen = self.status(placement)

        def learned() -> bool:
            """Look, and tell whether everything is learned."""
            nonlocal seen
            seen = self.status(placement)
            return seen.pending == 0 and seen.learned == seen.interactions >= interactions

        try:
            wait_until(learned, f"{interactions} learned interactions of {placement}")
        except AssertionError as error:
            raise AssertionError(f"{error}; status:\n{seen}") from None
        return seen

    def __enter__(self) -> Self:
        """Returns the client itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.channel.close()


def refused(rpc: Callable[..., Any], request: Message | bytes) -> Refusal:
    """Makes a call that must be refused.

    Returns:
        What the refusal said.
    """
    with pytest.raises(grpc.RpcError) as raised:
        rpc(request, timeout=DEADLINE_S)
    error: Any = raised.value
    status = rpc_status.from_call(error)
    violations = [] if status is None else [_violations(detail) for detail in status.details]
    return Refusal(error.code(), error.details(), tuple(violation for some in violations for violation in some))


def _violations(detail: Any) -> list[tuple[str, str]]:
    bad_request = error_details_pb2.BadRequest()
    assert detail.Unpack(bad_request), f"expected BadRequest details only, got {detail.type_url}"
    return [(violation.field, violation.description) for violation in bad_request.field_violations]
