"""What a decision may draw from: whatever is left out is left out before anything is drawn."""

from typing import Any

import pytest
from tests.support.live_offers import live_offers

from attune.errors import InvalidInputError, NothingEligibleError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import part_of
from attune.serving.eligible import eligible_offers
from attune.serving.situation import situation_of
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CHANNEL, EXCLUSION_REASON_REQUEST
from attune.v1.features_pb2 import Features, Offer

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
