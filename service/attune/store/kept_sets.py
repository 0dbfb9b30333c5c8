"""Sets of offers that were read, kept in memory for the next ones who ask.

Sets of a catalogue differ in a few offers: an offer is kept once, for as long as a set is kept that has it. What is
kept never changes, because everything is called by the digest of what it is.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from attune.store.offer_set import OfferSet

MOST_BYTES = 64 << 20
"""Most bytes of offers that are kept, unless one set alone has more."""
MOST_POSITIONS = 1_000_000
"""Most offers of all sets together, the same offer counted in each of them: 16 bytes each."""


@dataclass(slots=True)
class _Offer:
    """An offer, under its digest, and how many of the kept sets have it."""

    digest: bytes
    offer: bytes
    sets: int = 0


class KeptSets:
    """The sets that were asked for last."""

    def __init__(self, most_bytes: int = MOST_BYTES, most_positions: int = MOST_POSITIONS) -> None:
        """Keep nothing yet, and never more than that; but always the newest set."""
        self._most_bytes = most_bytes
        self._most_positions = most_positions
        self._sets: OrderedDict[bytes, OfferSet] = OrderedDict()
        self._offers: dict[bytes, _Offer] = {}
        self.size_bytes = 0
        self._positions = 0

    def get(self, digest: bytes) -> OfferSet | None:
        """Return a set, None when it is not kept."""
        if (found := self._sets.get(digest)) is not None:
            self._sets.move_to_end(digest)
        return found

    def offer(self, digest: bytes) -> bytes | None:
        """Return an offer of any of the sets, None when none has it."""
        kept = self._offers.get(digest)
        return None if kept is None else kept.offer

    def shared(self, digests: Sequence[bytes]) -> list[bytes]:
        """Return the same digests, as the objects that are kept where there are any: sets share them."""
        offers = self._offers
        return [kept.digest if (kept := offers.get(digest)) is not None else digest for digest in digests]

    def add(self, offer_set: OfferSet) -> None:
        """Keep a set, and forget those that were not asked for longest where there are too many."""
        if offer_set.digest in self._sets:
            return
        self._sets[offer_set.digest] = offer_set
        self._positions += len(offer_set.offers)
        for digest, offer in zip(offer_set.offer_digests, offer_set.offers, strict=True):
            if (kept := self._offers.get(digest)) is None:
                kept = self._offers[digest] = _Offer(digest, offer)
                self.size_bytes += len(offer)
            kept.sets += 1
        while len(self._sets) > 1 and (self.size_bytes > self._most_bytes or self._positions > self._most_positions):
            self._forget(self._sets.popitem(last=False)[1])

    def _forget(self, offer_set: OfferSet) -> None:
        self._positions -= len(offer_set.offers)
        for digest in offer_set.offer_digests:
            kept = self._offers[digest]
            kept.sets -= 1
            if not kept.sets:
                del self._offers[digest]
                self.size_bytes -= len(kept.offer)
