"""What a decision may draw from: whatever is left out is left out before anything is drawn."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.live_offers import live_offers, live_on

from attune.errors import InvalidInputError, NothingEligibleError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import asked, part_of
from attune.serving.circumstances import Circumstances
from attune.serving.eligible import eligible_offers
from attune.serving.guard import Guard
from attune.serving.guards import Guards
from attune.serving.situation import situation_of
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.condition_pb2 import Condition
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CHANNEL, EXCLUSION_REASON_REQUEST, EXCLUSION_REASON_RULE
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import EligibilityRule, Guardrails, OfferSelector, Placement, QuietHours
from circumstances import customer

LIVE = live_offers("abcde", channels={"b": ["email"], "d": ["email", "push"]})


CONTEXT = Features(categorical={"device": "mobile"})


def request(**fields: Any) -> DecideEnvelope:
    asked = DecideEnvelope(placement="home_hero", **fields)
    asked.context.append(CONTEXT.SerializeToString())
    return asked


def brought(ids: str) -> list[bytes]:
    return [Offer(id=offer_id).SerializeToString() for offer_id in ids]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "abcde"),
        ({"excluded_offer_ids": ["c", "unknown"]}, "abde"),
        # on a channel that some offers name
        ({"channel": "email"}, "abcde"),
        ({"channel": "push"}, "acde"),
        # on one that none names
        ({"channel": "sms"}, "ace"),
        ({"channel": "push", "excluded_offer_ids": ["a", "d"]}, "ce"),
        # named: in the caller's order, without those that are not there
        ({"offer_ids": ["e", "unknown", "a", "b"]}, "eab"),
        ({"offer_ids": ["e", "b", "d"], "channel": "push"}, "ed"),
        ({"offer_ids": ["e", "b", "d"], "channel": "sms", "excluded_offer_ids": ["unknown"]}, "e"),
        ({"offer_ids": ["e", "b", "d"], "excluded_offer_ids": ["e"]}, "bd"),
    ],
)
def test_what_is_eligible_of_the_catalogue(fields: dict[str, Any], expected: str) -> None:
    eligible = eligible_offers(request(**fields), LIVE)
    situation = eligible.situation
    assert list(situation.action_ids) == list(expected)
    assert list(situation.actions) == [f"={offer_id}" for offer_id in expected]
    assert situation.context == "device=mobile"
    assert situation.known is LIVE.actions
    positions = range(5) if situation.positions is None else situation.positions
    assert [LIVE.actions.action_ids[i] for i in positions] == list(expected)
    assert (eligible.offers, eligible.offer_set, eligible.shortlisted_from) == ((), LIVE.offer_set.digest, 0)


def test_where_no_offer_has_channels_every_offer_is_shown_on_all_of_them() -> None:
    everywhere = live_offers("abc")
    assert list(eligible_offers(request(channel="email"), everywhere).situation.action_ids) == ["a", "b", "c"]


def test_the_offers_of_a_request_go_before_those_of_the_catalogue() -> None:
    offers = [Offer(id="x").SerializeToString(), Offer(id="a").SerializeToString()]
    eligible = eligible_offers(request(offers=offers), LIVE)
    assert list(eligible.situation.action_ids) == ["x", "a"]
    assert (list(eligible.offers), eligible.offer_set, eligible.situation.known) == (offers, b"", None)


def test_excluded_offers_are_left_out_and_the_others_keep_their_order() -> None:
    offers = brought("abcd")
    eligible = eligible_offers(request(offers=offers, excluded_offer_ids=["c", "a", "not there"]), None)
    assert eligible.situation == situation_of(CONTEXT, [offers[1], offers[3]])
    assert eligible.offers == [offers[1], offers[3]]
    assert list(eligible.exclusions) == [
        ExclusionRecord(reason=EXCLUSION_REASON_REQUEST, count=2, offer_ids=["a", "c"]),
    ]


def test_excluding_offers_that_are_not_there_leaves_all() -> None:
    offers = brought("ab")
    eligible = eligible_offers(request(offers=offers, excluded_offer_ids=["c"]), None)
    assert (eligible.situation, list(eligible.offers)) == (situation_of(CONTEXT, offers), offers)
    assert not eligible.exclusions


def test_excluding_every_offer_of_the_request_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        eligible_offers(request(offers=brought("ab"), excluded_offer_ids=["a", "b"]), None)
    said = "expected at least one of 2 offers to remain, got none"
    assert caught.value.violations == (Violation("excluded_offer_ids", said),)


def test_what_was_left_out_of_the_catalogue_is_recorded_by_position() -> None:
    eligible = eligible_offers(request(channel="push", excluded_offer_ids=["a", "b"]), LIVE)
    assert list(eligible.exclusions) == [
        ExclusionRecord(reason=EXCLUSION_REASON_CHANNEL, count=1, positions=[1]),
        ExclusionRecord(reason=EXCLUSION_REASON_REQUEST, count=1, positions=[0]),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"excluded_offer_ids": list("abcde")}, "5 are live, 0 offer_ids and 5 excluded_offer_ids were sent"),
        ({"offer_ids": ["unknown"]}, "5 are live, 1 offer_ids and 0 excluded_offer_ids were sent"),
        ({"offer_ids": ["b"], "channel": "sms"}, 'placement "home_hero" on channel "sms" in the catalogue, got none'),
    ],
)
def test_nothing_eligible_is_said_with_what_was_asked(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(NothingEligibleError, match=said):
        eligible_offers(request(**fields), LIVE)


def test_an_empty_catalogue_has_nothing_eligible() -> None:
    with pytest.raises(NothingEligibleError, match="0 are live"):
        eligible_offers(request(), None)


def test_a_feature_that_breaks_the_limits_is_named() -> None:
    asked = request()
    asked.context.append(Features(numeric={"age": float("nan")}).SerializeToString())
    with pytest.raises(InvalidInputError, match=r'context.numeric\["age"\]'):
        eligible_offers(asked, LIVE)


def test_a_part_of_a_part_points_into_the_whole() -> None:
    part = part_of(eligible_offers(request(channel="push"), LIVE).situation, [0, 3])
    assert (list(part.action_ids), list(part.positions or [])) == (["a", "e"], [0, 4])


def under(**fields: Any) -> Circumstances:
    return Circumstances(1_700_000_000_000, CONTEXT, "home_hero", **fields)


def ruled(*, channels: Sequence[str] = ()) -> Guard:
    """A guard that leaves out `b` and `c`, and all offers on some channels at all times."""
    rule = EligibilityRule(name="tv", offers=OfferSelector(offer_ids=["b", "c"]), when=Condition(test="device == tv"))
    quiet = [QuietHours(channels=channels, holidays=["2023-11-14"])] if channels else []
    return Guards().of(Placement(name="home_hero", guardrails=Guardrails(rules=[rule], quiet_hours=quiet)))


def test_a_guard_leaves_out_of_what_the_request_allows() -> None:
    asked_for = request(offer_ids=["e", "c", "a", "b"], excluded_offer_ids=["a"])
    eligible = eligible_offers(asked_for, LIVE, ruled(), under())
    assert list(eligible.situation.action_ids) == ["e"]
    assert list(eligible.situation.positions or ()) == [4]
    assert list(eligible.exclusions) == [
        ExclusionRecord(reason=EXCLUSION_REASON_REQUEST, count=1, positions=[0]),
        ExclusionRecord(reason=EXCLUSION_REASON_RULE, detail="tv", count=2, positions=[1, 2]),
    ]
    assert eligible.terms_of(0).offer_id == "e"


def test_a_guard_that_leaves_out_nothing_leaves_the_whole_set() -> None:
    guard = Guards().of(Placement(name="home_hero", guardrails=Guardrails()))
    eligible = eligible_offers(request(), LIVE, guard, under())
    assert (eligible.situation.positions, list(eligible.exclusions)) == (None, [])


def test_what_a_request_asks_about_is_the_same_whatever_a_guard_leaves_out() -> None:
    asked_for = request(offers=brought("abc"), excluded_offer_ids=["a"])
    eligible = eligible_offers(asked_for, None, ruled(), under(), Offer(id="x").SerializeToString())
    assert (list(eligible.situation.action_ids), eligible.is_default) == (["x"], True)
    assert eligible.asked == asked(asked_for) == situation_of(CONTEXT, brought("bc"))
    some = eligible_offers(request(offers=brought("abd")), None, ruled(), under())
    assert (list(some.situation.action_ids), list(some.offers)) == (["a", "d"], brought("ad"))
    assert some.asked == asked(request(offers=brought("abd")))
    assert list(some.exclusions) == [
        ExclusionRecord(reason=EXCLUSION_REASON_RULE, detail="tv", count=1, offer_ids=["b"])
    ]


def test_the_default_offer_takes_the_place_of_nothing() -> None:
    default = Offer(id="x").SerializeToString()
    eligible = eligible_offers(request(offer_ids=["b"]), LIVE, ruled(), under(), default)
    assert (list(eligible.situation.action_ids), list(eligible.offers), eligible.offer_set) == (["x"], [default], b"")
    assert (eligible.is_default, eligible.situation.context) == (True, "device=mobile")
    assert list(eligible.exclusions) == [
        ExclusionRecord(reason=EXCLUSION_REASON_RULE, detail="tv", count=1, offer_ids=["b"])
    ]
    assert eligible_offers(request(), None, default_offer=default).is_default
    assert eligible_offers(request(offer_ids=["gone"]), LIVE, default_offer=default).is_default


@pytest.mark.parametrize(
    ("fields", "circumstances"),
    [
        ({"excluded_offer_ids": ["x"]}, under()),
        ({"channel": "push"}, under(channel="push")),
        ({}, under(customer=customer(unwanted_offer_ids=["x"]))),
        ({"channel": "sms"}, under(channel="sms", customer=customer(unwanted_channels=["sms"]))),
    ],
)
def test_nothing_is_shown_where_the_default_offer_may_not_be(
    fields: dict[str, Any], circumstances: Circumstances
) -> None:
    default = Offer(id="x").SerializeToString()
    with pytest.raises(NothingEligibleError, match="the default offer may not be shown either") as raised:
        eligible_offers(request(offer_ids=["b"], **fields), LIVE, ruled(channels=["push"]), circumstances, default)
    assert raised.value.shows_nothing


def test_offers_of_the_catalogue_are_named_without_a_channel() -> None:
    live = live_on((Channel("email"), Channel("push")), [OfferTerms(each) for each in "abc"])
    whole = eligible_offers(request(), live)
    assert (len(whole.situation.actions), whole.with_channels) == (6, True)
    asked = request(offer_ids=["c", "unknown", "a", "b@push"], excluded_offer_ids=["a"])
    some = eligible_offers(asked, live)
    assert list(some.situation.action_ids) == ["c@email", "c@push"]
    assert some.situation.positions == [4, 5]
    assert some.exclusions == [ExclusionRecord(reason=EXCLUSION_REASON_REQUEST, count=2, positions=[0, 1])]
    assert [some.terms_of(i).channel for i in (0, 1)] == ["email", "push"]
    there = eligible_offers(request(channel="push"), live)
    assert list(there.situation.action_ids) == ["a@push", "b@push", "c@push"]
    assert there.exclusions == [ExclusionRecord(reason=EXCLUSION_REASON_CHANNEL, count=3, positions=[0, 2, 4])]
    with pytest.raises(NothingEligibleError, match='on channel "sms"'):
        eligible_offers(request(channel="sms"), live)
