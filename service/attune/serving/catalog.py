"""The offers of the catalogue that are live for a placement, ready to be drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attune.store.offer_sets import OfferSet
from attune_models.types import ActionSet


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
    """

    offer_set: OfferSet
    actions: ActionSet
    position_of: Mapping[str, int]
    channels: Mapping[str, Sequence[int]]
    everywhere: Sequence[int]
