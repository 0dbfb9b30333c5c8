"""Draws rounds again, with replacement, to see how far an estimate could have come out otherwise.

    tallies --cells, the same draws for all--> estimates of each resample --percentiles--> interval

All tallies are resampled together, so that the difference of two estimates is resampled as the difference it is.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from attune_models.rounds import FloatArray
from attune_models.tally import Tally

# As many cells as 16 bits number, and as stay in a core's cache with their columns and counts.
_BLOCK = 16_384
# Resamples that one generator makes. It decides what is drawn, so results do not depend on the number of threads.
_BATCH = 50
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
    rounds_in = _rounds_in_cells(n_rounds, rows_per_cell)
    sums = resampled_sums(np.hstack([*(tally.cells for tally in tallies), rounds_in]), resamples, seed, threads)
    means = sums[:, :-1] / sums[:, -1:]
    ends = np.cumsum([tally.estimator.n_columns for tally in tallies])
    parts = np.split(means, ends[:-1], axis=1)
    estimates = [tally.estimator.value(part, n_rounds) for tally, part in zip(tallies, parts, strict=True)]
    return np.stack(estimates, axis=1)


def resampled_sums(columns: FloatArray, resamples: int, seed: int, threads: int = 2) -> FloatArray:
    """Sum the columns over resamples of the rows.

    How often each row is drawn is multinomial. That is drawn in two steps, which is the same: first how many draws fall
    on each block of rows, then which rows of the block; so that one step needs no more memory than a core's cache has.

    Args:
        columns: float64, shape (n, k).
        resamples: How many.
        seed: Of the generators, one for every 50 resamples.
        threads: How many at a time; no matter for the result.

    Returns:
        float64, shape (resamples, k).
    """
    n_batches = -(-resamples // _BATCH)
    generators = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(n_batches)]
    sizes = [min(_BATCH, resamples - start) for start in range(0, resamples, _BATCH)]
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(lambda rng, size: _batch(columns, size, rng), generators, sizes)))


def percentile_bootstrap(per_round: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Take means of a kernel over resamples of its rounds: the very draws that Open Bandit Pipeline makes.

    A ratio's kernel is not normalised anew on each resample, so its spread is too small where weights vary much:
    `bootstrap` does that right. This is here to compare with the reference.

    Args:
        per_round: Kernels, float64, shape (n_rounds,) or (n_rounds, n_kernels); at least one round.
        resamples: How many.
        seed: Of `numpy.random.RandomState`.

    Returns:
        Means, float64, shape (resamples,) or (resamples, n_kernels).
    """
    n_rounds = len(per_round)
    random = np.random.RandomState(seed)
    means = np.empty((resamples, *per_round.shape[1:]))
    step = max(1, _MOST_DRAWS // n_rounds)
    for start in range(0, resamples, step):
        draws = random.randint(0, n_rounds, (min(step, resamples - start), n_rounds))
        counts = np.stack([np.bincount(row, minlength=n_rounds) for row in draws]).astype(np.float64)
        means[start : start + step] = counts @ per_round / n_rounds
    return means


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
    n_cells = -(-n_rounds // rows_per_cell)
    counts = np.full((n_cells, 1), float(rows_per_cell))
    counts[-1] = n_rounds - (n_cells - 1) * rows_per_cell
    return counts


def _batch(columns: FloatArray, resamples: int, rng: np.random.Generator) -> FloatArray:
    sums = np.zeros((resamples, columns.shape[1]))
    blocks = [columns[start : start + _BLOCK] for start in range(0, len(columns), _BLOCK)]
    shares = np.array([len(block) for block in blocks]) / len(columns)
    draws = rng.multinomial(len(columns), shares, size=resamples)
    for i, block in enumerate(blocks):
        for j, counts in enumerate(_counts(draws[:, i], len(block), rng)):
            sums[j] += counts @ block
    return sums


def _counts(draws: np.ndarray[Any, np.dtype[np.int64]], n_rows: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Yield for each number of draws how often each of `n_rows` rows comes."""
    for n_draws in draws:
        rows = rng.integers(0, n_rows, n_draws, dtype=np.uint16)
        yield np.bincount(rows, minlength=n_rows).astype(np.float64)
