"""Rules, conditions, preferences, quiet hours and exclusive groups, as callers of the service meet them."""

import math
import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from attune.v1.catalog_service_pb2 import Budget, PutOffersRequest
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    PURPOSE_PERSONALIZATION,
    Consent,
    Preferences,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_CHANNEL,
    EXCLUSION_REASON_CONDITION,
    EXCLUSION_REASON_PREFERENCE,
    EXCLUSION_REASON_REQUEST,
    EXCLUSION_REASON_RULE,
    MODE_DEFAULT,
    MODE_EMPTY,
    MODE_LEARNED,
    DecideRequest,
    ExcludedOffers,
    GetDecisionRequest,
)
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    EligibilityRule,
    EmptyReply,
    Guardrails,
    NothingEligible,
    OfferSelector,
    Placement,
    QuietHours,
)
from attune.v1.placement_service_pb2 import GetPlacementRequest
from client import DEADLINE_S, Client, refused
from messages import apply, decision, kept, offer, offers, uniform
from service import RunningService

ADULTS = EligibilityRule(name="adults", offers=OfferSelector(categories=["wine"]), when=Condition(test="age >= 18"))
TURKISH = EligibilityRule(name="turkish", when=Condition(test="country == tr"))
CATALOG = [
    kept("wine", category="wine"),
    kept("loan", when=Condition(all=[Condition(test="age >= 30"), Condition(test="country == tr")])),
    kept("mail", channels=["email"]),
    kept("ten", exclusive_group="discount"),
    kept("twenty", exclusive_group="discount"),
    kept("thirty", exclusive_group="discount"),
    kept("plain"),
]


def about(country: str = "", **numeric: float) -> Features:
    return Features(numeric=numeric, categorical={"country": country} if country else {})


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        connected.put(*CATALOG)
        yield connected
        connected.empty_catalog()


@pytest.fixture
def shop(client: Client) -> Iterator[str]:
    """The name of a placement of the test's own."""
    name = f"shop-{uuid.uuid4().hex[:8]}"
    client.apply(name, policy=uniform(), guardrails=Guardrails(rules=[ADULTS]))
    yield name
    client.delete(name)


def excluded(client: Client, placement: str, event_id: str) -> dict[str, tuple[int, str]]:
    """Return, for each offer that could not be drawn, why, and by what."""
    found = client.get(placement, event_id).excluded
    assert all(each.count == len(each.offer_ids) for each in found)
    return {offer_id: (each.reason, each.detail) for each in found for offer_id in each.offer_ids}


def test_for_every_offer_it_is_said_why_it_was_in_or_out(client: Client, shop: str) -> None:
    asked = DecideRequest(
        placement=shop, context=about(age=17, country="tr"), channel="push", excluded_offer_ids=["ten"]
    )
    reply = client.decide(asked)
    stored = client.get(shop, reply.event_id)
    assert [each.offer.id for each in stored.offers] == ["plain", "thirty", "twenty"]
    assert [each.probability for each in stored.offers] == [1 / 3] * 3
    assert excluded(client, shop, reply.event_id) == {
        "mail": (EXCLUSION_REASON_CHANNEL, ""),
        "ten": (EXCLUSION_REASON_REQUEST, ""),
        "loan": (EXCLUSION_REASON_CONDITION, ""),
        "wine": (EXCLUSION_REASON_RULE, "adults"),
    }
    older = client.decide(DecideRequest(placement=shop, context=about(age=30, country="tr"), channel="email"))
    assert len(client.get(shop, older.event_id).offers) == len(CATALOG)
    assert excluded(client, shop, older.event_id) == {}


def test_a_rule_holds_for_offers_of_the_request_too(client: Client, shop: str) -> None:
    cheap = EligibilityRule(name="cheap", when=Condition(any=[Condition(test="offer.price < 10"), ADULTS.when]))
    client.apply(shop, policy=uniform(), guardrails=Guardrails(rules=[cheap]))
    brought = [offer("a", about(price=5)), offer("b", about(price=50)), offer("c", about(price=9))]
    reply = client.decide(DecideRequest(placement=shop, context=about(age=10), offers=brought))
    assert [each.offer.id for each in client.get(shop, reply.event_id).offers] == ["a", "c"]
    assert excluded(client, shop, reply.event_id) == {"b": (EXCLUSION_REASON_RULE, "cheap")}


def test_two_of_a_group_are_never_in_one_reply_and_every_propensity_is_exact(client: Client, shop: str) -> None:
    """A uniform draw of three out of `plain` and three discounts: what is drawn first says how many are left."""
    asked = DecideRequest(placement=shop, offer_ids=["plain", "ten", "twenty", "thirty"], slots=3)
    replies = client.decide_all([asked] * 60)
    group = {"ten", "twenty", "thirty"}
    for reply in replies:
        chosen = [choice.offer_id for choice in reply.choices]
        assert sorted(each in group for each in chosen) == [False, True], "and then nothing is left"
        assert [choice.propensity for choice in reply.choices] == [1 / 4, 1.0 if chosen[0] in group else 1 / 3]
    firsts = sum(reply.choices[0].offer_id == "plain" for reply in replies)
    assert abs(firsts - 15) <= 4 * math.sqrt(60 * 1 / 4 * 3 / 4)
    stored = client.get(shop, replies[0].event_id)
    withdrawn = [list(each.later_probabilities) for each in stored.offers]
    assert sum(each[0] for each in withdrawn) == pytest.approx(1.0)


def test_where_nothing_is_eligible_it_is_said_why(client: Client, shop: str) -> None:
    said = refused(client.decisions.Decide, DecideRequest(placement=shop, offer_ids=["wine", "loan"]))
    assert said.code == grpc.StatusCode.FAILED_PRECONDITION
    assert 'left out: 1 by CONDITION, 1 by RULE "adults"' in said.message


def test_the_default_offer_is_shown_and_logged_where_nothing_is_eligible(client: Client, shop: str) -> None:
    instead = NothingEligible(default_offer=offer("default", about(price=1)))
    client.apply(shop, policy=uniform(), guardrails=Guardrails(rules=[ADULTS]), when_nothing_eligible=instead)
    asked = DecideRequest(placement=shop, event_id="e", offer_ids=["wine", "loan"], slots=2, ranking_size=5)
    reply = client.decide(asked)
    (choice,) = reply.choices
    assert (choice.offer_id, choice.propensity, reply.mode, reply.logged) == ("default", 1.0, MODE_DEFAULT, True)
    assert (reply.policy_version, [each.offer_id for each in reply.ranking]) == (0, ["default"])
    assert client.decide(asked) == reply
    stored = client.get(shop, "e")
    assert ([each.offer.id for each in stored.offers], stored.mode) == (["default"], MODE_DEFAULT)
    assert set(excluded(client, shop, "e")) == {"wine", "loan"}
    explained = GetDecisionRequest(placement=shop, event_id="e", explain=True)
    assert client.decisions.GetDecision(explained, timeout=DEADLINE_S).decision.mode == MODE_DEFAULT
    (again,) = client.batch([DecideRequest(placement=shop, offer_ids=["wine"])])
    assert again.decision.mode == MODE_DEFAULT


def test_a_repeated_request_gets_what_was_decided_whatever_is_left_out_by_now(client: Client, shop: str) -> None:
    asked = DecideRequest(placement=shop, event_id="e", offers=offers("a", "b"), context=about(age=3))
    first = client.decide(asked)
    nobody = EligibilityRule(name="nobody", when=Condition(test="age > 99"))
    client.apply(shop, policy=uniform(), guardrails=Guardrails(rules=[nobody]))
    assert client.decide(asked) == first
    assert refused(client.decisions.Decide, DecideRequest(placement=shop, event_id="f", offers=offers("a"))).code == (
        grpc.StatusCode.FAILED_PRECONDITION
    )


def test_nothing_is_shown_or_stored_where_the_placement_says_so(client: Client, shop: str) -> None:
    nothing = NothingEligible(empty=EmptyReply())
    client.apply(shop, policy=uniform(), guardrails=Guardrails(rules=[ADULTS]), when_nothing_eligible=nothing)
    asked = DecideRequest(placement=shop, event_id="e", offer_ids=["wine"], ranking_size=3)
    reply = client.decide(asked)
    assert (reply.event_id, list(reply.choices), list(reply.ranking)) == ("e", [], [])
    assert (reply.mode, reply.logged) == (MODE_EMPTY, False)
    (again,) = client.batch([asked])
    assert again.decision == reply
    assert refused(client.decisions.GetDecision, decision(shop, "e")).code == grpc.StatusCode.NOT_FOUND
    assert client.status(shop).decisions == 0


def test_a_silent_channel_gets_nothing_not_even_the_default_offer(client: Client, shop: str) -> None:
    # Over two days: the test may run at midnight.
    today = datetime.now(UTC).date()
    holidays = [(today + timedelta(days=n)).isoformat() for n in range(2)]
    quiet = QuietHours(channels=["push"], holidays=holidays, time_zone="UTC")
    instead = NothingEligible(default_offer=offer("default"))
    client.apply(shop, policy=uniform(), guardrails=Guardrails(quiet_hours=[quiet]), when_nothing_eligible=instead)
    assert client.decide(DecideRequest(placement=shop, channel="push")).mode == MODE_EMPTY
    assert client.decide(DecideRequest(placement=shop, channel="email")).mode == MODE_LEARNED
    client.apply(shop, policy=uniform(), guardrails=Guardrails(quiet_hours=[quiet]))
    said = refused(client.decisions.Decide, DecideRequest(placement=shop, channel="push", offers=offers("a", "b")))
    assert f'2 by QUIET_HOURS "{today}"' in said.message or f'2 by QUIET_HOURS "{holidays[1]}"' in said.message


def test_what_a_customer_does_not_want_is_not_done(client: Client, shop: str) -> None:
    customer_id = f"anna-{uuid.uuid4()}"
    consent = Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=[consent]), timeout=DEADLINE_S)
    said = Preferences(unwanted_offer_ids=["ten"], unwanted_channels=["sms"])
    client.customers.SetPreferences(
        SetPreferencesRequest(customer_id=customer_id, preferences=said), timeout=DEADLINE_S
    )
    reply = client.decide(DecideRequest(placement=shop, customer_id=customer_id, offer_ids=["ten", "twenty"]))
    assert excluded(client, shop, reply.event_id) == {"ten": (EXCLUSION_REASON_PREFERENCE, "unwanted_offer_ids")}
    sms = DecideRequest(placement=shop, customer_id=customer_id, channel="sms", offers=offers("a"))
    assert "1 by PREFERENCE" in refused(client.decisions.Decide, sms).message
    assert client.decide(DecideRequest(placement=shop, channel="sms", offers=offers("a"))).choices


def test_what_is_hardly_meant_is_warned_of(client: Client, shop: str) -> None:
    both = [TURKISH, EligibilityRule(name="foreign", when=Condition(test="country == de"))]
    reply = client.apply(shop, policy=uniform(), guardrails=Guardrails(rules=both))
    (warning,) = reply.warnings
    assert warning.startswith("guardrails.rules: ")
    assert "turkish, foreign" in warning


def test_rules_that_are_hard_to_look_through_do_not_keep_decisions_waiting(client: Client, shop: str) -> None:
    draw = random.Random(1)

    def puzzle() -> Condition:
        tests = [f"f{draw.randrange(12)} {draw.choice(['==', '!='])} a{draw.randrange(3)}" for _ in range(72)]
        return Condition(all=[Condition(any=[Condition(test=test) for test in tests[i::24]]) for i in range(24)])

    puzzles = Guardrails(rules=[EligibilityRule(name=f"r{i}", when=puzzle()) for i in range(50)])
    other = f"{shop}-other"
    longest_s, began_s = 0.0, time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        applying = pool.submit(client.apply, other, policy=uniform(), guardrails=puzzles)
        while not applying.done():
            begun_s = time.monotonic()
            client.decide(DecideRequest(placement=shop, offers=offers("a")))
            longest_s = max(longest_s, time.monotonic() - begun_s)
        applying.result()
        whole_s = time.monotonic() - began_s
    client.delete(other)
    # All at once they take nine tenths of the time, in which nobody is answered; one at a time, two.
    assert longest_s < whole_s / 2, f"a decision waited for {longest_s:.2f} of {whole_s:.2f} s"


def test_where_something_is_wrong_nothing_is_applied(client: Client, shop: str) -> None:
    before = client.placements.GetPlacement(GetPlacementRequest(placement=shop), timeout=DEADLINE_S)
    wrong = Guardrails(
        rules=[ADULTS, EligibilityRule(name="typo", when=Condition(test="customer.tenure_dys > 3"))],
        quiet_hours=[QuietHours(starts_at="22:00", ends_at="22:00", time_zone="Mars")],
    )
    said = refused(client.placements.ApplyPlacement, apply(Placement(name=shop, guardrails=wrong)))
    assert said.code == grpc.StatusCode.INVALID_ARGUMENT
    assert [field for field, _ in said.violations] == [
        "guardrails.rules[1].when.test",
        "guardrails.quiet_hours[0].ends_at",
        "guardrails.quiet_hours[0].time_zone",
    ]
    after = client.placements.GetPlacement(GetPlacementRequest(placement=shop), timeout=DEADLINE_S)
    assert (after.placement, after.revision) == (before.placement, before.revision)
    put = PutOffersRequest(
        offers=[kept("new"), kept("broke", budget=Budget(impressions_per_day=0), when=Condition(segment="nobody"))]
    )
    said = refused(client.catalog.PutOffers, put)
    assert [field for field, _ in said.violations] == [
        "offers[1].when.segment",
        "offers[1].budget.impressions_per_day",
    ]
    assert "new" not in [each.offer.offer.id for each in client.listed()]


def test_what_was_left_out_is_counted_where_it_is_too_much_to_name(client: Client, shop: str) -> None:
    client.put(*(kept(f"w{i}", category="wine") for i in range(600)))
    client.put(*(kept(f"v{i}", category="wine") for i in range(600)))
    try:
        reply = client.decide(DecideRequest(placement=shop))
        stored = client.get(shop, reply.event_id)
        by_reason = {each.reason: each for each in stored.excluded}
        wine: ExcludedOffers = by_reason[EXCLUSION_REASON_RULE]
        assert (wine.detail, wine.count, len(wine.offer_ids)) == ("adults", 1201, 1000)
    finally:
        client.take_out(*(f"w{i}" for i in range(600)))
        client.take_out(*(f"v{i}" for i in range(600)))
