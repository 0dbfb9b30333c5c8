"""From samples to rounds: what estimators see of a chunk of the log, for one target policy.

    samples --prepared--> Chunk (once) --weigh, target--> Weighed (rounds of one target) --accumulation--> sums

What does not depend on the target is computed once: rewards, what the reward model predicts, and the uniform number
with which a target draws where an estimator looks for matches. All targets draw with the same one, so that they differ
in nothing but their probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from operator import mul

import numpy as np
import numpy.typing as npt

from attune.evaluation.targets import Target
from attune.logs.samples import Sample
from attune_models.pmf import draw, unit_interval
from attune_models.rounds import LARGEST_WEIGHT, BoolArray, FloatArray, Rounds, SlotRounds
from attune_models.types import Pmf

Predict = Callable[[Sample], Sequence[Sequence[float]]]
"""Predicted reward of each action of each slot of a sample, by a model that did not learn from it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some samples that follow each other, and what no target changes about them.

    Attributes:
        samples: The samples, in their order.
        reward: float64, shape (n_samples, n_slots), n_slots of the longest; 0 where there is no slot.
        predicted: Of each sample, of each slot, of each action, the predicted reward; empty without a model.
        uniform: float64, shape (n_samples,): numbers in [0, 1) to draw with.
    """

    samples: Sequence[Sample]
    reward: FloatArray
    predicted: Sequence[Sequence[Sequence[float]]]
    uniform: FloatArray


@dataclass(frozen=True, slots=True)
class Weighed:
    """The samples of a chunk that count for a target, as it sees them; first axis n_rounds of each array.

    Attributes:
        index: int64, shape (n_rounds,): positions in the chunk.
        slots: What slot estimators are computed from.
        matched: Whether a draw of the target's was what was logged; of the first slot.
        unsupported: Probability that the target draws, in any slot, what could not be drawn when it was logged; NaN
            where the log has no more than the propensity.
    """

    index: npt.NDArray[np.int64]
    slots: SlotRounds
    matched: BoolArray
    unsupported: FloatArray

    @property
    def rounds(self) -> Rounds:
        """The first slots: all there is where a decision has one slot."""
        slots = self.slots
        return Rounds(slots.reward[:, 0], slots.weight[:, 0], self.matched, slots.q_logged[:, 0], slots.q_target[:, 0])

    @property
    def earned(self) -> FloatArray:
        """What the decisions earned in all their slots, shape (n_rounds,)."""
        total: FloatArray = self.slots.reward.sum(axis=1)
        return total

    @property
    def weight(self) -> FloatArray:
        """Importance weight of whole decisions, shape (n_rounds,)."""
        product: FloatArray = self.slots.weight.prod(axis=1)
        return product

    def taken(self, rows: npt.NDArray[np.int64]) -> "Weighed":
        """Return some rows; positions among these rounds, not in the chunk."""
        slots = self.slots
        parts = (slots.reward[rows], slots.weight[rows], slots.q_logged[rows], slots.q_target[rows])
        return Weighed(self.index[rows], SlotRounds(*parts), self.matched[rows], self.unsupported[rows])


def prepared(samples: Sequence[Sample], predict: Predict | None, seed: int) -> Chunk:
    """Compute what no target changes.

    Args:
        samples: At least one.
        predict: Predicts rewards; None for no model.
        seed: Of the numbers to draw with.
    """
    n_slots = max(len(sample.slots) for sample in samples)
    reward = np.zeros((len(samples), n_slots))
    for row, sample in enumerate(samples):
        for slot, interaction in enumerate(sample.slots):
            reward[row, slot] = interaction.reward
    predicted = [predict(sample) for sample in samples] if predict else []
    # Never the draw that was made when it was logged: a target's own draw has to be independent of it.
    uniform = np.array([unit_interval("evaluate", str(seed), sample.event_id) for sample in samples])
    return Chunk(samples, reward, predicted, uniform)


def as_logged(chunk: Chunk) -> Weighed:
    """Return what was really drawn, as if it were a target's: every estimator then gives the mean reward."""
    n, reward = len(chunk.samples), chunk.reward
    # A model that predicts what came: then what the direct method says is the mean reward, too.
    slots = SlotRounds(reward, np.ones_like(reward), reward, reward)
    return Weighed(np.arange(n), slots, np.ones(n, dtype=np.bool_), np.zeros(n))


def weigh(chunk: Chunk, target: Target) -> Weighed:
    """Ask a target about the samples of a chunk, one after the other; it learns from each before it sees the next."""
    sheet = _Sheet(len(chunk.samples), chunk.reward.shape[1])
    index: list[int] = []
    for row, sample in enumerate(chunk.samples):
        if target.counts(sample):
            pmfs = target.pmfs(sample)
            sheet.note(len(index), sample, pmfs, float(chunk.uniform[row]))
            if chunk.predicted:
                sheet.note_predictions(len(index), sample, pmfs, chunk.predicted[row])
            index.append(row)
        target.learn(sample)
    positions = np.array(index, dtype=np.int64)
    return sheet.weighed(positions, chunk.reward[positions])


class _Sheet:
    """The arrays of a chunk, while they are filled."""

    def __init__(self, n_samples: int, n_slots: int) -> None:
        self._weight = np.ones((n_samples, n_slots))
        self._q_logged = np.zeros((n_samples, n_slots))
        self._q_target = np.zeros((n_samples, n_slots))
        self._matched = np.zeros(n_samples, dtype=np.bool_)
        self._unsupported = np.full(n_samples, np.nan)

    def note(self, row: int, sample: Sample, pmfs: Sequence[Pmf], uniform: float) -> None:
        """Note what a target says about a sample."""
        # So that no product of a decision's weights is beyond the largest weight either.
        room = LARGEST_WEIGHT
        for slot, (interaction, pmf) in enumerate(zip(sample.slots, pmfs, strict=True)):
            weight = min(pmf[interaction.chosen] / interaction.propensity, room)
            self._weight[row, slot] = weight
            room = min(LARGEST_WEIGHT, room / weight) if weight > 0.0 else LARGEST_WEIGHT
        self._matched[row] = draw(pmfs[0], uniform) == sample.slots[0].chosen
        if sample.pmfs:
            self._unsupported[row] = 1.0 - prod(map(_supported, pmfs, sample.pmfs))

    def note_predictions(
        self, row: int, sample: Sample, pmfs: Sequence[Pmf], predicted: Sequence[Sequence[float]]
    ) -> None:
        """Note what a model predicts for what was drawn, and on average for what the target would draw."""
        for slot, (interaction, pmf, rewards) in enumerate(zip(sample.slots, pmfs, predicted, strict=True)):
            self._q_logged[row, slot] = rewards[interaction.chosen]
            self._q_target[row, slot] = sum(map(mul, pmf, rewards))

    def weighed(self, index: npt.NDArray[np.int64], reward: FloatArray) -> Weighed:
        """Return what was noted."""
        n = len(index)
        slots = SlotRounds(reward, self._weight[:n], self._q_logged[:n], self._q_target[:n])
        return Weighed(index, slots, self._matched[:n], self._unsupported[:n])


def _supported(pmf: Pmf, logged: Pmf) -> float:
    """Return the probability that a target draws what could be drawn."""
    if 0.0 not in logged:
        return 1.0
    return 1.0 - sum(mine for mine, theirs in zip(pmf, logged, strict=True) if theirs == 0.0)
