"""Placements that choose a channel with the offer: one draw, one probability, one history."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import grpc
import pytest

from attune.v1.catalog_service_pb2 import Budget, PutOffersRequest
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    PURPOSE_PERSONALIZATION,
    Consent,
    GetCustomerRequest,
    Preferences,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_BUDGET,
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_CHANNEL,
    EXCLUSION_REASON_PREFERENCE,
    EXCLUSION_REASON_QUIET_HOURS,
    EXCLUSION_REASON_REQUEST,
    EXCLUSION_REASON_RULE,
    MODE_DEFAULT,
    ActivateRequest,
    Choice,
    DecideRequest,
    DecideResponse,
    ExclusionReason,
    GetDecisionRequest,
)
from attune.v1.features_pb2 import Features, Offer
from attune.v1.insight_service_pb2 import BREAKDOWN_KIND_CHANNEL, BREAKDOWN_KIND_OFFER, GetReportRequest
from attune.v1.insight_service_pb2_grpc import InsightServiceStub
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_OFFER,
    ChannelSpec,
    EligibilityRule,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
    OfferSelector,
    QuietHours,
)
from client import DEADLINE_S, Client, refused
from messages import control, fixed, kept, offers, outcome, reward, softmax, uniform
from service import RunningService

DAY = timedelta(days=1)
CHANNELS = (ChannelSpec(name="email", cost=0.01), ChannelSpec(name="push"), ChannelSpec(name="sms", cost=0.07))
NAMES = [channel.name for channel in CHANNELS]
CLIENTS = 8
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        connected.put(
            kept("boots", category="shoes"),
            kept("hat", channels=["email", "in_app"]),
            kept("pen", Features(categorical={"channel": "none", "kind": "gift"})),
        )
        yield connected
        connected.empty_catalog()


def apply(client: Client, name: str = "messages", **fields: Any) -> list[str]:
    return list(client.apply(name, **({"policy": uniform(), "channels": CHANNELS} | fields)).warnings)


def ask(client: Client, placement: str = "messages", **fields: Any) -> DecideResponse:
    return client.decide(DecideRequest(placement=placement, **({"ranking_size": 20} | fields)))


def ranked(answer: DecideResponse) -> set[str]:
    return {f"{each.offer_id}@{each.channel}" for each in answer.ranking}


def why(client: Client, answer: DecideResponse, placement: str = "messages") -> dict[ExclusionReason, list[str]]:
    excluded = client.get(placement, answer.event_id).excluded
    return {each.reason: sorted(each.offer_ids) for each in excluded}


def customer(client: Client, **said: Any) -> str:
    customer_id = f"anna-{uuid.uuid4()}"
    consent = Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=[consent]), timeout=DEADLINE_S)
    if said:
        preferences = SetPreferencesRequest(customer_id=customer_id, preferences=Preferences(**said))
        client.customers.SetPreferences(preferences, timeout=DEADLINE_S)
    return customer_id


def shown_to(client: Client, customer_id: str) -> list[tuple[str, str, str]]:
    request = GetCustomerRequest(customer_id=customer_id)
    found = client.customers.GetCustomer(request, timeout=DEADLINE_S).history
    return [(each.offer_id, each.channel, each.outcome) for each in found]


ALL = {f"{offer}@{name}" for offer in ("boots", "pen") for name in NAMES} | {"hat@email"}


def test_an_offer_and_a_channel_are_drawn_as_one(client: Client) -> None:
    apply(client)
    answer = ask(client)
    assert ranked(answer) == ALL
    [choice] = answer.choices
    assert choice.propensity == 1 / 7
    decision = client.get("messages", answer.event_id)
    assert list(decision.choices) == [choice]
    found = {each.offer.id: each.offer.features.categorical["channel"] for each in decision.offers}
    assert found == {name: name.rpartition("@")[2] for name in ALL}, "it is a feature, and an offer's own gives way"
    assert [each.probability for each in decision.offers] == [1 / 7] * 7
    [again] = client.batch([DecideRequest(placement="messages", event_id=answer.event_id)])
    assert again.error.code == grpc.StatusCode.ALREADY_EXISTS.value[0], "an id that the server made is not repeated"


def test_every_offer_is_drawn_on_every_channel(client: Client) -> None:
    apply(client)
    answers = client.batch(DecideRequest(placement="messages", event_id=f"drawn-{i}") for i in range(700))
    drawn = Counter(f"{each.offer_id}@{each.channel}" for result in answers for each in result.decision.choices)
    assert drawn.keys() == ALL
    # 100 of each are expected, give or take 9.3; five standard errors.
    assert all(abs(count - 100) < 5 * (700 * 6 / 49) ** 0.5 for count in drawn.values())


def test_offers_of_the_request_are_drawn_on_channels_too(client: Client) -> None:
    apply(client)
    asked = DecideRequest(placement="messages", event_id=str(uuid.uuid4()), offers=offers("a@b", "c"), ranking_size=20)
    answer = client.decide(asked)
    assert ranked(answer) == {f"{offer}@{name}" for offer in ("a@b", "c") for name in NAMES}
    assert answer.choices[0].offer_id in {"a@b", "c"}
    assert client.decide(asked) == answer
    [result] = client.batch([asked])
    assert result.decision == answer
    apply(client, channels=CHANNELS[:1])
    assert client.decide(asked) == answer, "also when the channels are others now"


@pytest.mark.parametrize(
    ("fields", "left", "excluded"),
    [
        (
            {"channel": "push"},
            {"boots@push", "pen@push"},
            {EXCLUSION_REASON_CHANNEL: sorted(ALL - {"boots@push", "pen@push"})},
        ),
        (
            {"excluded_offer_ids": ["boots", "hat@email"]},
            {"pen@email", "pen@push", "pen@sms", "hat@email"},
            {EXCLUSION_REASON_REQUEST: ["boots@email", "boots@push", "boots@sms"]},
        ),
        ({"offer_ids": ["hat", "gone"]}, {"hat@email"}, {}),
        ({"offers": [Offer(id="a"), Offer(id="b")], "channel": "sms", "excluded_offer_ids": ["a"]}, {"b@sms"}, None),
    ],
)
def test_a_request_names_offers_and_a_channel(
    client: Client, fields: dict[str, Any], left: set[str], excluded: dict[ExclusionReason, list[str]] | None
) -> None:
    apply(client)
    answer = ask(client, **fields)
    assert ranked(answer) == left
    if excluded is None:
        excluded = {EXCLUSION_REASON_REQUEST: ["a@sms"]}
    assert why(client, answer) == excluded


def test_slots_show_an_offer_once(client: Client) -> None:
    apply(client)
    for _ in range(20):
        answer = ask(client, slots=20)
        assert sorted(each.offer_id for each in answer.choices) == ["boots", "hat", "pen"]
        assert [each.slot for each in answer.choices] == [0, 1, 2]
        decision = client.get("messages", answer.event_id)
        for choice in answer.choices[1:]:
            pmf = {each.offer.id: each.later_probabilities[choice.slot - 1] for each in decision.offers}
            assert sum(pmf.values()) == pytest.approx(1.0)
            assert pmf[f"{choice.offer_id}@{choice.channel}"] == choice.propensity
            gone = {each.offer_id for each in answer.choices[: choice.slot]}
            assert {name for name, each in pmf.items() if not each} == {
                name for name in pmf if name.rpartition("@")[0] in gone
            }


def test_unwanted_channels_rules_and_quiet_hours_meet_what_is_drawn(client: Client) -> None:
    rule = EligibilityRule(
        name="gifts", offers=OfferSelector(offer_ids=["pen"], channels=["sms"]), when=Condition(test="vip == yes")
    )
    silent = QuietHours(channels=["email"], starts_at="00:00", ends_at="23:59")
    late = QuietHours(channels=["email"], starts_at="23:59", ends_at="00:00")
    apply(client, guardrails=Guardrails(rules=[rule], quiet_hours=[silent, late]))
    answer = ask(client, customer_id=customer(client, unwanted_channels=["push"]))
    assert ranked(answer) == {"boots@sms"}
    assert why(client, answer) == {
        EXCLUSION_REASON_RULE: ["pen@sms"],
        EXCLUSION_REASON_PREFERENCE: ["boots@push", "pen@push"],
        EXCLUSION_REASON_QUIET_HOURS: ["boots@email", "hat@email", "pen@email"],
    }
    by_channel = EligibilityRule(name="not_sms", when=Condition(test="channel in [email, push]"))
    apply(client, guardrails=Guardrails(rules=[by_channel]))
    assert why(client, ask(client)) == {EXCLUSION_REASON_RULE: ["boots@sms", "pen@sms"]}


def test_a_cap_of_a_channel_holds_for_eight_clients_at_once(client: Client, service: RunningService) -> None:
    email = FrequencyCap(
        name="mails", impressions=2, window=DAY, scope=CAP_SCOPE_CHANNEL, offers=OfferSelector(channels=["email"])
    )
    each = FrequencyCap(name="each", impressions=9, window=DAY, scope=CAP_SCOPE_OFFER)
    apply(client, guardrails=Guardrails(caps=[email, each]), when_nothing_eligible=NothingEligible(empty=EmptyReply()))
    anna = customer(client)

    def visit(_: int) -> list[Choice]:
        with Client(service.address) as one:
            return [choice for _ in range(3) for choice in ask(one, customer_id=anna, slots=1).choices]

    with ThreadPoolExecutor(CLIENTS) as pool:
        choices = [choice for visited in pool.map(visit, range(CLIENTS)) for choice in visited]
    assert Counter(choice.channel for choice in choices)["email"] == 2
    times = Counter(choice.offer_id for choice in choices)
    assert (times["boots"], times["pen"]) == (9, 9)
    assert times["hat"] <= 2, "it goes by mail only"
    assert Counter((offer, channel) for offer, channel, _ in shown_to(client, anna)) == Counter(
        (choice.offer_id, choice.channel) for choice in choices
    )


def test_a_history_carries_over_between_channels_and_placements(client: Client) -> None:
    cap = FrequencyCap(name="once", impressions=1, window=DAY, scope=CAP_SCOPE_OFFER)
    apply(client, guardrails=Guardrails(caps=[cap]))
    client.apply("web", policy=uniform(), guardrails=Guardrails(caps=[cap]))
    anna = customer(client)
    first = ask(client, customer_id=anna, offer_ids=["boots"]).choices[0]
    answer = ask(client, customer_id=anna)
    assert why(client, answer) == {EXCLUSION_REASON_CAP: ["boots@email", "boots@push", "boots@sms"]}
    assert why(client, ask(client, "web", customer_id=anna), "web")[EXCLUSION_REASON_CAP][0] == "boots"
    assert shown_to(client, anna)[0] == ("boots", first.channel, "")


def test_as_many_a_week_as_was_said(client: Client) -> None:
    apply(client, when_nothing_eligible=NothingEligible(default_offer=Offer(id="house")))
    anna = customer(client, most_per_week=2)
    first = ask(client, customer_id=anna, slots=3)
    assert len(first.choices) == 2
    nothing = ask(client, customer_id=anna)
    assert (nothing.mode, nothing.choices[0].offer_id, nothing.choices[0].channel) == (MODE_DEFAULT, "house", "")


def test_a_deferred_decision_is_noted_with_its_channel_when_it_is_shown(client: Client) -> None:
    apply(client)
    anna = customer(client)
    answer = ask(client, customer_id=anna, deferred=True)
    assert shown_to(client, anna) == []
    client.decisions.Activate(ActivateRequest(placement="messages", event_id=answer.event_id), timeout=DEADLINE_S)
    [choice] = answer.choices
    assert shown_to(client, anna) == [(choice.offer_id, choice.channel, "")]


def test_a_budget_pays_for_the_offer_and_its_channel(client: Client) -> None:
    """0.1 a day: one message at 0.07 + 0.02, or three mails at 0.01 + 0.02, or five pushes at 0.02."""
    client.put(kept("flyer", cost=0.02, budget=Budget(spend_per_day=0.1)))
    apply(client)
    spent, costs = 0.0, {"email": 0.03, "push": 0.02, "sms": 0.09}
    for i in range(12):
        answer = ask(client, event_id=f"flyer-{i}", offer_ids=["flyer", "boots"])
        gone = {name.rpartition("@")[2] for name in why(client, answer).get(EXCLUSION_REASON_BUDGET, [])}
        assert gone == {name for name, cost in costs.items() if spent + cost > 0.1 + 1e-9}
        if answer.choices[0].offer_id == "flyer":
            spent += costs[answer.choices[0].channel]
    client.take_out("flyer")
    assert 0.0 < spent <= 0.1 + 1e-9


def test_a_budget_is_refused_where_showing_the_offer_costs_nothing(client: Client) -> None:
    apply(client)
    costs_nothing = kept("flyer", budget=Budget(spend_per_day=1.0))
    client.put(costs_nothing)  # by mail and by sms it does
    for where in ({"channels": ["push"]}, {"placements": ["another"]}):
        put = PutOffersRequest(offers=[kept("fine"), kept("wrong", budget=costs_nothing.budget, **where)])
        refusal = refused(client.catalog.PutOffers, put)
        assert (refusal.code, refusal.violations[0][0]) == (INVALID, "offers[1].budget.spend_per_day")
    assert apply(client) == []
    [warning] = apply(client, channels=[ChannelSpec(name="push")])
    assert warning.startswith('channels: "flyer" may be shown here and cost')
    client.take_out("flyer")


def test_which_channel_to_use_is_learned_explained_and_reported(client: Client) -> None:
    name = "learns"
    apply(client, name, policy=softmax(20.0), reward=reward(1))
    ids = [f"learns-{i}" for i in range(300)]
    results = client.batch(DecideRequest(placement=name, event_id=each, offer_ids=["boots", "pen"]) for each in ids)
    liked = [each.decision for each in results if each.decision.choices[0].channel == "sms"]
    client.record(*(outcome(name, each.event_id, "click") for each in liked))
    client.wait_learned(name, 300)
    report = InsightServiceStub(client.channel).GetReport(GetReportRequest(placement=name), timeout=DEADLINE_S).report
    parts = {each.kind: {part.name: part.decisions for part in each.parts} for each in report.breakdowns}
    assert parts[BREAKDOWN_KIND_CHANNEL]["sms"] == len(liked)
    assert parts[BREAKDOWN_KIND_CHANNEL].keys() == set(NAMES)
    assert parts[BREAKDOWN_KIND_OFFER].keys() == {"boots", "pen"}
    answer = ask(client, name, offer_ids=["boots", "pen"])
    assert {each.channel for each in answer.ranking[:2]} == {"sms"}
    assert sum(each.probability for each in answer.ranking[:2]) > 0.9
    asked = GetDecisionRequest(placement=name, event_id=answer.event_id, explain=True)
    explained = client.decisions.GetDecision(asked, timeout=DEADLINE_S).decision
    moved = {(each.name, each.value) for each in explained.offers[0].contributions}
    assert ("channel", explained.offers[0].offer.id.rpartition("@")[2]) in moved


def test_the_fixed_baseline_is_an_offer_on_a_channel(client: Client) -> None:
    apply(client, control=control(1.0, fixed=fixed("boots@sms").fixed))
    assert [ask(client).choices[0] for _ in range(3)] == [Choice(offer_id="boots", channel="sms", propensity=1.0)] * 3


@pytest.mark.parametrize(
    ("channels", "field"),
    [
        ([ChannelSpec(name="E-Mail")], "placement.channels[0].name"),
        ([ChannelSpec(name="sms"), ChannelSpec(name="sms")], "placement.channels[1].name"),
        ([ChannelSpec(name="sms", cost=-1.0)], "placement.channels[0].cost"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_applied(
    client: Client, channels: Sequence[ChannelSpec], field: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        client.apply("wrong", channels=channels)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert field.removeprefix("placement.") in refused.value.details()
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        client.status("wrong")


def test_warned_is_who_names_a_channel_that_is_not_chosen(client: Client) -> None:
    guardrails = Guardrails(quiet_hours=[QuietHours(channels=["fax"], holidays=["2026-12-25"])])
    answer = client.apply("messages", policy=uniform(), channels=CHANNELS, guardrails=guardrails)
    said = 'guardrails.quiet_hours[0].channels: "fax" is not chosen here: the channels are email, push, sms'
    assert list(answer.warnings) == [said]
