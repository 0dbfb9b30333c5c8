"""Handwritten digits: name the digit in an image of 8 x 8 pixels; the right name earns 1.

The 1,797 images that scikit-learn ships. The context is the image as one vector, the actions are ten bare ids, as a
caller would send them.
"""

import numpy as np

from attune_models.features import situation
from attune_models.types import FeatureSet, PlainAction, ValueList
from benchmarks.learning.environments import Rounds

_BRIGHTEST = 16.0


class Digits:
    """All images once, in an order of the seed's."""

    name = "digits"
    about = "1,797 images of 8 x 8 pixels, 10 digits; the right one earns 1"

    def rounds(self, seed: int) -> Rounds:
        """Shuffle the images."""
        from sklearn.datasets import load_digits  # noqa: PLC0415 - takes a second: not for those who only name it

        images, digits = load_digits(return_X_y=True)
        order = np.random.default_rng(seed).permutation(len(digits))
        actions = [PlainAction(str(digit)) for digit in range(10)]
        contexts = [FeatureSet(dense={"pixels": ValueList((images[i] / _BRIGHTEST).tolist())}) for i in order]
        return Rounds([situation(context, actions) for context in contexts], np.eye(10)[digits[order]])
