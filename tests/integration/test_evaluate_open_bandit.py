"""`attune evaluate` on real logs: the Open Bandit Dataset through the mapping of the examples."""

import json
from pathlib import Path
from typing import Any

import pytest

from attune.cli import app

MAPPING = Path(__file__).parents[2] / "examples" / "open-bandit.yaml"


def evaluated(capsys: pytest.CaptureFixture[str], log: Path, *words: str) -> dict[str, Any]:
    """Returns a report as JSON."""
    code = app.run(["evaluate", str(log), "--mapping", str(MAPPING), "--resamples", "200", "--json", *words])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    report: dict[str, Any] = json.loads(out)
    return report


def test_a_log_that_says_nothing_about_uniform_choice_is_refused(
    reference_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The women's log of Bernoulli Thompson sampling: a mean weight of 3.13, and one decision with most of it."""
    said = evaluated(capsys, reference_data / "open_bandit/bts/women", "--target", "uniform", "--no-model")
    target = said["targets"][0]
    assert said["samples"] == 10_000
    assert said["logged"]["value"] == pytest.approx(0.0046, abs=1e-12)  # what stats.json says of this campaign
    assert (target["verdict"], target["value"], target["estimates"]) == ("refuse", None, [])
    figures = target["diagnostics"]
    assert figures["effective_sample_size"] == pytest.approx(2.08, abs=0.005)
    assert figures["largest_weight"] == pytest.approx(21739, abs=0.5)
    assert figures["mean_weight"] == pytest.approx(3.13, abs=0.005)


def test_a_uniform_log_says_of_itself_what_was_earned(reference_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights are 1 but for rounding: the propensities of the log have a few digits."""
    log = reference_data / "open_bandit/random/men"
    said = evaluated(capsys, log, "--target", "uniform", "--target", "fixed:3", "--no-model", "--limit", "4000")
    uniform, fixed = said["targets"]
    assert uniform["value"] == pytest.approx(said["logged"]["value"], rel=1e-9)
    assert uniform["verdict"] in {"trust", "caution"}
    # One decision in 34 showed it: 4,000 / 34, give or take four standard errors.
    assert fixed["diagnostics"]["effective_sample_size"] == pytest.approx(4000 / 34, abs=4 * (4000 / 34) ** 0.5)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_learning_policy_is_evaluated_along_a_real_log(
    reference_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = tmp_path / "learned.yaml"
    spec.write_text("name: learned\npolicy:\n  vw: {}\n")
    log = reference_data / "open_bandit/random/all"
    target = evaluated(capsys, log, "--target", str(spec), "--force")["targets"][0]
    assert (target["learns"], target["samples"], target["main"]) == (True, 10_000, "dr")
    # The weights of a policy that learns have a mean of 1, too: within four standard errors.
    figures = target["diagnostics"]
    assert abs(figures["mean_weight"] - 1.0) < 4 * figures["mean_weight_error"]
