"""From offers to actions: the one place where the product's terms become the core's.

Everything a caller can get wrong about features is found here, while they are encoded, and named by its path in the
request.
"""

from collections.abc import Sequence

from attune.errors import InvalidInputError, Violation
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import FeatureError, encode, encode_action
from attune_models.types import Situation


def situation_of(context: Features, offers: Sequence[Offer]) -> Situation:
    """Encode a context and the offers that may be drawn in it.

    Raises:
        InvalidInputError: A feature breaks the limits; the violation names it.
    """
    try:
        encoded = encode(context)
    except FeatureError as error:
        raise _invalid("context", error) from None
    return Situation(encoded, [offer.id for offer in offers], [_encode_offer(offer, offers) for offer in offers])


def _encode_offer(offer: Offer, offers: Sequence[Offer]) -> str:
    try:
        return encode_action(offer)
    except FeatureError as error:
        position = next(i for i, candidate in enumerate(offers) if candidate.id == offer.id)
        raise _invalid(f"offers[{position}]", error) from None


def _invalid(path: str, error: FeatureError) -> InvalidInputError:
    return InvalidInputError(Violation(f"{path}.{error.field}".rstrip("."), error.description))
