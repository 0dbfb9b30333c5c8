"""Sets of offers, as they were when decisions were made.

A decision that draws from the catalogue does not hold the offers: it names a set of them. Sets and offers are stored
under digests of what they are, in the placement's own keys, before the first decision names them, and never change; so
whoever reads a decision later, from the log or anywhere else, sees the offers as they were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

DIGEST_BYTES = 16


@dataclass(frozen=True, slots=True)
class OfferSet:
    """Offers that decisions draw from.

    Attributes:
        digest: Of the whole set, DIGEST_BYTES.
        offer_digests: Of each offer, DIGEST_BYTES, in their order.
        offers: A serialised attune.v1.Offer each.
    """

    digest: bytes
    offer_digests: Sequence[bytes]
    offers: Sequence[bytes]


def offer_digest(offer: bytes) -> bytes:
    """Return the digest of a serialised offer."""
    return blake2b(offer, digest_size=DIGEST_BYTES).digest()


def offer_set_of(offers: Sequence[bytes], offer_digests: Sequence[bytes]) -> OfferSet:
    """Return the set of some offers.

    Args:
        offers: A serialised attune.v1.Offer each, in the order of their ids.
        offer_digests: The digest of each.
    """
    return OfferSet(blake2b(b"".join(offer_digests), digest_size=DIGEST_BYTES).digest(), offer_digests, offers)
