"""The error of Stirling's formula, against scipy."""

import numpy as np
import pytest

from attune_models.stirling import stirling_error


@pytest.mark.parametrize("x", [0.02, 0.5, 1.0, 7.3, 29.999, 30.0, 31.0, 200.0])
def test_the_error_is_what_the_formula_leaves(x: float) -> None:
    from scipy import special  # noqa: PLC0415 - every worker collects every test, and this takes a while

    formula = (x - 0.5) * np.log(x) - x + 0.5 * np.log(2.0 * np.pi)
    assert stirling_error(x) == pytest.approx(special.gammaln(x) - formula, abs=1e-12)


def test_it_goes_to_zero_as_one_over_twelve_x() -> None:
    """Where logarithms of gamma functions have no digits left for it."""
    assert stirling_error(1e9) == pytest.approx(1.0 / 12e9, rel=1e-12)
