"""Estimates and bootstrap intervals of Open Bandit Pipeline 0.5.7 and vw-estimators 0.2.2, on the same rows.

The data are third-party and not part of the project: see the fixture `reference_data`.
"""

import json
import re
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune_models.bootstrap import percentile_bootstrap, percentiles
from attune_models.cressie_read import CressieRead
from attune_models.estimator import Estimator
from attune_models.estimators import (
    ClippedDr,
    ClippedIps,
    DirectMethod,
    DoublyRobust,
    Ips,
    OptimisticShrinkageDr,
    SelfNormalisedDr,
    Snips,
    SwitchDr,
)
from attune_models.rounds import FloatArray, Rounds
from attune_models.tally import Tally

RUNS = [f"{campaign}_{logged}" for campaign in ("all", "men", "women") for logged in ("random_to_bts", "bts_to_random")]
VECTORS = [
    "ones10",
    "alternating100_pi0.2",
    "alternating1000_pi0.2",
    "alternating10000_pi0.2",
    "alternating10000_pi0.8_r10",
    "constant_r0.751_n100",
    "random500",
    *(f"obd_{campaign}_random_to_bts{bound}" for campaign in ("all", "men", "women") for bound in ("", "_wmax")),
]
PLAIN: dict[str, Estimator[Rounds]] = {
    "dm": DirectMethod(),
    "ipw": Ips(),
    "snipw": Snips(),
    "dr": DoublyRobust(),
    "sndr": SelfNormalisedDr(),
}
# By their names in the reference.
OPEN_BANDIT: dict[str, Estimator[Rounds]] = {
    **PLAIN,
    "ipw_clip10": ClippedIps(10.0),
    "dr_clip10": ClippedDr(10.0),
    "switch-dr_10": SwitchDr(10.0),
    "dr-os_10": OptimisticShrinkageDr(10.0),
    "dr-os_100": OptimisticShrinkageDr(100.0),
}
# With the limit 10 for both, as the pipeline was asked.
DIGITS: dict[str, Estimator[Rounds]] = {**PLAIN, "switch-dr": SwitchDr(10.0), "dr-os": OptimisticShrinkageDr(10.0)}
ENDS = ("95.0% CI (lower)", "95.0% CI (upper)")


@pytest.fixture(scope="module")
def folder(reference_data: Path) -> Path:
    return reference_data / "ope_reference"


def open_bandit(folder: Path, run: str) -> Rounds:
    rows = np.load(folder / f"obd_{run}.npz")
    n_rounds = len(rows["reward"])
    reward = rows["reward"].astype(np.float64)
    return Rounds(reward, rows["weight"], np.zeros(n_rounds, bool), rows["q_logged"], rows["q_pi_e"])


def digits(folder: Path) -> Rounds:
    rows = np.load(folder / "digits_multiclass.npz")
    each = np.arange(len(rows["action"]))
    weight = rows["pi_e"][each, rows["action"]] / rows["pscore"]
    q_target = (rows["q_hat"] * rows["pi_e"]).sum(axis=1)
    return Rounds(rows["reward"], weight, np.zeros(len(each), bool), rows["q_hat"][each, rows["action"]], q_target)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def intervals(kernels: Sequence[FloatArray]) -> FloatArray:
    """Return the mean of the resamples and both ends of the interval, shape (3, n_kernels)."""
    resampled = percentile_bootstrap(np.stack(kernels, axis=1), 10_000, 12345)
    return np.vstack([resampled.mean(axis=0), percentiles(resampled)])


def figures(expected: Sequence[dict[str, float]]) -> FloatArray:
    return np.array([[each[name] for each in expected] for name in ("mean", *ENDS)])


@pytest.mark.parametrize("run", RUNS)
def test_ten_estimators_are_those_of_open_bandit_pipeline(folder: Path, run: str) -> None:
    """By the kernel and by the tally, within 1e-12."""
    rounds, expected = open_bandit(folder, run), read(folder / "obp_ref.json")["runs"][run]["estimates"]
    assert set(expected) == set(OPEN_BANDIT)
    for name, estimator in OPEN_BANDIT.items():
        tally: Tally[Rounds] = Tally(estimator)
        tally.add(rounds)
        assert estimator.per_round(rounds).mean() == pytest.approx(expected[name], rel=0, abs=1e-12), name
        assert tally.estimate == pytest.approx(expected[name], rel=0, abs=1e-12), name


def test_bootstrap_intervals_are_those_of_open_bandit_pipeline(folder: Path) -> None:
    """All ten estimators on all six runs, 10,000 resamples, within 1e-12.

    The draws are most of the work, and are the same for all that have as many rounds.
    """
    runs = read(folder / "obp_ref.json")["runs"]
    expected = [runs[run]["bootstrap_ci95_10000_seed12345"][name] for run in RUNS for name in OPEN_BANDIT]
    rounds = [open_bandit(folder, run) for run in RUNS]
    found = intervals([estimator.per_round(each) for each in rounds for estimator in OPEN_BANDIT.values()])
    assert found.shape == (3, 60)
    assert found == pytest.approx(figures(expected), rel=0, abs=1e-12)


def test_digits_are_those_of_open_bandit_pipeline(folder: Path) -> None:
    """A target policy that depends on the context; estimates and intervals within 1e-9."""
    rounds, expected = digits(folder), read(folder / "digits_multiclass.json")
    found = {name: estimator.per_round(rounds).mean() for name, estimator in DIGITS.items()}
    assert found == pytest.approx(expected["estimates"], rel=0, abs=1e-9)
    bounds = intervals([estimator.per_round(rounds) for estimator in DIGITS.values()])
    assert bounds == pytest.approx(figures([expected["ci95"][name] for name in DIGITS]), rel=0, abs=1e-9)


def vector(folder: Path, name: str, expected: dict[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Return weights and rewards: those that are written down, or what the name says."""
    if "examples" in expected:
        logged, reward, target = np.array(expected["examples"]).T
        return target / logged, reward
    if name.startswith("obd_"):
        rows = np.load(folder / f"{name.removesuffix('_wmax')}.npz")
        return rows["weight"], rows["reward"].astype(np.float64)
    n_rounds, most = expected["n"], float(expected["rmax"])
    if alternating := re.search(r"pi([.\d]+)", name):
        # As in that library's tests: logged with .5, every other round with a reward.
        first, target = np.arange(n_rounds) % 2 == 0, float(alternating[1])
        return np.where(first, target, 1.0 - target) / 0.5, np.where(first, most, 0.0)
    return np.ones(n_rounds), np.full(n_rounds, most)


@pytest.mark.parametrize("name", VECTORS)
def test_estimates_are_those_of_vw_estimators(folder: Path, name: str) -> None:
    """Cressie-Read, IPS and SNIPS, by the kernel and by the tally, within 1e-6; they are within 1e-12."""
    vectors = read(folder / "vw_estimators_ref.json")
    assert set(vectors) == set(VECTORS)
    expected = vectors[name]
    weight, reward = vector(folder, name, expected)
    rounds = Rounds(reward, weight, np.zeros(len(reward), bool), np.zeros(len(reward)), np.zeros(len(reward)))
    estimators: dict[str, Estimator[Rounds]] = {
        "cressieread": CressieRead(weight_high=expected["wmax"] or inf),
        "ips": Ips(),
        "snips": Snips(),
    }
    for kind, estimator in estimators.items():
        tally: Tally[Rounds] = Tally(estimator)
        tally.add(rounds)
        assert len(reward) == expected["n"]
        assert estimator.per_round(rounds).mean() == pytest.approx(expected["estimate"][kind], rel=0, abs=1e-12)
        assert tally.estimate == pytest.approx(expected["estimate"][kind], rel=0, abs=1e-12)
