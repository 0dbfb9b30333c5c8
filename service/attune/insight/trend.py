"""How it went: what was earned and explored as time went by, and how sure the lift became."""

from google.protobuf.timestamp_pb2 import Timestamp

from attune.insight.comparisons import figure
from attune.insight.counted import COUNT, REWARD, Counted
from attune.insight.exploration import Spread
from attune.v1.insight_service_pb2 import LiftPoint, TrendPoint
from attune_models.grouped_sums import CONTROL, POLICY, GroupedSums

MOST_POINTS = 60
_FIRST_WIDTH_MS = 60_000
_FIRST_STEP = 50


class Stretch:
    """What came within a stretch of time."""

    __slots__ = ("counts", "draws", "entropy", "explored", "rewards")

    def __init__(self) -> None:
        """Start without decisions."""
        self.counts, self.rewards = [0, 0], [0.0, 0.0]
        self.draws, self.entropy, self.explored = 0, 0.0, 0.0

    def add(self, decision: Counted, spread: Spread) -> None:
        """Count a decision in."""
        self.counts[decision.arm] += 1
        self.rewards[decision.arm] += float(decision.total[REWARD])
        self.draws += spread.draws
        self.entropy += spread.entropy
        self.explored += spread.explored

    def take_in(self, other: "Stretch") -> None:
        """Count in what another has counted."""
        for arm in (POLICY, CONTROL):
            self.counts[arm] += other.counts[arm]
            self.rewards[arm] += other.rewards[arm]
        self.draws += other.draws
        self.entropy += other.entropy
        self.explored += other.explored

    def point(self, begins_ms: int) -> TrendPoint:
        """Return it as a report says it."""
        point = TrendPoint(decisions=self.counts[POLICY], control_decisions=self.counts[CONTROL])
        point.starts_at.CopyFrom(moment(begins_ms))
        if self.counts[POLICY]:
            point.reward = self.rewards[POLICY] / self.counts[POLICY]
        if self.counts[CONTROL]:
            point.control_reward = self.rewards[CONTROL] / self.counts[CONTROL]
        if self.draws:
            point.entropy, point.explored = self.entropy / self.draws, self.explored / self.draws
        return point


class Trend:
    """Stretches of equal length; where there would be too many, two become one."""

    def __init__(self) -> None:
        """Start without decisions."""
        self._width_ms = _FIRST_WIDTH_MS
        self._stretches: dict[int, Stretch] = {}

    def add(self, decision: Counted, spread: Spread) -> None:
        """Count a decision in.

        Args:
            decision: The decision.
            spread: How its probabilities are spread.
        """
        at = decision.record.decided_at_ms // self._width_ms
        stretch = self._stretches.get(at)
        if stretch is None:
            stretch = self._stretches[at] = Stretch()
            stretch.add(decision, spread)
            while max(self._stretches) - min(self._stretches) >= MOST_POINTS:
                self._widen()
        else:
            stretch.add(decision, spread)

    def points(self) -> list[TrendPoint]:
        """Return the stretches that have decisions, earliest first."""
        return [stretch.point(at * self._width_ms) for at, stretch in sorted(self._stretches.items())]

    def _widen(self) -> None:
        self._width_ms *= 2
        former, self._stretches = self._stretches, {}
        for at, stretch in former.items():
            self._stretches.setdefault(at // 2, Stretch()).take_in(stretch)


class LiftCurve:
    """The lift of the reward after so many decisions; where there would be too many points, every second one goes."""

    def __init__(self, confidence: float) -> None:
        """Start without points.

        Args:
            confidence: Of the intervals.
        """
        self._confidence, self._step = confidence, _FIRST_STEP
        self._points: list[LiftPoint] = []

    def look(self, decisions: int, sums: GroupedSums) -> None:
        """Take a point, where it is time for one.

        Args:
            decisions: How many there were so far.
            sums: What they earned.
        """
        if decisions % self._step:
            return
        self._take(decisions, sums)
        if len(self._points) > MOST_POINTS:
            self._step *= 2
            self._points = [point for point in self._points if not point.decisions % self._step]

    def points(self, decisions: int, sums: GroupedSums) -> list[LiftPoint]:
        """Return the points, the last of which is for all decisions."""
        if self._points and self._points[-1].decisions != decisions:
            self._take(decisions, sums)
        return self._points[-MOST_POINTS:]

    def _take(self, decisions: int, sums: GroupedSums) -> None:
        lift = figure(sums.lift(REWARD, COUNT), self._confidence)
        if lift is not None and lift.HasField("low"):
            self._points.append(LiftPoint(decisions=decisions, lift=lift))


def moment(milliseconds: int) -> Timestamp:
    """Return a time, given in milliseconds since the epoch."""
    timestamp = Timestamp()
    timestamp.FromMilliseconds(milliseconds)
    return timestamp
