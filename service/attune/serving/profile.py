"""A customer's profile: what is kept of all that a customer did, and how one more activity is folded into it.

Nothing is kept of an activity itself. Counts halve with time: an activity counts 2^(-age / half-life), so that a count
can be brought to any later time without the activities (Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay", 2009).
Activities may come in any order: counts, sums, first and last times are the same, up to rounding, whatever it is. The
later one of a name gives the last values. Only which values are dropped where there are too many depends on the order.

What decisions are told of it: `attune.serving.profile_features`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from attune.storage.v1.records_pb2 import ActivityRecord, CustomerRecord
from attune.v1.customer_service_pb2 import Activity

DAY_MS = 86_400_000
MAX_ACTIVITY_NAMES = 50
MAX_FEATURE_NAMES = 20
"""Most numeric, and most categorical features that are kept of all activities of one name."""
MAX_VALUES = 50
"""Most values of categorical features and tags that are counted for one name of activities."""
MAX_VALUE_BYTES = 160
"""Longest value that is counted, with its name: text that somebody wrote is no category."""
MAX_CHANNELS = 20
MAX_PROFILE_BYTES = 32 << 10
"""A profile of this size gets no more names and values: every decision reads it."""


@dataclass(frozen=True, slots=True)
class ProfileRules:
    """How profiles are kept and read: the settings.

    Attributes:
        half_lives_days: After how many days an activity counts half, for each count that is kept; ascending.
        purchase: The name of the activity that makes a buyer.
        returning_days: Days between first and last activity that make a returning customer.
        engaged_activities: Activities that make an engaged one.
        established_purchases: Purchases that, with the next, make an established one.
        established_days: Days since the customer was first seen.
        lapsing_days: Days without any activity that make a lapsing one.
    """

    half_lives_days: tuple[float, ...] = (1.0, 7.0, 30.0)
    purchase: str = "purchase"
    returning_days: float = 1.0
    engaged_activities: int = 10
    established_purchases: int = 3
    established_days: float = 90.0
    lapsing_days: float = 60.0


def fold(record: CustomerRecord, activity: Activity, at_ms: int, rules: ProfileRules) -> str:
    """Fold an activity into a profile.

    Args:
        record: The customer's; changed in place.
        activity: A valid one.
        at_ms: When it happened, milliseconds since the epoch, more than 0.
        rules: The settings.

    Returns:
        Nothing, or why the profile has no room for it: then nothing was changed.
    """
    kept = next((each for each in record.activities if each.name == activity.name), None)
    has_room = record.ByteSize() < MAX_PROFILE_BYTES
    if reason := _refusal(record, kept, activity, has_room=has_room):
        return reason
    if kept is None:
        kept = record.activities.add(name=activity.name, first_ms=at_ms, last_ms=at_ms)
    record.first_seen_ms = min(record.first_seen_ms or at_ms, at_ms)
    if activity.channel:
        _see_on(record, activity.channel, at_ms)
    is_last = at_ms >= kept.last_ms
    _advance(kept, at_ms, rules.half_lives_days)
    _count(kept, at_ms, rules.half_lives_days)
    _keep_features(kept, activity, is_last=is_last)
    _count_values(kept, activity, decay(kept.last_ms - at_ms, rules.half_lives_days[-1]), has_room=has_room)
    return ""


def decay(age_ms: int, half_life_days: float) -> float:
    """Return what something counts that is so old: 2^(-age / half-life), 1 where it is not old at all."""
    return 2.0 ** (-age_ms / (half_life_days * DAY_MS)) if age_ms > 0 else 1.0


def _refusal(record: CustomerRecord, kept: ActivityRecord | None, activity: Activity, *, has_room: bool) -> str:
    """Return why there is no room for an activity; empty where there is."""
    if kept is None:
        if len(record.activities) >= MAX_ACTIVITY_NAMES or not has_room:
            known = f"one of the {len(record.activities)} names that the profile has room for"
            return f'name: expected {known}, got "{activity.name}"'
        return ""
    for kind, names, there in (
        ("numeric", activity.features.numeric, kept.sums),
        ("categorical", activity.features.categorical, kept.last),
    ):
        new = sorted(name for name in names if name not in there)
        if new and (not has_room or len(there) + len(new) > MAX_FEATURE_NAMES):
            known = f"one of the {len(there)} names that the profile has room for"
            return f'features.{kind}: expected {known}, got "{new[0]}"'
    return ""


def _see_on(record: CustomerRecord, channel: str, at_ms: int) -> None:
    seen = record.last_seen_ms
    if channel not in seen or seen[channel] < at_ms:
        seen[channel] = at_ms
    if len(seen) > MAX_CHANNELS:
        del seen[min(seen, key=lambda name: (seen[name], name))]


def _advance(kept: ActivityRecord, at_ms: int, half_lives_days: tuple[float, ...]) -> None:
    """Bring the decayed counts to a later time."""
    if len(kept.decayed) != len(half_lives_days):  # new, or the settings have changed: begin anew
        kept.decayed[:] = [0.0] * len(half_lives_days)
    age_ms = at_ms - kept.last_ms
    if age_ms > 0:
        kept.decayed[:] = [
            counted * decay(age_ms, days) for counted, days in zip(kept.decayed, half_lives_days, strict=True)
        ]
        factor = decay(age_ms, half_lives_days[-1])
        values = kept.values
        for value in list(values):  # setting a value of a map while walking through it skips others
            values[value] *= factor
        kept.last_ms = at_ms


def _count(kept: ActivityRecord, at_ms: int, half_lives_days: tuple[float, ...]) -> None:
    age_ms = kept.last_ms - at_ms
    kept.decayed[:] = [
        counted + decay(age_ms, days) for counted, days in zip(kept.decayed, half_lives_days, strict=True)
    ]
    kept.count += 1
    kept.first_ms = min(kept.first_ms, at_ms)


def _keep_features(kept: ActivityRecord, activity: Activity, *, is_last: bool) -> None:
    numeric, categorical = activity.features.numeric, activity.features.categorical
    for name in numeric:
        kept.sums[name] += numeric[name]
    for name in categorical:
        if is_last or name not in kept.last:
            kept.last[name] = categorical[name]


def _count_values(kept: ActivityRecord, activity: Activity, weight: float, *, has_room: bool) -> None:
    values, new = kept.values, set(_values(activity))
    for value in new:
        if value in values or (has_room and len(value.encode()) <= MAX_VALUE_BYTES):
            values[value] += weight
    _drop_least(kept, new)


def _drop_least(kept: ActivityRecord, new: Collection[str]) -> None:
    """Drop values that came least, until there are so many as are kept: those that just came go last.

    Otherwise none could get in beside many that come often.
    """
    if (excess := len(kept.values) - MAX_VALUES) > 0:
        by_weight = sorted(kept.values, key=lambda value: (value in new, kept.values[value], value))
        for value in by_weight[:excess]:
            del kept.values[value]


def _values(activity: Activity) -> Iterator[str]:
    """Yield the values of categorical features and tags as `ActivityRecord.values` names them."""
    categorical, tags = activity.features.categorical, activity.features.tags
    for name in categorical:
        yield f"{_counted_name(name)}={categorical[name]}"
    for name in tags:
        counted = _counted_name(name)
        yield from (f"{counted}={tag}" for tag in tags[name].values)


def _counted_name(name: str) -> str:
    """Return how a feature's name stands in `ActivityRecord.values`: without `=`, which ends it there."""
    return name.replace("%", "%25").replace("=", "%3D")


def values_by_name(kept: ActivityRecord) -> dict[str, list[str]]:
    """Return the values that are counted of each categorical feature and tag, by name; those that came most first."""
    values, by_name = kept.values, dict[str, list[str]]()
    # Those that came as often in the order of their names.
    for _, counted in sorted([(-values[counted], counted) for counted in values]):
        name, _, value = counted.partition("=")
        by_name.setdefault(name, []).append(value)
    return {(unquote(name) if "%" in name else name): by_name[name] for name in sorted(by_name)}
