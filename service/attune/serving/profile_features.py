"""What decisions are told about a customer: features `customer.` of what was seen, `said.` of what was said.

    customer.tenure_days, customer.stage, customer.days_since_seen, customer.last_channel
    customer.on.<channel>.days_since
    customer.<activity>.count, .days_since, .<half-life>d      how often, how long ago, lately
    customer.<activity>.<feature>.sum, customer.<activity>.<feature>, customer.<activity>.<feature>.often
    said.interests, said.channels, said.less_of, said.<answer>

Numbers are plain, as rules compare them. Policies see the logarithm of those of `customer.`: see
`attune_models.features.encode`. There are so many features at most; what matters most to rules comes first, so that
the count of an activity is there whatever else there is, and absent only where there was none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from attune.serving.profile import DAY_MS, ProfileRules, decay
from attune.storage.v1.records_pb2 import ActivityRecord, CustomerRecord
from attune.v1.customer_service_pb2 import Preferences
from attune.v1.features_pb2 import Features, Tags

MAX_PROFILE_FEATURES = 60
"""Most features `customer.` of a decision; a tag counts one."""
MAX_OFTEN = 5
"""How many of the values that came most often are told."""
MAX_TOLD_CHANNELS = 10

_DIGITS = 4


@dataclass(slots=True)
class _Told:
    """Features, as many as there is room for.

    Attributes:
        room: How many more there may be.
        numeric: By name; so the others.
        categorical: Words.
        tags: Tags.
    """

    room: int
    numeric: dict[str, float] = field(default_factory=dict)
    categorical: dict[str, str] = field(default_factory=dict)
    tags: dict[str, Tags] = field(default_factory=dict)

    def tell(self, kind: dict[str, Any], name: str, value: Any, size: int = 1) -> None:
        """Add a feature if there is room, and nothing of that name."""
        if size <= self.room and not (name in self.numeric or name in self.categorical or name in self.tags):
            kind[name] = value
            self.room -= size

    def features(self) -> Features:
        """Return them."""
        return Features(numeric=self.numeric, categorical=self.categorical, tags=self.tags)


def known_features(record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int = 200) -> Features:
    """Return all that a decision may be told about a customer: what was said first, then what was seen.

    Args:
        record: The customer's.
        now_ms: Milliseconds since the epoch.
        rules: The settings.
        room: How many features there may be at most.
    """
    told = _Told(room)
    _tell_said(told, record.preferences)
    told.room = min(told.room, MAX_PROFILE_FEATURES)
    _tell_profile(told, record, now_ms, rules)
    return told.features()


def profile_features(
    record: CustomerRecord, now_ms: int, rules: ProfileRules, room: int = MAX_PROFILE_FEATURES
) -> Features:
    """Return the features `customer.`; none where the customer was never seen. Arguments as of `known_features`."""
    told = _Told(min(room, MAX_PROFILE_FEATURES))
    _tell_profile(told, record, now_ms, rules)
    return told.features()


def said_features(preferences: Preferences, room: int = 200) -> Features:
    """Return the features `said.`, at most as many as there is room for."""
    told = _Told(room)
    _tell_said(told, preferences)
    return told.features()


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
    activities = record.activities
    last_ms = max((kept.last_ms for kept in activities), default=record.first_seen_ms)
    purchases = sum(kept.count for kept in activities if kept.name == rules.purchase)
    if _days(last_ms, now_ms) >= rules.lapsing_days:
        return "lapsing"
    if purchases >= rules.established_purchases and _days(record.first_seen_ms, now_ms) >= rules.established_days:
        return "established"
    if purchases:
        return "buyer"
    if sum(kept.count for kept in activities) >= rules.engaged_activities:
        return "engaged"
    return "returning" if activities and _days(record.first_seen_ms, last_ms) >= rules.returning_days else "new"


def _tell_profile(told: _Told, record: CustomerRecord, now_ms: int, rules: ProfileRules) -> None:
    if not record.first_seen_ms:
        return
    told.tell(told.numeric, "customer.tenure_days", _days(record.first_seen_ms, now_ms))
    told.tell(told.categorical, "customer.stage", stage(record, now_ms, rules))
    activities = sorted(record.activities, key=lambda kept: (-kept.last_ms, kept.name))
    if activities:
        told.tell(told.numeric, "customer.days_since_seen", _days(activities[0].last_ms, now_ms))
    seen = record.last_seen_ms
    channels = sorted(seen, key=lambda channel: (-seen[channel], channel)) if seen else []
    if channels:
        told.tell(told.categorical, "customer.last_channel", channels[0])
    for kept in activities:
        told.tell(told.numeric, f"customer.{kept.name}.count", float(kept.count))
    for kept in activities:
        told.tell(told.numeric, f"customer.{kept.name}.days_since", _days(kept.last_ms, now_ms))
    for channel in channels[:MAX_TOLD_CHANNELS]:
        told.tell(told.numeric, f"customer.on.{channel}.days_since", _days(seen[channel], now_ms))
    _tell_activities(told, activities, now_ms, rules)


def _tell_activities(told: _Told, activities: Sequence[ActivityRecord], now_ms: int, rules: ProfileRules) -> None:
    for kept in activities:
        if len(kept.decayed) == len(rules.half_lives_days):
            age_ms = now_ms - kept.last_ms
            for days, counted in zip(rules.half_lives_days, kept.decayed, strict=True):
                lately = round(counted * decay(age_ms, days), _DIGITS)
                told.tell(told.numeric, f"customer.{kept.name}.{days:g}d", lately)
    for kept in activities:
        for name in sorted(kept.sums):
            told.tell(told.numeric, f"customer.{kept.name}.{name}.sum", kept.sums[name])
    for kept in activities:
        for name in sorted(kept.last):
            told.tell(told.categorical, f"customer.{kept.name}.{name}", kept.last[name])
    for kept in activities:
        for name, often in _often(kept):
            told.tell(told.tags, f"customer.{kept.name}.{name}.often", Tags(values=often), len(often))


def _often(kept: ActivityRecord) -> Iterator[tuple[str, list[str]]]:
    """Yield for each categorical feature and tag, by name, the values that came most often."""
    by_name: dict[str, list[tuple[float, str]]] = {}
    for counted in kept.values:
        name, _, value = counted.partition("=")
        by_name.setdefault(name, []).append((-kept.values[counted], value))
    for name in sorted(by_name):
        yield unquote(name), [value for _, value in sorted(by_name[name])[:MAX_OFTEN]]


def _tell_said(told: _Told, preferences: Preferences) -> None:
    for name, values in (
        ("said.interests", preferences.interests),
        ("said.channels", preferences.channels),
        ("said.less_of", preferences.less_of_categories),
    ):
        if said := list(dict.fromkeys(values))[: max(told.room, 0)]:
            told.tell(told.tags, name, Tags(values=said), len(said))
    answers = preferences.answers
    for name in sorted(answers.numeric):
        told.tell(told.numeric, f"said.{name}", answers.numeric[name])
    for name in sorted(answers.categorical):
        told.tell(told.categorical, f"said.{name}", answers.categorical[name])
    for name in sorted(answers.tags):
        if said := list(dict.fromkeys(answers.tags[name].values)):
            told.tell(told.tags, f"said.{name}", Tags(values=said), len(said))


def _days(since_ms: int, now_ms: int) -> float:
    """Return how many days lie between two times, not less than 0: clocks differ."""
    return round(max(0, now_ms - since_ms) / DAY_MS, _DIGITS)
