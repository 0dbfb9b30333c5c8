"""What a log says about itself, whatever policy is evaluated on it.

    log --> LogDiagnostics --> verdict

One log is counted once and then judged for each target policy (`attune_models.diagnostics`). Constant memory, and one
pass, in the order of the decisions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol, Self

import numpy as np

from attune_models.calibration import N_BINS, Calibration, CalibrationBin
from attune_models.drift import N_TOTALS, N_WINDOWS, Change, Drift
from attune_models.duplicates import MOST_IDS, Duplicates
from attune_models.rounds import LARGEST_WEIGHT, FloatArray
from attune_models.split import Split
from attune_models.state import check_not_negative, check_shapes, pack, refusing, unpack
from attune_models.types import Interaction, Pmf

_KIND = "log-diagnostics-2"


class LoggedDecision(Protocol):
    """A decision as a log has it."""

    @property
    def event_id(self) -> str:
        """Identifies it; empty where the log has no ids."""
        ...

    @property
    def mode(self) -> str:
        """Who decided: `learned`, `control` or `fallback`; empty where the log does not say."""
        ...

    @property
    def customer(self) -> str:
        """Tells the customer from others; empty where the log does not know."""
        ...

    @property
    def slots(self) -> Sequence[Interaction]:
        """What was drawn for each slot, at least one."""
        ...

    @property
    def pmfs(self) -> Sequence[Pmf]:
        """For each slot, the probability of each of its actions; empty where the log has only the propensity."""
        ...


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """How customers, and decisions without one, are split between control and policy.

    Attributes:
        expected: The share of control that was asked for, 0 to 1.
        control: How many are in the control group.
        others: How many are not.
    """

    expected: float
    control: int
    others: int

    @property
    def seen(self) -> float:
        """The share that control really has; 0 without decisions."""
        return self.control / max(self.control + self.others, 1)

    @property
    def z(self) -> float:
        """Root of the chi-square statistic (one degree of freedom), with the sign of the difference."""
        n = self.control + self.others
        variance = n * self.expected * (1.0 - self.expected)
        return (self.control - n * self.expected) / sqrt(variance) if variance > 0.0 else 0.0

    @property
    def missing(self) -> float:
        """Least share of one group that must be missing (or was added) to give this ratio, 0 to 1."""
        ours, theirs = self.control * (1.0 - self.expected), self.others * self.expected
        return 1.0 - min(ours, theirs) / max(ours, theirs) if max(ours, theirs) > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class LogFigures:
    """What was found.

    Attributes:
        rows: How many decisions were counted.
        calibrated: For how many draws the log has the whole pmf.
        calibration: Draws against probabilities, by bins; empty where there are none.
        logged: Change of what was earned, as it was logged.
        uniform: Change of what chance would have earned: of the world, and not of the logger.
        duplicate_share: Share of the decisions whose id came before, 0 to 1.
        duplicates_sampled: 1 where all ids were compared, else 1 / how many ids stand for all.
        sample_ratio: Control against policy; None where nobody knows what was asked for.
    """

    rows: int
    calibrated: int
    calibration: Sequence[CalibrationBin]
    logged: Change
    uniform: Change
    duplicate_share: float
    duplicates_sampled: float
    sample_ratio: SampleRatio | None

    @property
    def calibration_z(self) -> float:
        """The most surprising z of all bins; 0 where there are none."""
        return max((each.z for each in self.calibration), key=abs, default=0.0)


class LogDiagnostics:
    """Counts the decisions of a log."""

    def __init__(self, control_share: float | None = None, most_ids: int = MOST_IDS) -> None:
        """Start.

        Args:
            control_share: Share that control was to have, 0 to 1; None where nobody knows.
            most_ids: How many ids are remembered at most, to find duplicates: 16 bytes each, in memory and in `dumps`.
                As many customers are, of each group.
        """
        self._control_share = control_share
        self._rows = self._calibrated = 0
        self._split = Split(most_ids)
        self.calibration = Calibration()
        self._drift = Drift()
        self._duplicates = Duplicates(most_ids)

    def add(self, decisions: Iterable[LoggedDecision]) -> None:
        """Count decisions, in their order; thousands at once are much faster than one by one.

        Raises:
            ValueError: A reward is not finite, a propensity not greater than 0, or some slots have a pmf and others
                have none. Nothing was counted then.
        """
        batch = list(decisions)
        reward, weight = _first_slots([each.slots[0] for each in batch])
        with_pmfs = [each for each in batch if each.pmfs]
        draws = [draw for each in with_pmfs for draw in _draws(each)]
        self._drift.add(reward, weight)
        self.calibration.add([pmf for pmf, _ in draws], [slot.chosen for _, slot in draws])
        self._duplicates.add([each.event_id for each in batch])
        if self._control_share is not None:
            # What was decided while the model was away had been given to the policy's group.
            self._split.add([each.mode for each in batch], [each.customer for each in batch])
        self._rows += len(batch)
        self._calibrated += len(draws)

    def figures(self) -> LogFigures:
        """Return what was found so far."""
        share = self._control_share
        control, others = self._split.counts()
        return LogFigures(
            rows=self._rows,
            calibrated=self._calibrated,
            calibration=self.calibration.bins(),
            logged=self._drift.logged(),
            uniform=self._drift.uniform(),
            duplicate_share=self._duplicates.share,
            duplicates_sampled=0.5**self._duplicates.level,
            sample_ratio=SampleRatio(share, control, others) if share is not None and control + others else None,
        )

    def dumps(self) -> bytes:
        """Return the state; equal counts give equal bytes."""
        facts = {
            "control_share": self._control_share,
            "counts": [self._rows, self._calibrated, self._drift.rows],
            "split": self._split.facts(),
            "ids": [self._duplicates.most_ids, self._duplicates.level],
        }
        arrays = {
            "bins": self.calibration.counts,
            "windows": self._drift.windows,
            "ids": self._duplicates.array(),
            **self._split.arrays(),
        }
        return pack(_KIND, facts, arrays)

    @classmethod
    def loads(cls, state: bytes) -> Self:
        """Return what `dumps` put away.

        Raises:
            PolicyError: It is no such state.
        """
        facts, arrays = unpack(_KIND, state)
        with refusing(_KIND):
            most_ids, level = map(int, facts["ids"])
            loaded = cls(facts["control_share"], most_ids)
            counts = [int(count) for count in facts["counts"]]
            loaded._rows, loaded._calibrated, rows = counts
            split = [[int(count) for count in each] for each in facts["split"]]
            named = {name: (len(arrays[name]), 2) for name in ("ids", *loaded._split.arrays())}
        check_not_negative(_KIND, *counts, level, *(count for each in split for count in each))
        check_shapes(arrays, {"bins": (N_BINS, 3), "windows": (N_WINDOWS, N_TOTALS), **named})
        with refusing(_KIND):
            loaded._split = Split.of(most_ids, split, [arrays[name] for name in loaded._split.arrays()])
        loaded.calibration = Calibration(arrays["bins"])
        loaded._drift = Drift(rows, arrays["windows"])
        loaded._duplicates = Duplicates.of(most_ids, level, arrays["ids"])
        return loaded


def _draws(decision: LoggedDecision) -> Iterable[tuple[Pmf, Interaction]]:
    n_pmfs, n_slots = len(decision.pmfs), len(decision.slots)
    if n_pmfs != n_slots:
        raise ValueError(f'decision "{decision.event_id}": expected a pmf for each of {n_slots} slots, got {n_pmfs}')
    return zip(decision.pmfs, decision.slots, strict=True)


def _first_slots(slots: Sequence[Interaction]) -> tuple[FloatArray, FloatArray]:
    """Return rewards, and weights as if each had been drawn by chance.

    Of the first slots only: what is left for the later ones depends on what a policy, which learns, drew before.
    """
    reward = np.array([each.reward for each in slots], np.float64)
    propensity = np.array([each.propensity for each in slots], np.float64)
    n_actions = np.array([len(each.situation.actions) for each in slots], np.float64)
    # Written so that NaN, which compares false with everything, is refused too.
    if not (np.isfinite(reward).all() and (propensity > 0.0).all()):
        raise ValueError(f"expected finite rewards and propensities above 0, got {reward!r} and {propensity!r}")
    return reward, 1.0 / np.maximum(n_actions * propensity, 1.0 / LARGEST_WEIGHT)
