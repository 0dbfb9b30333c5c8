"""A request's context, joined with what is known about the customer.

    request.context  device = mobile                                    ┐
    profile          customer.page_view.count = 3, customer.stage = new ├─> what rules see, what is logged,
    preferences      said.interests = {running}                         ┘   and, encoded, what the policy sees

What the request says itself goes before what is known: it may know better. There is never more than a context may hold;
what does not fit, by name, is left out of what is known.
"""

from collections.abc import Iterator
from typing import Any

from attune.serving.situation import OF_CUSTOMER, context_of
from attune.v1.features_pb2 import Features
from attune_models.features import MAX_FEATURES

_KINDS = ("numeric", "categorical", "tags", "dense")
# What the names of features of a customer begin with.
_PREFIXES = (OF_CUSTOMER, "said.")


def with_customer(context: str, known: Features) -> str:
    """Add to an encoded context what is known about the customer.

    Args:
        context: The request's own, see `attune.serving.situation.context_of`.
        known: What `fitting` has left of it.

    Returns:
        What encoding both as one would give.
    """
    encoded = context_of(known)
    return " ".join(sorted([*context.split(), *encoded.split()]))


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


def joined(own: Features, fitted: Features) -> Features:
    """Return one context of a request's own and what `fitting` has left of what is known."""
    both = Features()
    both.CopyFrom(own)
    both.MergeFrom(fitted)
    return both


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
