"""What a placement may draw from the catalogue: offers, or offers on channels, put together once for many decisions.

Made by `attune.serving.catalog` when something has changed.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from attune.serving.catalog_copy import KnownOffer
from attune.serving.guard_checks.places import by_id
from attune.serving.terms import Terms
from attune.store.offer_sets import OfferSet, offer_set_of
from attune_models.types import ActionSet

_MAX_CHANNELS_AT_HAND = 64


@dataclass(frozen=True, slots=True)
class LiveOffers:
    """What a placement may draw from the catalogue, until something changes.

    Attributes:
        offer_set: Under which decisions name them; it is in the store.
        actions: The same offers, encoded.
        position_of: Position of each offer in the set, by id, zero-based.
        channels: By channel, the positions of the offers that may be shown there, in order; only channels that some
            offer names.
        everywhere: The positions of the offers that may be shown on any other channel, in order.
        terms: On what terms each of them may be shown, in the order of the set.
        with_channels: Whether each stands for an offer on a channel: see `attune.serving.variants`.
    """

    offer_set: OfferSet
    actions: ActionSet
    position_of: Mapping[str, int]
    channels: Mapping[str, Sequence[int]]
    everywhere: Sequence[int]
    terms: Terms
    with_channels: bool = False

    def of_offer(self, offer_id: str) -> Sequence[int]:
        """Return where an offer is: on several channels at several positions; nowhere where it is not live."""
        if self.with_channels:
            return by_id(self.terms).get(offer_id, ())
        position = self.position_of.get(offer_id)
        return () if position is None else (position,)


class Channels(Mapping[str, Sequence[int]]):
    """See `LiveOffers.channels`: put together when asked for, because each has all the offers without channels, too."""

    def __init__(self, named: Mapping[str, Sequence[int]], everywhere: Sequence[int]) -> None:
        """Take the positions of the offers that name each channel, and of those that name none."""
        self._named = named
        self._merged = lru_cache(_MAX_CHANNELS_AT_HAND)(lambda channel: sorted([*named[channel], *everywhere]))

    def __getitem__(self, channel: str) -> Sequence[int]:
        """Return the positions of the offers that may be shown on a channel."""
        return self._merged(channel)

    def __iter__(self) -> Iterator[str]:
        """Yield the channels."""
        return iter(self._named)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._named)


async def made_ready(
    live: Sequence[KnownOffer],
    former: LiveOffers | None,
    formerly: Sequence[KnownOffer] = (),
    *,
    with_channels: bool = False,
) -> LiveOffers | None:
    """Make offers ready to be drawn from.

    Args:
        live: The offers, by id; or offers on channels.
        former: What was drawn from before: of it is kept what is the same.
        formerly: The offers that this was made of.
        with_channels: Whether each stands for an offer on a channel.

    Returns:
        None where there are none.
    """
    if not live:
        return None
    # Each step takes a few milliseconds for 10,000 offers, or offers on channels.
    await asyncio.sleep(0)
    digests = [offer.digest for offer in live]
    if former is not None and former.offer_set.offer_digests == digests:
        if [(each.channels, each.terms) for each in formerly] == [(each.channels, each.terms) for each in live]:
            return former
        channels, everywhere = _channels(live)
        terms = _terms(live)
        return replace(former, channels=channels, everywhere=everywhere, terms=terms, with_channels=with_channels)
    offer_set = offer_set_of([offer.serialised for offer in live], digests)
    await asyncio.sleep(0)
    ids = [offer.id for offer in live]
    actions = ActionSet(ids, [offer.action for offer in live])
    await asyncio.sleep(0)
    position_of = {offer_id: position for position, offer_id in enumerate(ids)}
    await asyncio.sleep(0)
    channels, everywhere = _channels(live)
    await asyncio.sleep(0)
    return LiveOffers(offer_set, actions, position_of, channels, everywhere, _terms(live), with_channels)


def _terms(live: Sequence[KnownOffer]) -> Terms:
    return Terms([offer.terms for offer in live], [offer.serialised for offer in live])


def _channels(live: Sequence[KnownOffer]) -> tuple[Mapping[str, Sequence[int]], Sequence[int]]:
    """Return `channels` and `everywhere` of `LiveOffers`."""
    named: dict[str, list[int]] = {}
    for position, offer in enumerate(live):
        for channel in offer.channels:
            named.setdefault(channel, []).append(position)
    if not named:
        return {}, range(len(live))
    everywhere = [position for position, offer in enumerate(live) if not offer.channels]
    return Channels(named, everywhere), everywhere
