"""What a report is to say: the outcomes that stand for conversion, money and recommendation."""

import pytest

from attune.errors import InvalidInputError
from attune.insight.question import Question, question_of
from attune.v1.insight_service_pb2 import GetReportRequest
from attune.v1.placement_pb2 import ControlSpec, FixedSpec, OutcomeRule, Placement, PopularitySpec, RewardSpec


def placement(*names: str) -> Placement:
    reward = RewardSpec(outcomes=[OutcomeRule(name=name) for name in names])
    return Placement(name="home", reward=reward, control=ControlSpec(share=0.1))


@pytest.mark.parametrize(
    ("names", "conversion", "revenue", "nps"),
    [
        (("click",), "click", "", ""),
        (("click", "purchase"), "purchase", "", ""),
        (("purchase", "conversion", "revenue", "nps"), "conversion", "revenue", "nps"),
        (("dismissed",), "", "", ""),  # nothing of the kind
    ],
)
def test_outcomes_are_known_by_their_names(names: tuple[str, ...], conversion: str, revenue: str, nps: str) -> None:
    question = question_of(GetReportRequest(), placement(*names))
    assert (question.conversion, question.revenue, question.nps) == (conversion, revenue, nps)


def test_what_is_asked_for_goes_before() -> None:
    request = GetReportRequest(confidence=0.9, conversion_outcome="dismissed", retention_days=30, features=["device"])
    question = question_of(request, placement("dismissed", "click"))
    assert question == Question(
        confidence=0.9, features=("device",), conversion="dismissed", retention_days=30, control_share=0.1
    )


def test_an_outcome_that_there_is_not_is_refused() -> None:
    request = GetReportRequest(conversion_outcome="sale", nps_outcome="score")
    with pytest.raises(InvalidInputError) as refused:
        question_of(request, placement("click"))
    assert [violation.field for violation in refused.value.violations] == ["conversion_outcome", "nps_outcome"]
    assert 'expected one of the reward spec\'s outcomes (click), got "sale"' in str(refused.value)


@pytest.mark.parametrize(
    ("since_ms", "until_ms", "at_ms", "expected"),
    [
        (None, None, 5, True),
        (5, None, 5, True),  # from then on
        (6, None, 5, False),
        (None, 5, 5, False),  # before then
        (None, 6, 5, True),
    ],
)
def test_a_span_has_its_beginning_and_not_its_end(
    since_ms: int | None, until_ms: int | None, at_ms: int, *, expected: bool
) -> None:
    assert Question(since_ms=since_ms, until_ms=until_ms).holds(at_ms) is expected


@pytest.mark.parametrize(
    ("control", "expected"),
    [
        (ControlSpec(share=0.1, popularity=PopularitySpec()), "popularity"),
        (ControlSpec(share=0.1, fixed=FixedSpec()), "fixed"),
        (ControlSpec(fixed=FixedSpec()), ""),  # nobody is in the group
        (None, ""),
    ],
)
def test_who_decides_for_the_control_group_is_named(control: ControlSpec | None, expected: str) -> None:
    assert question_of(GetReportRequest(), Placement(name="home", control=control)).baseline == expected
