"""The live offers of the catalogue on the channels that a placement chooses from.

    offers of the copy x channels of the spec  --made once each-->  what is drawn from (`attune.serving.catalog`)

Placements with the same offers and the same channels share them. What has not changed since the last time is the same
object.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from attune.serving.catalog_copy import KnownOffer
from attune.serving.variants import Channel, terms_on, variant
from attune.store.offer_sets import offer_digest
from attune.tasks import in_turns
from attune_models.features import FeatureError

Made = Mapping[tuple[KnownOffer, Channel], KnownOffer | None]
"""Offers on channels, in the order in which they are drawn from; None for those that cannot be."""

_log = logging.getLogger(__name__)


async def on_channels(live: Sequence[KnownOffer], channels: Sequence[Channel], former: Made) -> Made:
    """Return each offer on each channel that it may be shown on.

    Args:
        live: The offers, by id.
        channels: Those of the placement, in its order.
        former: What was made before.
    """
    made: dict[tuple[KnownOffer, Channel], KnownOffer | None] = {}
    async for key in in_turns(product(live, channels)):
        offer, channel = key
        if not offer.channels or channel.name in offer.channels:
            made[key] = former[key] if key in former else _made(offer, channel)
    return made


def _made(offer: KnownOffer, channel: Channel) -> KnownOffer | None:
    try:
        varied = variant(offer.serialised, channel.name)
    except FeatureError as error:
        _log.error('offer "%s" cannot be shown on channel "%s": %s', offer.id[:80], channel.name, error)
        return None
    return replace(
        offer,
        id=varied.id,
        serialised=varied.serialised,
        digest=offer_digest(varied.serialised),
        action=varied.action,
        channels=frozenset([channel.name]),
        terms=terms_on(offer.terms, channel),
    )
