"""The offers that a request brings along, on the channels that its placement chooses from.

    offers of the request x channels of the spec  --less what the request excludes-->  candidates

A request is told from another one by what it brought, not by the channels: those may change until it is repeated.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.specs import MAX_SHORTLIST
from attune.serving.terms import OfferTerms, Terms
from attune.serving.variants import Channel, Variant, terms_on, variant
from attune_models.features import FeatureError
from attune_models.types import ReadSituation, Situation


class Spread(NamedTuple):
    """Offers of a request on channels.

    Attributes:
        situation: The variants as actions.
        offers: The same, serialised.
        terms: Theirs.
    """

    situation: Situation
    offers: Sequence[bytes]
    terms: Terms


def asked_for(request: DecideEnvelope, channels: Sequence[Channel]) -> Sequence[Channel]:
    """Return the channels that a request leaves to choose from: all, or the one that it says, if that is among them."""
    return [channel for channel in channels if channel.name == request.channel] if request.channel else channels


def spread(request: DecideEnvelope, brought: Situation, channels: Sequence[Channel]) -> Spread:
    """Return the offers of a request on each of some channels.

    Args:
        request: The request.
        brought: Its offers, encoded.
        channels: At least one.

    Raises:
        InvalidInputError: There are too many together, or one is too large with the channel.
    """
    n_offers, n_channels = len(request.offers), len(channels)
    if n_offers * n_channels > MAX_SHORTLIST:
        said = f"expected at most {MAX_SHORTLIST // n_channels} offers, on {n_channels} channels each, got {n_offers}"
        raise InvalidInputError(Violation("offers", said))
    variants = list(_variants(request.offers, channels))
    terms = [terms_on(OfferTerms(offer_id), channel) for offer_id in brought.action_ids for channel in channels]
    offers = [each.serialised for each in variants]
    situation = ReadSituation(brought.read, [each.id for each in variants], [each.action for each in variants])
    return Spread(situation, offers, Terms(terms, offers))


def _variants(offers: Sequence[bytes], channels: Sequence[Channel]) -> Iterator[Variant]:
    for i, offer in enumerate(offers):
        for channel in channels:
            try:
                yield variant(offer, channel.name)
            except FeatureError as error:
                said = f'on channel "{channel.name}": {error.description}'
                raise InvalidInputError(Violation(f"offers[{i}].{error.field}".rstrip("."), said)) from None
