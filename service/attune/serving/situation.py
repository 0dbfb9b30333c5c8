"""From offers to actions: the one place where the product's terms become the core's.

Everything a caller can get wrong about features is found here, while they are encoded, and named by its path in the
request. Offers come serialised, as they arrive and as they are stored: the same ones come again and again, and looking
up their bytes is far cheaper than reading their features.
"""

from collections.abc import Sequence
from functools import lru_cache

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError, Violation
from attune.serving.contexts import ContextReader
from attune.v1.features_pb2 import Features, Offer
from attune_models.contexts import Context
from attune_models.features import FeatureError, encode, encode_action
from attune_models.types import ReadSituation, Situation

# Together less than 100 MiB of keys and values.
_MAX_CACHED_OFFERS = 4096
_MAX_CACHED_BYTES = 2048

_contexts = ContextReader()


def situation_of(context: Features, offers: Sequence[bytes]) -> Situation:
    """Encode a context and the offers that may be drawn in it.

    Args:
        context: What is known about the situation and the customer.
        offers: Serialised attune.v1.Offer messages.

    Raises:
        InvalidInputError: A feature or an id breaks the limits, or two offers have the same id; the violation says
            which.
    """
    return Situation(context_of(context), *_encoded(offers))


def among(context: Context, offers: Sequence[bytes]) -> ReadSituation:
    """Encode the offers that may be drawn in a context that was read; as `situation_of`."""
    return ReadSituation(context, *_encoded(offers))


def _encoded(offers: Sequence[bytes]) -> tuple[list[str], list[str]]:
    """Return the ids of some offers, and their encoded features."""
    small = max(map(len, offers), default=0) <= _MAX_CACHED_BYTES
    try:
        actions = list(map(_encode_cached if small else _encode_offer, offers))
    except (FeatureError, DecodeError):
        actions = [_encode_named(f"offers[{i}]", offer) for i, offer in enumerate(offers)]
    ids = [offer_id for offer_id, _ in actions]
    if len(set(ids)) != len(ids):
        raise _repeated(ids)
    return ids, [text for _, text in actions]


def read_context(serialised: bytes) -> Context:
    """Read a context as it came.

    Args:
        serialised: An attune.v1.Features message.

    Raises:
        InvalidInputError: A feature breaks the limits, or it is no such message; the violation says which.
    """
    try:
        return _contexts.read(serialised)
    except (FeatureError, DecodeError) as error:
        raise _invalid("context", error) from None


def context_of(context: Features) -> str:
    """Encode a context.

    Raises:
        InvalidInputError: A feature breaks the limits; the violation says which.
    """
    try:
        return encode(context)
    except FeatureError as error:
        raise _invalid("context", error) from None


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
