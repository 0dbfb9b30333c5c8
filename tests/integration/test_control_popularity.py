"""A control group that learns, against a running service: it comes to show what is popular, and says how probably."""

import pytest

from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, DecideResponse
from attune.v1.insight_service_pb2 import GetReportRequest
from attune.v1.insight_service_pb2_grpc import InsightServiceStub
from attune.v1.placement_pb2 import PopularitySpec
from attune.v1.placement_service_pb2 import ListChallengersRequest
from client import DEADLINE_S, Client
from messages import control, decide, offers, outcome, reward, uniform
from service import RunningService, wait_until

PLACEMENT = "popular-control"
OFFERS = offers("a", "b", "c")
N = 90


def visit(client: Client, number: int) -> DecideResponse:
    return client.decide(decide(PLACEMENT, f"later-{number}", OFFERS))


def test_the_control_group_comes_to_show_what_is_popular(service: RunningService) -> None:
    """The policy draws by lot, so that nothing but the baseline can prefer anything."""
    with Client(service.address) as client:
        client.apply(PLACEMENT, policy=uniform(), reward=reward(1), control=control(0.5, popularity=PopularitySpec()))
        first = client.decide_all(decide(PLACEMENT, f"e{i}", OFFERS) for i in range(N))
        assert {answer.mode for answer in first} == {MODE_CONTROL, MODE_LEARNED}
        for answer in first:
            assert [each.probability for each in answer.ranking] == pytest.approx([1 / 3] * 3), "nothing is known yet"
        client.record(*(outcome(PLACEMENT, each.event_id) for each in first if each.choices[0].offer_id == "b"))
        client.wait_learned(PLACEMENT, N)

        later = [visit(client, 0)]

        def shows_what_is_popular() -> bool:
            later.append(visit(client, len(later)))
            return later[-1].mode == MODE_CONTROL and later[-1].ranking[0].probability > 0.95

        wait_until(shows_what_is_popular, "the control group to show what is popular")
        assert later[-1].ranking[0].offer_id == "b"
        kept = client.get(PLACEMENT, later[-1].event_id)
        assert (kept.mode, kept.policy_version) == (MODE_CONTROL, 0)
        assert list(kept.choices) == list(later[-1].choices)
        by_policy = next(answer for i in range(len(later), 1000) if (answer := visit(client, i)).mode == MODE_LEARNED)
        assert [each.probability for each in by_policy.ranking] == pytest.approx([1 / 3] * 3)

        request = ListChallengersRequest(placement=PLACEMENT)
        assert list(client.placements.ListChallengers(request, timeout=DEADLINE_S).challengers) == []
        assert {version.policy.WhichOneof("kind") for version in client.versions(PLACEMENT)} == {"uniform"}
        report = InsightServiceStub(client.channel).GetReport(GetReportRequest(placement=PLACEMENT), timeout=DEADLINE_S)
        assert report.report.baseline == "popularity"
        client.delete(PLACEMENT)
