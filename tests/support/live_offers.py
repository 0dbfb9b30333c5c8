"""Offers of a catalogue as a placement draws from them, made without a store."""

from collections.abc import Mapping, Sequence

from attune.serving.live_offers import LiveOffers
from attune.serving.terms import OfferTerms, Terms
from attune.serving.variants import Channel, terms_on, variant_id
from attune.store.offer_sets import offer_digest, offer_set_of
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import encode_action
from attune_models.types import ActionSet


def live_offers(
    ids: Sequence[str],
    channels: Mapping[str, Sequence[str]] | None = None,
    terms: Mapping[str, OfferTerms] | None = None,
    features: Mapping[str, Features] | None = None,
    *,
    with_channels: bool = False,
) -> LiveOffers:
    """Return offers.

    Args:
        ids: Their ids, in order.
        channels: The channels of those that have some, by id; all others may be shown everywhere.
        terms: The terms of those that have some, by id.
        features: The features of those that have some, by id.
        with_channels: Whether ids and terms are of offers on channels.
    """
    features, terms = features or {}, terms or {}
    offers = [Offer(id=offer_id, features=features.get(offer_id)) for offer_id in ids]
    serialised = [offer.SerializeToString() for offer in offers]
    channels = channels or {}
    named = sorted({channel for listed in channels.values() for channel in listed})
    return LiveOffers(
        offer_set=offer_set_of(serialised, list(map(offer_digest, serialised))),
        actions=ActionSet(list(ids), list(map(encode_action, offers))),
        position_of={offer_id: i for i, offer_id in enumerate(ids)},
        channels={
            channel: [i for i, name in enumerate(ids) if name not in channels or channel in channels[name]]
            for channel in named
        },
        everywhere=[i for i, name in enumerate(ids) if name not in channels],
        terms=Terms([terms.get(offer_id, OfferTerms(offer_id)) for offer_id in ids], serialised),
        with_channels=with_channels,
    )


def live_on(
    channels: Sequence[Channel], offers: Sequence[OfferTerms], features: Mapping[str, Features] | None = None
) -> LiveOffers:
    """Return offers on channels, each on all of them.

    Args:
        channels: The channels that the placement chooses from.
        offers: The terms of each offer, without a channel.
        features: The features of the offers that have some, by id; those of their variants say the channel, too.
    """
    terms = {
        variant_id(each.offer_id, channel.name): terms_on(each, channel) for each in offers for channel in channels
    }
    known: dict[str, Features] = {}
    for name, each in terms.items():
        known[name] = Features(categorical={"channel": each.channel})
        known[name].MergeFrom((features or {}).get(each.offer_id, Features()))
    return live_offers(
        list(terms), {name: [each.channel] for name, each in terms.items()}, terms, known, with_channels=True
    )
