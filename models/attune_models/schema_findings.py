"""What is strange about the features of a window: the rules of the schema guard (`attune_models.schema`).

Each rule states a fact about a full window, and asks for more than chance would give. VANISHED and DRIFTED compare with
earlier windows; ALMOST_UNIQUE needs none; CONSTANT looks at all windows since the feature was first seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from attune_models.schema_reference import CHANCE, Reference
from attune_models.schema_window import FeatureWindow, Key, Kind, SourceWindow, Uniqueness

_EXPECTED_SHARE = 0.5
# A feature that always came may have been about to stop in one of a hundred: nobody has seen for ever.
_SUREST_SHARE = 0.99
_RARE_SHARE = 0.01
_NEW_KIND_SHARE = 0.1
_CONSTANT_WINDOWS = 2
_LEAST_VALUES = 100
_UNIQUE_TEXTS = 0.9
_UNIQUE_NUMBERS = 0.95
# Prices in cents and ages in days stay below. What is more is an id, or ought to be scaled anyway.
_ID_SPREAD = 100_000.0
# Values that change although the same offers come again do not belong to the offers.
_MOST_OWNERS = 0.5


class Source(Enum):
    """Where a feature is from; the values are what observations of it are called."""

    CONTEXT = "requests"
    OFFER = "offers"


class Problem(Enum):
    """What can be strange about a feature, the most urgent first."""

    VANISHED = "vanished"
    CHANGED_TYPE = "changed type"
    ALMOST_UNIQUE = "almost unique"
    DRIFTED = "drifted"
    CONSTANT = "constant"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something strange about a feature.

    Attributes:
        source: Where the feature is from.
        name: Its name.
        problem: What is strange.
        detail: What was expected and what came, in a sentence without a capital and a full stop.
    """

    source: Source
    name: str
    problem: Problem
    detail: str


def judge(source: Source, window: SourceWindow, references: Mapping[Key, Reference]) -> Iterator[Finding]:
    """Yield what is strange about a full window, one finding a feature at most.

    Args:
        source: What the window is of.
        window: What came.
        references: What came before, this window not included; a drift under way is noted there.
    """
    missing = [key for key, reference in references.items() if _is_missed(key, reference, window)]
    # The share that came in neither kind leaves no room for both at once: then one stands for the other.
    replaced = {
        key: new
        for key in missing
        if (new := _replacement(key, window, references, 1 - references[key].share + _RARE_SHARE)) is not None
    }
    fallen = {key: new for key in references if (new := _competitor(key, window, references)) is not None}
    changed = {**fallen, **replaced}
    for key, new in changed.items():
        share = window.features[new].seen / window.observations
        detail = f"it was {key.kind.value}, and is {new.kind.value} in {share:.0%} of the last {_last(source, window)}"
        yield Finding(source, key.name, Problem.CHANGED_TYPE, detail)
    for key in missing:
        if key not in replaced:
            detail = f"it came with {references[key].share:.0%}, and with none of the last {_last(source, window)}"
            yield Finding(source, key.name, Problem.VANISHED, detail)
    for key, feature in window.features.items():
        values = list(_judge_values(source, key, feature, window, references))
        yield from values if key not in changed else []


def _judge_values(
    source: Source, key: Key, feature: FeatureWindow, window: SourceWindow, references: Mapping[Key, Reference]
) -> Iterator[Finding]:
    reference = references.get(key)
    drift = reference.drift(feature, window.observations) if reference else None
    uniqueness = window.uniqueness.get(key)
    if uniqueness is not None and _is_almost_unique(source, key.kind, uniqueness):
        values = f"{len(uniqueness.distinct):,} different values in {uniqueness.seen:,}"
        yield Finding(source, key.name, Problem.ALMOST_UNIQUE, f"{values}: an id or a time that leaked in, perhaps")
    elif drift is not None:
        yield Finding(source, key.name, Problem.DRIFTED, drift)
    elif reference is not None and _is_constant(feature, window, reference):
        windows = reference.steady + 1
        detail = f'always "{feature.shown}", in {windows} windows of {_last(source, window)}'
        yield Finding(source, key.name, Problem.CONSTANT, detail)


def _is_missed(key: Key, reference: Reference, window: SourceWindow) -> bool:
    """Whether a feature that came with half of the observations, or more, came with none, and not by chance."""
    if key in window.features or reference.share < _EXPECTED_SHARE:
        return False
    chance: float = (1 - min(reference.share, _SUREST_SHARE)) ** window.observations
    return chance <= CHANCE * (1 + 1e-9)


def _replacement(key: Key, window: SourceWindow, references: Mapping[Key, Reference], most_before: float) -> Key | None:
    """Return another kind that a name comes in now, and came in with no more than some share before; None for none."""
    for kind in Kind:
        other = Key(kind, key.name)
        if kind is not key.kind and other in window.features:
            before = _share_of_all(references[other], references[key]) if other in references else 0.0
            if before <= most_before and window.features[other].seen >= _NEW_KIND_SHARE * window.observations:
                return other
    return None


def _share_of_all(reference: Reference, former: Reference) -> float:
    """Return the share of a feature in all that is remembered of another, which may have been followed for longer."""
    return reference.present / max(reference.observations, former.observations)


def _competitor(key: Key, window: SourceWindow, references: Mapping[Key, Reference]) -> Key | None:
    """Return the kind in which a part of the callers sends a name now that all of them sent in another kind."""
    feature, new = window.features.get(key), _replacement(key, window, references, _RARE_SHARE)
    if feature is None or new is None or references[key].share < _EXPECTED_SHARE:
        return None
    lost = references[key].share - feature.seen / window.observations
    return new if lost >= 0.5 * window.features[new].seen / window.observations else None


def _is_almost_unique(source: Source, kind: Kind, uniqueness: Uniqueness) -> bool:
    if uniqueness.seen < _LEAST_VALUES:
        return False
    if source is Source.OFFER and len(uniqueness.owners) > _MOST_OWNERS * uniqueness.seen:
        return False
    ratio = len(uniqueness.distinct) / uniqueness.seen
    if kind is Kind.NUMERIC:
        # Measured quantities are unique by nature.
        return uniqueness.whole and uniqueness.high - uniqueness.low >= _ID_SPREAD and ratio > _UNIQUE_NUMBERS
    return ratio > _UNIQUE_TEXTS


def _is_constant(feature: FeatureWindow, window: SourceWindow, reference: Reference) -> bool:
    # A value that comes only sometimes tells something by coming: only what always comes is expected to vary.
    always = not feature.varies and feature.seen == window.observations and feature.first == reference.value
    return always and reference.steady + 1 >= _CONSTANT_WINDOWS


def _last(source: Source, window: SourceWindow) -> str:
    return f"{window.observations:,} {source.value}"
