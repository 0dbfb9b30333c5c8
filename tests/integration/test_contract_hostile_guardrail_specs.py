"""Guardrails that nobody should be able to apply: what is none is refused and named, and nothing is kept of it.

Written against the comments of the contract, not against the code.
"""

import math
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from attune.v1.catalog_service_pb2 import Budget, PutOffersRequest
from attune.v1.condition_pb2 import Condition
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CoolDown,
    EligibilityRule,
    Guardrails,
    NothingEligible,
    OfferSelector,
    Placement,
    QuietHours,
)
from attune.v1.placement_service_pb2 import GetPlacementRequest
from attune.v1.segment_service_pb2 import ListSegmentsRequest, PutSegmentsRequest, Segment
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub
from client import DEADLINE_S, Client, refused
from guardrails import DAY, cap, one_rule, said
from messages import apply, features, kept, offer, uniform
from service import RunningService

INVALID = grpc.StatusCode.INVALID_ARGUMENT


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


def nested(depth: int) -> Condition:
    return said("a == 1") if depth == 1 else Condition(negated=nested(depth - 1))


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
