"""What a feature was like in earlier windows, and how far a window is from it: the memory of the schema guard.

Drift is measured by the population stability index over bins i (deciles of a number, values of a text),

    PSI = sum_i (q_i - p_i) ln(q_i / p_i)        p: reference, q: window, both with half an observation added a bin

(Siddiqi: Credit Risk Scorecards, 2006, where .25 is a major shift). Without a shift, PSI / (1/n + 1/m) is
approximately chi-squared with bins - 1 degrees of freedom (Yurdakul, Naranjo: Statistical properties of the population
stability index, 2020), n and m being the sizes of both samples. So a window has drifted when its PSI is above .25 *and*
above what chance exceeds once in a million windows.

What is left is traffic that moves by itself, like the hour of the day. A feature is therefore only said to drift when
it moves farther than it is known to: half as far again as ever before, which is forgotten over thousands of windows.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from attune_models.schema_window import MAX_SHOWN, FeatureWindow, Kind

DECAY = 0.95
"""What a window weighs after the next one. A change is taken for normal after some 14 windows."""
CHANCE = 1e-6
"""How often chance alone may lead to a finding, per feature and window."""
MAJOR_SHIFT = 0.25
"""The population stability index of a shift that matters."""
MAX_CATEGORIES = 20
_MAX_EDGES = 9
_NORMAL_QUANTILE = 4.7534
"""Of the standard normal distribution at 1 - CHANCE."""
_USUAL_DECAY = 0.9999
_BEYOND_USUAL = 1.5
_LEAST_EXPECTED = 5
_LEAST_FOR_CONSTANT = 5
_REST = "*"


@dataclass(slots=True)
class Reference:
    """A feature in earlier windows, the recent ones weighing most.

    Attributes:
        kind: Its kind.
        windows: Weight of the windows it was followed in, less than 20.
        observations: Weighted observations in them.
        present: Weighted observations that had it.
        edges: Borders between the bins of a number that has many values; empty where values are bins.
        counts: Weighted values by bin.
        value: Digest of the value it always had.
        steady: Full windows in which every observation had that value; -1 once that was not so.
        usual: The largest PSI of earlier drifts.
        peak: The largest PSI of the drift under way, 0 without one.
    """

    kind: Kind
    windows: float = 0.0
    observations: float = 0.0
    present: float = 0.0
    edges: list[float] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    value: int = 0
    steady: int = 0
    usual: float = 0.0
    peak: float = 0.0

    @property
    def share(self) -> float:
        """The share of observations that had it."""
        return self.present / self.observations if self.observations else 0.0

    def drift(self, window: FeatureWindow, observations: int) -> str | None:
        """Tell how a window differs in a way that chance does not explain and that is new; None where it does not.

        Args:
            window: The feature in the window.
            observations: How many observations the window had.
        """
        moved = max(self._shifts(window, observations), default=(0.0, ""))
        if moved[0] == 0.0:
            self._calm_down()
            return None
        self.peak = max(self.peak, moved[0])
        return f"{moved[1]} (stability index {moved[0]:.2g})" if moved[0] > _BEYOND_USUAL * self.usual else None

    def add(self, window: FeatureWindow | None, observations: int) -> None:
        """Take in a window, None where the feature did not come."""
        self.windows = DECAY * self.windows + 1
        self.observations = DECAY * self.observations + observations
        self.present = DECAY * self.present + (window.seen if window else 0)
        for label in self.counts:
            self.counts[label] *= DECAY
        if window is None:
            self.steady = -1
            return
        self._follow_value(window, observations)
        if not self.counts:
            self.edges = _deciles(window.numbers)
        for label, count in self._binned(window):
            self.counts[label] = self.counts.get(label, 0.0) + count
        self._trim()

    def _calm_down(self) -> None:
        """End a drift: what comes now is normal, and bins are made anew from it."""
        if self.peak:
            self.usual, self.peak = max(self.usual, self.peak), 0.0
            self.counts, self.edges = {}, []
        self.usual *= _USUAL_DECAY

    def _shifts(self, window: FeatureWindow, observations: int) -> Iterator[tuple[float, str]]:
        """Yield PSI and description of what chance does not explain: fewer observations with it, other values."""
        share = window.seen / observations
        if share < self.share and self.windows:
            expected = {"with": self.present, "without": self.observations - self.present}
            observed = {"with": float(window.seen), "without": float(observations - window.seen)}
            if index := _significant(expected, observed, self._size(observations, self.observations)):
                yield index, f"it came with {self.share:.0%}, and comes with {share:.0%}"
        observed = dict.fromkeys([*self.counts, _REST], 0.0)
        for label, count in self._binned(window):
            observed[label if label in self.counts else _REST] += count
        expected = {**dict.fromkeys(observed, 0.0), **self.counts}
        if index := _significant(expected, observed, self._size(window.seen, self.present)):
            yield index, self._largest_move(expected, observed, window)

    def _size(self, window: float, reference: float) -> float:
        # Of one window of the reference, not of all: the same offers come in every window, and say nothing new.
        return min(window, reference / self.windows) if self.windows else 0.0

    def _largest_move(self, expected: Mapping[str, float], observed: Mapping[str, float], window: FeatureWindow) -> str:
        if self.edges:
            median = sorted(window.numbers)[len(window.numbers) // 2]
            return f"its median was about {self.edges[len(self.edges) // 2]:.4g}, and is {median:.4g}"
        p, q = _shares(expected), _shares(observed)
        label = max(sorted(p), key=lambda each: abs(q[each] - p[each]))
        shown = "what had been rare" if label == _REST else f'"{label[1:]}"'
        return f"{shown} was {p[label]:.0%} of its values, and is {q[label]:.0%}"

    def _binned(self, window: FeatureWindow) -> Iterator[tuple[str, float]]:
        for number in window.numbers:
            yield (f"#{bisect_right(self.edges, number)}" if self.edges else f"={number:.15g}"), 1.0
        for text, count in window.categories.items():
            yield f"={text}", float(count)
        if window.others:
            yield _REST, float(window.others)

    def _trim(self) -> None:
        ranked = sorted(self.counts, key=lambda label: (label == _REST, -self.counts[label], label))
        for label in ranked[MAX_CATEGORIES:]:
            if label != _REST:
                self.counts[_REST] = self.counts.get(_REST, 0.0) + self.counts.pop(label)

    def _follow_value(self, window: FeatureWindow, observations: int) -> None:
        if observations < _LEAST_FOR_CONSTANT:
            return  # a few offers may well have something in common
        if window.varies or window.seen < observations or (self.steady and window.first != self.value):
            self.steady = -1
        elif self.steady >= 0:
            self.value, self.steady = window.first, self.steady + 1

    def facts(self) -> list[Any]:
        """Return what JSON can hold, for `from_facts`."""
        weights = [self.windows, self.observations, self.present, self.usual, self.peak]
        return [self.kind.name, weights, self.edges, self.counts, self.value, self.steady]

    @classmethod
    def from_facts(cls, facts: Any) -> "Reference":
        """Make a reference of what `facts` returned.

        Raises:
            LookupError, TypeError, ValueError: They are something else.
        """
        kind, weights, edges, counts, value, steady = facts
        windows, observations, present, usual, peak = (_weight(weight) for weight in weights)
        if len(edges) > _MAX_EDGES or len(counts) > MAX_CATEGORIES + 1 or present > observations * (1 + 1e-9):
            raise ValueError("expected a bounded reference")
        if any(len(label) > MAX_SHOWN + 1 for label in counts) or edges != sorted(float(edge) for edge in edges):
            raise ValueError("expected short labels and sorted edges")
        weighted = {str(label): _weight(count) for label, count in counts.items()}
        seen = (windows, observations, present)
        return cls(Kind[kind], *seen, list(edges), weighted, int(value), int(steady), usual, peak)


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"expected a weight, got {value!r}")
    return float(value)


def _deciles(numbers: list[float]) -> list[float]:
    """Return the borders between tenths; none where there are so few different numbers that each can be a bin."""
    if len(set(numbers)) <= MAX_CATEGORIES // 2:
        return []
    ordered = sorted(numbers)
    return sorted({ordered[len(ordered) * tenth // 10] for tenth in range(1, 10)})


def _significant(expected: Mapping[str, float], observed: Mapping[str, float], size: float) -> float:
    """Return the PSI of a shift that matters and that chance does not explain, else 0.

    Args:
        expected: Counts by bin in the reference.
        observed: Counts by bin in the window, the same bins.
        size: Observations in the smaller of both, of the reference per window.
    """
    p = _merged(expected, expected, size)
    q = _merged(observed, expected, size)
    n_bins = sum(1 for label in p if p[label] or q[label])
    if size <= 0 or n_bins <= 1:
        return 0.0
    total_p, total_q = sum(p.values()) + 0.5 * n_bins, sum(q.values()) + 0.5 * n_bins
    shares = [((p[label] + 0.5) / total_p, (q[label] + 0.5) / total_q) for label in p if p[label] or q[label]]
    index = sum((now - before) * math.log(now / before) for before, now in shares)
    return index if index > max(MAJOR_SHIFT, 2 / size * _chi_squared(n_bins - 1)) else 0.0


def _merged(counts: Mapping[str, float], expected: Mapping[str, float], size: float) -> dict[str, float]:
    """Put bins together in which fewer than 5 observations are expected: the approximation does not hold there."""
    total = sum(expected.values()) or 1.0
    merged = {_REST: 0.0}
    for label, count in counts.items():
        kept = label if expected[label] / total * size >= _LEAST_EXPECTED else _REST
        merged[kept] = merged.get(kept, 0.0) + count
    return merged


def _chi_squared(freedom: int) -> float:
    """Return the quantile of the chi-squared distribution at 1 - CHANCE (Wilson, Hilferty, 1931).

    Slightly too large for few degrees of freedom, which errs on the quiet side.
    """
    ninth = 2 / (9 * freedom)
    return float(freedom * (1 - ninth + _NORMAL_QUANTILE * math.sqrt(ninth)) ** 3)


def _shares(counts: Mapping[str, float]) -> dict[str, float]:
    total = sum(counts.values()) or 1.0
    return {label: count / total for label, count in counts.items()}
