"""What was earned part by part: by segment, by value of a feature of the context, by offer, by channel."""

from collections.abc import Iterator, Sequence

from attune.insight.comparisons import comparison
from attune.insight.counted import COUNT, N_COLUMNS, Counted
from attune.insight.segments import Segments
from attune.serving.variants import split
from attune.v1.features_pb2 import Features
from attune.v1.insight_service_pb2 import (
    BREAKDOWN_KIND_CHANNEL,
    BREAKDOWN_KIND_FEATURE,
    BREAKDOWN_KIND_OFFER,
    BREAKDOWN_KIND_SEGMENT,
    Breakdown,
    BreakdownKind,
    Metric,
)
from attune_models.grouped_sums import CONTROL, POLICY, GroupedSums
from attune_models.rounds import FloatArray

MOST_VALUES = 20
MOST_OFFERS = 500
MOST_SHOWN = 200
OTHER = "(other)"
ABSENT = "(none)"


class Parts:
    """The parts of one breakdown: the first that come are told apart, and all others are one."""

    def __init__(self, kind: BreakdownKind, feature: str, most: int) -> None:
        """Start without any.

        Args:
            kind: What decisions are told apart by.
            feature: The feature's name; empty for all else.
            most: How many are told apart.
        """
        self._kind, self.feature, self._most = kind, feature, most
        self._sums: dict[str, GroupedSums] = {}
        self._other = GroupedSums(N_COLUMNS)

    def add(self, part: str, arm: int, unit: int, columns: FloatArray) -> None:
        """Count something in; see `GroupedSums.add`."""
        sums = self._sums.get(part)
        if sums is None:
            if len(self._sums) >= self._most:
                sums = self._other
            else:
                sums = self._sums[part] = GroupedSums(N_COLUMNS)
        sums.add(arm, unit, columns)

    def breakdown(self, metrics: Sequence[tuple[Metric, int, int]], confidence: float) -> Breakdown:
        """Return what was found.

        Each of n lifts is wrong with a probability of `(1 - confidence) / n` at most, so that all hold together
        (Bonferroni): else one of twenty would look good by chance.
        """
        ranked = sorted(self._sums.items(), key=lambda item: (-_size(item[1]), item[0]))
        shown = ranked[:MOST_SHOWN]
        other = GroupedSums(N_COLUMNS)
        other.sums += self._other.sums
        for _, sums in ranked[MOST_SHOWN:]:
            other.sums += sums.sums
        if _size(other):
            shown.append((OTHER, other))
        each = 1.0 - (1.0 - confidence) / max(len(shown), 1)
        parts = [comparison(name, sums, metrics, each) for name, sums in shown]
        return Breakdown(kind=self._kind, feature=self.feature, parts=parts, confidence=each)

    @property
    def is_known(self) -> bool:
        """Whether anything but `ABSENT` was found."""
        return bool(self._sums.keys() - {ABSENT})


class Breakdowns:
    """All breakdowns of a report."""

    def __init__(self, features: Sequence[str], segments: Segments) -> None:
        """Start without decisions.

        Args:
            features: Names of features of the context.
            segments: Those to look at.
        """
        self._named = segments
        self._segments = Parts(BREAKDOWN_KIND_SEGMENT, "", len(segments))
        self._features = [Parts(BREAKDOWN_KIND_FEATURE, name, MOST_VALUES) for name in features]
        self._offers = Parts(BREAKDOWN_KIND_OFFER, "", MOST_OFFERS)
        self._channels = Parts(BREAKDOWN_KIND_CHANNEL, "", MOST_VALUES)

    def add(self, decision: Counted, offer_ids: Sequence[str]) -> None:
        """Count a decision in.

        Args:
            decision: The decision.
            offer_ids: Of the offers that could be drawn, in the order of the pmf.
        """
        arm, unit = decision.arm, decision.unit
        channel = ""
        for slot, columns in zip(decision.slots, decision.earned, strict=True):
            offer, channel = split(offer_ids[slot.chosen], with_channels=decision.record.with_channels)
            self._offers.add(offer, arm, unit, columns)
            if channel:
                self._channels.add(channel, arm, unit, columns)
        for name in self._named.of(decision, channel):
            self._segments.add(name, arm, unit, decision.total)
        for parts in self._features:
            parts.add(value_of(parts.feature, decision.context), arm, unit, decision.total)

    def found(self, metrics: Sequence[tuple[Metric, int, int]], confidence: float) -> Iterator[Breakdown]:
        """Yield what was found; nothing where there is nothing to tell apart."""
        for parts in (self._segments, *self._features, self._offers, self._channels):
            if parts.is_known:
                yield parts.breakdown(metrics, confidence)

    def absent(self) -> list[str]:
        """Return the features that no decision has: most often they are called otherwise."""
        return [parts.feature for parts in self._features if not parts.is_known]


def value_of(feature: str, context: Features) -> str:
    """Return the value of a feature of a context as text."""
    if feature in context.categorical:
        return context.categorical[feature]
    if feature in context.numeric:
        return f"{context.numeric[feature]:g}"
    return ", ".join(sorted(context.tags[feature].values)) if feature in context.tags else ABSENT


def _size(sums: GroupedSums) -> float:
    return sums.total(POLICY, COUNT) + sums.total(CONTROL, COUNT)
