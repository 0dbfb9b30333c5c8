"""What `attune status` says about a placement besides its numbers."""

from attune.cli.status import warning_lines
from attune.v1.features_pb2 import FEATURE_SOURCE_CONTEXT, FEATURE_SOURCE_OFFER
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import (
    FEATURE_PROBLEM_CONSTANT,
    FEATURE_PROBLEM_VANISHED,
    FeatureFinding,
    FeatureProblem,
    GetPlacementResponse,
    PlacementStatus,
    Training,
)


def lines(**status: object) -> list[str]:
    reply = GetPlacementResponse(placement=Placement(name="home"), status=PlacementStatus(**status))  # type: ignore[arg-type]
    return list(warning_lines(reply))


def test_where_nothing_is_strange_nothing_is_said() -> None:
    assert lines(decisions=7) == []


def test_counters_are_shown_when_there_is_something_to_count() -> None:
    assert lines(clipped_rewards=1200, refused_interactions=3, withheld_interactions=2) == [
        "home: 1,200 rewards were outside min and max, and were clipped",
        "home: 3 interactions could not be learned from; the learner's log says why",
        "home: 2 interactions may not be learned from: no consent, or no choice",
    ]


def test_how_far_a_training_has_come_is_shown() -> None:
    assert lines(training=Training(interactions=450, of=1000), set_aside=1200) == [
        "home: training 45% of 1,000 interactions; the former version serves meanwhile",
        "home: 1,200 interactions from before the last reset are not learned from",
    ]


def test_a_finding_is_a_line_in_plain_words() -> None:
    gone = FeatureFinding(
        source=FEATURE_SOURCE_CONTEXT,
        name="device",
        problem=FEATURE_PROBLEM_VANISHED,
        detail="it came with 98%, and with none of the last 500 requests",
    )
    same = FeatureFinding(
        source=FEATURE_SOURCE_OFFER, name="brand", problem=FEATURE_PROBLEM_CONSTANT, detail='always "acme"'
    )
    assert lines(findings=[gone, same]) == [
        'home: context feature "device" vanished: it came with 98%, and with none of the last 500 requests',
        'home: offer feature "brand" never changes: always "acme"',
    ]


def test_a_name_cannot_move_the_cursor() -> None:
    (line,) = lines(findings=[FeatureFinding(name="a\x1b[2Jb\nc", detail="\r")])
    assert line == 'home: feature "a�[2Jb�c" is strange: �'


def test_every_problem_of_the_contract_has_words() -> None:
    numbers = [number for number in FeatureProblem.values() if number]
    assert not any("is strange" in line for number in numbers for line in lines(findings=[{"problem": number}]))
