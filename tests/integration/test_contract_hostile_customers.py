"""Customers as somebody would send them who wants the service to fail: names that clash, races, extremes, odd ids.

Written against the comments of the contract, not against the code.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from attune.v1.customer_service_pb2 import (
    ACTIVITY_STATUS_ACCEPTED,
    ACTIVITY_STATUS_DUPLICATE,
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
    Purpose,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import DecideRequest, Decision
from attune.v1.features_pb2 import Features
from client import DEADLINE_S, Client, refused
from messages import features, offers, outcome, reward, rule
from service import RunningService

INVALID = grpc.StatusCode.INVALID_ARGUMENT
SHOP = "hostile"
THREADS = 8
# Not zones: a directory, ways out of the directory of zones, files that are none, and what no file is called.
NO_ZONES = ["Europe", "../etc/passwd", "/etc/localtime", "..", ".", "Europe/Istanbul/", "zone.tab", "a\x00b", "x" * 255]


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        client.apply(SHOP, reward=reward(1, [rule("click")]))
        yield client


@pytest.fixture
def eve(client: Client) -> str:
    """A customer of the test's own, who allows everything."""
    customer_id = f"eve-{uuid.uuid4()}"
    say(client, customer_id, personalization=True, learning=True)
    return customer_id


def say(client: Client, customer_id: str, *, personalization: bool | None = None, learning: bool | None = None) -> None:
    """Say what a customer allows; `None` says nothing."""
    said = {PURPOSE_PERSONALIZATION: personalization, PURPOSE_LEARNING: learning}
    consents = [Consent(purpose=purpose, granted=yes) for purpose, yes in said.items() if yes is not None]
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=consents), timeout=DEADLINE_S)


def record(client: Client, *activities: Activity) -> list[ActivityReceipt]:
    request = RecordActivityRequest(activities=activities)
    return list(client.customers.RecordActivity(request, timeout=DEADLINE_S).receipts)


def statuses(client: Client, *activities: Activity) -> list[int]:
    return [receipt.status for receipt in record(client, *activities)]


def get(client: Client, customer_id: str) -> GetCustomerResponse:
    answer: GetCustomerResponse
    answer = client.customers.GetCustomer(GetCustomerRequest(customer_id=customer_id), timeout=DEADLINE_S)
    return answer


def decided(client: Client, customer_id: str, **fields: Any) -> Decision:
    """Decide among three offers; return what is stored."""
    fields.setdefault("offers", offers("a", "b", "c"))
    reply = client.decide(DecideRequest(placement=SHOP, customer_id=customer_id, **fields))
    assert reply.logged
    stored = client.get(SHOP, reply.event_id)
    pmf = {each.offer.id: each.probability for each in stored.offers}
    assert sum(pmf.values()) == pytest.approx(1.0)
    assert stored.choices[0].propensity == pmf[stored.choices[0].offer_id] > 0
    return stored


def names(known: Features) -> Counter[str]:
    return Counter([*known.numeric, *known.categorical, *known.tags, *known.dense])


def count(known: Features) -> int:
    """Count features as the contract does: each number, word, tag and component."""
    tags = sum(len(each.values) for each in known.tags.values())
    return len(known.numeric) + len(known.categorical) + tags + sum(len(each.values) for each in known.dense.values())


# What an activity of the name `buy` brings along, so that the names of its features are those of what is made of them.
CLASHING = [
    features({"x": 1.0}, {"x": "word"}),
    features({"x": 1.0}, {"x.sum": "word"}),
    features(categorical={"count": "word", "days_since": "word", "1d": "word", "7d": "w", "30d": "w"}),
    features(categorical={"x": "a", "x.often": "b"}, tags={"x": ["c"]}),
    features({"count": 5.0}, {"count.sum": "w"}, {"count": ["t"]}),
    features(categorical={"": "w"}),
    features(tags={"x": ["", "a"]}),
    features({"x": -1e6}, {"x": ""}),
]


@pytest.mark.parametrize("known", CLASHING, ids=range(len(CLASHING)))
def test_names_that_clash_harm_no_decision(client: Client, eve: str, known: Features) -> None:
    for name in ("buy", "on", "stage", "tenure_days", "customer", "said"):
        [status] = statuses(client, Activity(customer_id=eve, name=name, channel="count", features=known))
        assert status in {ACTIVITY_STATUS_ACCEPTED, ACTIVITY_STATUS_INVALID}
    stored = decided(client, eve)
    assert stored.personalized
    assert get(client, eve).profile.categorical["customer.stage"]


def test_answers_that_clash_harm_no_decision(client: Client, eve: str) -> None:
    answers = features({"interests": 3.0}, {"channels": "x", "less_of": "y", "size": "L"}, {"size": ["M"]})
    said = Preferences(interests=["running"], channels=["web"], less_of_categories=["toys"], answers=answers)
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=eve, preferences=said), timeout=DEADLINE_S)
    told = decided(client, eve).context
    assert list(told.tags["said.interests"].values) == ["running"]


def test_sums_go_beyond_any_feature_and_decisions_go_on(client: Client, eve: str) -> None:
    """A sum of features may be a thousand times as large as any feature may be."""
    much = Activity(customer_id=eve, name="purchase", features=features({"value": 1e6, "loss": -1e6}))
    assert set(statuses(client, *[much] * 1000)) == {ACTIVITY_STATUS_ACCEPTED}
    assert get(client, eve).activities[0].features.numeric["value"] == pytest.approx(1e9)
    stored = decided(client, eve)
    assert stored.personalized
    client.record(outcome(SHOP, stored.event_id, value=1.0))
    client.wait_learned(SHOP, 1)
    decided(client, eve)


def test_a_profile_of_the_longest_names_is_joined(client: Client, eve: str) -> None:
    known = features({"é" * 64: 1.0}, {"w" * 128: "v" * 256}, {"t" * 128: ["é" * 128]})
    [receipt] = record(client, Activity(customer_id=eve, name="n" * 64, channel="c" * 64, features=known))
    assert receipt.status == ACTIVITY_STATUS_ACCEPTED, receipt.detail
    stored = decided(client, eve)
    assert f"customer.{'n' * 64}.count" in stored.context.numeric


def test_a_full_context_and_a_full_profile_stay_within_the_limit(client: Client, eve: str) -> None:
    record(client, *(Activity(customer_id=eve, name=f"n{i}", channel=f"c{i}") for i in range(50)))
    said = Preferences(
        interests=[f"i{i}" for i in range(50)],
        less_of_categories=[f"l{i}" for i in range(50)],
        answers=features({f"a{i}": 1.0 for i in range(50)}),
    )
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=eve, preferences=said), timeout=DEADLINE_S)
    for own in (0, 100, 199, 200):
        context = features({f"own{i}": 1.0 for i in range(own)})
        stored = decided(client, eve, context=context)
        assert count(stored.context) <= 200
        assert all(f"own{i}" in stored.context.numeric for i in range(own)), "what the request says goes before"
    assert count(get(client, eve).profile) <= 200


def test_what_the_request_says_itself_wins_whatever_its_kind(client: Client, eve: str) -> None:
    record(client, Activity(customer_id=eve, name="purchase", features=features({"value": 5.0})))
    own = features({"customer.stage": 7.0}, {"customer.purchase.count": "many"}, {"customer.tenure_days": ["x"]})
    told = decided(client, eve, context=own).context
    assert told.numeric["customer.stage"] == 7.0
    assert told.categorical["customer.purchase.count"] == "many"
    assert max(names(told).values()) == 1, names(told)


@pytest.mark.parametrize(
    "customer_id", ["{}", "a:b{c}", "\x00", "a\nb\r\n", "é" * 128, "🛒" * 64, " ", "..", "*", "%s"]
)
def test_any_id_is_an_id(client: Client, customer_id: str) -> None:
    say(client, customer_id, personalization=True)
    [status] = statuses(client, Activity(customer_id=customer_id, activity_id=customer_id, name="x"))
    assert status == ACTIVITY_STATUS_ACCEPTED
    assert [each.count for each in get(client, customer_id).activities] == [1]
    assert decided(client, customer_id).context.numeric["customer.x.count"] == 1
    say(client, customer_id, personalization=False)
    assert not get(client, customer_id).activities


def test_an_id_is_not_trimmed_and_not_folded(client: Client, eve: str) -> None:
    record(client, Activity(customer_id=eve, name="x"))
    for other in (eve + " ", eve.upper(), eve + "\x00", eve[:-1]):
        refusal = refused(client.customers.GetCustomer, GetCustomerRequest(customer_id=other))
        assert refusal.code is grpc.StatusCode.NOT_FOUND


def at_once(service: RunningService, each: Callable[[Client, int], Any]) -> list[Any]:
    """Let clients with connections of their own do something at the same time."""

    def one(number: int) -> Any:
        with Client(service.address) as own:
            return each(own, number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, range(THREADS)))


def test_activities_of_one_customer_from_eight_clients_are_all_counted_once(
    client: Client, service: RunningService, eve: str
) -> None:
    def visit(own: Client, number: int) -> list[int]:
        shared = Activity(customer_id=eve, activity_id="shared", name="shared", features=features({"value": 2.0}))
        mine = [Activity(customer_id=eve, activity_id=f"{number}-{i}", name="own") for i in range(10)]
        return [status for i in range(5) for status in statuses(own, shared, *mine[2 * i : 2 * i + 2])]

    counted = Counter(status for found in at_once(service, visit) for status in found)
    assert counted == {ACTIVITY_STATUS_ACCEPTED: THREADS * 10 + 1, ACTIVITY_STATUS_DUPLICATE: THREADS * 5 - 1}
    held = {each.name: each for each in get(client, eve).activities}
    assert (held["own"].count, held["shared"].count) == (THREADS * 10, 1)
    assert held["shared"].features.numeric["value"] == 2.0


def test_nothing_comes_back_while_somebody_withdraws(client: Client, service: RunningService, eve: str) -> None:
    """Whatever was under way when the withdrawal was acknowledged: nothing is stored after it."""

    def visit(own: Client, number: int) -> None:
        for i in range(10):
            if (number, i) == (0, 5):
                say(own, eve, personalization=False)
            elif number % 2:
                record(own, Activity(customer_id=eve, name="x"))
            else:
                own.decide(DecideRequest(placement=SHOP, customer_id=eve, offers=offers("a", "b")))

    at_once(service, visit)
    held = get(client, eve)
    assert [each.granted for each in held.consents] == [False, True]
    assert not held.activities
    assert not held.history
    assert not names(held.profile)
    assert statuses(client, Activity(customer_id=eve, name="x")) == [ACTIVITY_STATUS_NO_CONSENT]


def test_after_a_withdrawal_and_a_new_consent_everything_starts_anew(client: Client, eve: str) -> None:
    once = Activity(customer_id=eve, activity_id="1", name="x")
    assert statuses(client, once) == [ACTIVITY_STATUS_ACCEPTED]
    decided(client, eve)
    say(client, eve, personalization=False)
    assert not decided(client, eve).personalized
    say(client, eve, personalization=True)
    held = get(client, eve)
    assert (len(held.activities), len(held.history)) == (0, 0)
    assert statuses(client, once) == [ACTIVITY_STATUS_ACCEPTED], "it was forgotten that it came before"
    assert get(client, eve).activities[0].count == 1


def test_what_was_said_earlier_does_not_overrule(client: Client, eve: str) -> None:
    """A refusal of yesterday that comes today, after a consent of today, changes nothing; and it forgets nothing."""
    record(client, Activity(customer_id=eve, name="x"))
    yesterday = Timestamp(seconds=int(time.time()) - 86_400)
    late = Consent(purpose=PURPOSE_PERSONALIZATION, granted=False, given_at=yesterday)
    answer = client.customers.SetConsent(SetConsentRequest(customer_id=eve, consents=[late]), timeout=DEADLINE_S)
    assert {each.purpose: each.granted for each in answer.consents}[PURPOSE_PERSONALIZATION]
    assert get(client, eve).activities[0].count == 1


def test_the_consents_of_a_call_are_taken_together_or_not_at_all(client: Client, eve: str) -> None:
    record(client, Activity(customer_id=eve, name="x"))
    consents = [Consent(purpose=PURPOSE_PERSONALIZATION), Consent(purpose=Purpose.PURPOSE_UNSPECIFIED)]
    refusal = refused(client.customers.SetConsent, SetConsentRequest(customer_id=eve, consents=consents))
    assert (refusal.code, refusal.violations[0][0]) == (INVALID, "consents[1].purpose")
    held = get(client, eve)
    assert (len(held.activities), [each.granted for each in held.consents]) == (1, [True, True])


def test_customers_with_and_without_consent_travel_in_one_call(client: Client, eve: str) -> None:
    sent = [Activity(customer_id=who, activity_id="same", name="x") for who in (eve, "unknown-" + eve, eve)]
    accepted, unknown, again = statuses(client, *sent)
    assert (accepted, unknown, again) == (
        ACTIVITY_STATUS_ACCEPTED,
        ACTIVITY_STATUS_NO_CONSENT,
        ACTIVITY_STATUS_DUPLICATE,
    )


def test_what_comes_late_makes_nothing_younger(client: Client, eve: str) -> None:
    now = int(time.time())
    sent = [
        Activity(customer_id=eve, name="x", channel="web", occurred_at=Timestamp(seconds=now - age))
        for age in (86_400, 0, 30 * 86_400)
    ]
    sent.append(Activity(customer_id=eve, name="x", channel="store", occurred_at=Timestamp(nanos=1_000_000)))
    assert set(statuses(client, *sent)) == {ACTIVITY_STATUS_ACCEPTED}
    held = get(client, eve)
    told = held.profile
    assert told.numeric["customer.tenure_days"] == pytest.approx(now / 86_400, abs=0.1)
    assert told.numeric["customer.days_since_seen"] < 0.1
    assert told.numeric["customer.x.days_since"] < 0.1
    assert told.categorical["customer.last_channel"] == "web"
    assert 1.9 < told.numeric["customer.x.7d"] < 2.0, "1 + 2^(-1/7) + 2^(-30/7) + nearly nothing"
    assert (held.first_seen_at.seconds, held.activities[0].last_at.seconds - now < 5) == (0, True)


def test_the_next_decision_knows_what_the_last_call_wrote(client: Client, eve: str) -> None:
    for n in range(1, 20):
        record(client, Activity(customer_id=eve, name="x"))
        assert decided(client, eve).context.numeric["customer.x.count"] == n
        assert len(get(client, eve).history) == n


def test_a_repeated_request_is_the_same_whatever_became_of_the_customer(client: Client, eve: str) -> None:
    asked = DecideRequest(placement=SHOP, event_id=f"e-{eve}", customer_id=eve, offers=offers("a", "b", "c"))
    first = client.decide(asked)
    stored = client.get(SHOP, first.event_id)
    record(client, Activity(customer_id=eve, name="x"))
    assert client.decide(asked) == first
    say(client, eve, personalization=False, learning=False)
    assert client.decide(asked) == first
    assert client.get(SHOP, first.event_id).context == stored.context
    other = DecideRequest(placement=SHOP, event_id=f"e-{eve}", customer_id="x" + eve, offers=offers("a", "b", "c"))
    assert refused(client.decisions.Decide, other).code is grpc.StatusCode.ALREADY_EXISTS


def test_nobody_learns_from_who_has_not_allowed_it(client: Client, eve: str) -> None:
    """With an outcome each, of three customers only one is learned from; the log has all three."""
    name = "hostile-learning"
    client.apply(name, reward=reward(1, [rule("click")]))
    say(client, "silent-" + eve, personalization=True, learning=False)
    replies = []
    for customer_id in (eve, "silent-" + eve, "unknown-" + eve):
        request = DecideRequest(placement=name, customer_id=customer_id, offers=offers("a", "b"))
        replies.append(client.decide(request))
        client.record(outcome(name, replies[-1].event_id))
    assert [client.get(name, reply.event_id).withheld for reply in replies] == [False, True, True]
    assert [client.get(name, reply.event_id).personalized for reply in replies] == [True, True, False]
    status = client.wait_learned(name, 3)
    assert (status.interactions, status.learned, status.withheld_interactions) == (3, 3, 2)
    client.delete(name)


@pytest.mark.parametrize("zone", NO_ZONES)
def test_what_is_no_time_zone_is_refused_by_its_name(client: Client, eve: str, zone: str) -> None:
    said = SetPreferencesRequest(customer_id=eve, preferences=Preferences(time_zone=zone))
    asked = DecideRequest(placement=SHOP, customer_id=eve, offers=offers("a"), time_zone=zone)
    for method, request, where in (
        (client.customers.SetPreferences, said, "preferences.time_zone"),
        (client.decisions.Decide, asked, "time_zone"),
    ):
        refusal = refused(method, request)
        assert (refusal.code, [field for field, _ in refusal.violations]) == (INVALID, [where])
    assert not get(client, eve).HasField("preferences")


@pytest.mark.parametrize(
    "name", ["E-Mail", "EMAIL", "user.email", "e_mail", "PhoneNumber", "firstName", "last-name", "IBAN"]
)
def test_an_identifier_is_one_however_it_is_written(client: Client, eve: str, name: str) -> None:
    known = features(categorical={name: "Eve"})
    [receipt] = record(client, Activity(customer_id=eve, name="x", features=known))
    assert receipt.status == ACTIVITY_STATUS_INVALID
    assert "Eve" not in receipt.detail
    said = SetPreferencesRequest(customer_id=eve, preferences=Preferences(answers=known))
    refusal = refused(client.customers.SetPreferences, said)
    assert (refusal.code, "Eve" in refusal.message) == (INVALID, False)
    assert (
        refused(client.decisions.Decide, DecideRequest(placement=SHOP, context=known, offers=offers("a"))).code
        is INVALID
    )
