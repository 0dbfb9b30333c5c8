"""Offers of a catalogue as a placement draws from them, made without a store."""

from collections.abc import Mapping, Sequence

from attune.serving.catalog import LiveOffers
from attune.serving.terms import OfferTerms, Terms
from attune.store.offer_sets import offer_digest, offer_set_of
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import encode_action
from attune_models.types import ActionSet


def live_offers(
    ids: Sequence[str],
    channels: Mapping[str, Sequence[str]] | None = None,
    terms: Mapping[str, OfferTerms] | None = None,
    features: Mapping[str, Features] | None = None,
) -> LiveOffers:
    """Return offers.

    Args:
        ids: Their ids, in order.
        channels: The channels of those that have some, by id; all others may be shown everywhere.
        terms: The terms of those that have some, by id.
        features: The features of those that have some, by id.
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
    )
