"""Duplicates: how many decisions of a log are there more than once, in bounded memory.

Ids are remembered as hashes. When there are too many, every second hash is forgotten, by one of its own bits: then only
ids with the other bit are looked at. So two equal ids are both in the sample or both not, and the share of duplicates
in the sample is that of the log, up to chance (Gibbons, "Distinct Sampling for Highly-Accurate Answers to Distinct
Values Queries", 2001). Exact as long as nothing was forgotten.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from attune_models.rounds import BoolArray, FloatArray

MOST_IDS = 1 << 20
"""Ids that are remembered by default: 16 MiB."""
_MOST_WAITING = 1 << 16
# A float64, which states are made of, holds 53 bits exactly. Two of a million ids share a hash once in 16,000 logs.
_HASH_BITS = 53


class Duplicates:
    """Counts ids that came before."""

    def __init__(self, most_ids: int = MOST_IDS) -> None:
        """Start.

        Args:
            most_ids: How many are remembered at most; at least 1.
        """
        self.most_ids = most_ids
        self._level = 0
        self._hashes: NDArray[np.int64] = np.zeros(0, np.int64)
        self._times: NDArray[np.int64] = np.zeros(0, np.int64)
        # Sorting new hashes in among a million costs milliseconds, so they wait for each other. What is remembered in
        # the end does not depend on when that is done: it is all hashes of the first level at which there is room.
        self._waiting: list[NDArray[np.int64]] = []
        self._n_waiting = 0

    def add(self, ids: Sequence[str]) -> None:
        """Count ids; empty ones are no ids."""
        hashes = np.fromiter((_hash(each) for each in ids if each), np.int64)
        hashes = hashes[self._in_sample(hashes)]
        if len(hashes):
            self._waiting.append(hashes)
            self._n_waiting += len(hashes)
        if self._n_waiting > _MOST_WAITING:
            self._sort_in()

    @property
    def level(self) -> int:
        """The sample is of one in 2^level ids."""
        self._sort_in()
        return self._level

    @property
    def share(self) -> float:
        """Share of the decisions that came with an id that came before; 0 without any."""
        self._sort_in()
        seen = int(self._times.sum())
        return (seen - len(self._times)) / seen if seen else 0.0

    def distinct(self, level: int) -> int:
        """Return how many different ids there are in the sample of a level.

        Args:
            level: At least that of this one.
        """
        self._sort_in()
        return int(np.count_nonzero(self._hashes & ((1 << level) - 1) == 0))

    def array(self) -> FloatArray:
        """Return what is remembered: float64, shape (n_ids, 2); hashes, rising, and how often each came."""
        self._sort_in()
        return np.column_stack([self._hashes, self._times]).astype(np.float64)

    @classmethod
    def of(cls, most_ids: int, level: int, array: FloatArray) -> "Duplicates":
        """Return one that remembers what `array` of another one says."""
        made = cls(most_ids)
        made._level = level
        made._hashes, made._times = array[:, 0].astype(np.int64), array[:, 1].astype(np.int64)
        return made

    def _sort_in(self) -> None:
        if not self._waiting:
            return
        new, times = np.unique(np.concatenate(self._waiting), return_counts=True)
        self._waiting, self._n_waiting = [], 0
        places = np.searchsorted(self._hashes, new)
        known = np.zeros(len(new), np.bool_)
        inside = places < len(self._hashes)
        known[inside] = self._hashes[places[inside]] == new[inside]
        self._times[places[known]] += times[known]
        self._times = np.insert(self._times, places[~known], times[~known])
        self._hashes = np.insert(self._hashes, places[~known], new[~known])
        while len(self._hashes) > self.most_ids:
            self._forget_half()

    def _forget_half(self) -> None:
        self._level += 1
        kept = self._in_sample(self._hashes)
        self._hashes, self._times = self._hashes[kept], self._times[kept]

    def _in_sample(self, hashes: NDArray[np.int64]) -> BoolArray:
        return np.asarray(hashes & ((1 << self._level) - 1) == 0)


def _hash(event_id: str) -> int:
    digest = blake2b(event_id.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> (64 - _HASH_BITS)
