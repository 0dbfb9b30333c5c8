"""What customers do, say and allow, through the contract and the command line."""

import json
import time
import uuid
from collections.abc import Iterator
from itertools import chain
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.cli import app
from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_ACCEPTED,
    ACTIVITY_STATUS_DUPLICATE,
    ACTIVITY_STATUS_FULL,
    ACTIVITY_STATUS_INVALID,
    ACTIVITY_STATUS_NO_CONSENT,
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Activity,
    ActivityReceipt,
    Consent,
    GetCustomerRequest,
    GetCustomerResponse,
    Preferences,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.features_pb2 import Features
from bad_requests import LONG, mixed_features
from client import DEADLINE_S, Client, refused
from messages import features, offers
from service import RunningService

INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture
def eve() -> str:
    """A customer of the test's own."""
    return f"eve-{uuid.uuid4()}"


def record(client: Client, *activities: Activity) -> list[ActivityReceipt]:
    request = RecordActivityRequest(activities=activities)
    return list(client.customers.RecordActivity(request, timeout=DEADLINE_S).receipts)


def consent(client: Client, customer_id: str, *consents: Consent) -> list[Consent]:
    said = consents or (Consent(purpose=PURPOSE_PERSONALIZATION, granted=True),)
    request = SetConsentRequest(customer_id=customer_id, consents=said)
    return list(client.customers.SetConsent(request, timeout=DEADLINE_S).consents)


def get(client: Client, customer_id: str) -> GetCustomerResponse:
    answer: GetCustomerResponse
    answer = client.customers.GetCustomer(GetCustomerRequest(customer_id=customer_id), timeout=DEADLINE_S)
    return answer


def test_came_back_three_times_filled_the_cart_and_never_bought(client: Client, eve: str) -> None:
    consent(client, eve)
    shoes = features(numeric={"value": 49.5}, categorical={"category": "shoes"})
    receipts = record(
        client,
        *(Activity(customer_id=eve, activity_id=f"v{i}", name="page_view", channel="web") for i in range(3)),
        Activity(customer_id=eve, activity_id="c", name="cart_add", channel="app", features=shoes),
        Activity(customer_id=eve, activity_id="c", name="cart_add", channel="app", features=shoes),
    )
    assert [each.status for each in receipts] == [ACTIVITY_STATUS_ACCEPTED] * 4 + [ACTIVITY_STATUS_DUPLICATE]
    assert [each.activity_id for each in receipts] == ["v0", "v1", "v2", "c", "c"]
    held = get(client, eve)
    assert held.profile.numeric["customer.page_view.count"] == 3
    assert held.profile.numeric["customer.cart_add.count"] == 1
    assert "customer.purchase.count" not in held.profile.numeric
    assert held.profile.categorical["customer.cart_add.category"] == "shoes"
    [cart, views] = sorted(held.activities, key=lambda each: each.name)
    assert (cart.name, cart.count, views.name, views.count) == ("cart_add", 1, "page_view", 3)
    assert cart.features == features({"value": 49.5}, {"category": "shoes"}, {"category": ["shoes"]})
    assert held.first_seen_at.ToSeconds() <= cart.first_at.ToSeconds() <= time.time()


def test_without_consent_nothing_is_stored(client: Client, eve: str) -> None:
    [receipt] = record(client, Activity(customer_id=eve, name="page_view"))
    assert receipt.status == ACTIVITY_STATUS_NO_CONSENT
    refusal = refused(client.customers.SetPreferences, SetPreferencesRequest(customer_id=eve))
    assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "PURPOSE_PERSONALIZATION" in refusal.message
    refusal = refused(client.customers.GetCustomer, GetCustomerRequest(customer_id=eve))
    assert refusal.code is grpc.StatusCode.NOT_FOUND
    assert eve not in refusal.message


def test_what_was_said_replaces_what_was_said_before(client: Client, eve: str) -> None:
    consent(client, eve)
    first = Preferences(interests=["running"], unwanted_channels=["sms"], time_zone="Europe/Istanbul")
    second = Preferences(less_of_categories=["toys"], answers=features(categorical={"size": "L"}))
    for said in (first, second):
        client.customers.SetPreferences(SetPreferencesRequest(customer_id=eve, preferences=said), timeout=DEADLINE_S)
        assert get(client, eve).preferences == said
    told = get(client, eve).profile
    assert told.categorical["said.size"] == "L"
    assert list(told.tags["said.less_of"].values) == ["toys"]
    assert "said.interests" not in told.tags


def test_purposes_that_are_not_named_stay_and_a_withdrawal_forgets(client: Client, eve: str) -> None:
    consent(client, eve, Consent(purpose=PURPOSE_PERSONALIZATION, granted=True, source="banner v3"))
    consents = consent(client, eve, Consent(purpose=PURPOSE_LEARNING, granted=True))
    assert [(each.purpose, each.granted, each.source) for each in consents] == [
        (PURPOSE_PERSONALIZATION, True, "banner v3"),
        (PURPOSE_LEARNING, True, ""),
    ]
    assert all(each.HasField("given_at") for each in consents)
    record(client, Activity(customer_id=eve, name="page_view"))
    consent(client, eve, Consent(purpose=PURPOSE_PERSONALIZATION, granted=False))
    held = get(client, eve)
    assert [each.granted for each in held.consents] == [False, True]
    assert held == GetCustomerResponse(consents=held.consents, profile=Features())


def test_a_profile_that_is_full_says_so(client: Client, eve: str) -> None:
    consent(client, eve)
    receipts = record(client, *(Activity(customer_id=eve, name=f"n{i}") for i in range(51)))
    assert [each.status for each in receipts[:50]] == [ACTIVITY_STATUS_ACCEPTED] * 50
    assert receipts[50].status == ACTIVITY_STATUS_FULL
    assert '"n50"' in receipts[50].detail


def test_activities_of_many_customers_go_in_one_call(client: Client) -> None:
    names = [f"crowd-{uuid.uuid4()}" for _ in range(100)]
    for name in names:
        consent(client, name)
    receipts = record(client, *(Activity(customer_id=name, name="page_view") for name in names * 10))
    assert {each.status for each in receipts} == {ACTIVITY_STATUS_ACCEPTED}
    assert {get(client, name).activities[0].count for name in names} == {10}


def _bad_activities() -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yields fields of an activity, the field that is named, and what is quoted."""
    yield {"customer_id": ""}, "customer_id", "nothing"
    yield {"customer_id": LONG}, "customer_id", "257"
    yield {"activity_id": LONG}, "activity_id", "257"
    for channel in ("c" * 65, "E-Mail", "eve@example.com", "a.b", "web\n", "mağaza"):
        yield {"channel": channel}, "channel", channel[:64]
    for name in ("", "Page", "1st", "page view", "p" * 65, "sayfa_görüntüleme"):
        yield {"name": name}, "name", name[:64]
    yield {"features": features(**mixed_features(201))}, "features.dense", "no vectors"
    yield {"features": features({f"n{i}": 1.0 for i in range(21)})}, "features", "21"
    yield {"features": features(tags={"t": [str(i) for i in range(21)]})}, "features", "21"
    yield {"features": features({"value": float("nan")})}, 'features.numeric["value"]', "nan"
    yield {"features": features({"n" * 129: 1.0})}, "features", "129"
    yield {"features": features(categorical={"email": "x"})}, 'features.categorical["email"]', "email"
    yield {"occurred_at": Timestamp(seconds=int(time.time()) + 1000)}, "occurred_at", "future"
    yield {"occurred_at": Timestamp(seconds=-5)}, "occurred_at", "1969"
    yield {"occurred_at": Timestamp(seconds=10**15)}, "occurred_at", str(10**15)


def test_a_bad_activity_is_named_and_the_others_count(client: Client, eve: str) -> None:
    consent(client, eve)
    bad = list(_bad_activities())
    good = Activity(customer_id=eve, name="page_view")
    sent = [Activity(**{"customer_id": eve, "name": "page_view", **fields}) for fields, _, _ in bad]
    receipts = record(client, *chain.from_iterable((one, good) for one in sent))
    assert {each.status for each in receipts[1::2]} == {ACTIVITY_STATUS_ACCEPTED}
    for (fields, where, got), receipt in zip(bad, receipts[::2], strict=True):
        assert receipt.status == ACTIVITY_STATUS_INVALID, fields
        assert receipt.detail.startswith(f"{where}:") or receipt.detail.startswith(f"{where}["), receipt.detail
        assert got in receipt.detail
    assert get(client, eve).activities[0].count == len(bad)


@pytest.mark.parametrize("count", [0, 1001])
def test_a_call_has_so_many_activities(client: Client, count: int) -> None:
    request = RecordActivityRequest(activities=[Activity(customer_id="c", name="x")] * count)
    refusal = refused(client.customers.RecordActivity, request)
    assert (refusal.code, refusal.violations[0][0]) == (INVALID, "activities")
    assert str(count) in refusal.violations[0][1]


# Fields of preferences, the field that is named, and what is quoted.
BAD_PREFERENCES: list[tuple[dict[str, Any], str, str]] = [
    ({"interests": [f"i{i}" for i in range(51)]}, "interests", "51"),
    ({"interests": ["a", ""]}, "interests[1]", "nothing"),
    ({"interests": [LONG]}, "interests[0]", "257"),
    ({"channels": [f"c{i}" for i in range(21)]}, "channels", "21"),
    ({"channels": ["x" * 65]}, "channels[0]", "65"),
    ({"unwanted_channels": [""]}, "unwanted_channels[0]", "nothing"),
    ({"channels": ["email"], "unwanted_channels": ["email"]}, "unwanted_channels", '"email"'),
    ({"unwanted_offer_ids": [f"o{i}" for i in range(201)]}, "unwanted_offer_ids", "201"),
    ({"less_of_categories": [f"c{i}" for i in range(51)]}, "less_of_categories", "51"),
    ({"answers": features(dense={"v": [1.0]})}, "answers.dense", "vectors"),
    ({"answers": features({f"n{i}": 1.0 for i in range(51)})}, "answers", "51"),
    ({"answers": features({"age": 1e9})}, 'answers.numeric["age"]', "1000000000"),
    ({"answers": features(categorical={"first_name": "Eve"})}, 'answers.categorical["first_name"]', "first_name"),
    ({"time_zone": "Mars/Olympus"}, "time_zone", "Mars/Olympus"),
]


@pytest.mark.parametrize(("fields", "where", "got"), BAD_PREFERENCES)
def test_bad_preferences_are_named_and_nothing_changes(
    client: Client, eve: str, fields: dict[str, Any], where: str, got: str
) -> None:
    consent(client, eve)
    request = SetPreferencesRequest(customer_id=eve, preferences=Preferences(**fields))
    refusal = refused(client.customers.SetPreferences, request)
    assert refusal.code is INVALID
    [(field, description)] = refusal.violations
    assert field == f"preferences.{where}"
    assert got in description
    assert not get(client, eve).HasField("preferences")


GRANTED = Consent(purpose=PURPOSE_LEARNING, granted=True)
BAD_CONSENTS: list[tuple[list[Consent], str, str]] = [
    ([], "consents", "none"),
    ([GRANTED] * 3, "consents", "3"),
    ([GRANTED, GRANTED], "consents[1].purpose", "PURPOSE_LEARNING"),
    ([Consent(granted=True)], "consents[0].purpose", "none"),
    ([Consent(purpose=7)], "consents[0].purpose", "7"),  # type: ignore[arg-type]
    ([Consent(purpose=PURPOSE_LEARNING, source=LONG)], "consents[0].source", "257"),
    (
        [Consent(purpose=PURPOSE_LEARNING, given_at=Timestamp(seconds=4_000_000_000))],
        *("consents[0].given_at", "future"),
    ),
]


@pytest.mark.parametrize(("consents", "where", "got"), BAD_CONSENTS)
def test_bad_consents_are_named(client: Client, eve: str, consents: list[Consent], where: str, got: str) -> None:
    refusal = refused(client.customers.SetConsent, SetConsentRequest(customer_id=eve, consents=consents))
    assert refusal.code is INVALID
    assert any(field == where and got in description for field, description in refusal.violations)


@pytest.mark.parametrize("customer_id", ["", LONG])
def test_a_customer_has_an_id(client: Client, customer_id: str) -> None:
    requests = [
        (client.customers.GetCustomer, GetCustomerRequest(customer_id=customer_id)),
        (client.customers.SetPreferences, SetPreferencesRequest(customer_id=customer_id)),
        (client.customers.SetConsent, SetConsentRequest(customer_id=customer_id, consents=[GRANTED])),
    ]
    for method, request in requests:
        refusal = refused(method, request)
        assert (refusal.code, refusal.violations[0][0]) == (INVALID, "customer_id")


class Typed:
    """Runs `attune customers` against one service, and returns what it prints."""

    def __init__(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Keep where the service is."""
        self._address, self._capsys = address, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command; return exit code, stdout and stderr."""
        code = app.run(["customers", *arguments, "--address", self._address])
        return code, *self._capsys.readouterr()


def test_the_command_line_tells_the_story_of_a_customer(
    service: RunningService, capsys: pytest.CaptureFixture[str], eve: str
) -> None:
    typed = Typed(service.address, capsys)
    assert typed("get", eve)[0] == 1
    assert typed("activity", eve, "page_view")[:2] == (1, "no consent\n")
    code, out, _ = typed("consent", eve, "--personalization", "--no-learning", "--source", "banner v3")
    assert (code, out.count("banner v3")) == (0, 2)
    assert out.startswith("allows: personalization since ")
    assert "; no learning since " in out
    bought = ("activity", eve, "purchase", "--feature", "value=49.5", "--feature", "category=shoes", "--id", "1")
    assert typed(*bought, "--channel", "web")[:2] == (0, "accepted\n")
    assert typed(*bought)[:2] == (1, "duplicate\n")
    assert typed("activity", eve, "Buy")[1].startswith("invalid: name: expected")
    code, out, _ = typed("get", eve)
    assert code == 0
    for part in (eve, "customer.purchase.value.sum", "49.5", "did purchase", "1 times", "buyer"):
        assert part in out
    code, out, _ = typed("get", eve, "--json")
    held = json.loads(out)
    assert held["activities"][0]["features"]["numeric"] == {"value": 49.5}
    assert json.loads(typed("consent", eve, "--learning", "--json")[1])["consents"][1]["granted"] is True
    assert typed("consent", eve)[0] == 2
    assert typed("activity", eve, "purchase", "--feature", "value")[0] == 2


def test_no_log_has_an_id(service: RunningService, client: Client, eve: str) -> None:
    consent(client, eve)
    record(client, Activity(customer_id=eve, name="page_view"))
    assert eve not in service.log()


def test_an_identifier_in_a_context_is_refused_and_nothing_is_decided(client: Client) -> None:
    client.apply("identifying")
    telling = features({"age": 40.0}, {"customer.e-mail": "eve@example.com"}, {"first name": ["Eve"]})
    request = DecideRequest(placement="identifying", event_id="e", context=telling, offers=offers("a", "b"))
    refusal = refused(client.decisions.Decide, request)
    assert refusal.code is INVALID
    assert {field for field, _ in refusal.violations} == {
        'context.categorical["customer.e-mail"]',
        'context.tags["first name"]',
    }
    assert "eve@example.com" not in refusal.message
    sound = DecideRequest(placement="identifying", event_id="e", context=features({"age": 41.0}), offers=offers("a"))
    wrong, right = client.batch([request, sound])
    assert wrong.error.field_violations[0].field == 'context.categorical["customer.e-mail"]'
    assert right.decision.choices[0].offer_id == "a"
    assert client.counts("identifying")[0] == 1


def test_a_decision_is_part_of_what_is_held(client: Client, eve: str) -> None:
    client.apply("shown")
    consent(client, eve)
    client.decide(DecideRequest(placement="shown", event_id="e1", customer_id=eve, offers=offers("a", "b")))
    held = get(client, eve)
    assert [(each.placement, each.event_id) for each in held.history] == [("shown", "e1")]
    assert [(each.placement, each.event_id) for each in held.decisions] == [("shown", "e1")]
    [decision] = held.decisions
    # Not all that could be drawn: of a thousand decisions, that is more than a client takes in one reply.
    assert [each.offer.id for each in decision.offers] == [each.offer_id for each in decision.choices]
