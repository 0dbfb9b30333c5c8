"""What decisions are told about a customer: features `customer.` of what was seen, `said.` of what was said.

    customer.tenure_days, customer.stage, customer.days_since_seen, customer.last_channel
    customer.<activity>.count, .days_since, .<half-life>d      how often, how long ago, lately
    customer.on.<channel>.days_since
    customer.<activity>.<feature>.sum, customer.<activity>.<feature>, customer.<activity>.<feature>.often
    said.interests, said.channels, said.less_of, said.<answer>

Numbers are plain, as rules compare them. Policies see the logarithm of those of `customer.`: see
`attune_models.features.encode`. There are so many features at most, the first in the order above first, so that the
count of an activity is there whatever else there is, and is absent only where there was none.

Made when a profile is changed, and kept with it: a decision only brings to its time what depends on the time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from attune.serving.profile import DAY_MS, ProfileRules, decay, values_by_name
from attune.serving.told import Told, brought_to, keep, labels, told_of
from attune.storage.v1.records_pb2 import ActivityRecord, CustomerRecord
from attune.v1.customer_service_pb2 import Preferences
from attune.v1.features_pb2 import Features
from attune_models.features import encode

MAX_FEATURES = 200
"""Most features of a context."""
MAX_PROFILE_FEATURES = 60
"""Most features `customer.` of a decision; a tag counts one."""
MAX_OFTEN = 5
"""How many of the values that came most often are told."""
MAX_TOLD_CHANNELS = 10

_VERSION = 2
_STAGE = "customer.stage"


def known_features(record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int = MAX_FEATURES) -> Features:
    """Return all that a decision may be told about a customer.

    Args:
        record: The customer's.
        now_ms: Milliseconds since the epoch.
        rules: The settings.
        room: How many features there may be at most; what was said goes first.
    """
    return Features.FromString(known(record, now_ms, rules, room).serialised)


def known(record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int = MAX_FEATURES) -> Told:
    """Return the same as decisions are told it."""
    told = known_if_kept(record, now_ms, rules, room)
    return told_of(_chosen(record, now_ms, rules, room)[0]) if told is None else told


def known_if_kept(record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int) -> Told | None:
    """Return the same where it is kept with the record, by these rules, and there is room for it; else None."""
    if record.told_by != _told_by(rules.half_lives_days) or record.told_size > room:
        return None
    told = brought_to(record, now_ms, rules.half_lives_days)
    return None if told is None else _staged(told, record, now_ms, rules)


def _staged(told: Told, record: CustomerRecord, now_ms: int, rules: ProfileRules) -> Told:
    """Add the stage of a customer who was seen, which no profile has: it changes with time, too."""
    if not record.first_seen_ms:
        return told
    how_far, token = _stage_told(stage(record, now_ms, rules))
    serialised, numbered, numbers, words, _, names, plain, said = told
    return Told(serialised + how_far, numbered, numbers, words, token, names, plain, said + how_far)


@lru_cache
def _stage_told(name: str) -> tuple[bytes, str]:
    features = Features(categorical={_STAGE: name})
    return features.SerializeToString(), encode(features)


def tell(record: CustomerRecord, now_ms: int, rules: ProfileRules) -> None:
    """Keep what decisions are to be told with a record that has changed."""
    features, record.told_size = _chosen(record, now_ms, rules, MAX_FEATURES)
    features.categorical.pop(_STAGE, None)
    keep(record, features, now_ms)
    record.told_by = _told_by(rules.half_lives_days)


def stage(record: CustomerRecord, now_ms: int, rules: ProfileRules) -> str:
    """Return how far a customer has come.

    Args:
        record: Of a customer who was seen.
        now_ms: Milliseconds since the epoch.
        rules: The thresholds.

    Returns:
        The first that holds: `lapsing`, nothing was done for long; `established`, bought several times and known for
        long; `buyer`, bought something; `engaged`, did a lot; `returning`, came again; else `new`.
    """
    first_ms = last_ms = record.first_seen_ms
    purchases = total = 0
    purchase = rules.purchase
    for kept in record.activities:
        at_ms, count = kept.last_ms, kept.count
        total += count
        last_ms = max(last_ms, at_ms)
        if kept.name == purchase:
            purchases = count
    if now_ms - last_ms >= rules.lapsing_days * DAY_MS:
        return "lapsing"
    if purchases >= rules.established_purchases and now_ms - first_ms >= rules.established_days * DAY_MS:
        return "established"
    if purchases:
        return "buyer"
    if total >= rules.engaged_activities:
        return "engaged"
    return "returning" if total and last_ms - first_ms >= rules.returning_days * DAY_MS else "new"


@lru_cache
def _told_by(half_lives_days: tuple[float, ...]) -> str:
    return f"{_VERSION}:{half_lives_days}"


def _lately(prefix: str, kept: ActivityRecord, age_ms: int, rules: ProfileRules) -> Iterator[tuple[str, float]]:
    """Yield how often something was done lately, for each half-life; nothing where the settings have changed since."""
    decayed = kept.decayed
    if len(decayed) == len(rules.half_lives_days):
        endings = labels(rules.half_lives_days)
        for label, days, counted in zip(endings, rules.half_lives_days, decayed, strict=True):
            yield prefix + label, counted * decay(age_ms, days)


def _chosen(record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int) -> tuple[Features, int]:
    """Return as many features as there is room for, and how many they are."""
    taken: dict[str, Any] = {}
    left = _take(taken, _said(record.preferences), room)
    spent = room - left
    if record.first_seen_ms:
        allowed = min(left, MAX_PROFILE_FEATURES)
        spent += allowed - _take(taken, _profile(record, now_ms, rules), allowed)
    return _features(taken), spent


def _features(taken: Mapping[str, Any]) -> Features:
    """Return numbers, words and lists of tags as features."""
    features = Features()
    numeric, categorical, tags = features.numeric, features.categorical, features.tags
    for name, value in taken.items():
        if isinstance(value, float):
            numeric[name] = value
        elif isinstance(value, str):
            categorical[name] = value
        else:
            tags[name].values.extend(value)
    return features


def _take(taken: dict[str, Any], offered: Iterable[tuple[str, Any]], room: int) -> int:
    """Take features while there is room, each name once; return how much room is left."""
    for name, value in offered:
        if name not in taken:
            size = len(value) if isinstance(value, list) else 1
            if size <= room:
                taken[name] = value
                room -= size
        if not room:
            break
    return room


def _profile(record: CustomerRecord, now_ms: int, rules: ProfileRules) -> Iterator[tuple[str, Any]]:
    """Yield the features `customer.`, what matters most first."""
    activities = sorted(record.activities, key=lambda kept: (-kept.last_ms, kept.name))
    prefixed = [(f"customer.{kept.name}.", kept) for kept in activities]
    seen = record.last_seen_ms
    channels = sorted(seen, key=lambda channel: (-seen[channel], channel))
    yield "customer.tenure_days", _days(record.first_seen_ms, now_ms)
    yield _STAGE, stage(record, now_ms, rules)
    if activities:
        yield "customer.days_since_seen", _days(activities[0].last_ms, now_ms)
    if channels:
        yield "customer.last_channel", channels[0]
    yield from ((f"{prefix}count", float(kept.count)) for prefix, kept in prefixed)
    yield from ((f"{prefix}days_since", _days(kept.last_ms, now_ms)) for prefix, kept in prefixed)
    told = channels[:MAX_TOLD_CHANNELS]
    yield from ((f"customer.on.{channel}.days_since", _days(seen[channel], now_ms)) for channel in told)
    for prefix, kept in prefixed:
        yield from _lately(prefix, kept, now_ms - kept.last_ms, rules)
    yield from _features_of(prefixed)


def _features_of(prefixed: Sequence[tuple[str, ActivityRecord]]) -> Iterator[tuple[str, Any]]:
    """Yield what is kept of the features of activities."""
    for prefix, kept in prefixed:
        sums = kept.sums
        yield from ((f"{prefix}{name}.sum", sums[name]) for name in sorted(sums))
    for prefix, kept in prefixed:
        last = kept.last
        yield from ((f"{prefix}{name}", last[name]) for name in sorted(last))
    for prefix, kept in prefixed:
        yield from ((f"{prefix}{name}.often", values[:MAX_OFTEN]) for name, values in values_by_name(kept).items())


def _said(preferences: Preferences) -> Iterator[tuple[str, Any]]:
    """Yield the features `said.`."""
    for name, values in (
        ("interests", preferences.interests),
        ("channels", preferences.channels),
        ("less_of", preferences.less_of_categories),
    ):
        if values:
            yield f"said.{name}", list(dict.fromkeys(values))
    answers = preferences.answers
    for kind in (answers.numeric, answers.categorical):
        yield from ((f"said.{name}", kind[name]) for name in sorted(kind))
    tags = answers.tags
    yield from ((f"said.{name}", list(dict.fromkeys(tags[name].values))) for name in sorted(tags) if tags[name].values)


def _days(since_ms: int, now_ms: int) -> float:
    """Return how many days lie between two times, not less than 0: clocks differ."""
    return (now_ms - since_ms) / DAY_MS if now_ms > since_ms else 0.0
