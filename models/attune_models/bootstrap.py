"""Draws rounds again, with replacement, to see how far an estimate could have come out otherwise.

    tallies --cells, the same draws for all--> estimates of each resample --percentiles--> interval

All tallies are resampled together, so that the difference of two estimates is resampled as the difference it is.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from attune_models.rounds import FloatArray
from attune_models.tally import Tally

IntArray: TypeAlias = npt.NDArray[np.int64]
# Cells that are resampled at a time: with their counts and columns they stay in a core's cache. A power of two of at
# most 16 bits, so that random bits are numbers of cells as they are.
_BLOCK = 1 << 14
# Resamples that one generator makes. It decides what is drawn, so results do not depend on the number of threads.
_BATCH = 32
# Resamples of a block that are summed together.
_GROUP = 8
# Largest product of matrices, in multiplications. OpenBLAS has threads of its own for larger ones: beside ours, on a
# machine that is busy, they wait for each other most of the time.
_PRODUCT = 1 << 18
# Draws of `percentile_bootstrap` that are in memory at once.
_MOST_DRAWS = 2_000_000


def bootstrap(tallies: Sequence[Tally[Any]], resamples: int, seed: int, threads: int = 2) -> FloatArray:
    """Estimate again on resamples of the cells, which are single rounds unless there are many.

    Each resample has as many cells as there are, drawn with replacement: Bradley Efron, Bootstrap Methods: Another Look
    at the Jackknife, 1979.

    Args:
        tallies: Of the same rounds, added in the same order; at least one.
        resamples: How many, at least 1.
        seed: The same seed gives the same draws, and the same for every tally.
        threads: How many at a time; no matter for the result.

    Returns:
        Estimates, float64, shape (resamples, n_tallies); NaN where one is not defined on a resample, or without rounds.

    Raises:
        ValueError: The tallies are not of the same rounds.
    """
    kinds = {(tally.n_rounds, tally.rows_per_cell) for tally in tallies}
    if len(kinds) != 1:
        raise ValueError(f"tallies: expected one number of rounds and rounds per cell, got {sorted(kinds)}")
    n_rounds, rows_per_cell = kinds.pop()
    if n_rounds == 0:
        return np.full((resamples, len(tallies)), np.nan)
    columns = [*(tally.cells.T for tally in tallies), _rounds_in_cells(n_rounds, rows_per_cell)]
    sums = resampled_sums(np.concatenate(columns), resamples, seed, threads)
    means = sums[:, :-1] / sums[:, -1:]
    ends = np.cumsum([tally.estimator.n_columns for tally in tallies])
    parts = np.split(means, ends[:-1], axis=1)
    estimates = [tally.estimator.value(part, n_rounds) for tally, part in zip(tallies, parts, strict=True)]
    return np.stack(estimates, axis=1)


def resampled_sums(columns: FloatArray, resamples: int, seed: int, threads: int = 2) -> FloatArray:
    """Sum the columns over resamples of the cells.

    How often each cell is drawn is multinomial. That is drawn in two steps, which is the same: first how many draws
    fall on each block of cells, then which cells of the block; so that nothing is looked up outside a core's cache.

    Args:
        columns: float64, shape (k, n_cells), a column in each row.
        resamples: How many.
        seed: Of the generators, one for every 32 resamples.
        threads: How many at a time; no matter for the result.

    Returns:
        float64, shape (resamples, k).
    """
    sizes = [min(_BATCH, resamples - start) for start in range(0, resamples, _BATCH)]
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(partial(_batch, columns), sizes, seeds)))


def percentile_bootstrap(per_round: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Take means of a kernel over resamples of its rounds: the very draws that Open Bandit Pipeline makes.

    A ratio's kernel is not normalised anew on each resample, so its spread is not that of the ratio, and may be several
    times too small where weights vary much: `bootstrap` does that right. This is here to compare with the reference.

    Args:
        per_round: Kernels, float64, shape (n_rounds,) or (n_rounds, n_kernels); at least one round.
        resamples: How many.
        seed: Of `numpy.random.RandomState`.

    Returns:
        Means, float64, shape (resamples,) or (resamples, n_kernels).
    """
    n_rounds = len(per_round)
    random = np.random.RandomState(seed)
    kernels, means = per_round.reshape(n_rounds, -1).T, np.empty((resamples, per_round.size // n_rounds))
    step = max(1, _MOST_DRAWS // n_rounds)
    for start in range(0, resamples, step):
        draws = random.randint(0, n_rounds, (min(step, resamples - start), n_rounds))
        counts = np.stack([np.bincount(row, minlength=n_rounds) for row in draws]).astype(np.float64)
        means[start : start + step] = _product(counts, kernels) / n_rounds
    return means.reshape(resamples, *per_round.shape[1:])


def percentiles(resampled: FloatArray, confidence: float = 0.95) -> FloatArray:
    """Return the ends of the percentile interval.

    Args:
        resampled: Estimates, shape (resamples, ...).
        confidence: Share of resamples between the ends; between 0 and 1.

    Returns:
        float64, shape (2, ...): low and high; NaN where an estimate is.
    """
    tail = 100.0 * (1.0 - confidence) / 2.0
    return np.percentile(resampled, [tail, 100.0 - tail], axis=0)


def _rounds_in_cells(n_rounds: int, rows_per_cell: int) -> FloatArray:
    counts = np.full((1, -(-n_rounds // rows_per_cell)), float(rows_per_cell))
    counts[0, -1] -= counts.size * rows_per_cell - n_rounds
    return counts


def _batch(columns: FloatArray, resamples: int, seed: np.random.SeedSequence) -> FloatArray:
    """Sum over the resamples of one generator, block by block."""
    rng, n_cells = np.random.Generator(np.random.SFC64(seed)), columns.shape[1]
    blocks = [columns[:, start : start + _BLOCK] for start in range(0, n_cells, _BLOCK)]
    draws = rng.multinomial(n_cells, [block.shape[1] / n_cells for block in blocks], size=resamples)
    sums = np.zeros((resamples, len(columns)))
    for i, block in enumerate(blocks):
        for start in range(0, resamples, _GROUP):
            group = slice(start, start + _GROUP)
            sums[group] += _product(_counts(draws[group, i], block.shape[1], rng), block)
    return sums


def _product(counts: FloatArray, block: FloatArray) -> FloatArray:
    """Return `counts @ block.T`, in pieces."""
    step = max(1, _PRODUCT // (len(counts) * len(block)))
    total = np.zeros((len(counts), len(block)))
    for start in range(0, block.shape[1], step):
        piece = slice(start, start + step)
        total += counts[:, piece] @ block[:, piece].T
    return total


def _counts(draws: IntArray, n_cells: int, rng: np.random.Generator) -> FloatArray:
    """Draw cells of a block, for several numbers of draws; return how often each comes, shape (len(draws), n_cells)."""
    counts = np.empty((len(draws), n_cells))
    for row, n_draws in zip(counts, draws, strict=True):
        row[:] = np.bincount(_cells(int(n_draws), n_cells, rng), minlength=n_cells)
    return counts


def _cells(n_draws: int, n_cells: int, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    if n_cells < _BLOCK:
        return rng.integers(0, n_cells, n_draws, dtype=np.uint16)
    # Whole words of random bits are several times faster than numbers below a bound.
    words = rng.integers(0, 1 << 64, -(-n_draws // 4), dtype=np.uint64)
    return words.view(np.uint16)[:n_draws] & np.uint16(_BLOCK - 1)
