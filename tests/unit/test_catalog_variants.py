"""The offers of the catalogue on the channels of a placement."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest

from attune.serving.catalog_copy import KnownOffer
from attune.serving.catalog_variants import on_channels
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.store.offer_sets import offer_digest
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import encode_action

CHANNELS = (Channel("push"), Channel("email", 0.25))


def known(offer_id: str, *channels: str, **fields: Any) -> KnownOffer:
    offer = Offer(id=offer_id, features=Features(numeric={"price": 2.0}))
    return KnownOffer(
        id=offer_id,
        revision=1,
        serialised=(serialised := offer.SerializeToString(deterministic=True)),
        digest=offer_digest(serialised),
        action=encode_action(offer),
        placements=frozenset(),
        channels=frozenset(channels),
        tags=frozenset(),
        starts_ms=0,
        ends_ms=1,
        terms=OfferTerms(offer_id, **fields),
    )


async def made(live: Sequence[KnownOffer], channels: Sequence[Channel] = CHANNELS) -> list[KnownOffer]:
    return [each for each in (await on_channels(live, channels, {})).values() if each is not None]


async def test_an_offer_is_drawn_on_the_channels_that_it_may_be_shown_on() -> None:
    live = [known("a"), known("b", "email", "sms"), known("c", "sms")]
    assert [each.id for each in await made(live)] == ["a@push", "a@email", "b@email"]


async def test_what_is_made_is_an_offer_like_any_other() -> None:
    *_, each = await made([known("a", category="shoes", cost=1.0)])
    offer = Offer(id="a@email", features=Features(numeric={"price": 2.0}, categorical={"channel": "email"}))
    assert Offer.FromString(each.serialised) == offer
    assert (each.action, each.digest) == (encode_action(offer), offer_digest(each.serialised))
    assert each.terms == OfferTerms("a", "email", "shoes", cost=1.25)
    assert each.channels == {"email"}


async def test_what_has_not_changed_is_the_same_object() -> None:
    first, second = known("a"), known("b")
    former = await on_channels([first, second], CHANNELS, {})
    now = await on_channels([first, known("b")], (Channel("email", 0.25), Channel("push", 0.5)), former)
    kept = {each.id for each in now.values() if each is not None and each in former.values()}
    assert kept == {"a@email"}, "another offer is made anew, and so is a channel that costs something else"
    assert [each.id for each in now.values() if each is not None] == ["a@email", "a@push", "b@email", "b@push"]


async def test_what_is_too_large_with_a_channel_is_left_out_and_named_once(caplog: pytest.LogCaptureFixture) -> None:
    large, small = known("x" * 251), known("y")
    with caplog.at_level(logging.ERROR):
        former = await on_channels([large, small], CHANNELS, {})
        again = await on_channels([large, small], CHANNELS, former)
    left = [each.id for each in again.values() if each is not None]
    assert left == ["x" * 251 + "@push", "y@push", "y@email"]
    [line] = caplog.messages
    assert 'cannot be shown on channel "email": id: expected at most 256 bytes of UTF-8, got 257' in line
