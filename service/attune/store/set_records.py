"""How a set of offers is stored: as a list of its offers or, where there are many, as a list of parts.

So a changed offer costs one part and a list of parts, not a list of all offers. Everything is stored under the digest
of the digests of its offers, parts as well: sets share them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import blake2b

from google.protobuf.message import DecodeError

from attune.storage.v1.records_pb2 import OfferSetRecord

DIGEST_BYTES = 16

# A part ends where its last digest says so, once in 64 on average, wherever offers came or went before it.
_ENDS_BELOW = 256 // 64
_LONGEST_PART = 512


def digest_of(offer_digests: Sequence[bytes]) -> bytes:
    """Return the digest of a set, or of a part, DIGEST_BYTES."""
    return blake2b(b"".join(offer_digests), digest_size=DIGEST_BYTES).digest()


def records_of(
    digest: bytes, offer_digests: Sequence[bytes], known: Collection[bytes] = ()
) -> dict[bytes, OfferSetRecord]:
    """Return what a set is stored as, by digest: parts, if it has several, then the set.

    Args:
        digest: Of the set.
        offer_digests: Of its offers, in their order; at least one.
        known: Digests of parts that are not needed.
    """
    parts = {digest_of(part): part for part in _parts(offer_digests)}
    records = {each: OfferSetRecord(offers=part) for each, part in parts.items() if each not in known}
    if digest not in parts:
        records[digest] = OfferSetRecord(parts=parts)
    return records


def record_of(value: bytes | None) -> OfferSetRecord:
    """Decode what a set, or a part, is stored as; an empty one where it is lost or damaged."""
    try:
        return OfferSetRecord.FromString(value or b"")
    except DecodeError:
        return OfferSetRecord()


def offer_digests_of(record: OfferSetRecord, parts: Mapping[bytes, OfferSetRecord]) -> list[bytes]:
    """Return the digests of the offers of a set, in their order.

    Args:
        record: What the set is stored as.
        parts: Its parts, by digest, perhaps among others.

    Returns:
        None at all when a part is empty, which is to say lost.
    """
    found = [parts[part].offers for part in record.parts]
    if not all(found):
        return []
    return [*record.offers, *(digest for offers in found for digest in offers)]


def _parts(offer_digests: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    begins = 0
    ends = [i for i, digest in enumerate(offer_digests, 1) if digest[0] < _ENDS_BELOW]
    for end in [*ends, len(offer_digests)]:
        for at in range(begins, end, _LONGEST_PART):
            yield offer_digests[at : min(at + _LONGEST_PART, end)]
        begins = end
