"""The evaluator: hand-computed estimates, the baseline, segments, slots, and what ends it early."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from attune.errors import BadLogError
from attune.evaluation import choices, evaluator, targets
from attune.evaluation.accounts import Terms
from attune.evaluation.anytime import RewardRange
from attune.evaluation.evaluator import LOGGED, Evaluator, Question, Watcher
from attune.evaluation.spool import Spool
from attune.evaluation.targets import FixedTarget, Target, VersionTarget
from attune.logs.readings import LeftOut, Reason, Refused
from attune.logs.samples import Found
from attune.reports.report import EvaluationReport, TargetReport
from attune.reports.report_json import as_json
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import Placement, PolicySpec
from attune_models.baselines import UniformPolicy
from attune_models.reward_model import CrossFitted
from attune_models.tally import MOST_CELLS
from sampled import ListSource, clicks, of_slots, placed, sample

QUIET = Watcher(lambda _done, _total: None, lambda: False)
TERMS = Terms(choices.estimators([], model=True), 0.95, 200, 1, RewardRange(0.0, 1.0), (), MOST_CELLS)
BOUNDED = replace(TERMS, estimators=choices.estimators([], model=False))
PLAIN = replace(BOUNDED, bounds=None)  # intervals that hold at every moment take time


def run(
    found: Sequence[Found], asked: Sequence[Target], terms: Terms = TERMS, watcher: Watcher = QUIET, **more: object
) -> EvaluationReport:
    """Evaluates targets on a log."""
    question = Question(asked, str(more.pop("baseline", LOGGED)), terms, **more)  # type: ignore[arg-type]
    return Evaluator(ListSource(found), question, watcher).run("attune evaluate x")


def values(report: TargetReport) -> dict[str, float]:
    """Returns the estimates by estimator."""
    return {each.estimator: each.value for each in report.estimates}


ROWS = [sample(0, (0.8, 0.2), 0, 1.0), sample(1, (0.8, 0.2), 1, 0.5), sample(2, (0.5, 0.5), 0, 0.0)]


def test_estimates_are_those_that_a_hand_computes() -> None:
    report = run(ROWS, [targets.uniform()], PLAIN, force=True)
    found = values(report.targets[0])
    weights = (0.5 / 0.8, 0.5 / 0.2, 0.5 / 0.5)
    assert found["ips"] == pytest.approx((weights[0] * 1.0 + weights[1] * 0.5) / 3, rel=1e-15)
    assert found["snips"] == pytest.approx((weights[0] * 1.0 + weights[1] * 0.5) / sum(weights), rel=1e-15)
    assert report.logged.value == pytest.approx(1.5 / 3, rel=1e-15)
    difference = report.targets[0].difference
    assert difference is not None
    assert difference.value == pytest.approx(found["snips"] - 0.5, rel=1e-14)
    assert report.targets[0].diagnostics["largest_weight"] == 2.5


def test_doubly_robust_uses_a_model_that_has_not_seen_the_decision() -> None:
    rows = clicks(300, 1)
    model = CrossFitted()
    for row in rows:
        model.learn(row.event_id, row.slots[0])
    q = [model.predict(row.event_id, row.slots[0].situation) for row in rows]
    kernel = [
        each[1] + (row.slots[0].chosen == 1) * 3.0 * (row.slots[0].reward - each[1])
        for row, each in zip(rows, q, strict=True)
    ]
    found = values(run(rows, [FixedTarget("o1")]).targets[0])
    assert found["dr"] == pytest.approx(np.mean(kernel), rel=1e-12)
    assert found["dm"] == pytest.approx(np.mean([each[1] for each in q]), rel=1e-12)


def test_decisions_of_several_slots_are_estimated_by_slots() -> None:
    rows = [
        of_slots(0, [((0.2, 0.3, 0.5), 2, 1.0), ((0.4, 0.6), 1, 0.5)]),
        of_slots(1, [((0.2, 0.3, 0.5), 0, 0.25)]),
    ]
    report = run(rows, [targets.uniform()], PLAIN, force=True)
    first, second = 1 / 3 / 0.5, (1 / 2) / 0.6
    alone = 1 / 3 / 0.2
    found = values(report.targets[0])
    assert report.targets[0].main == "rips"
    assert found["rips"] == pytest.approx((first * 1.0 + first * second * 0.5 + alone * 0.25) / 2, rel=1e-15)
    assert found["iips"] == pytest.approx((first * 1.0 + second * 0.5 + alone * 0.25) / 2, rel=1e-15)
    assert found["ips"] == pytest.approx((first * second * 1.5 + alone * 0.25) / 2, rel=1e-15)
    assert report.logged.value == pytest.approx(1.75 / 2, rel=1e-15)


def test_slots_that_come_late_in_a_log_count_from_its_beginning() -> None:
    rows = [*clicks(300, 1), of_slots(999, [((0.2, 0.3, 0.5), 2, 1.0), ((0.4, 0.6), 1, 0.0)])]
    report = run(rows, [targets.uniform()], PLAIN)
    total = sum(slot.reward for row in rows for slot in row.slots)
    assert report.targets[0].main == "rips"
    assert report.logged.value == pytest.approx(total / 301, rel=1e-12)


def test_a_refused_estimate_is_nowhere_in_the_report() -> None:
    rows = [sample(i, (0.999, 0.001), int(i == 7), 0.5) for i in range(200)]
    target = run(rows, [FixedTarget("o1")], replace(PLAIN, segments=("user",))).targets[0]
    assert target.verdict == "refuse"
    assert (target.estimates, target.difference, target.curve, target.segments) == ([], None, [], [])
    assert "effective sample size" in target.reasons[0]
    forced = run(rows, [FixedTarget("o1")], PLAIN, force=True).targets[0]
    assert (forced.verdict, values(forced)["snips"]) == ("refuse", 0.5)


def test_a_refused_segment_has_no_estimate() -> None:
    mobile, rare = Features(categorical={"device": "mobile"}), Features(categorical={"device": "toaster"})
    rows = [sample(i, (0.5, 0.5), i % 2, 1.0 - i % 2, context=rare if i < 20 else mobile) for i in range(3000)]
    segments = run(rows, [FixedTarget("o0")], replace(PLAIN, segments=("device",))).targets[0].segments
    assert [(each.value, each.samples, each.verdict, each.estimate is None) for each in segments] == [
        ("mobile", 2980, "trust", False),
        ("toaster", 20, "refuse", True),
    ]
    assert segments[0].estimate is not None
    assert (segments[0].estimate.value, segments[0].logged) == (1.0, 0.5)


def test_nothing_is_compared_with_a_baseline_that_is_refused_for_that_would_tell_its_value() -> None:
    rows = [sample(i, (0.999, 0.001), int(i == 7), 0.5) for i in range(2000)]
    asked = [FixedTarget("o0"), FixedTarget("o1")]
    sound, baseline = run(rows, asked, PLAIN, baseline="fixed:o1").targets
    assert (sound.verdict, baseline.verdict) == ("trust", "refuse")
    assert (sound.difference, len(sound.estimates) > 0) == (None, True)
    assert sound.reasons[-1] == "There is no difference from the baseline, because the baseline is refused."
    forced = run(rows, asked, PLAIN, baseline="fixed:o1", force=True).targets[0]
    assert forced.difference is not None


def test_doubts_about_a_target_are_doubts_about_its_segments() -> None:
    terms = replace(PLAIN, segments=("device",))
    rows = placed([sample(i, (0.5, 0.5), i % 2, float(i % 3 == 0)) for i in range(1000)])
    seen = VersionTarget("version:1", UniformPolicy(), "a version", "1500-0", seen=True)
    report = run(rows, [seen], terms).targets[0]
    assert (report.verdict, [each.verdict for each in report.segments]) == ("caution", ["caution"])


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("dm", "caution"), ("replay", "caution"), ("dr", "trust"), ("snips", "trust")],
)
def test_an_estimator_whose_bias_no_weight_tells_is_doubted_where_it_comes_first(name: str, verdict: str) -> None:
    rows = [sample(i, (0.5, 0.5), i % 2, float(i % 3 == 0)) for i in range(1000)]
    terms = replace(PLAIN, estimators=choices.estimators([name], model=True))
    report = run(rows, [targets.uniform()], terms).targets[0]
    assert (report.main, report.verdict) == (name, verdict)
    assert any("Nothing speaks against it" in reason for reason in report.reasons) == (verdict == "trust")


@pytest.mark.parametrize(
    ("skipped", "verdict"),
    [
        (10, "trust"),  # 1 %
        (50, "caution"),  # 4.8 %
        (400, "refuse"),  # 29 %
    ],
)
def test_rows_that_are_skipped_are_missing_from_the_estimate(skipped: int, verdict: str) -> None:
    rows = [sample(i, (0.5, 0.5), i % 2, float(i % 3 == 0)) for i in range(1000)]
    bad = [Refused(f"row {i}", "reward: expected a number") for i in range(skipped)]
    report = run([*rows, *bad], [targets.uniform()], PLAIN, skip_bad=True).targets[0]
    assert report.verdict == verdict
    assert ("rows were skipped" in report.reasons[0]) == (verdict != "trust")
    assert bool(report.estimates) == (verdict != "refuse")


@pytest.mark.parametrize("propensity", [5e-324, pytest.param(1e-200, marks=pytest.mark.long), 1e-60])
def test_a_propensity_as_small_as_a_number_can_be_is_refused_and_breaks_nothing(propensity: float) -> None:
    rows = [*clicks(300, 6), sample(300, (1.0, propensity, 0.0), 1, 1.0)]
    slots = [of_slots(i, [((propensity, 0.2, 0.8), 0, 1.0), ((0.4, propensity), 1, 1.0)]) for i in range(301, 304)]
    for log in (rows, [*rows, *slots]):
        report = run(log, [targets.uniform()], replace(BOUNDED, resamples=100)).targets[0]
        assert (report.verdict, report.estimates) == ("refuse", [])
        assert report.diagnostics["largest_weight"] <= 1e40
        assert "NaN" not in as_json(run(log, [targets.uniform()], replace(BOUNDED, resamples=100), force=True))


def test_a_feature_that_no_decision_has_is_said_to_be_none() -> None:
    report = run(clicks(300, 7), [targets.uniform()], replace(PLAIN, segments=("user", "usr"))).targets[0]
    assert report.reasons[-1] == "No decision has a feature usr in its context."


def test_the_differences_of_two_targets_are_paired() -> None:
    rows = clicks(400, 3)
    report = run(rows, [FixedTarget("o0"), FixedTarget("o2")], BOUNDED, baseline="fixed:o2")
    first, second = report.targets
    assert (second.difference, report.baseline) == (None, "fixed:o2")
    assert first.difference is not None
    assert first.difference.value == pytest.approx(values(first)["snips"] - values(second)["snips"], abs=1e-12)
    assert [each.method for each in first.difference.intervals] == ["bootstrap", "anytime"]
    # The same against itself is exactly nothing: only what is drawn alike cancels.
    again = FixedTarget("o2")
    again.name = "the same"
    alike = run(rows, [FixedTarget("o2"), again], PLAIN, baseline="fixed:o2").targets[1].difference
    assert alike is not None
    assert (alike.value, alike.intervals[0].low, alike.intervals[0].high) == (0.0, 0.0, 0.0)


def test_a_learning_policy_finds_out_who_likes_what() -> None:
    rows = clicks(1500, 4)
    spec = Placement(name="ucb", policy=PolicySpec(linear_ucb={}))
    target = run(rows, [targets.from_placement("ucb", spec)], BOUNDED).targets[0]
    # 0.8 is the best that can be; chance has 1 / 3. The curve rises, for its points are means up to there.
    assert target.learns
    assert values(target)["snips"] > 0.6
    assert target.curve[-1].samples == 1500
    assert target.curve[-1].value == values(target)["snips"]
    assert target.curve[2].value < target.curve[-1].value
    assert all(point.low <= target.curve[-1].value <= point.high for point in target.curve[10:])


def test_a_version_counts_only_what_comes_after_it_and_so_does_what_it_is_compared_with() -> None:
    rows = placed([sample(i, (0.5, 0.5), i % 2, float(i < 500)) for i in range(1000)])
    version = VersionTarget("version:1", UniformPolicy(), "", "500-0")
    target = run(rows, [version], PLAIN).targets[0]
    assert target.samples == 500
    assert values(target)["snips"] == 0.0
    assert target.difference is not None
    assert target.difference.value == 0.0  # not 0 - 0.5: the first half is not what it is compared on
    assert any("were left out" in reason for reason in target.reasons)


def test_a_version_on_a_log_without_positions_is_not_to_be_trusted() -> None:
    rows = [sample(i, (0.5, 0.5), i % 2, float(i % 2)) for i in range(1000)]
    assert run(rows, [targets.uniform()], PLAIN).targets[0].verdict == "trust"
    target = run(rows, [VersionTarget("version:1", UniformPolicy(), "", "5-0")], PLAIN).targets[0]
    assert target.verdict == "caution"
    assert "no position" in target.reasons[0]


def test_rewards_beyond_their_range_end_what_holds_at_every_moment_and_nothing_else() -> None:
    rows = [sample(i, (0.5, 0.5), i % 2, 3.0 * (i % 2)) for i in range(1000)]
    target = run(rows, [targets.uniform()], BOUNDED).targets[0]
    assert [each.method for each in target.estimates[0].intervals] == ["bootstrap", "gaussian"]
    assert any("--reward-range" in reason for reason in target.reasons)
    wide = run(rows, [targets.uniform()], replace(PLAIN, bounds=RewardRange(0.0, 3.0))).targets[0]
    anytime = next(each for each in wide.estimates[0].intervals if each.method == "anytime")
    assert anytime.low < 1.5 < anytime.high


def test_bounds_of_one_slot_are_none_of_a_decision_of_several() -> None:
    """Two slots may earn 2, also in a log in which they happen to earn no more than 1."""
    rows = [of_slots(i, [((0.5, 0.5), i % 2, 0.4), ((1.0,), 0, 0.4)]) for i in range(1000)]
    of_slot = run(rows, [targets.uniform()], replace(PLAIN, bounds=RewardRange(0.0, 1.0, of_slot=True))).targets[0]
    assert "anytime" not in [each.method for each in of_slot.estimates[0].intervals]
    said = run(rows, [targets.uniform()], replace(PLAIN, bounds=RewardRange(0.0, 2.0))).targets[0]
    assert "anytime" in [each.method for each in said.estimates[0].intervals]


def test_an_estimator_without_an_estimate_is_named() -> None:
    rows = [sample(i, (0.5, 0.5), 0, 1.0) for i in range(300)]  # always the first offer: nothing ever matches
    target = run(rows, [FixedTarget("o1")], PLAIN, force=True).targets[0]
    assert "replay" not in values(target)
    assert any(reason.startswith("No estimate by") and "replay" in reason for reason in target.reasons)


@pytest.mark.parametrize("terms", [TERMS, PLAIN])
def test_a_limit_counts_the_first_decisions(terms: Terms) -> None:
    rows = clicks(300, 5)
    limited, alone = run(rows, [targets.uniform()], terms, limit=100), run(rows[:100], [targets.uniform()], terms)
    assert limited.samples == 100
    assert limited.targets == alone.targets


def test_a_bad_row_ends_it_unless_it_is_to_be_skipped() -> None:
    found = [*clicks(300, 5), Refused("file:301", "propensity: expected more than 0"), LeftOut(Reason.NOT_SHOWN)]
    with pytest.raises(BadLogError, match="file:301: propensity"):
        run(found, [targets.uniform()])
    report = run(found, [targets.uniform()], skip_bad=True)
    assert (report.samples, report.refused, dict(report.left_out)) == (300, 1, {"not_shown": 1})
    assert report.problems == ["file:301: propensity: expected more than 0"]


def test_an_empty_log_is_no_log() -> None:
    with pytest.raises(BadLogError, match="expected at least one decision"):
        run([], [targets.uniform()])


def stopping(after: int) -> Watcher:
    """Returns one who stops as soon as so many decisions were read."""
    seen = [0]

    def progress(done: int, _total: int | None) -> None:
        """Remember how many there were."""
        seen[0] = done

    return Watcher(progress, lambda: seen[0] >= after)


def test_what_is_stopped_keeps_what_is_done() -> None:
    rows = clicks(1000, 6)
    report = run(rows, [targets.uniform()], PLAIN, stopping(200))
    assert not report.complete
    assert 200 <= report.samples < 1000
    whole = run(rows[: report.samples], [targets.uniform()], PLAIN)
    assert (whole.complete, whole.targets) == (True, report.targets)


def test_what_is_stopped_before_anything_was_weighed_says_so() -> None:
    report = run(clicks(1000, 6), [targets.uniform()], TERMS, stopping(100))
    assert (report.complete, report.samples, report.targets[0].verdict) == (False, 0, "refuse")
    assert json.loads(as_json(report))["logged"]["value"] is None


def test_the_same_seed_gives_the_same_report_however_many_targets_are_asked_about() -> None:
    rows = clicks(200, 7)
    alone = run(rows, [targets.uniform()])
    among = run(rows, [*(FixedTarget(f"o{i}") for i in range(3)), targets.uniform()])
    assert among.targets[-1] == alone.targets[0]


def test_json_has_every_field_and_no_number_that_json_does_not_know() -> None:
    rows = clicks(300, 8)
    said = json.loads(as_json(run(rows, [targets.uniform()], replace(PLAIN, bounds=None))))
    assert said["targets"][0]["curve"][0]["low"] is None
    assert said["targets"][0]["value"] == values(run(rows, [targets.uniform()], PLAIN).targets[0])["snips"]
    assert {"source", "samples", "logged", "baseline", "complete", "command"} <= said.keys()


def test_a_log_that_is_too_long_to_be_put_aside_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = clicks(300, 9)
    kept = run(rows, [targets.uniform()])
    monkeypatch.setattr(evaluator, "Spool", lambda: Spool(most_bytes=100))
    assert run(rows, [targets.uniform()]).targets == kept.targets
