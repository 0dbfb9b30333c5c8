"""A half-life pays where tastes change: Tom's and Anna's turn to other articles, in all four situations at once.

`python -m benchmarks.forgetting` prints more of it, and what forgetting costs where nothing changes.
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from attune_models.vw import VwPolicy, VwSpec
from tom_and_anna import Readers, fickle_seasons, play_seasons

ROUNDS, AFTER = 5_000, 2_000
SEEDS = range(1, 7)


def rates_after_the_change(half_life: float) -> NDArray[np.float64]:
    """Play the default policy; return the click rate of the visits that follow the change, shape (n_seeds,)."""
    # Few bits: a small model is discounted faster, and there is little to know.
    spec = VwSpec(bits=12, half_life=half_life)
    played = [play_seasons(VwPolicy(spec), Readers(fickle_seasons(2, seed), ROUNDS), seed) for seed in SEEDS]
    return np.mean([clicks[ROUNDS : ROUNDS + AFTER] for clicks in played], axis=1)


@pytest.mark.long
def test_after_a_change_a_half_life_gives_more_clicks() -> None:
    """By more than 3 standard errors of the difference, which is taken seed by seed: both see the same visits."""
    gains = rates_after_the_change(500.0) - rates_after_the_change(0.0)
    standard_error = gains.std(ddof=1) / len(gains) ** 0.5
    assert gains.mean() > 3 * standard_error
