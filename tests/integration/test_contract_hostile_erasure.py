"""Erasure as somebody would ask for it who wants the service to fail: twice, at once, of nobody, of what is under way.

Written against the comments of the contract, not against the code.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_NO_CONSENT,
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    EraseCustomerRequest,
    ErasureReceipt,
    GetCustomerRequest,
    GetErasureRequest,
    RecordActivityRequest,
    SetConsentRequest,
)
from attune.v1.decision_service_pb2 import ActivateRequest, DecideRequest, DecideResponse
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED
from bad_requests import LONG
from client import DEADLINE_S, Client, refused
from messages import decision, offers, outcome, reward, rule
from service import RunningService, wait_until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
THREADS = 8


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        client.apply("quick", reward=reward(1, [rule("click")]))
        client.apply("slow", reward=reward(3600, [rule("click")]))
        yield client


@pytest.fixture
def eve(client: Client) -> str:
    """A customer of the test's own, who allows everything."""
    return allowed(client)


def allowed(client: Client) -> str:
    customer_id = f"eve-{uuid.uuid4()}"
    consents = [Consent(purpose=purpose, granted=True) for purpose in (PURPOSE_PERSONALIZATION, PURPOSE_LEARNING)]
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=consents), timeout=DEADLINE_S)
    return customer_id


def erase(client: Client, customer_id: str) -> ErasureReceipt:
    request = EraseCustomerRequest(customer_id=customer_id)
    receipt: ErasureReceipt = client.customers.EraseCustomer(request, timeout=DEADLINE_S).receipt
    return receipt


def completed(client: Client, receipt: ErasureReceipt) -> ErasureReceipt:
    """Wait until an erasure is done; return its receipt then."""
    request = GetErasureRequest(receipt_id=receipt.receipt_id)

    def done() -> ErasureReceipt | None:
        now: ErasureReceipt = client.customers.GetErasure(request, timeout=DEADLINE_S).receipt
        return now if now.HasField("completed_at") else None

    final = wait_until(done, "the erasure to be done")
    assert final is not None
    return final


def decide(client: Client, placement: str, customer_id: str, *, deferred: bool = False) -> DecideResponse:
    request = DecideRequest(placement=placement, customer_id=customer_id, offers=offers("a", "b"), deferred=deferred)
    return client.decide(request)


@pytest.mark.long
def test_nobody_is_erased_without_harm(client: Client) -> None:
    receipt = completed(client, erase(client, f"nobody-{uuid.uuid4()}"))
    assert (receipt.profile, receipt.history_entries) == (False, 0)
    assert not [each for each in receipt.placements if each.pending or each.interactions]


@pytest.mark.parametrize("customer_id", ["", LONG])
def test_an_erasure_is_of_somebody(client: Client, customer_id: str) -> None:
    refusal = refused(client.customers.EraseCustomer, EraseCustomerRequest(customer_id=customer_id))
    assert (refusal.code, refusal.violations[0][0]) == (INVALID, "customer_id")


@pytest.mark.parametrize(
    ("receipt_id", "code"), [("", INVALID), (LONG, INVALID), ("no-such", NOT_FOUND), ("*", NOT_FOUND)]
)
def test_a_receipt_is_found_by_its_id_only(client: Client, receipt_id: str, code: grpc.StatusCode) -> None:
    assert refused(client.customers.GetErasure, GetErasureRequest(receipt_id=receipt_id)).code in {code, NOT_FOUND}


def test_when_the_call_returns_nothing_is_stored_under_the_customer(client: Client, eve: str) -> None:
    done = RecordActivityRequest(activities=[Activity(customer_id=eve, activity_id="1", name="x")])
    client.customers.RecordActivity(done, timeout=DEADLINE_S)
    decide(client, "slow", eve)
    receipt = erase(client, eve)
    assert refused(client.customers.GetCustomer, GetCustomerRequest(customer_id=eve)).code is NOT_FOUND
    [after] = client.customers.RecordActivity(done, timeout=DEADLINE_S).receipts
    assert after.status == ACTIVITY_STATUS_NO_CONSENT
    assert not client.get("slow", decide(client, "slow", eve).event_id).personalized
    assert (receipt.profile, receipt.history_entries) == (True, 1)
    assert eve not in str(receipt)


@pytest.mark.long
def test_what_was_pending_deferred_and_learned_is_gone_and_does_not_come_back(client: Client, eve: str) -> None:
    other = allowed(client)
    before = client.status("quick").interactions
    pending, deferred = decide(client, "slow", eve), decide(client, "slow", eve, deferred=True)
    learned, kept = decide(client, "quick", eve), decide(client, "quick", other)
    for reply in (learned, kept):
        client.record(outcome("quick", reply.event_id))
    client.wait_learned("quick", before + 2)
    final = completed(client, erase(client, eve))
    found = {each.placement: each for each in final.placements}
    assert (found["slow"].pending, found["quick"].interactions) == (2, 1)
    for placement, reply in (("slow", pending), ("slow", deferred), ("quick", learned)):
        assert refused(client.decisions.GetDecision, decision(placement, reply.event_id)).code is NOT_FOUND
        [receipt] = client.record(outcome(placement, reply.event_id, outcome_id="late"))
        assert receipt.status != OUTCOME_STATUS_ACCEPTED
    activate = ActivateRequest(placement="slow", event_id=deferred.event_id)
    assert refused(client.decisions.Activate, activate).code is NOT_FOUND
    assert client.get("quick", kept.event_id).outcomes[0].name == "click"
    assert client.status("quick").interactions == before + 1


@pytest.mark.long
def test_eight_erasures_of_one_customer_at_once_are_all_done(client: Client, service: RunningService, eve: str) -> None:
    """While others of the same customer's clients go on deciding: what was decided before is gone."""
    early = [decide(client, "slow", eve) for _ in range(3)]

    def visit(number: int) -> ErasureReceipt | None:
        with Client(service.address) as own:
            if number % 2:
                return erase(own, eve)
            for _ in range(5):
                decide(own, "slow", eve)
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        receipts = [receipt for receipt in pool.map(visit, range(THREADS)) if receipt is not None]
    finals = [completed(client, receipt) for receipt in receipts]
    assert sum(receipt.profile for receipt in finals) >= 1
    for reply in early:
        assert refused(client.decisions.GetDecision, decision("slow", reply.event_id)).code is NOT_FOUND
    assert refused(client.customers.GetCustomer, GetCustomerRequest(customer_id=eve)).code is NOT_FOUND


@pytest.mark.long
def test_who_comes_back_after_an_erasure_is_new(client: Client, eve: str) -> None:
    decide(client, "slow", eve)
    completed(client, erase(client, eve))
    consents = [Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)]
    client.customers.SetConsent(SetConsentRequest(customer_id=eve, consents=consents), timeout=DEADLINE_S)
    stored = client.get("slow", decide(client, "slow", eve).event_id)
    assert stored.personalized
    held = client.customers.GetCustomer(GetCustomerRequest(customer_id=eve), timeout=DEADLINE_S)
    assert len(held.history) == 1
