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
from attune.serving.known_context import KnownFeatures
from attune.serving.profile import ProfileRules
from attune.serving.profile_features import known_features, known_if_kept
from attune.serving.told import PREFIXES, Told, joined
from attune.serving.told import told_of as features_told
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.features_pb2 import Features
from attune_models.contexts import Context, names_and_numbers
from attune_models.features import MAX_FEATURES
from attune_models.types import ReadSituation, Situation

_KINDS = ("numeric", "categorical", "tags", "dense")
_PREFIXES = tuple(prefix.encode() for prefix in PREFIXES)


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
    own = one_of(request.context)
    if visitor is None or not visitor.key:
        withheld = visitor is not None and visitor.withheld
        context = _features(own)
        return Circumstances(now_ms, context, request.placement, None, request.channel, request.time_zone, withheld)
    is_apart = all(prefix not in own for prefix in _PREFIXES)
    told = _told(own, visitor.record, now_ms, rules, is_apart=is_apart)
    # What the request says itself is not in what is told: so they may stand one after the other.
    written = own + told.serialised
    customer = KnownCustomer(visitor.key, visitor.record, visitor.seen, told)
    time_zone = visitor.record.preferences.time_zone or request.time_zone
    given = (request.placement, customer, request.channel, time_zone, visitor.withheld, written)
    if is_apart:
        return Circumstances(now_ms, _features(own), *given, KnownFeatures(told))
    return Circumstances(now_ms, _features(written), *given)


def _told(own: bytes, record: CustomerRecord, now_ms: int, rules: ProfileRules, *, is_apart: bool) -> Told:
    """Return what is told beside what the request says itself, which has none of those names if `is_apart`."""
    # A feature takes two bytes at least: most contexts leave room for all that there is.
    room = MAX_FEATURES - len(own) // 2
    if is_apart and (told := known_if_kept(record, now_ms, rules, room)) is not None:
        return told
    features = _features(own)
    all_known = known_features(record, now_ms, rules, max(0, MAX_FEATURES - _size(features)))
    return features_told(without_repeated(features, all_known))


def _features(serialised: bytes) -> Features:
    try:
        return Features.FromString(serialised)
    except DecodeError:
        said = "expected a message of the contract, got bytes that are none"
        raise InvalidInputError(Violation("context", said)) from None


def told_of(own: Situation, customer: KnownCustomer) -> Situation:
    """Return a situation with what is known about the customer in its context.

    Args:
        own: With the request's own context.
        customer: Who is known.
    """
    ids, actions, known = own.action_ids, own.actions, own.known
    if known is None:
        return Situation(joined(names_and_numbers(own.context), customer.told).text, ids, actions)
    read = own.read
    context = joined(read if isinstance(read, Context) else read.whole, customer.told)
    return ReadSituation(context, ids, actions, known, own.positions)


def without_repeated(own: Features, known: Features) -> Features:
    """Return what is known about a customer, less what the request says itself.

    Args:
        own: The request's context.
        known: All that is known.
    """
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
