"""The reach of intervals that hold at all times at once: against the formula of the paper, worked out by hand."""

from math import exp, log, sqrt
from statistics import NormalDist

import pytest

from attune_models.asymptotic_sequences import TIGHTEST, reach, student

MANY = 10**9


def test_it_is_the_formula_of_the_paper() -> None:
    """At v = e - 1, `sqrt(v + 1)` is `sqrt(e)`: 2 (1 + 1/v) (1/2 + log 20)."""
    rate = (2 * log(20) + log(2 * log(20)) + 1) / TIGHTEST
    n = round((exp(1) - 1) / rate)
    assert reach(n, 0.95, degrees=MANY) == pytest.approx(sqrt(2 * (1 + 1 / (exp(1) - 1)) * (0.5 + log(20))), rel=1e-3)


def test_it_is_least_where_it_is_to_be() -> None:
    reaches = {n: reach(n, 0.95, degrees=MANY) for n in (100, 1000, TIGHTEST, 10 * TIGHTEST, 1000 * TIGHTEST)}
    assert min(reaches, key=reaches.__getitem__) == TIGHTEST
    assert reaches[1000] / reaches[TIGHTEST] < 1.25
    assert reaches[1000 * TIGHTEST] / reaches[TIGHTEST] < 1.3


@pytest.mark.parametrize("n_rounds", [1000, 10_000, 100_000, 1_000_000])
def test_looking_at_all_times_costs_half_as_much_again_to_twice_as_much(n_rounds: int) -> None:
    assert 1.5 < reach(n_rounds, 0.95, degrees=255) / NormalDist().inv_cdf(0.975) < 2.0


@pytest.mark.parametrize(
    ("normal", "degrees", "expected"),
    [
        (1.959964, 10, 2.228139),  # tables of Student's distribution, 0.975
        (1.959964, 30, 2.042272),
        (2.575829, 20, 2.845340),  # 0.995
    ],
)
def test_it_knows_student_s_distribution(normal: float, degrees: int, expected: float) -> None:
    assert student(normal, degrees) == pytest.approx(expected, abs=5e-4)  # the next term is below


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_what_is_no_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        reach(100, confidence, degrees=10)
