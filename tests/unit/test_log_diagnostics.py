"""What a log says about itself."""

import numpy as np
import pytest

from attune_models.log_diagnostics import LogDiagnostics, LogFigures, SampleRatio
from attune_models.types import Interaction, PolicyError
from logged import Logged, decision, log_of, situation

PMFS = np.random.default_rng(1).dirichlet(np.ones(4), 200).tolist()
LOG = log_of(PMFS, np.random.default_rng(2))


def figures_of(log: list[Logged], control_share: float | None = None) -> LogFigures:
    """Return what is found in a log."""
    diagnostics = LogDiagnostics(control_share)
    diagnostics.add(log)
    return diagnostics.figures()


def test_a_sound_log_has_nothing_to_find() -> None:
    figures = figures_of(LOG)
    assert (figures.rows, figures.calibrated, figures.duplicate_share, figures.duplicates_sampled) == (200, 200, 0, 1)
    assert figures.sample_ratio is None
    assert abs(figures.calibration_z) < 4.0
    assert abs(figures.uniform.z) < 4.0


def test_rewards_are_weighed_as_if_all_had_been_drawn_by_chance() -> None:
    """Two actions, .8 and .2: weights .625 and 2.5, so the second half's mean is 2.5 / 3.125."""
    log = [decision(i, [0.8, 0.2], *drawn) for i, drawn in enumerate([(0, 0.0), (1, 0.0), (0, 0.0), (1, 1.0)])]
    figures = figures_of(log)
    assert (figures.logged.first, figures.logged.second) == (0.0, 0.5)
    assert (figures.uniform.first, figures.uniform.second) == (0.0, pytest.approx(0.8))


def test_each_slot_is_a_draw_and_the_first_tells_of_drift() -> None:
    slots = [Interaction(situation(2), 0, 0.5, 1.0), Interaction(situation(1), 0, 1.0, 7.0)]
    figures = figures_of([Logged(f"e{i}", "learned", slots, [[0.5, 0.5], [1.0]]) for i in range(4)])
    assert (figures.rows, figures.calibrated) == (4, 8)
    assert figures.logged.second == 1.0


def test_a_log_without_pmfs_is_not_calibrated_and_nothing_is_made_of_it() -> None:
    figures = figures_of([Logged("e", "", each.slots, []) for each in LOG])
    assert (figures.calibrated, figures.calibration_z, list(figures.calibration)) == (0, 0.0, [])
    assert figures.duplicate_share == pytest.approx(199 / 200)


def test_what_was_decided_while_the_model_was_away_was_not_in_control() -> None:
    modes = ["control"] * 2 + ["learned"] * 5 + ["fallback"] * 3 + [""] * 10
    log = [decision(i, [1.0], 0, 0.0, mode) for i, mode in enumerate(modes)]
    assert figures_of(log, 0.2).sample_ratio == SampleRatio(0.2, control=2, others=8)


def test_a_customer_counts_once_however_often_they_come() -> None:
    """Groups are drawn by customer: ten of a hundred are in control, and come back twenty times as often."""
    log = [
        Logged(f"e{n}", "control" if n % 10 == 0 else "learned", LOG[0].slots, LOG[0].pmfs, f"c{n}")
        for n in range(100)
        for _ in range(20 if n % 10 == 0 else 1)
    ]
    ratio = figures_of([*log, decision(0, [1.0], 0, 0.0, "learned")], 0.1).sample_ratio
    assert ratio == SampleRatio(0.1, control=10, others=91)


def test_of_more_customers_than_there_is_room_for_an_even_sample_counts() -> None:
    log = [
        Logged(f"e{n}", "control" if n % 4 == 0 else "learned", LOG[0].slots, LOG[0].pmfs, f"c{n}") for n in range(8000)
    ]
    whole, cut = LogDiagnostics(0.25, most_ids=512), LogDiagnostics(0.25, most_ids=512)
    whole.add(log)
    for start in range(0, len(log), 2000):
        cut.add(log[start : start + 2000])
        cut = LogDiagnostics.loads(cut.dumps())
    ratio = whole.figures().sample_ratio
    assert cut.figures().sample_ratio == ratio
    assert ratio is not None
    assert 256 < ratio.control + ratio.others < 2 * 512
    assert abs(ratio.z) < 4.0


def test_where_nobody_says_who_decided_there_is_no_sample_ratio() -> None:
    assert figures_of([decision(0, [1.0], 0, 0.0, "")], 0.2).sample_ratio is None


def test_a_sample_ratio_is_judged_by_chi_square_and_by_what_is_missing() -> None:
    """A tenth was asked for. Of 900 others there should be 100 beside; 20 of them are missing."""
    ratio = SampleRatio(0.1, control=80, others=900)
    assert ratio.missing == pytest.approx(0.2)
    expected = np.array([98.0, 882.0])
    assert ratio.z**2 == pytest.approx((((np.array([80.0, 900.0]) - expected) ** 2) / expected).sum())
    assert ratio.z < 0.0
    assert SampleRatio(0.1, control=100, others=450).missing == pytest.approx(0.5), "now half of the others"


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_or_all_does_not_divide_by_zero(share: float) -> None:
    assert SampleRatio(share, control=0, others=10).z == 0.0
    assert SampleRatio(0.5, control=0, others=0).missing == 0.0


@pytest.mark.parametrize(("propensity", "reward"), [(0.0, 1.0), (0.5, np.nan), (0.5, np.inf), (np.nan, 1.0)])
def test_numbers_that_make_no_sense_are_refused_and_leave_no_trace(propensity: float, reward: float) -> None:
    diagnostics = LogDiagnostics()
    diagnostics.add(LOG)
    before = diagnostics.dumps()
    with pytest.raises(ValueError, match="expected finite rewards and propensities above 0, got"):
        diagnostics.add([Logged("new", "learned", [Interaction(situation(2), 0, propensity, reward)], [[0.5, 0.5]])])
    assert diagnostics.dumps() == before


def test_pmfs_of_some_slots_only_are_refused_and_leave_no_trace() -> None:
    diagnostics = LogDiagnostics()
    before = diagnostics.dumps()
    slots = [Interaction(situation(2), 0, 0.5, 1.0)] * 2
    with pytest.raises(ValueError, match="a pmf for each of 2 slots, got 1"):
        diagnostics.add([Logged("e", "learned", slots, [[0.5, 0.5]])])
    assert diagnostics.dumps() == before


def test_it_is_put_away_and_taken_up_again_without_a_trace() -> None:
    log = LOG + LOG[:50]
    whole, cut = LogDiagnostics(0.1, most_ids=64), LogDiagnostics(0.1, most_ids=64)
    whole.add(log)
    for start in range(0, len(log), 9):
        cut.add(log[start : start + 9])
        cut = LogDiagnostics.loads(cut.dumps())
    assert cut.dumps() == whole.dumps()
    assert cut.figures() == whole.figures()


def test_a_state_has_a_size_that_is_known_beforehand() -> None:
    diagnostics = LogDiagnostics(most_ids=64)
    diagnostics.add(LOG)
    assert len(diagnostics.dumps()) < 64 * 16 + 8192


@pytest.mark.parametrize("damage", [b"", b"x", LogDiagnostics().dumps()[:-1]])
def test_a_damaged_state_is_refused(damage: bytes) -> None:
    with pytest.raises(PolicyError, match="log-diagnostics-2"):
        LogDiagnostics.loads(damage)
