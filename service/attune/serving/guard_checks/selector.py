"""Which offers a rule or a cap is about: the contract's OfferSelector, ready to be asked many times."""

from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.placement_pb2 import OfferSelector


class Selector:
    """Tells which offers are selected, of those that may be shown as of those that were."""

    __slots__ = ("_categories", "_channels", "_ids", "_tags", "takes_all")

    def __init__(self, selector: OfferSelector) -> None:
        """Take the contract's message; an empty one selects everything."""
        self._ids = frozenset(selector.offer_ids)
        self._tags = frozenset(selector.tags)
        self._categories = frozenset(selector.categories)
        self._channels = frozenset(selector.channels)
        self.takes_all = not (self._ids or self._tags or self._categories or self._channels)

    def names_channel(self, channel: str) -> bool:
        """Tell whether a channel is among those that are named: all others are the same to it."""
        return channel in self._channels

    def takes(self, offer: OfferTerms | SeenRecord, channel: str) -> bool:
        """Tell whether an offer is selected: it meets every field that is set.

        Args:
            offer: The offer.
            channel: Where it may be shown, or was; empty where that is not known.
        """
        return (
            (not self._ids or offer.offer_id in self._ids)
            and (not self._categories or offer.category in self._categories)
            and (not self._channels or channel in self._channels)
            and (not self._tags or not self._tags.isdisjoint(offer.tags))
        )
