"""Customers for `examples/report.yaml`: on a phone they like quick things, at a desk they like to compare."""

import sys
import time
from random import Random

import grpc

from attune.v1 import (
    customer_service_pb2,
    customer_service_pb2_grpc,
    decision_service_pb2,
    decision_service_pb2_grpc,
    features_pb2,
    reward_service_pb2,
    reward_service_pb2_grpc,
)

PLACEMENT = "checkout"
VISITS, CUSTOMERS, AT_ONCE = 6000, 1500, 50
# Nobody is waited for: customers keep coming, and what the first do is learned before the last come.
PAUSE_S = 0.3
BUYS = {
    "mobile": {"pay_later": 0.30, "express": 0.25, "bundle": 0.08, "warranty": 0.05},
    "desktop": {"pay_later": 0.10, "express": 0.08, "bundle": 0.28, "warranty": 0.15},
}
OFFERS = [features_pb2.Offer(id=offer) for offer in BUYS["mobile"]]


def main(address: str) -> None:
    """Let customers come."""
    random = Random(7)  # noqa: S311 - no secret
    devices = [random.choice(list(BUYS)) for _ in range(CUSTOMERS)]
    with grpc.insecure_channel(address) as channel:
        allow(channel)
        for begin in range(0, VISITS, AT_ONCE):
            visit(channel, random, devices, begin)
            time.sleep(PAUSE_S)
    print(f"{VISITS:,} visits; in two seconds: attune report {PLACEMENT} --by device")


def allow(channel: grpc.Channel) -> None:
    """Let all customers allow what there is to allow: then the log knows which decisions are of one customer."""
    stub = customer_service_pb2_grpc.CustomerServiceStub(channel)
    purposes = (customer_service_pb2.PURPOSE_PERSONALIZATION, customer_service_pb2.PURPOSE_LEARNING)
    consents = [customer_service_pb2.Consent(purpose=purpose, granted=True) for purpose in purposes]
    for customer in range(CUSTOMERS):
        request = customer_service_pb2.SetConsentRequest(customer_id=f"customer-{customer}", consents=consents)
        stub.SetConsent(request)


def visit(channel: grpc.Channel, random: Random, devices: list[str], begin: int) -> None:
    """Show some customers an offer each, and say what they do."""
    customers = [random.randrange(CUSTOMERS) for _ in range(AT_ONCE)]
    requests = [
        decision_service_pb2.DecideRequest(
            placement=PLACEMENT,
            event_id=f"visit-{begin + i}",
            context=features_pb2.Features(categorical={"device": devices[customer]}),
            customer_id=f"customer-{customer}",
            offers=OFFERS,
        )
        for i, customer in enumerate(customers)
    ]
    batch = decision_service_pb2.DecideBatchRequest(requests=requests)
    results = decision_service_pb2_grpc.DecisionServiceStub(channel).DecideBatch(batch).results
    outcomes = [
        outcome
        for customer, result in zip(customers, results, strict=True)
        for outcome in outcomes_of(random, devices[customer], result.decision)
    ]
    if outcomes:
        request = reward_service_pb2.RecordOutcomesRequest(outcomes=outcomes)
        reward_service_pb2_grpc.RewardServiceStub(channel).RecordOutcomes(request)


def outcomes_of(
    random: Random, device: str, decision: decision_service_pb2.DecideResponse
) -> list[reward_service_pb2.Outcome]:
    """Return what a customer does: who buys, pays, and some say how they liked it."""
    bought = random.random() < BUYS[device][decision.choices[0].offer_id]
    said: dict[str, float] = {"purchase": 1.0, "revenue": round(random.lognormvariate(3.0, 0.8), 2)} if bought else {}
    if random.random() < 0.1:  # noqa: PLR2004 - every tenth answers
        said["nps"] = random.randint(6, 10) if bought else random.randint(0, 10)
    return [
        reward_service_pb2.Outcome(placement=PLACEMENT, event_id=decision.event_id, name=name, value=value)
        for name, value in said.items()
    ]


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
