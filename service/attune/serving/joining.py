"""A request's context, joined with what is known about the customer.

    request.context  device = mobile                                    ┐
    profile          customer.page_view.count = 3, customer.stage = new ├─> what rules see, what is logged,
    preferences      said.interests = {running}                         ┘   and, encoded, what the policy sees

What the request says itself goes before what is known: it may know better. There is never more than a context may hold;
what does not fit, by name, is left out of what is known.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError

from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import joined as one_of
from attune.serving.circumstances import Circumstances, KnownCustomer, Visitor
from attune.serving.eligible import Eligible
from attune.v1.features_pb2 import Features
from attune_models.contexts import names_and_numbers
from attune_models.features import CUSTOMER_PREFIX, MAX_FEATURES, encode
from attune_models.types import ReadSituation, Situation

_KINDS = ("numeric", "categorical", "tags", "dense")
# What the names of features of a customer begin with.
_PREFIXES = (CUSTOMER_PREFIX, "said.")


def circumstances_of(request: DecideEnvelope, visitor: Visitor | None, now_ms: int) -> Circumstances:
    """Return what a decision is made under.

    Args:
        request: What was asked.
        visitor: For whom; None where nobody said.
        now_ms: Milliseconds since the epoch.

    Raises:
        InvalidInputError: The context is no message of features.
    """
    try:
        context = Features.FromString(one_of(request.context))
    except DecodeError:
        said = "expected a message of the contract, got bytes that are none"
        raise InvalidInputError(Violation("context", said)) from None
    customer = visitor.customer if visitor is not None else None
    time_zone = request.time_zone
    if customer is not None:
        customer = KnownCustomer(customer.key, customer.record, customer.seen, fitting(context, customer.features))
        context.MergeFrom(customer.features)
        time_zone = customer.record.preferences.time_zone or time_zone
    withheld = visitor is not None and visitor.withheld
    return Circumstances(now_ms, context, request.placement, customer, request.channel, time_zone, withheld)


def told_of(eligible: Eligible, circumstances: Circumstances, customer: KnownCustomer) -> Eligible:
    """Return what may be drawn, in a context with what is known about the customer.

    Args:
        eligible: The same in the request's own context.
        circumstances: What the decision is made under.
        customer: The customer of these.
    """
    own = eligible.situation
    text = with_customer(own.context, customer.features)
    ids, actions, known = own.action_ids, own.actions, own.known
    situation = Situation(text, ids, actions)
    if known is not None:
        situation = ReadSituation(names_and_numbers(text), ids, actions, known, own.positions)
    asked = eligible.asked or own
    return eligible._replace(situation=situation, context=circumstances.context.SerializeToString(), asked=asked)


def with_customer(context: str, known: Features) -> str:
    """Add to an encoded context what is known about the customer.

    Args:
        context: The request's own, see `attune_models.features.encode`.
        known: What `fitting` has left of it.

    Returns:
        What encoding both as one gives.
    """
    return " ".join(sorted([*context.split(), *encode(known).split()]))


def fitting(own: Features, known: Features) -> Features:
    """Return what is known about a customer less what the request says itself, and what does not fit beside it.

    Args:
        own: The request's context.
        known: All that is known; not changed.
    """
    left = MAX_FEATURES - _size(own)
    if _size(known) <= left and not any(name.startswith(_PREFIXES) for name in _names(own)):
        return known
    said = set(_names(own))
    kept = Features()
    for name, kind in sorted((name, each) for each in _KINDS for name in getattr(known, each)):
        values = getattr(known, kind)
        size = 1 if kind in ("numeric", "categorical") else max(1, len(values[name].values))
        if name not in said and size <= left:
            _copy(values, name, getattr(kept, kind))
            left -= size
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


def _copy(values: Any, name: str, to: Any) -> None:
    """Copy a feature from a map to another one of the same kind."""
    if hasattr(values[name], "values"):
        to[name].CopyFrom(values[name])
    else:
        to[name] = values[name]
