"""What decisions that draw from the catalogue draw from: a set of offers, and which of them.

A value and what is read off it; `attune.store.offer_sets` writes and finds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from attune.errors import InvalidInputError, Violation
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.set_records import DIGEST_BYTES, digest_of


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
    return OfferSet(digest_of(offer_digests), offer_digests, offers)


def offers_of(record: DecisionRecord, offer_set: OfferSet | None) -> Sequence[bytes]:
    """Return the offers that a decision could draw, in the order of its pmf, a serialised attune.v1.Offer each.

    Args:
        record: The decision, as it is stored.
        offer_set: The set that it names; None where it names none, or where the store has lost it.

    Raises:
        InvalidInputError: It names offers that are lost, or that the set does not have: nobody can learn from it.
    """
    if not record.offer_set or record.offers:
        return record.offers
    if offer_set is None:
        said = f"expected the digest of offers that the store has, got {record.offer_set.hex()}, which it has lost"
        raise InvalidInputError(Violation("offer_set", said))
    positions = positions_of(record, len(offer_set.offers))
    return offer_set.offers if positions is None else [offer_set.offers[position] for position in positions]


def positions_of(record: DecisionRecord, n_offers: int) -> Sequence[int] | None:
    """Return which offers of a set a decision could draw, in the order of its pmf; None for all of them, in theirs.

    Args:
        record: A decision that names a set.
        n_offers: How many the set has.

    Raises:
        InvalidInputError: A position is not in the set, or is named twice.
    """
    positions = list(record.offer_positions)
    if not positions:
        return None
    if max(positions) >= n_offers or len(set(positions)) != len(positions):
        said = f"expected positions of their own below {n_offers}, got {len(positions)} up to {max(positions)}"
        raise InvalidInputError(Violation("offer_positions", said))
    return positions
