"""Offers on channels. Where a placement chooses both, what is drawn is a variant: an offer on one of its channels.

    offer shoes, channels email and push  ->  shoes@email {channel=email, ...}, shoes@push {channel=push, ...}

A variant is an offer like any other to all who do not ask: it has an id, features and terms of its own, and its
probability is that of both together. Policies, the training log, exports and evaluations see variants; who asks and who
is told speaks of offers. Here, and nowhere else, ids are put together and taken apart.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from attune.serving.terms import OfferTerms
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import ChannelSpec
from attune_models.features import encode_action

SEPARATOR = "@"
FEATURE = "channel"
"""The feature of a variant that says which channel it is on."""

# As of offers, see `attune.serving.situation`.
_MAX_CACHED = 4096
_MAX_CACHED_BYTES = 2048


class Channel(NamedTuple):
    """A channel that a placement may choose.

    Attributes:
        name: Its name; there is no `@` in it.
        cost: What a message costs, in the currency of the shop.
    """

    name: str
    cost: float = 0.0


class Variant(NamedTuple):
    """An offer on a channel, ready to be drawn.

    Attributes:
        id: Its id.
        serialised: A serialised attune.v1.Offer.
        action: Its features, encoded, its id among them.
    """

    id: str
    serialised: bytes
    action: str


def channels_of(specs: Sequence[ChannelSpec]) -> tuple[Channel, ...]:
    """Return the channels that a placement says, in its order."""
    return tuple(Channel(spec.name, spec.cost) for spec in specs)


def variant_id(offer_id: str, channel: str) -> str:
    """Return the id of an offer on a channel."""
    return f"{offer_id}{SEPARATOR}{channel}"


def split(name: str, *, with_channels: bool = True) -> tuple[str, str]:
    """Return which offer and which channel the id of a variant stands for.

    Args:
        name: The id of what was drawn. Offers may have an `@` in their ids, channels have none.
        with_channels: Whether that was a variant; else it is an offer's own id, and the channel is empty.
    """
    if not with_channels:
        return name, ""
    offer_id, _, channel = name.rpartition(SEPARATOR)
    return (offer_id, channel) if offer_id else (name, "")


def variant(offer: bytes, channel: str) -> Variant:
    """Return an offer on a channel. A feature of the offer's own that is called `channel` gives way.

    Args:
        offer: A serialised attune.v1.Offer.
        channel: The channel's name.

    Raises:
        FeatureError: With the channel, its id is too long, or its features are too many.
    """
    return _variant_cached(offer, channel) if len(offer) <= _MAX_CACHED_BYTES else _variant(offer, channel)


def terms_on(terms: OfferTerms, channel: Channel) -> OfferTerms:
    """Return the terms of an offer on a channel: what both cost together."""
    return terms._replace(channel=channel.name, cost=terms.cost + channel.cost)


def same_offers(terms: Sequence[OfferTerms], positions: Sequence[int]) -> Mapping[int, Sequence[int]]:
    """Return which variants are of the same offer.

    Args:
        terms: Of each variant or offer.
        positions: Which of them to look at.

    Returns:
        For the place of each variant in `positions`, zero-based, those of all variants of its offer; nothing for offers
        that stand for themselves.
    """
    places: dict[str, list[int]] = {}
    for place, position in enumerate(positions):
        if (each := terms[position]).channel:
            places.setdefault(each.offer_id, []).append(place)
    return {place: same for same in places.values() for place in same}


def _variant(offer: bytes, channel: str) -> Variant:
    varied = Offer.FromString(offer)
    varied.id = variant_id(varied.id, channel)
    features = varied.features
    for kind in (features.numeric, features.tags, features.dense):
        if FEATURE in kind:
            del kind[FEATURE]
    features.categorical[FEATURE] = channel
    # Maps in one order: equal variants are equal bytes, whoever makes them.
    return Variant(varied.id, varied.SerializeToString(deterministic=True), encode_action(varied))


_variant_cached = lru_cache(_MAX_CACHED)(_variant)
