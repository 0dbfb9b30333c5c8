"""Mushrooms: say whether one is edible or poisonous; the right answer earns 1.

8,124 mushrooms of 22 categorical features (UCI, "Mushroom"). The data is third-party: it is read where it lies.
"""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attune_models.features import situation
from attune_models.types import FeatureSet, PlainAction
from benchmarks.learning.environments import Rounds

_CLASSES = {"e": "edible", "p": "poisonous"}


@dataclass(frozen=True, slots=True)
class Mushrooms:
    """All mushrooms once, in an order of the seed's.

    Attributes:
        data: The directory of the reference data.
    """

    data: Path
    name = "mushroom"
    about = "8,124 mushrooms of 22 words each, edible or poisonous; the right answer earns 1"

    def rounds(self, seed: int) -> Rounds:
        """Shuffle the mushrooms."""
        with gzip.open(self.data / "mushroom" / "agaricus-lepiota.csv.gz", "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
        actions = [PlainAction(name) for name in _CLASSES.values()]
        contexts = [FeatureSet(categorical={f"a{i}": value for i, value in enumerate(row[1:])}) for row in shuffled]
        rewards = np.array([[row[0] == letter for letter in _CLASSES] for row in shuffled], dtype=np.float64)
        return Rounds([situation(context, actions) for context in contexts], rewards)
