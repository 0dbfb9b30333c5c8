"""Log and weights together: what is refused, what is not, and that nothing is lost on the way."""

from pathlib import Path

import numpy as np
import pytest

from attune_models.diagnostics import Diagnostics, DiagnosticsReport
from attune_models.types import PolicyError
from logged import Logged, decision, log_of

K = 5


def sound(n: int, seed: int) -> tuple[list[Logged], np.ndarray, np.ndarray]:
    """Return a uniform log, the weights of a policy that is near, and what was earned."""
    rng = np.random.default_rng(seed)
    log = log_of([[1.0 / K] * K] * n, rng)
    near = rng.dirichlet(np.full(K, 3.0), n)
    chosen = [each.slots[0].chosen for each in log]
    return log, K * near[np.arange(n), chosen], np.array([each.slots[0].reward for each in log])


def diagnosed(n: int, seed: int = 1) -> Diagnostics:
    """Return diagnostics of such a log."""
    diagnostics = Diagnostics()
    log, weight, reward = sound(n, seed)
    diagnostics.add(log, weight, reward, np.zeros(n))
    return diagnostics


def test_a_uniform_log_of_thousands_is_trusted_for_a_policy_that_is_near() -> None:
    assert diagnosed(3000).verdict().level == "trust"


def test_a_log_of_nothing_is_refused() -> None:
    assert Diagnostics().verdict().level == "refuse"


def test_a_log_of_a_few_is_refused() -> None:
    assert diagnosed(50).verdict().level == "refuse"


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("obd_all_random_to_bts", "caution"),  # 4.7 clicks' worth
        ("obd_men_random_to_bts", "caution"),  # 14.7
        ("obd_women_random_to_bts", "caution"),  # 13.0
        ("obd_all_bts_to_random", "caution"),  # an effective sample of 340
        ("obd_men_bts_to_random", "caution"),  # of 656
        ("obd_women_bts_to_random", "refuse"),  # of 2
        ("digits_multiclass", "caution"),  # of 261
    ],
)
def test_the_reference_runs_are_judged(reference_data: Path, name: str, level: str) -> None:
    report = reference(reference_data, name)
    assert report.verdict().level == level, report.verdict().reasons


def test_the_run_that_must_be_refused_is_refused_for_what_is_wrong_with_it(reference_data: Path) -> None:
    report = reference(reference_data, "obd_women_bts_to_random")
    reasons = report.verdict().reasons
    assert "count for only 2.1 of this policy's own" in reasons[0]
    assert "69.4% of all weight (21,739.1;" in reasons[1]
    assert "The mean weight is 3.134, and should be 1.000" in reasons[2]
    assert report.target.effective_sample_size == pytest.approx(2.077822692483687, rel=1e-12)
    assert report.by_name()["mean_weight"] == pytest.approx(3.1341900208974445, rel=1e-12)


def reference(reference_data: Path, name: str) -> DiagnosticsReport:
    """Return the report on one of the runs of Open Bandit Pipeline; they have propensities, and no ids and pmfs."""
    run = np.load(reference_data / "ope_reference" / f"{name}.npz")
    rows = np.arange(len(run["action"]))
    pmf = run["pi_e"][rows, run["action"]] if name.startswith("digits") else run["pi_e_logged"]
    diagnostics = Diagnostics()
    # No more than the propensity is known: each decision stands for one of two actions.
    log = [
        Logged(slots=decision(0, [p, 1.0 - p], 0, r).slots)
        for p, r in zip(run["pscore"].tolist(), run["reward"].astype(float).tolist(), strict=True)
    ]
    diagnostics.add(log, pmf / run["pscore"], run["reward"].astype(float))
    return diagnostics.report()


def test_figures_that_are_not_known_are_left_out() -> None:
    log, weight, reward = sound(100, 2)
    known, unknown = Diagnostics(control_share=0.1), Diagnostics()
    known.add(log, weight, reward, np.zeros(100))
    unknown.add([Logged(each.event_id, "", each.slots, []) for each in log], weight, reward)
    more = known.report().by_name().keys() - unknown.report().by_name().keys()
    assert more == {
        "zero_support_share",
        "zero_support_mass",
        "calibration_z",
        "control_share",
        "control_share_z",
    }
    assert list(known.report().by_name())[:2] == ["rows", "effective_sample_size"]


def test_it_is_put_away_and_taken_up_again_without_a_trace() -> None:
    log, weight, reward = sound(300, 3)
    whole, cut = Diagnostics(0.1, most_ids=50), Diagnostics(0.1, most_ids=50)
    whole.add(log, weight, reward, np.zeros(300))
    for start in range(0, 300, 17):
        part = slice(start, start + 17)
        cut.add(log[part], weight[part], reward[part], np.zeros(len(log[part])))
        cut = Diagnostics.loads(cut.dumps())
    assert cut.dumps() == whole.dumps()
    assert cut.report() == whole.report()


@pytest.mark.parametrize("cut", [0, 5, 100, -1])
def test_half_a_state_is_refused(cut: int) -> None:
    with pytest.raises(PolicyError, match="expected a "):
        Diagnostics.loads(diagnosed(20).dumps()[:cut])


def test_weights_that_are_not_of_these_decisions_are_refused_and_leave_no_trace() -> None:
    diagnostics = diagnosed(20)
    before = diagnostics.dumps()
    log, weight, reward = sound(5, 4)
    with pytest.raises(ValueError, match="a reward for each of 5 decisions, got 4 and 5"):
        diagnostics.add(log, weight[:4], reward)
    with pytest.raises(ValueError, match="expected finite weights"):
        diagnostics.add(log, weight * np.nan, reward)
    assert diagnostics.dumps() == before
