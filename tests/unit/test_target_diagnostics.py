"""How much of a log speaks for a target policy."""

from dataclasses import asdict

import numpy as np
import pytest

from attune_models.target_diagnostics import LARGEST_Z, TargetDiagnostics, TargetFigures
from attune_models.types import PolicyError

RNG = np.random.default_rng(1)
WEIGHT = RNG.lognormal(0.0, 1.0, 300)
REWARD = RNG.normal(0.0, 1.0, 300)
UNSUPPORTED = np.where(RNG.random(300) < 0.1, 0.25, 0.0)


def counted(weight: list[float], reward: float = 1.0, unsupported: list[float] | None = None) -> TargetFigures:
    """Return the figures of these weights."""
    diagnostics = TargetDiagnostics()
    mass = None if unsupported is None else np.array(unsupported)
    diagnostics.add(np.array(weight), np.full(len(weight), reward), mass)
    return diagnostics.figures()


def test_the_figures_are_those_of_their_formulas() -> None:
    diagnostics = TargetDiagnostics()
    diagnostics.add(WEIGHT, REWARD, UNSUPPORTED)
    earned = np.abs(WEIGHT * REWARD)
    assert asdict(diagnostics.figures()) == pytest.approx(
        {
            "rows": 300,
            "effective_sample_size": WEIGHT.sum() ** 2 / (WEIGHT**2).sum(),
            "effective_rewards": earned.sum() ** 2 / (earned**2).sum(),
            "largest_weight": WEIGHT.max(),
            "largest_share": WEIGHT.max() / WEIGHT.sum(),
            "mean_weight": WEIGHT.mean(),
            "mean_weight_error": WEIGHT.std() / 300**0.5,
            "zero_support_share": (UNSUPPORTED > 0).mean(),
            "zero_support_mass": UNSUPPORTED.mean(),
            "support_known": 1.0,
        },
        rel=1e-12,
    )


def test_nothing_counted_gives_zeros() -> None:
    figures = counted([])
    assert (figures.rows, figures.effective_sample_size, figures.mean_weight, figures.largest_share) == (0, 0, 0, 0)


def test_equal_weights_count_in_full_and_clicks_count_by_number() -> None:
    diagnostics = TargetDiagnostics()
    diagnostics.add(np.ones(1000), np.repeat([1.0, 0.0], [7, 993]))
    assert diagnostics.figures().effective_sample_size == 1000.0
    assert diagnostics.figures().effective_rewards == pytest.approx(7.0)
    assert diagnostics.figures().mean_weight_z == 0.0


def test_weights_that_are_alike_and_wrong_are_as_surprising_as_can_be() -> None:
    assert counted([0.5] * 10).mean_weight_z == -LARGEST_Z
    assert counted([2.0] * 10).mean_weight_z == LARGEST_Z


def test_a_mean_weight_has_to_lack_what_the_logger_could_not_draw() -> None:
    assert counted([0.75] * 4, unsupported=[0.25] * 4).mean_weight_z == 0.0


def test_support_is_judged_where_it_is_known() -> None:
    figures = counted([1.0] * 4, unsupported=[0.5, 0.0, np.nan, np.nan])
    assert (figures.support_known, figures.zero_support_share, figures.zero_support_mass) == (0.5, 0.5, 0.25)
    assert counted([1.0] * 4).support_known == 0.0


@pytest.mark.parametrize(
    ("weight", "reward"),
    [
        (np.nan, 1.0),
        (np.inf, 1.0),
        (-0.1, 1.0),
        (1.0, np.nan),
        (1.0, np.inf),
    ],
)
def test_numbers_that_make_no_sense_are_refused_and_leave_no_trace(weight: float, reward: float) -> None:
    diagnostics = TargetDiagnostics()
    before = diagnostics.dumps()
    with pytest.raises(ValueError, match="expected finite weights of at least 0 and finite rewards, got"):
        diagnostics.add(np.array([1.0, weight]), np.array([1.0, reward]))
    assert diagnostics.dumps() == before


def test_it_is_put_away_and_taken_up_again_without_a_trace() -> None:
    whole, cut = TargetDiagnostics(), TargetDiagnostics()
    whole.add(WEIGHT, REWARD, UNSUPPORTED)
    for start in range(0, 300, 7):
        part = slice(start, start + 7)
        cut.add(WEIGHT[part], REWARD[part], UNSUPPORTED[part])
        cut = TargetDiagnostics.loads(cut.dumps())
    assert cut.dumps() == whole.dumps()
    assert cut.figures() == whole.figures()


@pytest.mark.parametrize("damage", [b"", b"x", b"attune-state-1\n"])
def test_a_damaged_state_is_refused(damage: bytes) -> None:
    with pytest.raises(PolicyError, match="target-diagnostics-1"):
        TargetDiagnostics.loads(damage)
