"""Each limit, from both sides, and the sentence that goes with it."""

from dataclasses import replace

import pytest

from attune_models.calibration import CalibrationBin
from attune_models.drift import Change
from attune_models.log_diagnostics import LogFigures, SampleRatio
from attune_models.target_diagnostics import TargetFigures
from attune_models.verdict import judged

GOOD_TARGET = TargetFigures(
    rows=5000,
    effective_sample_size=3000.0,
    effective_rewards=400.0,
    largest_weight=4.0,
    largest_share=0.0008,
    mean_weight=1.01,
    mean_weight_error=0.02,
    zero_support_share=0.0,
    zero_support_mass=0.0,
    support_known=1.0,
)
STEADY = Change(0.1, 0.1, 0.01)
GOOD_LOG = LogFigures(5000, 5000, [CalibrationBin("some", 100.0, 50.0, 52.0)], STEADY, STEADY, 0.0, 1.0, None)


def test_where_nothing_is_found_it_says_what_was_looked_at() -> None:
    verdict = judged(GOOD_LOG, GOOD_TARGET)
    assert verdict.level == "trust"
    (reason,) = verdict.reasons
    assert reason == (
        "Nothing speaks against it: the 5,000 logged decisions count for 3,000 of this policy's own (at least 1,000), "
        "none has more than 0.08% of the weight (at most 2%), and the mean weight is 1.010 (1 would be exact)."
    )


@pytest.mark.parametrize(
    ("change", "level", "sentence"),
    [
        # Too little of what the target would do.
        ({"effective_sample_size": 999.0}, "caution", "count for only 999.0 of this policy's own"),
        ({"effective_sample_size": 1000.0}, "trust", ""),
        ({"effective_sample_size": 99.0}, "refuse", "(effective sample size; at least 100 are needed)"),
        # One decision counts for too much.
        ({"largest_share": 0.021}, "caution", "A single decision has 2.1% of all weight"),
        ({"largest_share": 0.2}, "refuse", "A single decision has 20.0% of all weight"),
        # The target would do what the log never shows.
        ({"zero_support_mass": 0.009}, "trust", ""),
        (
            {"zero_support_mass": 0.02, "zero_support_share": 0.3},
            "caution",
            "2.0% of the time this policy would choose",
        ),
        ({"zero_support_mass": 0.06, "mean_weight": 0.94}, "refuse", "at most 5% of the time is allowed"),
        # A mean weight that is not what it has to be: by far, by more than chance, or both.
        ({"mean_weight": 1.25, "mean_weight_error": 0.2}, "caution", "The mean weight is 1.250, and should be 1.000"),
        ({"mean_weight": 1.19, "mean_weight_error": 0.05}, "trust", ""),
        ({"mean_weight": 1.10, "mean_weight_error": 0.02}, "caution", "so +5.0 of them"),
        ({"mean_weight": 1.25, "mean_weight_error": 0.02}, "refuse", "the logged probabilities are wrong"),
        ({"mean_weight": 1.6, "mean_weight_error": 0.3}, "refuse", "The mean weight is 1.600"),
        ({"mean_weight": 0.4, "mean_weight_error": 0.3}, "refuse", "The mean weight is 0.400"),
        # Hardly anything was earned.
        ({"effective_rewards": 12.0}, "caution", "rests on 12.0 rewards' worth of decisions (at least 30"),
        ({"effective_rewards": 0.0}, "caution", "rests on 0.0 rewards' worth"),
    ],
)
def test_a_target_is_judged_by_its_weights(change: dict[str, float], level: str, sentence: str) -> None:
    verdict = judged(GOOD_LOG, replace(GOOD_TARGET, **change))
    assert verdict.level == level
    assert sentence in verdict.reasons[0]


@pytest.mark.parametrize(
    ("change", "level", "sentence"),
    [
        # Probabilities: certain or not, and weights wrong by much or by little.
        ({"calibration": []}, "trust", ""),
        ({"calibration": [CalibrationBin("some", 1e6, 1e5, 104_000.0)]}, "caution", "some should have been drawn"),
        ({"calibration": [CalibrationBin("some", 1e6, 1e5, 130_000.0)]}, "refuse", "130,000 times"),
        ({"calibration": [CalibrationBin("some", 20.0, 2.0, 4.0)]}, "trust", ""),
        # Duplicates.
        ({"duplicate_share": 0.0009}, "trust", ""),
        ({"duplicate_share": 0.02}, "caution", "2.0% of the decisions are there more than once"),
        ({"duplicate_share": 0.06}, "refuse", "at most 5.0% is allowed"),
        # Control asked for .1: as it should be; a few missing, a fifth missing, and chance.
        ({"sample_ratio": SampleRatio(0.1, 1000, 9000)}, "trust", ""),
        (
            {"sample_ratio": SampleRatio(0.1, 9000, 90_000)},
            "caution",
            "The control group has 9.09% instead of 10.00% of the 99,000 customers",
        ),
        (
            {"sample_ratio": SampleRatio(0.1, 700, 9000)},
            "refuse",
            "at least 30.0% of one group is missing",
        ),
        ({"sample_ratio": SampleRatio(0.1, 7, 90)}, "trust", ""),
        # Drift of what chance would earn; not of what the logger earns.
        ({"logged": Change(0.1, 0.5, 0.01)}, "trust", ""),
        ({"uniform": Change(0.1, 0.2, 0.01)}, "caution", "Choosing by chance would have earned 0.1 in the first half"),
        ({"uniform": Change(0.1, 0.2, 0.03)}, "trust", ""),  # chance
        ({"uniform": Change(0.1, 0.11, 0.001)}, "trust", ""),  # certain, and small
    ],
)
def test_a_log_is_judged_by_what_it_does_to_an_estimate(change: dict[str, object], level: str, sentence: str) -> None:
    verdict = judged(replace(GOOD_LOG, **change), GOOD_TARGET)
    assert verdict.level == level
    assert sentence in verdict.reasons[0]


def test_no_decisions_are_refused() -> None:
    verdict = judged(replace(GOOD_LOG, rows=0), replace(GOOD_TARGET, rows=0))
    assert verdict.level == "refuse"
    assert verdict.reasons == ["There are no decisions to evaluate on: 0 were counted."]


def test_the_worst_comes_first_and_nothing_is_left_out() -> None:
    target = replace(GOOD_TARGET, effective_sample_size=500.0, effective_rewards=5.0)
    verdict = judged(replace(GOOD_LOG, duplicate_share=0.5), target)
    assert verdict.level == "refuse"
    assert [reason.split()[0] for reason in verdict.reasons] == ["50.0%", "The", "The"]


def test_of_several_bins_the_one_whose_weights_are_most_wrong_is_named() -> None:
    """Stated .9, drawn .8: wrong by an eighth there, and by a factor of 2 where the rest went."""
    bins = [CalibrationBin("likely ones", 1e4, 9e3, 8e3), CalibrationBin("others", 1e4, 1e3, 2e3)]
    verdict = judged(replace(GOOD_LOG, calibration=bins), GOOD_TARGET)
    assert verdict.level == "refuse"
    assert "others should have been drawn 1,000.0 times" in verdict.reasons[0]
