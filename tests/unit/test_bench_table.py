"""The page of the learning table: what it makes of plays."""

import math

import pytest
from benchmarks.learning.baselines import CONSTANT, UNIFORM
from benchmarks.learning.policies import DEFAULT
from benchmarks.learning.runner import Play
from benchmarks.learning.table import estimate, lead, markdown, reward


def _plays(environment: str, policy: str, rewards: list[float]) -> list[Play]:
    return [Play(environment, policy, seed, value, 10.0) for seed, value in enumerate(rewards)]


PLAYS = [
    *_plays("coupon", UNIFORM, [0.5, 0.6]),
    *_plays("coupon", CONSTANT, [0.6, 0.7]),
    *_plays("coupon", DEFAULT, [0.61, 0.71]),
    *_plays("digits", UNIFORM, [0.1, 0.1]),
    *_plays("digits", CONSTANT, [0.1, 0.1]),
    *_plays("digits", DEFAULT, [0.6, 0.7]),
]


def test_an_estimate_is_the_mean_with_its_standard_error() -> None:
    """Values 1, 2, 3: standard deviation 1, divided by the root of 3."""
    assert str(estimate([1.0, 2.0, 3.0])) == "2.0000 ± 0.5774"


def test_one_seed_has_no_standard_error() -> None:
    assert math.isnan(estimate([1.0]).standard_error)


def test_a_lead_is_measured_in_the_same_rounds() -> None:
    """Rewards vary by .1 between the seeds, but the lead does not."""
    assert reward(PLAYS, "coupon", DEFAULT).standard_error == pytest.approx(0.05)
    ahead = lead(PLAYS, "coupon", DEFAULT, CONSTANT)
    assert (ahead.mean, ahead.standard_error) == (pytest.approx(0.01), pytest.approx(0.0))


def test_the_page_judges_the_default_where_it_was_played() -> None:
    page = markdown(PLAYS, {"coupon": "a line", "digits": "a line"}, ["mushroom"], {"python": "3"})
    assert "| digits | error at most 0.31 | 0.3500 ± 0.0500, **no** |" in page
    assert f"| coupon | ahead of {CONSTANT} by more than 3 standard errors | 0.0100 ± 0.0000, yes |" in page
    assert "Tom and Anna |" not in page
    assert "mushroom was left out" in page


def test_the_page_of_other_policies_judges_nothing() -> None:
    page = markdown(_plays("digits", "another", [0.5, 0.6]), {"digits": "a line"}, [], {})
    assert "| another | 0.5500 ± 0.0500 |" in page
    assert "error at most" not in page
