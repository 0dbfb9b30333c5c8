"""What tells one decision from another: its event id, and a digest of what was asked."""

from functools import lru_cache
from hashlib import blake2b
from random import Random

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune_models.types import Situation

_VARIANT = {f"{digit:x}": "89ab"[digit & 3] for digit in range(16)}


def new_event_id(now_ms: int, random: Random) -> str:
    """Return a UUIDv7 (RFC 9562, 2024): time-ordered, so that ids of one moment lie together in a store.

    Args:
        now_ms: Milliseconds since the epoch.
        random: Gives the 74 random bits.
    """
    digits = random.randbytes(10).hex()  # of the first, two bits: they go behind those that say the variant
    return f"{_moment(now_ms)}-7{digits[1:4]}-{_VARIANT[digits[0]]}{digits[4:7]}-{digits[7:19]}"


@lru_cache(8)
def _moment(now_ms: int) -> str:
    digits = f"{now_ms:012x}"
    return f"{digits[:8]}-{digits[8:]}"


def request_digest(request: DecideEnvelope, situation: Situation, key: bytes = b"") -> bytes:
    """Return the digest that tells a repeated request from another one with the same event_id.

    It is of what was asked, not of its bytes: the order of a map's entries may change from one sending to the next. And
    not of what the catalogue has: a request is the same when an offer has changed in between.

    Args:
        request: The request.
        situation: What is eligible for it.
        key: What it is keyed with where the request names a customer: everything else that the digest is of stands
            beside it in the store, and ids of customers could be tried out. Empty where there is no key.

    Returns:
        8 bytes.
    """
    excluded = sorted(set(request.excluded_offer_ids))
    asked: tuple[object, ...]
    if request.offers:
        asked = (request.customer_id, excluded, situation.context, situation.actions)
    else:
        named = ("catalog", list(request.offer_ids), request.channel)
        asked = (request.customer_id, excluded, situation.context, named)
    # Only where they are asked for: digests of a former release stay what they are.
    if request.slots > 1:
        asked += (request.slots,)
    if request.deferred:
        asked += ("deferred",)
    if request.time_zone:
        asked += ("time_zone", request.time_zone)
    if request.offers and request.channel:
        asked += ("channel", request.channel)
    key = key if request.customer_id else b""
    return blake2b(repr(asked).encode(), digest_size=8, key=key).digest()
