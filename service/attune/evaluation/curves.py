"""What a report draws of a target, in constant memory: its learning curve, and the histogram of its weights."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from attune.reports.report import WeightBin
from attune_models.rounds import FloatArray

MOST_POINTS = 64
_FIRST_STEP = 4
_LEAST_EXPONENT = -10
_MOST_EXPONENT = 60


class Pace:
    """When learning curves get a point: after every so many samples, twice as many as soon as there are 64 points.

    Attributes:
        seen: How many samples there were.
        step: After how many there is a point now.
    """

    def __init__(self, most_at_once: int) -> None:
        """Begin before the first sample; at most so many are taken at once."""
        self.seen = 0
        self.step = _FIRST_STEP
        self._most_at_once = most_at_once

    def room(self) -> int:
        """Return how many samples to take next: no chunk goes beyond a point."""
        return min(self.step - self.seen % self.step, self._most_at_once)

    def advance(self, n_samples: int) -> bool:
        """Go on by some samples; return whether there is a point now."""
        self.seen += n_samples
        is_point = self.seen % self.step == 0
        while self.seen >= MOST_POINTS * self.step:
            self.step *= 2
        return is_point


@dataclass(frozen=True, slots=True)
class Mark:
    """What a point of a learning curve is made from.

    Attributes:
        samples: How many samples there were up to here.
        value: The estimate over all of them.
        moment: See `attune.evaluation.anytime.Anytime.moment`.
    """

    samples: int
    value: float
    moment: bytes


class Curve:
    """A learning curve."""

    def __init__(self) -> None:
        """Begin without a mark."""
        self._marks: list[tuple[int, Mark]] = []

    def add(self, at: int, step: int, mark: Mark) -> None:
        """Add a mark, and leave out those that are closer together than the step is by now.

        Args:
            at: How many samples of the log there were.
            step: The step of the pace.
            mark: What to add.
        """
        self._marks = [(earlier, kept) for earlier, kept in self._marks if earlier % step == 0 and earlier < at]
        self._marks.append((at, mark))

    def marks(self) -> list[Mark]:
        """Return the marks, earliest first."""
        return [mark for _, mark in self._marks]


@dataclass(slots=True)
class WeightHistogram:
    """Counts importance weights by powers of two.

    Attributes:
        counts: int64: weights below 2**-10, then from each power of two to the next, up to 2**60 and beyond.
    """

    counts: npt.NDArray[np.int64]

    def add(self, weight: FloatArray) -> None:
        """Count weights; float64, shape (n_rounds,), not negative."""
        # frexp gives weight = m * 2**e with m in [0.5, 1): so from 2**(e-1), below 2**e.
        exponent = np.where(weight > 0.0, np.frexp(weight)[1], _LEAST_EXPONENT)
        places = np.clip(exponent - _LEAST_EXPONENT, 0, _MOST_EXPONENT - _LEAST_EXPONENT)
        self.counts += np.bincount(places, minlength=len(self.counts))

    def bins(self) -> list[WeightBin]:
        """Return the bins from the first to the last that has a weight; the lowest one begins at 0."""
        used = np.flatnonzero(self.counts)
        if not len(used):
            return []
        places = range(int(used[0]), int(used[-1]) + 1)
        return [_bin(place, int(self.counts[place])) for place in places]


def histogram() -> WeightHistogram:
    """Return an empty histogram."""
    return WeightHistogram(np.zeros(_MOST_EXPONENT - _LEAST_EXPONENT + 1, dtype=np.int64))


def _bin(place: int, count: int) -> WeightBin:
    high = 2.0 ** (place + _LEAST_EXPONENT)
    return WeightBin(high / 2 if place else 0.0, high, count)
