"""`attune apply examples/personalization.yaml`, and what becomes of three customers then."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.cli import app
from attune.v1.customer_service_pb2 import (
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    Preferences,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import MODE_EMPTY, DecideRequest
from attune.v1.segment_service_pb2 import DeleteSegmentsRequest
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub
from client import DEADLINE_S, Client
from messages import features
from service import RunningService, wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "personalization.yaml"
SEGMENTS = ("new_mobile", "nearly_bought", "loyal_resting")


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    assert app.run(["apply", str(EXAMPLE), "--address", service.address]) == 0
    with Client(service.address) as connected:
        request = DecideRequest(placement="news", offer_ids=["running-news"])
        wait_until(lambda: connected.batch([request])[0].decision.choices, "the offers to be live")
        yield connected
        connected.delete("news")
        connected.empty_catalog()
        request = DeleteSegmentsRequest(names=SEGMENTS)
        SegmentServiceStub(connected.channel).DeleteSegments(request, timeout=DEADLINE_S)


def customer(client: Client, *done: tuple[str, int], age: float | None = None) -> str:
    """Return a customer who allows it and has done things, so many days ago each."""
    customer_id = str(uuid.uuid4())
    consents = [Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)]
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=consents), timeout=DEADLINE_S)
    now = datetime.now(UTC)
    activities = []
    for name, days in done:
        at = Timestamp()
        at.FromDatetime(now - timedelta(days=days))
        activities.append(Activity(customer_id=customer_id, name=name, occurred_at=at))
    if activities:
        client.customers.RecordActivity(RecordActivityRequest(activities=activities), timeout=DEADLINE_S)
    if age is not None:
        said = Preferences(answers=features({"age": age}))
        request = SetPreferencesRequest(customer_id=customer_id, preferences=said)
        client.customers.SetPreferences(request, timeout=DEADLINE_S)
    return customer_id


def offered(client: Client, customer_id: str) -> set[str]:
    """Return what could be drawn for a customer; with two slots, so that a discount is beside something else."""
    reply = client.decide(DecideRequest(placement="news", customer_id=customer_id, slots=2))
    return {each.offer.id for each in client.get("news", reply.event_id).offers}


def test_each_customer_is_offered_what_is_for_them(client: Client) -> None:
    stranger = customer(client)
    adult = customer(client, ("page_view", 0), age=34.0)
    almost = customer(client, *[("page_view", days) for days in (3, 2, 1)], ("cart_add", 1), age=17.0)
    loyal = customer(client, *[("purchase", days) for days in (300, 200, 100)])
    assert [offered(client, each) for each in (stranger, adult, almost, loyal)] == [
        {"running-news"},
        {"running-news", "wine-tasting"},
        {"running-news", "welcome-voucher"},
        {"running-news", "come-back-gift"},
    ]


def test_nobody_hears_from_us_twice_a_day(client: Client) -> None:
    anna = customer(client)
    request = DecideRequest(placement="news", customer_id=anna)
    assert client.decide(request).choices
    assert client.decide(request).mode == MODE_EMPTY
