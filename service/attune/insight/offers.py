"""The ids of the offers of logged decisions: read once, for thousands of decisions have the same ones."""

from collections import OrderedDict
from collections.abc import Sequence

from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.store.log_entries import LoggedInteraction
from attune.store.offer_set import OfferSet, positions_of
from attune.v1.features_pb2 import Offer

_MOST_SETS = 64
_MOST_OFFERS = 20_000


class OfferIds:
    """Finds the ids of offers; those that were asked for last are remembered."""

    def __init__(self) -> None:
        """Remember none."""
        self._sets: OrderedDict[bytes, Sequence[str]] = OrderedDict()
        self._inline: dict[bytes, str] = {}

    def eligible(self, entry: LoggedInteraction) -> Sequence[str]:
        """Return the ids of the offers that a decision could draw, in the order of its pmf.

        Raises:
            InvalidInputError: The offers are lost, or positions are none.
            DecodeError: The bytes of an offer are damaged.
        """
        if entry.offer_set is None:
            return [self._id(offer) for offer in entry.offers]
        ids = self._of(entry.offer_set)
        positions = positions_of(entry.decision, len(ids))
        return ids if positions is None else [ids[position] for position in positions]

    def excluded(self, entry: LoggedInteraction, exclusion: ExclusionRecord) -> Sequence[str]:
        """Return the ids of offers that a decision could not draw, as far as the record names them."""
        if exclusion.offer_ids or entry.offer_set is None:
            return exclusion.offer_ids
        ids = self._of(entry.offer_set)
        return [ids[position] for position in exclusion.positions if position < len(ids)]

    def _of(self, offer_set: OfferSet) -> Sequence[str]:
        known = self._sets.get(offer_set.digest)
        if known is None:
            known = self._sets[offer_set.digest] = [Offer.FromString(offer).id for offer in offer_set.offers]
            if len(self._sets) > _MOST_SETS:
                self._sets.popitem(last=False)
        else:
            self._sets.move_to_end(offer_set.digest)
        return known

    def _id(self, offer: bytes) -> str:
        known = self._inline.get(offer)
        if known is None:
            if len(self._inline) >= _MOST_OFFERS:
                self._inline.clear()
            known = self._inline[offer] = Offer.FromString(offer).id
        return known
