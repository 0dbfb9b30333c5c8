"""Guardrails as somebody would write them who wants the service to fail: borders, contradictions, races, odd words.

Written against the comments of the contract, not against the code.
"""

import math
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from attune.v1.catalog_service_pb2 import Budget, PutOffersRequest
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    PURPOSE_PERSONALIZATION,
    Activity,
    Consent,
    Preferences,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_PREFERENCE,
    EXCLUSION_REASON_RULE,
    MODE_DEFAULT,
    MODE_EMPTY,
    DecideRequest,
    DecideResponse,
)
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CATEGORY,
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CAP_SCOPE_PLACEMENT,
    ChannelSpec,
    CoolDown,
    EligibilityRule,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
    OfferSelector,
    Placement,
    QuietHours,
)
from attune.v1.placement_service_pb2 import GetPlacementRequest
from attune.v1.segment_service_pb2 import DeleteSegmentsRequest, ListSegmentsRequest, PutSegmentsRequest, Segment
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub
from client import DEADLINE_S, Client, refused
from messages import apply, features, kept, offer, offers, reward, rule, uniform
from service import RunningService, wait_until

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EMPTY = NothingEligible(empty=EmptyReply())
DAY = Duration(seconds=86_400)
THREADS = 8


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        yield connected
        connected.empty_catalog()


@pytest.fixture
def shop(client: Client) -> Iterator[str]:
    """The name of a placement of the test's own."""
    name = f"hostile-{uuid.uuid4().hex[:8]}"
    client.apply(name, policy=uniform())
    yield name
    client.delete(name)


@pytest.fixture
def tom(client: Client) -> str:
    """A customer of the test's own, who has allowed what guardrails need."""
    customer_id = f"tom-{uuid.uuid4()}"
    consent = Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=[consent]), timeout=DEADLINE_S)
    return customer_id


def said(text: str) -> Condition:
    return Condition(test=text)


def nested(depth: int) -> Condition:
    return said("a == 1") if depth == 1 else Condition(negated=nested(depth - 1))


def cap(**fields: Any) -> FrequencyCap:
    return FrequencyCap(**{"name": "cap", "impressions": 1, "window": DAY, "scope": CAP_SCOPE_OFFER, **fields})


def one_rule(when: Condition | None, **fields: Any) -> Guardrails:
    return Guardrails(rules=[EligibilityRule(**{"name": "r", **fields}, when=when)])


# Conditions that are none; all of them are reported at the field that is wrong.
NO_CONDITIONS: list[tuple[Condition, str]] = [
    (Condition(), ""),
    (Condition(test="a == 1", segment="s"), ""),
    (Condition(test="a == 1", all=[said("b == 1")]), ""),
    (Condition(negated=Condition()), ".not"),
    (Condition(all=[said("a == 1"), Condition()]), ".all[1]"),
    (Condition(any=[Condition(negated=said("a =="))]), ".any[0].not.test"),
    (nested(9), ".not" * 8),
    (Condition(all=[said("a == 1")] * 100), ""),
    (Condition(segment="nobody-knows"), ".segment"),
    *(
        (said(text), ".test")
        for text in (
            " ",
            "a",
            "a ==",
            "== 1",
            "a = 1",
            "a == 1 == 2",
            "a == 1 and b == 2",
            "a in []",
            "a in [x",
            "a in x",
            "a in [x,,y]",
            "a not",
            "a is",
            "a is not missing",
            'a == "x',
            "a > x",
            "a > 1e999",
            "a > nan",
            "a >= [1]",
            "a has",
            "a \x00 == 1",
            "ä b == 1",
            "a == " + "x" * 1000,
            "time.date >= 2026-02-30",
            "time.date >= 26-1-1",
            "time.minute > 5",
            "time.hour == noon",
            "customer.stagee == new",
            "customer.tenure_days == long",
            "channel > 5",
        )
    ),
]


@pytest.mark.parametrize(("when", "where"), NO_CONDITIONS, ids=range(len(NO_CONDITIONS)))
def test_what_is_no_condition_is_refused_wherever_it_stands(
    client: Client, shop: str, when: Condition, where: str
) -> None:
    stub = SegmentServiceStub(client.channel)
    placement = apply(Placement(name=shop, guardrails=one_rule(when)))
    put = PutOffersRequest(offers=[kept("fine"), kept("wrong", when=when)])
    segment = PutSegmentsRequest(segments=[Segment(name="fine", when=said("a == 1")), Segment(name="wrong", when=when)])
    for method, request, prefix in (
        (client.placements.ApplyPlacement, placement, "guardrails.rules[0].when"),
        (client.catalog.PutOffers, put, "offers[1].when"),
        (stub.PutSegments, segment, "segments[1].when"),
    ):
        refusal = refused(method, request)
        assert refusal.code is INVALID
        [(field, description)] = refusal.violations
        assert field.startswith(prefix)
        assert field == prefix + where or len(when.all) == 100 or where.count("not") == 8, (field, description)
        assert 10 < len(description) < 1500
    assert not client.listed()
    assert not stub.ListSegments(ListSegmentsRequest(), timeout=DEADLINE_S).segments
    stored = client.placements.GetPlacement(GetPlacementRequest(placement=shop), timeout=DEADLINE_S)
    assert not stored.placement.HasField("guardrails")


def test_the_borders_of_conditions_are_accepted(client: Client, shop: str) -> None:
    for when in (
        nested(8),
        Condition(all=[said("a == 1")] * 99),
        said("a == " + "x" * 256),
        said('"strange name, [x]" == "1"'),
        said('a in [x, "y z", "1"]'),
        said("a in [1, -2.5e3]"),
        said("a not in [x]"),
        said("a has x"),
        said("a is missing"),
        said("a exists"),
    ):
        client.apply(shop, policy=uniform(), guardrails=one_rule(when))


# Guardrails that are refused: the field, and what is quoted.
BAD_GUARDRAILS: list[tuple[Guardrails, str, str]] = [
    (one_rule(None), "rules[0].when", ""),
    (one_rule(said("a == 1"), name=""), "rules[0].name", '""'),
    (one_rule(said("a == 1"), name="Große Regel"), "rules[0].name", "Gro"),
    (one_rule(said("a == 1"), name="r" * 65), "rules[0].name", "rrr"),
    (Guardrails(rules=[EligibilityRule(name="r", when=said("a == 1"))] * 2), "rules[1].name", '"r"'),
    (
        Guardrails(rules=[EligibilityRule(name=f"r{i}", when=said("a == 1")) for i in range(51)]),
        *("rules", "51"),
    ),
    (one_rule(said("a == 1"), offers=OfferSelector(tags=[""])), "rules[0].offers.tags[0]", "nothing"),
    (
        one_rule(said("a == 1"), offers=OfferSelector(channels=[str(i) for i in range(21)])),
        "rules[0].offers.channels",
        "21",
    ),
    (Guardrails(caps=[cap(impressions=0)]), "caps[0].impressions", "0"),
    (Guardrails(caps=[cap(impressions=1001)]), "caps[0].impressions", "1001"),
    (Guardrails(caps=[cap(window=None)]), "caps[0].window", ""),
    (Guardrails(caps=[cap(window=Duration(seconds=0))]), "caps[0].window", "0"),
    (Guardrails(caps=[cap(window=Duration(seconds=-5))]), "caps[0].window", "-5"),
    (Guardrails(caps=[cap(window=Duration(nanos=999_999_999))]), "caps[0].window", "0.99"),
    (Guardrails(caps=[cap(window=Duration(seconds=90 * 86_400 + 1))]), "caps[0].window", "7776001"),
    (Guardrails(caps=[cap(window=Duration(seconds=2, nanos=-1))]), "caps[0].window", "-1"),
    (Guardrails(caps=[cap(scope=0)]), "caps[0].scope", ""),
    (Guardrails(caps=[cap(scope=99)]), "caps[0].scope", "99"),
    (Guardrails(caps=[cap(), cap()]), "caps[1].name", '"cap"'),
    (Guardrails(caps=[cap(name=f"c{i}") for i in range(21)]), "caps", "21"),
    (
        Guardrails(cool_downs=[CoolDown(outcome="dismissed", duration=DAY, scope=CAP_SCOPE_OFFER)]),
        *("cool_downs[0].outcome", "dismissed"),
    ),
    (Guardrails(cool_downs=[CoolDown(outcome="click", duration=DAY)]), "cool_downs[0].scope", ""),
    (
        Guardrails(cool_downs=[CoolDown(outcome="click", duration=DAY, scope=CAP_SCOPE_CUSTOMER)]),
        *("cool_downs[0].scope", "CUSTOMER"),
    ),
    (
        Guardrails(cool_downs=[CoolDown(outcome="click", duration=DAY, scope=CAP_SCOPE_CHANNEL)]),
        *("cool_downs[0].scope", "CHANNEL"),
    ),
    (Guardrails(cool_downs=[CoolDown(outcome="click", scope=CAP_SCOPE_OFFER)]), "cool_downs[0].duration", ""),
    (Guardrails(quiet_hours=[QuietHours()]), "quiet_hours[0].starts_at", "neither"),
    (Guardrails(quiet_hours=[QuietHours(starts_at="22:00")]), "quiet_hours[0].ends_at", ""),
    (Guardrails(quiet_hours=[QuietHours(ends_at="22:00")]), "quiet_hours[0].starts_at", ""),
    (Guardrails(quiet_hours=[QuietHours(starts_at="08:00", ends_at="08:00")]), "quiet_hours[0].ends_at", "08:00"),
    *(
        (Guardrails(quiet_hours=[QuietHours(starts_at=clock, ends_at="08:00")]), "quiet_hours[0].starts_at", clock[:5])
        for clock in (
            "24:00",
            "8:00",
            "22:60",
            "22:00:00",
            "22.00",
            "10pm",
            "-1:00",
            "\u0662\u0662:\u0660\u0660",
            " 22:00",
            "22:00\n",
        )
    ),
    *(
        (Guardrails(quiet_hours=[QuietHours(holidays=["2026-12-25", day])]), "quiet_hours[0].holidays[1]", day[:8])
        for day in ("2026-02-30", "25.12.2026", "2026-1-1", "", "2026-12-25T00:00:00", "20261226", "2026-W01-1")
    ),
    (Guardrails(quiet_hours=[QuietHours(holidays=["2026-12-25"] * 401)]), "quiet_hours[0].holidays", "401"),
    *(
        (
            Guardrails(quiet_hours=[QuietHours(starts_at="22:00", ends_at="08:00", time_zone=zone)]),
            *("quiet_hours[0].time_zone", zone[:6].rstrip("\x00")),
        )
        for zone in ("Mars/Olympus", "Europe", "../UTC", "UTC+3", "/etc/localtime")
    ),
]


@pytest.mark.parametrize(("guardrails", "where", "got"), BAD_GUARDRAILS, ids=range(len(BAD_GUARDRAILS)))
def test_bad_guardrails_are_named_and_nothing_is_applied(
    client: Client, shop: str, guardrails: Guardrails, where: str, got: str
) -> None:
    refusal = refused(client.placements.ApplyPlacement, apply(Placement(name=shop, guardrails=guardrails)))
    assert refusal.code is INVALID
    found = dict(refusal.violations)
    assert f"guardrails.{where}" in found, refusal.violations
    assert got in found[f"guardrails.{where}"]
    stored = client.placements.GetPlacement(GetPlacementRequest(placement=shop), timeout=DEADLINE_S)
    assert stored.placement.policy == uniform()


# Fields of an offer of the catalogue, the field that is named, and what is quoted.
BAD_OFFERS: list[tuple[dict[str, Any], str, str]] = [
    ({"budget": Budget()}, "budget.impressions_per_day", ""),
    ({"budget": Budget(impressions_per_day=0)}, "budget.impressions_per_day", "0"),
    *(
        ({"budget": Budget(spend_per_day=spend), "cost": 1.0}, "budget.spend_per_day", f"{spend:g}")
        for spend in (0.0, -1.0, math.nan, math.inf)
    ),
    ({"budget": Budget(spend_per_day=5.0)}, "budget.spend_per_day", "neither"),
    *(({"cost": cost}, "cost", f"{cost:.10g}") for cost in (-0.01, 1e6 + 1, math.nan, math.inf)),
    ({"budget": Budget(impressions_per_day=1, time_zone="Europe")}, "budget.time_zone", "Europe"),
    ({"category": "é" * 128 + "x"}, "category", "257"),
    ({"exclusive_group": "é" * 128 + "x"}, "exclusive_group", "257"),
]


@pytest.mark.parametrize(("fields", "where", "got"), BAD_OFFERS, ids=range(len(BAD_OFFERS)))
def test_bad_terms_of_an_offer_are_named_and_nothing_is_put(
    client: Client, fields: dict[str, Any], where: str, got: str
) -> None:
    refusal = refused(client.catalog.PutOffers, PutOffersRequest(offers=[kept("fine"), kept("wrong", **fields)]))
    assert refusal.code is INVALID
    [(field, description)] = refusal.violations
    assert (field.startswith("offers[1]."), got in description) == (True, True), (field, description)
    assert field == f"offers[1].{where}"
    assert not client.listed()


@pytest.mark.parametrize(
    "instead",
    [
        NothingEligible(),
        NothingEligible(default_offer=offer("")),
        NothingEligible(default_offer=offer("x", features({"n": math.nan}))),
    ],
    ids=["neither", "no id", "not a number"],
)
def test_a_bad_answer_to_nothing_is_refused(client: Client, shop: str, instead: NothingEligible) -> None:
    refusal = refused(client.placements.ApplyPlacement, apply(Placement(name=shop, when_nothing_eligible=instead)))
    assert refusal.code is INVALID
    assert refusal.violations[0][0].startswith("when_nothing_eligible")


# Conditions that nobody can meet, and similar ones that somebody can.
UNMEETABLE = [
    Condition(all=[said("age >= 30"), said("age < 30")]),
    Condition(all=[said("country == tr"), Condition(negated=said("country == tr"))]),
    Condition(all=[said("customer.purchase.count >= 1"), said("customer.purchase.count is missing")]),
    Condition(all=[said("time.hour >= 20"), said("time.hour < 8")]),
    said("time.hour >= 24"),
    said("time.weekday == 8"),
    Condition(all=[said("customer.stage == new"), Condition(any=[said("customer.stage == buyer")])]),
]
MEETABLE = [
    Condition(all=[said("age >= 30"), said("age <= 30")]),
    Condition(any=[said("time.hour >= 20"), said("time.hour < 8")]),
    Condition(all=[said("interests has a"), said("interests has b")]),
    Condition(all=[said("country != tr"), said("country != de")]),
    Condition(negated=Condition(all=[said("a == 1"), said("a == 2")])),
    Condition(all=[Condition(negated=said("a < 1")), Condition(negated=said("a >= 1"))]),
]


def test_what_nobody_can_meet_is_warned_of_and_nothing_else(client: Client, shop: str) -> None:
    for when in UNMEETABLE:
        [warning] = client.apply(shop, policy=uniform(), guardrails=one_rule(when)).warnings
        assert warning.startswith("guardrails.rules[0].when"), warning
    for when in MEETABLE:
        assert not client.apply(shop, policy=uniform(), guardrails=one_rule(when)).warnings, when


def test_what_is_absent_meets_no_comparison_and_every_not_of_one(client: Client, shop: str) -> None:
    """`a` of one context is absent, of one a number, of one a word, of one a tag: who meets what?"""
    contexts = {
        "absent": features(),
        "number": features({"a": 1.0}),
        "word": features(categorical={"a": "1"}),
        "tag": features(tags={"a": ["1", "x"]}),
    }
    meets = {
        "a == 1": {"number"},
        "a != 2": {"number"},
        'a == "1"': {"word", "tag"},
        'a != "2"': {"word", "tag"},
        "a in [1, 2]": {"number"},
        "a in [x]": {"tag"},
        'a not in ["2"]': {"word", "tag"},
        'a has "1"': {"tag"},
        "a exists": {"number", "word", "tag"},
        "a is missing": {"absent"},
    }
    for text, expected in meets.items():
        for when, who in ((said(text), expected), (Condition(negated=said(text)), set(contexts) - expected)):
            client.apply(shop, policy=uniform(), guardrails=one_rule(when), when_nothing_eligible=EMPTY)
            requests = [DecideRequest(placement=shop, context=known, offers=offers("o")) for known in contexts.values()]
            met = [name for name, one in zip(contexts, client.batch(requests), strict=True) if one.decision.choices]
            assert set(met) == who, when


def test_a_rule_sees_what_the_last_call_wrote_and_says_so(client: Client, shop: str, tom: str) -> None:
    came_back = Condition(
        all=[
            said("customer.page_view.count >= 3"),
            said("customer.cart_add.count >= 1"),
            said("customer.purchase.count is missing"),
        ]
    )
    client.apply(shop, policy=uniform(), guardrails=one_rule(came_back), when_nothing_eligible=EMPTY)

    def is_shown() -> bool:
        return bool(client.decide(DecideRequest(placement=shop, customer_id=tom, offers=offers("voucher"))).choices)

    def does(name: str) -> None:
        request = RecordActivityRequest(activities=[Activity(customer_id=tom, name=name)])
        client.customers.RecordActivity(request, timeout=DEADLINE_S)

    seen = [is_shown()]
    for name in ("page_view", "page_view", "cart_add", "page_view", "purchase"):
        does(name)
        seen.append(is_shown())
    assert seen == [False, False, False, False, True, False]


def test_caps_of_two_placements_hold_together_under_eight_clients(
    client: Client, service: RunningService, shop: str, tom: str
) -> None:
    """Single calls and batches, with one slot and with three, in two placements: never more than 7 in all."""
    other = f"{shop}-b"
    guardrails = Guardrails(caps=[cap(name="all", impressions=7, scope=CAP_SCOPE_CUSTOMER), cap(impressions=3)])
    for name in (shop, other):
        client.apply(name, policy=uniform(), guardrails=guardrails, when_nothing_eligible=EMPTY)

    def visit(number: int) -> list[DecideResponse]:
        asked = [
            DecideRequest(
                placement=(shop, other)[(number + i) % 2], customer_id=tom, slots=1 + i, offers=offers(*"abcd")
            )
            for i in range(3)
        ]
        with Client(service.address) as own:
            if number % 4 == 0:
                return [each.decision for each in own.batch(asked)]
            return [own.decide(each) for each in asked]

    with ThreadPoolExecutor(THREADS) as pool:
        answers = [answer for some in pool.map(visit, range(THREADS)) for answer in some]
    counted = Counter(choice.offer_id for answer in answers for choice in answer.choices)
    assert sum(counted.values()) == 7
    assert max(counted.values()) <= 3
    assert all(answer.mode == MODE_EMPTY for answer in answers if not answer.choices)
    client.delete(other)


def test_probabilities_are_those_of_what_is_left(client: Client, shop: str, tom: str) -> None:
    """With a rule, a cap and an unwanted offer: what is logged is uniform over what remains, and why for the rest."""
    told = Preferences(unwanted_offer_ids=["hated"])
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=tom, preferences=told), timeout=DEADLINE_S)
    wine = EligibilityRule(name="adults", offers=OfferSelector(offer_ids=["wine"]), when=said("age >= 18"))
    guardrails = Guardrails(rules=[wine], caps=[cap(name="once")])
    client.apply(shop, policy=uniform(), guardrails=guardrails, when_nothing_eligible=EMPTY)
    left = {"a", "b", "c"}
    while left:
        asked = DecideRequest(placement=shop, customer_id=tom, offers=offers("wine", "hated", "a", "b", "c"))
        reply = client.decide(asked)
        stored = client.get(shop, reply.event_id)
        assert {each.offer.id: each.probability for each in stored.offers} == pytest.approx(
            dict.fromkeys(left, 1 / len(left))
        )
        reasons = {offer_id: each.reason for each in stored.excluded for offer_id in each.offer_ids}
        assert reasons == {
            "wine": EXCLUSION_REASON_RULE,
            "hated": EXCLUSION_REASON_PREFERENCE,
            **dict.fromkeys({"a", "b", "c"} - left, EXCLUSION_REASON_CAP),
        }
        left.remove(reply.choices[0].offer_id)
    assert client.decide(DecideRequest(placement=shop, customer_id=tom, offers=offers("a", "b"))).mode == MODE_EMPTY


def test_the_clock_is_the_customers_own_before_the_requests_before_the_rules(
    client: Client, shop: str, tom: str
) -> None:
    """A rule that holds for one date line only: where is it already tomorrow?"""
    now = datetime.now(UTC)
    # UTC+14 and UTC-12 never have the same date at the same time.
    east, west = "Etc/GMT-14", "Etc/GMT+12"
    today_east = (now + timedelta(hours=14)).date().isoformat()
    quiet = QuietHours(holidays=[today_east], time_zone=west)
    client.apply(shop, policy=uniform(), guardrails=Guardrails(quiet_hours=[quiet]), when_nothing_eligible=EMPTY)

    def is_quiet(zone: str) -> bool:
        asked = DecideRequest(placement=shop, customer_id=tom, offers=offers("a"), time_zone=zone)
        return client.decide(asked).mode == MODE_EMPTY

    assert [is_quiet(""), is_quiet(west), is_quiet(east)] == [False, False, True]
    told = Preferences(time_zone=east)
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=tom, preferences=told), timeout=DEADLINE_S)
    assert [is_quiet(""), is_quiet(west), is_quiet(east)] == [True, True, True]
    later = datetime.now(UTC)
    if (later + timedelta(hours=14)).date().isoformat() != today_east:
        pytest.fail("midnight at UTC+14 passed meanwhile: run it again")


def test_less_of_a_category_is_one_a_week(client: Client, shop: str, tom: str) -> None:
    client.put(kept("t1", category="toys"), kept("t2", category="toys"), kept("book", category="books"))
    client.apply(shop, policy=uniform(), when_nothing_eligible=EMPTY)
    told = Preferences(less_of_categories=["toys"], most_per_week=6, unwanted_channels=["sms"])
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=tom, preferences=told), timeout=DEADLINE_S)

    def ask(**fields: Any) -> DecideResponse:
        return client.decide(DecideRequest(placement=shop, customer_id=tom, **fields))

    counted = Counter(choice.offer_id for _ in range(8) for choice in ask(channel="email", slots=2).choices)
    assert counted["t1"] + counted["t2"] <= 1
    assert ask(channel="sms").mode == MODE_EMPTY
    client.empty_catalog()


def test_an_unwanted_default_offer_is_not_shown_either(client: Client, shop: str, tom: str) -> None:
    instead = NothingEligible(default_offer=offer("house"))
    nobody = one_rule(said("age > 200"))
    client.apply(shop, policy=uniform(), guardrails=nobody, when_nothing_eligible=instead)
    asked = DecideRequest(placement=shop, customer_id=tom, offers=offers("a"))
    assert client.decide(asked).mode == MODE_DEFAULT
    left_out = DecideRequest(
        placement=shop, customer_id=tom, offers=offers("a", "b"), excluded_offer_ids=["house", "b"]
    )
    assert client.decide(left_out).mode == MODE_EMPTY
    told = Preferences(unwanted_offer_ids=["house"])
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=tom, preferences=told), timeout=DEADLINE_S)
    reply = client.decide(asked)
    assert (reply.mode, list(reply.choices)) == (MODE_EMPTY, [])


def test_a_segment_in_use_is_not_deleted_and_a_change_of_it_counts_within_a_second(client: Client, shop: str) -> None:
    stub = SegmentServiceStub(client.channel)

    def put(text: str) -> None:
        stub.PutSegments(PutSegmentsRequest(segments=[Segment(name="vip", when=said(text))]), timeout=DEADLINE_S)

    put("level == gold")
    client.apply(shop, policy=uniform(), guardrails=one_rule(Condition(segment="vip")), when_nothing_eligible=EMPTY)
    gold = DecideRequest(placement=shop, context=features(categorical={"level": "gold"}), offers=offers("a"))
    wait_until(lambda: bool(client.decide(gold).choices), "the segment to be known", timeout_s=5)
    refusal = refused(stub.DeleteSegments, DeleteSegmentsRequest(names=["vip"]))
    assert (refusal.code, shop in refusal.message) == (grpc.StatusCode.FAILED_PRECONDITION, True)
    put("level == platinum")
    wait_until(lambda: not client.decide(gold).choices, "the change to count", timeout_s=5)
    client.apply(shop, policy=uniform())
    stub.DeleteSegments(DeleteSegmentsRequest(names=["vip"]), timeout=DEADLINE_S)


def test_everything_at_once_is_as_exact(client: Client, shop: str, tom: str) -> None:
    """Silent on one channel, and on another one all guardrails together leave two offers to draw from."""
    guardrails = Guardrails(
        rules=[EligibilityRule(name="r", offers=OfferSelector(channels=["push"]), when=said("age > 1"))],
        caps=[cap(name="p", scope=CAP_SCOPE_PLACEMENT, impressions=1000), cap(name="k", scope=CAP_SCOPE_CATEGORY)],
        cool_downs=[CoolDown(outcome="click", duration=DAY, scope=CAP_SCOPE_PLACEMENT)],
        quiet_hours=[
            QuietHours(channels=["push"], starts_at="00:00", ends_at="12:00"),
            QuietHours(channels=["push"], starts_at="12:00", ends_at="00:00"),
        ],
    )
    client.apply(shop, policy=uniform(), reward=reward(60, [rule("click")]), guardrails=guardrails)
    pushed = refused(
        client.decisions.Decide,
        DecideRequest(
            placement=shop, customer_id=tom, channel="push", offers=offers("a"), context=features({"age": 2.0})
        ),
    )
    assert pushed.code is grpc.StatusCode.FAILED_PRECONDITION
    assert "1 by QUIET_HOURS" in pushed.message
    reply = client.decide(DecideRequest(placement=shop, customer_id=tom, channel="email", offers=offers("a", "b")))
    assert [choice.propensity for choice in reply.choices] == [0.5]


def test_offers_and_channels_are_drawn_together_whatever_the_offers_are_called(
    client: Client, shop: str, tom: str
) -> None:
    """Ids that hold an `@` and names of channels; a channel that is not wanted, and one that is for another offer."""
    client.put(
        kept("a@email", placements=[shop]),
        kept("a", placements=[shop], channels=["email", "push"]),
        kept("@", placements=[shop], channels=["sms", "push"]),
    )
    channels = [ChannelSpec(name=name) for name in ("email", "push", "sms")]
    client.apply(shop, policy=uniform(), channels=channels, guardrails=Guardrails(caps=[cap(name="c", impressions=3)]))
    told = Preferences(unwanted_channels=["sms"])
    client.customers.SetPreferences(SetPreferencesRequest(customer_id=tom, preferences=told), timeout=DEADLINE_S)
    possible = {("a@email", "email"), ("a@email", "push"), ("a", "email"), ("a", "push"), ("@", "push")}
    asked = DecideRequest(placement=shop, customer_id=tom, slots=3, ranking_size=10)
    for _ in range(3):
        reply = client.decide(asked)
        assert {(each.offer_id, each.channel) for each in reply.ranking} == possible
        assert [each.probability for each in reply.ranking] == pytest.approx([1 / 5] * 5)
        chosen = [(each.offer_id, each.channel) for each in reply.choices]
        assert set(chosen) <= possible
        assert sorted(offer_id for offer_id, _ in chosen) == ["@", "a", "a@email"], "none through two channels"
        left = set(possible)
        for choice in reply.choices:
            assert choice.propensity == pytest.approx(1 / len(left))
            left = {each for each in left if each[0] != choice.offer_id}
    assert refused(client.decisions.Decide, asked).code is grpc.StatusCode.FAILED_PRECONDITION, "each was shown 3 times"
    client.empty_catalog()
