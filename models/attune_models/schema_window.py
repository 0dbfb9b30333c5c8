"""One window of traffic, counted feature by feature: the first half of the schema guard (`attune_models.schema`).

Everything here lives for one window only and is bounded whatever is sent: so many features, so many values of each,
so many characters of each value.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple
from zlib import crc32

from attune_models.types import Features

MAX_FEATURES = 400
"""Most features that are followed, per source; the same name in two kinds is two."""
MAX_NAME = 256
"""Longest name that is told apart, in characters: the longest that the contract allows."""
MAX_SHOWN = 40
"""Characters of a value that are kept."""
_MAX_COUNTED = 200


class Kind(Enum):
    """The kinds of features; the values are the words a finding uses."""

    NUMERIC = "a number"
    CATEGORICAL = "text"
    TAGS = "tags"
    DENSE = "a vector"


class Key(NamedTuple):
    """A feature: the same name in two kinds is two of them."""

    kind: Kind
    name: str


@dataclass(slots=True)
class FeatureWindow:
    """How the values of a feature were spread in a window.

    Attributes:
        kind: Its kind.
        seen: How many observations had it.
        numbers: The values of a number, in the order they came.
        categories: How often each text or tag came, and vectors of each length; shortened, and not more than 200.
        others: How often values came that are not in `categories`.
        first: Digest of the first observation's value.
        shown: The first observation's value for people, shortened.
        varies: Whether some observation had another value than the first.
    """

    kind: Kind
    seen: int = 0
    numbers: list[float] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    others: int = 0
    first: int = 0
    shown: str = ""
    varies: bool = False

    def count(self, value: Any) -> None:
        """Take note of the value of one observation."""
        if not self.varies:
            self._compare(_whole(self.kind, value))
        self.seen += 1
        if self.kind is Kind.NUMERIC:
            self.numbers.append(float(value))
        else:
            for text in _categories(self.kind, value):
                self._count_category(_shown(text))

    def _compare(self, whole: str) -> None:
        if self.seen == 0:
            self.first, self.shown = _digest(whole), _shown(whole)
        self.varies = _digest(whole) != self.first

    def _count_category(self, text: str) -> None:
        if text in self.categories or len(self.categories) < _MAX_COUNTED:
            self.categories[text] = self.categories.get(text, 0) + 1
        else:
            self.others += 1


@dataclass(slots=True)
class Uniqueness:
    """How many different values a feature had, looked at once in every decision.

    Attributes:
        seen: How many values came.
        distinct: Digests of those that are different.
        owners: Digests of the offers they came with; one for everything in the context.
        whole: Whether all of them were whole numbers.
        low: The smallest number.
        high: The largest number.
    """

    seen: int = 0
    distinct: set[int] = field(default_factory=set)
    owners: set[int] = field(default_factory=set)
    whole: bool = True
    low: float = float("inf")
    high: float = float("-inf")

    def count(self, kind: Kind, value: Any, owner: int) -> None:
        """Take note of a value that came with an owner."""
        self.owners.add(owner)
        texts = [_whole(kind, value)] if kind is Kind.NUMERIC else list(_categories(kind, value))
        self.seen += len(texts)
        self.distinct.update(map(_digest, texts))
        if kind is Kind.NUMERIC:
            self.whole = self.whole and float(value).is_integer()
            self.low, self.high = min(self.low, value), max(self.high, value)


class SourceWindow:
    """A window of contexts, or of offers.

    Attributes:
        observations: How many contexts, or different offers, were seen.
        features: What was counted, by feature.
        uniqueness: What `look_for_ids` counted, by feature.
    """

    def __init__(self, known: Collection[Key] = ()) -> None:
        """Begin a window.

        Args:
            known: Features that are followed already, at most `MAX_FEATURES`: they have a place of their own, so that
                no flood of new names can push them out.
        """
        self.observations = 0
        self.features: dict[Key, FeatureWindow] = {}
        self.uniqueness: dict[Key, Uniqueness] = {}
        self._known = known
        self._new: dict[Key, FeatureWindow] = {}

    def observe(self, features: Features) -> None:
        """Count the features of a context, or of an offer that was not seen in this window before."""
        self.observations += 1
        for key, value in _named(features):
            window = self.features.get(key) or self._admit(key)
            if window is not None:
                window.count(value)

    def look_for_ids(self, features: Features, owner: str = "") -> None:
        """Count different values; called once for every decision.

        Args:
            features: Its context, or one of its offers.
            owner: The offer's id.
        """
        digest = _digest(owner)
        for key, value in _named(features):
            if key in self.features and key.kind is not Kind.DENSE:
                self.uniqueness.setdefault(key, Uniqueness()).count(key.kind, value, digest)

    def _admit(self, key: Key) -> FeatureWindow | None:
        """Return the counts of a feature that is new in this window, None when there is no room for it."""
        window = FeatureWindow(key.kind)
        if key not in self._known:
            if len(self._known) + len(self._new) >= MAX_FEATURES and not self._make_room():
                return None
            self._new[key] = window
        self.features[key] = window
        return window

    def _make_room(self) -> bool:
        # Names that come once, like those of somebody who makes them up, give way to names that may come again.
        victim = next((key for key, window in self._new.items() if window.seen <= 1), None)
        if victim is None:
            return False
        del self._new[victim], self.features[victim]
        self.uniqueness.pop(victim, None)
        return True


def _named(features: Features) -> Iterator[tuple[Key, Any]]:
    # Protobuf's maps iterate over keys in C, but over items in Python.
    for name in features.numeric:
        yield Key(Kind.NUMERIC, name[:MAX_NAME]), features.numeric[name]
    for name in features.categorical:
        yield Key(Kind.CATEGORICAL, name[:MAX_NAME]), features.categorical[name]
    for name in features.tags:
        yield Key(Kind.TAGS, name[:MAX_NAME]), features.tags[name].values
    for name in features.dense:
        yield Key(Kind.DENSE, name[:MAX_NAME]), features.dense[name].values


def _whole(kind: Kind, value: Any) -> str:
    """Return an observation's value as text; equal values, and only they, give equal text."""
    if kind is Kind.NUMERIC:
        return f"{value:.15g}"
    if kind is Kind.TAGS:
        return ", ".join(sorted(set(value)))
    return str(value) if kind is Kind.CATEGORICAL else ", ".join(f"{number:.9g}" for number in value)


def _shown(text: str) -> str:
    """Return a value as it may stand in a finding: short, and without what moves a terminal's cursor."""
    short = text[:MAX_SHOWN]
    return short if short.isprintable() else "".join(each if each.isprintable() else "\ufffd" for each in short)


def _categories(kind: Kind, value: Any) -> Iterator[str]:
    if kind is Kind.TAGS:
        yield from sorted(set(value))
    else:
        yield str(value) if kind is Kind.CATEGORICAL else f"{len(value)} numbers"


def _digest(text: str) -> int:
    # Python's own hash differs from process to process. A collision merges two values: nothing is lost by that.
    return crc32(text.encode(errors="replace"))
