"""Decisions for customers of whom something is known, under caps and rules, beside decisions without any of it.

`python -m benchmarks.customers` measures the two, run after run in alternation, and prints what the second costs in
terms of the first; it is a part of `make bench` as well. Linux only.

The offers are the same ten of the catalogue. Each customer has allowed everything, has a profile of four kinds of
activities (27 features) and has filled in a form (4 features). Of the three rules, one asks for the situation, one for
what the customer did, and one for what the offer is; the two caps look at all that the customer has been shown. All of
them let everything through, so that both decide among ten offers. There are so many customers that each is shown
something a few dozen times, as in life.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from tests.support.service import RunningService

from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_ACCEPTED,
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    Preferences,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub
from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    EligibilityRule,
    FrequencyCap,
    Guardrails,
)
from benchmarks import workload
from benchmarks.measure import Target, Throughput
from benchmarks.processes import Processes, pin_apart
from benchmarks.targets import DECIDE, Asked, DecideTarget, Service, learn

CUSTOMERS = 4_096
ACTIVITIES = ("page_view", "search", "cart_add", "purchase")
PLAIN = workload.by_catalogue(min(workload.SIZES))
FIGURE = "Decide, K = 10, profile, caps and rules"
_DAY_S = 86_400
_AT_ONCE = 256
_IN_A_CALL = 1_000
_TIMEOUT_S = 60.0


def customer_id(number: int) -> str:
    """Returns the id of a customer."""
    return f"customer-{number}"


def guardrails() -> Guardrails:
    """Returns the rules and the caps; they hold nothing back of what is sent here."""
    return Guardrails(
        rules=[
            EligibilityRule(name="known_device", when=Condition(test="device in [mobile, desktop, tablet, kiosk]")),
            EligibilityRule(
                name="came_before",
                when=Condition(
                    all=[
                        Condition(test="customer.page_view.count >= 1"),
                        Condition(test="customer.tenure_days < 10000"),
                    ]
                ),
            ),
            EligibilityRule(name="not_too_dear", when=Condition(test="offer.price < 100000")),
        ],
        caps=[
            FrequencyCap(name="each", impressions=1000, window=Duration(seconds=30 * _DAY_S), scope=CAP_SCOPE_OFFER),
            FrequencyCap(name="all", impressions=1000, window=Duration(seconds=_DAY_S), scope=CAP_SCOPE_CUSTOMER),
        ],
    )


def requests() -> list[DecideRequest]:
    """Returns requests for decisions, one for each customer; contexts are those of other decisions."""
    contexts = workload.contexts()
    return [
        DecideRequest(placement=workload.FOR_CUSTOMERS, context=contexts[i % len(contexts)], customer_id=customer_id(i))
        for i in range(CUSTOMERS)
    ]


def introduce(channel: grpc.Channel) -> None:
    """Lets every customer consent, fill in a form, and do something.

    Raises:
        RuntimeError: An activity was not accepted.
    """
    stub = CustomerServiceStub(channel)
    numbers = range(CUSTOMERS)
    _all_of(stub.SetConsent, (_consents(number) for number in numbers))
    _all_of(stub.SetPreferences, (_preferences(number) for number in numbers))
    done = [_activity(number, i, name) for number in numbers for i, name in enumerate(ACTIVITIES) for _ in range(i + 1)]
    for first in range(0, len(done), _IN_A_CALL):
        request = RecordActivityRequest(activities=done[first : first + _IN_A_CALL])
        receipts = stub.RecordActivity(request, timeout=_TIMEOUT_S).receipts
        if {receipt.status for receipt in receipts} != {ACTIVITY_STATUS_ACCEPTED}:
            raise RuntimeError(f"expected activities to be accepted, got {receipts[:3]}")


def target(service: Service, channel: grpc.Channel, numbers: Iterator[float]) -> DecideTarget:
    """Returns what loads decisions for customers, once the placement has learned.

    Args:
        service: The running one, with the catalogue in it.
        channel: To it.
        numbers: Other ones each time, for the contexts.
    """
    introduce(channel)
    asked = Asked(workload.FOR_CUSTOMERS, min(workload.SIZES))
    learn(service, asked, workload.ever_other(requests(), numbers), guardrails())
    return DecideTarget(FIGURE, DECIDE, service, asked, workload.ever_other(requests(), numbers))


def costs(known: Sequence[Throughput], plain: Sequence[Throughput]) -> list[float]:
    """Returns server CPU of a decision for a customer in terms of that of a decision for nobody, by run."""
    return [mine.server_us / other.server_us for mine, other in zip(known, plain, strict=True)]


def _all_of(method: Any, messages: Iterator[Message]) -> None:
    waiting = list(messages)
    for first in range(0, len(waiting), _AT_ONCE):
        calls = [method.future(message, timeout=_TIMEOUT_S) for message in waiting[first : first + _AT_ONCE]]
        for call in calls:
            call.result()


def _consents(number: int) -> SetConsentRequest:
    purposes = (PURPOSE_PERSONALIZATION, PURPOSE_LEARNING)
    said = [Consent(purpose=purpose, granted=True) for purpose in purposes]
    return SetConsentRequest(customer_id=customer_id(number), consents=said)


def _preferences(number: int) -> SetPreferencesRequest:
    answers = Features(categorical={"size": "SML"[number % 3], "lives": ("town", "country")[number % 2]})
    said = Preferences(interests=[f"sport-{number % 7}", f"music-{number % 5}"], answers=answers)
    return SetPreferencesRequest(customer_id=customer_id(number), preferences=said)


def _activity(number: int, kind: int, name: str) -> Activity:
    known = Features(categorical={"category": f"c{(number + kind) % 9}"})
    return Activity(customer_id=customer_id(number), name=name, channel="web", features=known)


def _measured(seconds: float, runs: int) -> tuple[list[Throughput], list[Throughput]]:
    """Returns runs with customers and runs without, in alternation."""
    with (
        tempfile.TemporaryDirectory(prefix="attune-bench-") as directory,
        RunningService(Path(directory) / "data") as running,
        grpc.insecure_channel(running.address) as channel,
    ):
        pids = running.children()
        service = Service(Processes(running.address, pids["server"], pids["store"]), channel)
        service.put_catalogue()
        numbers = workload.days()
        known, plain = target(service, channel, numbers), _plain(service, numbers)
        print(pin_apart([pids["server"]], [running.pid, pids["store"], pids["learner"]]))
        both = [(known.throughput(seconds), plain.throughput(seconds)) for _ in range(runs)]
    return [first for first, _ in both], [second for _, second in both]


def _plain(service: Service, numbers: Iterator[float]) -> Target:
    asked, wanted = Asked(PLAIN, min(workload.SIZES)), workload.catalogue_requests(min(workload.SIZES))
    learn(service, asked, workload.ever_other(wanted, numbers))
    return DecideTarget("Decide, K = 10", DECIDE, service, asked, workload.ever_other(wanted, numbers))


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.customers", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a run (default 3)")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, in alternation (default 5)")
    asked = parser.parse_args()
    if sys.platform != "linux":
        parser.error(f"expected Linux (it reads /proc), got {sys.platform}")
    known, plain = _measured(asked.seconds, asked.runs)
    print("| decisions | server CPU us | store CPU us | per second |\n| --- | --- | --- | --- |")
    for name, runs in ((FIGURE, known), ("Decide, K = 10", plain)):
        server, store, rate = (median(getattr(run, what) for run in runs) for what in ("server_us", "store_us", "rate"))
        print(f"| {name} | {server:.1f} | {store:.1f} | {rate:,.0f} |")
    ratios = costs(known, plain)
    print(f"\nserver CPU, with / without: {median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main()
