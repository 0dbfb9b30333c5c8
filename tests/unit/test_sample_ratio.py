"""Whether a split is sound: exact for small numbers, and silent as long as it is."""

from math import comb

import numpy as np
import pytest

from attune_models.sample_ratio import PRIOR, p_value


def test_it_is_one_over_the_bayes_factor() -> None:
    """3 of 3 units in control, whose share is a half: the factor is E[theta^3] / (1/2)^3 under Beta(500, 500)."""
    half = PRIOR / 2
    moment = half * (half + 1) * (half + 2) / (PRIOR * (PRIOR + 1) * (PRIOR + 2))
    assert p_value(3, 0, 0.5) == pytest.approx(0.125 / moment)


def test_a_sound_split_says_nothing() -> None:
    assert p_value(1000, 9000, 0.1) == 1.0


def test_a_wrong_split_is_found() -> None:
    assert p_value(1200, 8800, 0.1) < 1e-6


@pytest.mark.parametrize(
    ("control", "others", "share", "expected"),
    [
        (0, 0, 0.3, 1.0),  # nobody yet
        (0, 10, 0.0, 1.0),  # no control group, and nobody in it
        (1, 10, 0.0, 0.0),  # no control group, and somebody in it
        (10, 0, 1.0, 1.0),
        (10, 1, 1.0, 0.0),
    ],
)
def test_the_ends(control: int, others: int, share: float, expected: float) -> None:
    assert p_value(control, others, share) == expected


def test_the_factor_is_expected_not_to_grow() -> None:
    """Over all splits of 8 units that are possible, weighted by how probable each is, the factors average to 1."""
    factors = [comb(8, k) * 0.2**k * 0.8 ** (8 - k) for k in range(9)]
    capped = sum(probability / max(p_value(k, 8 - k, 0.2), 1e-300) for k, probability in enumerate(factors))
    assert 1.0 <= capped < 1.1  # a p-value is at most 1: factors below 1 count as 1


def test_it_holds_at_all_times_at_once() -> None:
    """Of 400 sound splits that are looked at 50 times each, at most 5 % are ever called odd at 5 %, plus 3 errors."""
    rng = np.random.default_rng(1)
    odd = 0
    for _ in range(400):
        control = np.cumsum(rng.random((50, 100)) < 0.1, axis=None)[99::100]
        odd += any(p_value(int(c), 100 * (i + 1) - int(c), 0.1) < 0.05 for i, c in enumerate(control))
    assert odd <= 400 * 0.05 + 3 * (400 * 0.05 * 0.95) ** 0.5
