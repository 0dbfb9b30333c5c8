"""Tallies of the same rounds by several estimators, whether decisions have one slot or more.

Nobody knows before its end whether a log has decisions of several slots. As long as there are none, the estimators for
one slot count; from the first one on, those for several. The latter are fed from the beginning, for they are right in
both cases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from attune.evaluation.weighing import Weighed
from attune_models.estimator import Estimator
from attune_models.rounds import Rounds, SlotRounds
from attune_models.tally import Tally


@dataclass(frozen=True, slots=True)
class Estimators:
    """What is estimated with.

    Attributes:
        single: For decisions of one slot; the one that is shown where there is room for one comes first.
        slots: For decisions of several slots; the same.
    """

    single: Sequence[Estimator[Rounds]]
    slots: Sequence[Estimator[SlotRounds]]

    @property
    def needs_model(self) -> bool:
        """Whether any of them uses the predictions of a reward model."""
        both: list[Estimator[Any]] = [*self.single, *self.slots]
        return any(estimator.needs_model for estimator in both)

    @property
    def main(self) -> "Estimators":
        """Only those that are shown where there is room for one."""
        return Estimators(self.single[:1], self.slots[:1])


class Tallies:
    """Tallies of the same rounds."""

    def __init__(self, estimators: Estimators, most_cells: int, *, several: bool = False) -> None:
        """Start without rounds.

        Args:
            estimators: What is estimated with.
            most_cells: See `Tally`.
            several: Whether it is known that there are decisions of several slots.
        """
        self._slots = [Tally(estimator, most_cells) for estimator in estimators.slots]
        self._single = [] if several else [Tally(estimator, most_cells) for estimator in estimators.single]
        self._several = several

    def add(self, weighed: Weighed) -> None:
        """Take in more rounds."""
        if weighed.slots.reward.shape[1] > 1:
            self._several, self._single = True, []
        rounds = weighed.rounds
        for single in self._single:
            single.add(rounds)
        for slots in self._slots:
            slots.add(weighed.slots)

    @property
    def several(self) -> bool:
        """Whether there were decisions of several slots."""
        return self._several

    @property
    def counted(self) -> Sequence[Tally[Any]]:
        """The tallies that count, the main one first; never empty."""
        return self._slots if self._several else self._single

    @property
    def main(self) -> Tally[Any]:
        """That of the main estimator."""
        return self.counted[0]
