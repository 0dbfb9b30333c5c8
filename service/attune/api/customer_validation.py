"""What is wrong with what is said about customers: what they did, like and allow."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from google.protobuf.timestamp_pb2 import Timestamp

from attune.api.checks import MAX_ID_BYTES, enum_violations, id_violations, prefixed, timestamp_violations
from attune.api.identifiers import identifier_violations
from attune.api.time_zones import time_zone_violations
from attune.api.validation import refuse
from attune.errors import Violation
from attune.settings import ACTIVITY_NAME
from attune.v1.customer_service_pb2 import (
    Activity,
    Consent,
    Preferences,
    Purpose,
    RecordActivityRequest,
    SetConsentRequest,
    SetPreferencesRequest,
)
from attune.v1.features_pb2 import Features
from attune_models.features import FeatureError, encode

MAX_ACTIVITIES = 1000
MAX_ACTIVITY_FEATURES = 20
MAX_ANSWERS = 50
MAX_NAME_BYTES = 128
"""Longest name of a feature: more is put in front of it and behind it before decisions are told."""
MAX_CHANNEL_BYTES = 64
MAX_AHEAD_S = 300
"""How far what happened may lie in the future, in seconds: clocks differ."""

_MOST = {
    "interests": 50,
    "channels": 20,
    "unwanted_channels": 20,
    "unwanted_offer_ids": 200,
    "less_of_categories": 50,
}


def check_customer_id(customer_id: str) -> None:
    """Check the id of a customer.

    Raises:
        InvalidInputError: It is none.
    """
    refuse(id_violations("customer_id", customer_id))


def check_receipt_id(receipt_id: str) -> None:
    """Check the id of a receipt.

    Raises:
        InvalidInputError: It is none.
    """
    refuse(id_violations("receipt_id", receipt_id))


def check_activities(request: RecordActivityRequest) -> None:
    """Check how many activities there are; each is looked at by itself.

    Raises:
        InvalidInputError: There are none, or too many.
    """
    n_activities = len(request.activities)
    if not 1 <= n_activities <= MAX_ACTIVITIES:
        refuse([Violation("activities", f"expected 1 to {MAX_ACTIVITIES} activities, got {n_activities}")])


def activity_violations(activity: Activity, now_ms: int, allowed: Collection[str]) -> Iterator[Violation]:
    """Yield what is wrong with an activity by itself.

    Args:
        activity: It.
        now_ms: Milliseconds since the epoch.
        allowed: Names of features that look like direct identifiers and may be sent all the same.
    """
    yield from id_violations("customer_id", activity.customer_id)
    if activity.activity_id:
        yield from id_violations("activity_id", activity.activity_id)
    yield from _name_violations("name", activity.name)
    # It is part of the name of a feature, as the name is: `customer.on.<channel>.days_since`.
    if activity.channel:
        yield from _name_violations("channel", activity.channel)
    yield from _features_violations("features", activity.features, MAX_ACTIVITY_FEATURES, allowed)
    if activity.HasField("occurred_at"):
        yield from _past_violations("occurred_at", activity.occurred_at, now_ms)


def _name_violations(field: str, name: str) -> Iterator[Violation]:
    if not ACTIVITY_NAME.fullmatch(name):
        said = "expected 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter"
        yield Violation(field, f'{said}, got "{name[:80]}"')


def check_preferences(request: SetPreferencesRequest, allowed: Collection[str]) -> None:
    """Check what a customer has said.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(
        chain(
            id_violations("customer_id", request.customer_id),
            prefixed("preferences", _preferences_violations(request.preferences, allowed)),
        )
    )


def check_consents(request: SetConsentRequest, now_ms: int) -> None:
    """Check what a customer allows.

    Raises:
        InvalidInputError: With every violation.
    """
    refuse(_consents_violations(request, now_ms))


def _preferences_violations(preferences: Preferences, allowed: Collection[str]) -> Iterator[Violation]:
    for field, most in _MOST.items():
        words: Sequence[str] = getattr(preferences, field)
        if len(words) > most:
            yield Violation(field, f"expected at most {most}, got {len(words)}")
        check = _channel_violations if field.endswith("channels") else id_violations
        for i, word in enumerate(words[:most]):
            yield from check(f"{field}[{i}]", word) if word else id_violations(f"{field}[{i}]", word)
    if both := sorted(set(preferences.channels) & set(preferences.unwanted_channels)):
        yield Violation("unwanted_channels", f'expected none of channels, got "{both[0]}"')
    yield from _features_violations("answers", preferences.answers, MAX_ANSWERS, allowed)
    yield from time_zone_violations("time_zone", preferences.time_zone)


def _consents_violations(request: SetConsentRequest, now_ms: int) -> Iterator[Violation]:
    yield from id_violations("customer_id", request.customer_id)
    if not request.consents:
        yield Violation("consents", "expected at least one, got none")
    spoken_of = set[int]()
    for i, consent in enumerate(request.consents[: len(Purpose.values())]):
        yield from prefixed(f"consents[{i}]", _consent_violations(consent, now_ms))
        if consent.purpose in spoken_of:
            said = f"expected each purpose once, got {Purpose.Name(consent.purpose)} again"
            yield Violation(f"consents[{i}].purpose", said)
        spoken_of |= {consent.purpose} & set(Purpose.values())
    most = len(Purpose.values()) - 1
    if len(request.consents) > most:
        yield Violation("consents", f"expected at most {most}, got {len(request.consents)}")


def _consent_violations(consent: Consent, now_ms: int) -> Iterator[Violation]:
    if not consent.purpose:
        yield Violation("purpose", f"expected one of {', '.join(Purpose.keys()[1:])}, got none")
    yield from enum_violations("purpose", consent.purpose, Purpose)
    if consent.source:
        yield from id_violations("source", consent.source)
    if consent.HasField("given_at"):
        yield from _past_violations("given_at", consent.given_at, now_ms)


def _features_violations(field: str, features: Features, most: int, allowed: Collection[str]) -> Iterator[Violation]:
    if features.dense:
        yield Violation(f"{field}.dense", f"expected no vectors, got {len(features.dense)}")
        return
    n_features = len(features.numeric) + len(features.categorical)
    n_features += sum(max(1, len(features.tags[name].values)) for name in features.tags)
    if n_features > most:
        yield Violation(field, f"expected at most {most} features, got {n_features}")
        return
    try:
        encode(features)
    except FeatureError as error:
        yield Violation(f"{field}.{error.field}".rstrip("."), error.description)
    yield from _names_violations(field, features)
    yield from identifier_violations(field, features, allowed)


def _names_violations(field: str, features: Features) -> Iterator[Violation]:
    for kind in (features.numeric, features.categorical, features.tags):
        for name in kind:
            if MAX_NAME_BYTES < (size := len(name.encode())) <= MAX_ID_BYTES:
                said = f"expected names of at most {MAX_NAME_BYTES} bytes of UTF-8, got {size}"
                yield Violation(f'{field}["{name[:40]}..."]', said)


def _channel_violations(field: str, channel: str) -> Iterator[Violation]:
    if (size := len(channel.encode())) > MAX_CHANNEL_BYTES:
        yield Violation(field, f"expected at most {MAX_CHANNEL_BYTES} bytes of UTF-8, got {size}")


def _past_violations(field: str, time: Timestamp, now_ms: int) -> Iterator[Violation]:
    """Yield what is wrong with a time at which something is said to have happened."""
    if wrong := list(timestamp_violations(field, time)):
        yield from wrong
    elif time.ToMilliseconds() < 1:
        yield Violation(field, f"expected a time after 1970-01-01T00:00:00Z, got {time.ToJsonString()}")
    elif time.ToMilliseconds() > now_ms + MAX_AHEAD_S * 1000:
        yield Violation(field, f"expected a time at most {MAX_AHEAD_S} s in the future, got {time.ToJsonString()}")
