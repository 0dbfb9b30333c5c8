"""From offers to actions: the one place where the product's terms become the core's.

Everything a caller can get wrong about features is found here, while they are encoded, and named by its path in the
request. Offers come serialised, as they are stored: the same ones come again and again, to the server and to the
learner, and looking up their bytes is far cheaper than encoding their features.
"""

from collections.abc import Sequence
from functools import lru_cache

from attune.errors import InvalidInputError, Violation
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import FeatureError, encode, encode_action
from attune_models.types import Situation

# Together at most 32 MiB or so of keys and values.
_MAX_CACHED_OFFERS = 8192
_MAX_CACHED_BYTES = 2048


def situation_of(context: Features, offers: Sequence[bytes]) -> Situation:
    """Encode a context and the offers that may be drawn in it.

    Args:
        context: What is known about the situation and the customer.
        offers: Serialised attune.v1.Offer messages.

    Raises:
        InvalidInputError: A feature breaks the limits; the violation names it.
    """
    try:
        encoded = encode(context)
    except FeatureError as error:
        raise _invalid("context", error) from None
    actions = []
    try:
        for offer in offers:
            actions.append(_encode_cached(offer) if len(offer) <= _MAX_CACHED_BYTES else _encode_offer(offer))  # noqa: PERF401 - its length tells which one failed
    except FeatureError as error:
        raise _invalid(f"offers[{len(actions)}]", error) from None
    return Situation(encoded, [offer_id for offer_id, _ in actions], [text for _, text in actions])


def _encode_offer(serialised: bytes) -> tuple[str, str]:
    offer = Offer.FromString(serialised)
    return offer.id, encode_action(offer)


_encode_cached = lru_cache(_MAX_CACHED_OFFERS)(_encode_offer)


def _invalid(path: str, error: FeatureError) -> InvalidInputError:
    return InvalidInputError(Violation(f"{path}.{error.field}".rstrip("."), error.description))
