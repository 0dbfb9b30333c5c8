"""What has to be known about a report is said, and nothing else is."""

import pytest

from attune.insight.remarks import Limits, of
from attune.v1.insight_service_pb2 import Comparison, Figure, MetricComparison, Report, SampleRatio

SURE = MetricComparison(lift=Figure(value=0.1, low=0.05, high=0.15))
UNSURE = MetricComparison(lift=Figure(value=0.1))
RATIO = SampleRatio(expected=0.1, units=1000, control_units=100, p_value=1.0)


def report(policy: int = 900, control: int = 100, metric: MetricComparison = SURE, **fields: object) -> Report:
    overall = Comparison(decisions=policy, control_decisions=control, metrics=[metric])
    return Report(decisions=policy + control, overall=overall, **fields)  # type: ignore[arg-type]


def test_of_a_sound_report_there_is_nothing_to_say() -> None:
    assert list(of(report(sample_ratio=RATIO), Limits())) == []


@pytest.mark.parametrize(
    ("one", "limits", "said"),
    [
        (Report(), Limits(), "No decision counts"),
        (Report(imported=20), Limits(), "No decision counts: the 20 of the log were made elsewhere"),
        (report(control=0), Limits(), "Nothing was decided by a control group: there is no lift. A placement's"),
        (report(control=0, sample_ratio=SampleRatio()), Limits(), "Nothing was decided by a control group: there is"),
        (report(policy=0), Limits(), "Everything was decided by the control group"),
        (report(), Limits(), "The control group's share is 0 or 1 now"),
        (report(metric=UNSURE, sample_ratio=RATIO), Limits(), "There is too little to say how sure the lift is"),
        (report(sample_ratio=SampleRatio(units=9, in_both=3)), Limits(), "3 customers were in both groups"),
        (report(sample_ratio=RATIO), Limits(unreached=1), "1 offer suited somebody and reached nobody."),
        (report(sample_ratio=RATIO, defaults=1000), Limits(), "In 50.0 % of decisions nothing was eligible"),
        (report(sample_ratio=RATIO), Limits(absent_features=["age"]), 'No decision has a feature called "age".'),
        (report(sample_ratio=RATIO), Limits(customers_sampled=True), "There are more customers than fit"),
        (report(sample_ratio=RATIO), Limits(offers_left_out=True), "There are more offers than account is kept of"),
        (report(sample_ratio=RATIO, refused=2), Limits(), "2 entries of the log cannot be read"),
        (report(sample_ratio=RATIO, imported=2), Limits(), "2 decisions were made elsewhere"),
    ],
)
def test_what_is_to_be_known_is_said(one: Report, limits: Limits, said: str) -> None:
    (remark,) = of(one, limits)
    assert remark.startswith(said)


@pytest.mark.parametrize("one", [Report(defaults=2), Report(refused=2)])
def test_where_all_is_left_out_it_is_not_said_to_come(one: Report) -> None:
    none, _how_many = of(one, Limits())
    assert none == "No decision counts: nothing was eligible for any of them, or they cannot be read."


def test_a_baseline_that_learns_is_named() -> None:
    said = "The control group is decided by what is popular, which both groups have taught it."
    assert list(of(report(sample_ratio=RATIO, baseline="popularity"), Limits())) == [said]
    assert list(of(report(sample_ratio=RATIO, baseline="fixed"), Limits())) == []
