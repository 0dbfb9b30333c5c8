"""A request's context, joined with what is known about the customer.

    request.context  device = mobile                                    ┐
    profile          customer.page_view.count = 3, customer.stage = new ├─> what rules see, what is logged,
    preferences      said.interests = {running}                         ┘   and, encoded, what the policy sees

What the request says itself goes before what is known: it may know better. There is never more than a context may hold:
of what is known, there is as much as fits.
"""

from collections.abc import Iterator

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import joined as one_of
from attune.serving.circumstances import Circumstances, KnownCustomer, Visitor
from attune.serving.profile import ProfileRules
from attune.serving.profile_features import known_features
from attune.v1.features_pb2 import Features
from attune_models.contexts import names_and_numbers
from attune_models.features import CUSTOMER_PREFIX, MAX_FEATURES, encode
from attune_models.types import ReadSituation, Situation

_KINDS = ("numeric", "categorical", "tags", "dense")
# What the names of features of a customer begin with.
_PREFIXES = (CUSTOMER_PREFIX, "said.")


def circumstances_of(
    request: DecideEnvelope, now_ms: int, visitor: Visitor | None, rules: ProfileRules
) -> Circumstances:
    """Return what a decision is made under.

    Args:
        request: What was asked.
        now_ms: Milliseconds since the epoch.
        visitor: For whom; None where nobody said.
        rules: How profiles are kept.

    Raises:
        InvalidInputError: The context is no message of features.
    """
    context = _own(request)
    if visitor is None or not visitor.key:
        withheld = visitor is not None and visitor.withheld
        return Circumstances(now_ms, context, request.placement, None, request.channel, request.time_zone, withheld)
    known = known_features(visitor.record, now_ms, rules, max(0, MAX_FEATURES - _size(context)))
    customer = KnownCustomer(visitor.key, visitor.record, visitor.seen, without_repeated(context, known))
    context.MergeFrom(customer.features)
    time_zone = visitor.record.preferences.time_zone or request.time_zone
    return Circumstances(now_ms, context, request.placement, customer, request.channel, time_zone, visitor.withheld)


def _own(request: DecideEnvelope) -> Features:
    try:
        return Features.FromString(one_of(request.context))
    except DecodeError:
        said = "expected a message of the contract, got bytes that are none"
        raise InvalidInputError(Violation("context", said)) from None


def told_of(own: Situation, customer: KnownCustomer) -> Situation:
    """Return a situation with what is known about the customer in its context.

    Args:
        own: With the request's own context.
        customer: Who is known.
    """
    text = with_customer(own.context, customer.features)
    ids, actions, known = own.action_ids, own.actions, own.known
    if known is None:
        return Situation(text, ids, actions)
    return ReadSituation(names_and_numbers(text), ids, actions, known, own.positions)


def with_customer(context: str, known: Features) -> str:
    """Add to an encoded context what is known about the customer.

    Args:
        context: The request's own, see `attune_models.features.encode`.
        known: What `without_repeated` has left of it.

    Returns:
        What encoding both as one gives.
    """
    return " ".join(sorted([*context.split(), *encode(known).split()]))


def without_repeated(own: Features, known: Features) -> Features:
    """Return what is known about a customer, less what the request says itself.

    Args:
        own: The request's context.
        known: All that is known.
    """
    if not any(name.startswith(_PREFIXES) for name in _names(own)):
        return known
    said = set(_names(own))
    kept = Features()
    kept.CopyFrom(known)
    for kind in _KINDS:
        features = getattr(kept, kind)
        for name in said.intersection(features):
            del features[name]
    return kept


def _names(features: Features) -> Iterator[str]:
    for kind in _KINDS:
        yield from getattr(features, kind)


def _size(features: Features) -> int:
    """Return how many features there are, as `attune_models.features.encode` counts them, or more."""
    size = len(features.numeric) + len(features.categorical)
    for several in (features.tags, features.dense):
        size += sum(max(1, len(several[name].values)) for name in several)
    return size
