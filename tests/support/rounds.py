"""Rounds to estimate from: drawn, or enumerated with the probability of each."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from attune_models.rounds import FloatArray, Rounds, SlotRounds


def some_rounds(n_rounds: int, seed: int = 1) -> Rounds:
    """Draw rounds whose weights have a mean of 1 and go to 6, and of which a quarter match."""
    rng = np.random.default_rng(seed)
    reward, q_logged, q_target = rng.random((3, n_rounds))
    weight = rng.choice([0.0, 0.5, 1.0, 6.0], n_rounds, p=[0.3, 0.3, 0.3, 0.1]) / 1.05
    return Rounds(reward, weight, rng.random(n_rounds) < 0.25, q_logged, q_target)


def some_slot_rounds(n_rounds: int, n_slots: int, seed: int = 1) -> SlotRounds:
    """Draw rounds of several slots."""
    rng = np.random.default_rng(seed)
    reward, weight, q_logged, q_target = rng.random((4, n_rounds, n_slots))
    return SlotRounds(reward, 2 * weight, q_logged, q_target)


def part(rounds: Rounds, start: int, end: int) -> Rounds:
    """Return some of the rounds."""
    cut = slice(start, end)
    arrays = (rounds.reward[cut], rounds.weight[cut], rounds.matched[cut], rounds.q_logged[cut], rounds.q_target[cut])
    return Rounds(*arrays)


def chunks(rounds: Rounds, sizes: Sequence[int]) -> Iterator[Rounds]:
    """Cut all rounds into chunks of these sizes, and one of what is left."""
    ends = np.cumsum([0, *sizes, len(rounds.reward)])
    for start, end in pairwise(ends.tolist()):
        yield part(rounds, start, end)


def expected(kernel: FloatArray, probability: FloatArray) -> float:
    """Return the mean of a kernel over rounds that were enumerated with their probabilities."""
    assert probability.sum() - 1.0 < 1e-12
    return float(kernel @ probability)
