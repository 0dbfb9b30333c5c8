"""Offers of a request on the channels of its placement."""

from typing import Any

import pytest

from attune.errors import InvalidInputError, NothingEligibleError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import asked
from attune.serving.eligible import Eligible, eligible_offers
from attune.serving.identity import request_digest
from attune.serving.situation import situation_of
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CHANNEL, EXCLUSION_REASON_REQUEST
from attune.v1.features_pb2 import Features, Offer

EMAIL, PUSH = Channel("email", 0.01), Channel("push")
CHANNELS = (EMAIL, PUSH)


def request(ids: str = "abc", **fields: Any) -> DecideEnvelope:
    offers = [Offer(id=each).SerializeToString() for each in ids]
    return DecideEnvelope(placement="home", offers=offers, **fields)


def eligible(asked_for: DecideEnvelope, channels: tuple[Channel, ...] = CHANNELS, **more: Any) -> Eligible:
    return eligible_offers(asked_for, None, channels=channels, **more)


def test_each_offer_may_be_drawn_on_each_channel() -> None:
    found = eligible(request("ab"))
    assert list(found.situation.action_ids) == ["a@email", "a@push", "b@email", "b@push"]
    assert [Offer.FromString(offer).id for offer in found.offers] == list(found.situation.action_ids)
    assert found.situation == situation_of(Features(), found.offers), "as whoever reads the record sees it"
    assert found.with_channels
    assert [found.terms_of(i) for i in (0, 3)] == [OfferTerms("a", "email", cost=0.01), OfferTerms("b", "push")]


def test_what_the_request_excludes_goes_on_all_channels() -> None:
    found = eligible(request(excluded_offer_ids=["b"]))
    assert list(found.situation.action_ids) == ["a@email", "a@push", "c@email", "c@push"]
    assert found.exclusions == [
        ExclusionRecord(reason=EXCLUSION_REASON_REQUEST, count=2, offer_ids=["b@email", "b@push"])
    ]
    assert [found.terms_of(i).offer_id for i in range(4)] == ["a", "a", "c", "c"]


def test_a_channel_of_the_request_is_the_only_one() -> None:
    assert list(eligible(request("ab", channel="push")).situation.action_ids) == ["a@push", "b@push"]


def test_a_channel_that_is_not_chosen_from_leaves_nothing() -> None:
    with pytest.raises(NothingEligibleError, match="left out: 3 by CHANNEL"):
        eligible(request(channel="sms"))
    default = Offer(id="z").SerializeToString()
    found = eligible(request(channel="sms"), default_offer=default)
    assert (found.is_default, found.with_channels, list(found.situation.action_ids)) == (True, False, ["z"])
    assert found.exclusions == [ExclusionRecord(reason=EXCLUSION_REASON_CHANNEL, count=3, offer_ids=["a", "b", "c"])]


def test_a_request_is_told_by_what_it_brought() -> None:
    """Whatever the channels are when it is repeated."""
    for fields in ({}, {"excluded_offer_ids": ["b"]}):
        sent = request(event_id="e", **fields)
        found = eligible(sent)
        assert found.asked is not None
        assert request_digest(sent, found.asked) == request_digest(sent, asked(sent))
        without = eligible(sent, ())
        assert request_digest(sent, without.asked or without.situation) == request_digest(sent, asked(sent))


def test_there_are_at_most_a_thousand_together() -> None:
    offers = [Offer(id=str(i)).SerializeToString() for i in range(501)]
    with pytest.raises(InvalidInputError) as caught:
        eligible(DecideEnvelope(offers=offers))
    assert caught.value.violations == (Violation("offers", "expected at most 500 offers, on 2 channels each, got 501"),)
    assert len(eligible(DecideEnvelope(offers=offers[:500])).situation.actions) == 1000
    assert len(eligible(DecideEnvelope(offers=offers, channel="email")).situation.actions) == 501


def test_an_offer_that_is_too_large_with_a_channel_is_named() -> None:
    offers = [Offer(id="a").SerializeToString(), Offer(id="x" * 251).SerializeToString()]
    with pytest.raises(InvalidInputError) as caught:
        eligible(DecideEnvelope(offers=offers))
    said = 'on channel "email": expected at most 256 bytes of UTF-8, got 257'
    assert caught.value.violations == (Violation("offers[1].id", said),)
