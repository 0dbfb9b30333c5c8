"""From offers to actions: the one place where the product's terms become the core's.

Everything a caller can get wrong about features is found here, while they are encoded, and named by its path in the
request. Offers come serialised, as they arrive and as they are stored: the same ones come again and again, and looking
up their bytes is far cheaper than reading their features.

Numbers of a customer's profile say how often, how much and how long ago. Rules compare them as they are. Policies must
not get a thousand for one customer and one for another: they get sign(x) log(1 + |x|), here, where contexts are read.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import copysign, log1p

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError, Violation
from attune.v1.features_pb2 import Features, Offer
from attune_models.features import MAX_NUMBER, FeatureError, encode, encode_action
from attune_models.types import Situation

OF_CUSTOMER = "customer."
"""What the names of features of a customer's profile begin with."""

# Together less than 100 MiB of keys and values.
_MAX_CACHED_OFFERS = 4096
_MAX_CACHED_BYTES = 2048


def situation_of(context: Features, offers: Sequence[bytes]) -> Situation:
    """Encode a context and the offers that may be drawn in it.

    Args:
        context: What is known about the situation and the customer.
        offers: Serialised attune.v1.Offer messages.

    Raises:
        InvalidInputError: A feature or an id breaks the limits, or two offers have the same id; the violation says
            which.
    """
    encoded = context_of(context)
    try:
        actions = list(map(_encode_offer, offers))
    except (FeatureError, DecodeError):
        actions = [_encode_named(f"offers[{i}]", offer) for i, offer in enumerate(offers)]
    ids = [offer_id for offer_id, _ in actions]
    if len(set(ids)) != len(ids):
        raise _repeated(ids)
    return Situation(encoded, ids, [text for _, text in actions])


def context_of(context: Features) -> str:
    """Encode a context, the numbers of a profile in it scaled.

    Raises:
        InvalidInputError: A feature breaks the limits; the violation says which.
    """
    of_customer = [name for name in context.numeric if name.startswith(OF_CUSTOMER)]
    try:
        return encode(_scaled(context, of_customer) if of_customer else context)
    except FeatureError as error:
        raise _invalid("context", error) from None


def _scaled(context: Features, names: Sequence[str]) -> Features:
    scaled = Features()
    scaled.CopyFrom(context)
    numeric = scaled.numeric
    for name in names:
        value = numeric[name]
        if -MAX_NUMBER <= value <= MAX_NUMBER:  # others are refused as they are
            numeric[name] = copysign(log1p(abs(value)), value)
    return scaled


def _encode_offer(serialised: bytes) -> tuple[str, str]:
    return _encode_cached(serialised) if len(serialised) <= _MAX_CACHED_BYTES else _encode(serialised)


def _encode(serialised: bytes) -> tuple[str, str]:
    offer = Offer.FromString(serialised)
    return offer.id, encode_action(offer)


_encode_cached = lru_cache(_MAX_CACHED_OFFERS)(_encode)


def _encode_named(path: str, serialised: bytes) -> tuple[str, str]:
    try:
        return _encode_offer(serialised)
    except (FeatureError, DecodeError) as error:
        raise _invalid(path, error) from None


def _invalid(path: str, error: FeatureError | DecodeError) -> InvalidInputError:
    if isinstance(error, DecodeError):
        return InvalidInputError(Violation(path, "expected a message of the contract, got bytes that are none"))
    return InvalidInputError(Violation(f"{path}.{error.field}".rstrip("."), error.description))


def _repeated(ids: Sequence[str]) -> InvalidInputError:
    first: dict[str, int] = {}
    return InvalidInputError(
        *(
            Violation(f"offers[{i}].id", f'expected an id of its own, got "{offer_id[:80]}" as in offers[{seen}]')
            for i, offer_id in enumerate(ids)
            if (seen := first.setdefault(offer_id, i)) != i
        )
    )
