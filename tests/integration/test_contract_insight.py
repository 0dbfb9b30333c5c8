"""Reports over gRPC and on the command line: a service decides, hears what came of it, and says how it did."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from random import Random

import grpc
import pytest

from attune.cli import app
from attune.v1.condition_pb2 import Condition
from attune.v1.customer_service_pb2 import (
    PURPOSE_LEARNING,
    PURPOSE_PERSONALIZATION,
    Consent,
    SetConsentRequest,
)
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_LEARNED, Mode
from attune.v1.insight_service_pb2 import (
    BREAKDOWN_KIND_FEATURE,
    BREAKDOWN_KIND_SEGMENT,
    METRIC_CONVERSION,
    METRIC_REVENUE,
    METRIC_REWARD,
    GetReportRequest,
    Report,
)
from attune.v1.insight_service_pb2_grpc import InsightServiceStub
from attune.v1.placement_pb2 import OutcomeRule
from attune.v1.segment_service_pb2 import DeleteSegmentsRequest, PutSegmentsRequest, Segment
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub
from client import DEADLINE_S, Client, refused
from insight_logs import by
from messages import control, decide, features, numbered_offers, outcome, reward, softmax
from service import RunningService, wait_until

PLACEMENT = "reported"
N, CUSTOMERS = 160, 80
RULES = [OutcomeRule(name="conversion"), OutcomeRule(name="revenue", weight=0.1)]
Decided = tuple[Client, list[tuple[Mode, str, float]]]


@pytest.fixture(scope="module")
def decided(service: RunningService) -> Iterator[tuple[Client, list[tuple[Mode, str, float]]]]:
    """A client of a service with a log, and of each decision: who decided, the device, and what was earned."""
    with Client(service.address) as client:
        segments = SegmentServiceStub(client.channel)
        mobile = Segment(name="mobile", when=Condition(test="device == mobile"))
        segments.PutSegments(PutSegmentsRequest(segments=[mobile]), timeout=DEADLINE_S)
        client.apply(PLACEMENT, policy=softmax(), reward=reward(1, RULES), control=control(0.4))
        yield client, log_of(client)
        segments.DeleteSegments(DeleteSegmentsRequest(names=["mobile"]), timeout=DEADLINE_S)


def allow(client: Client) -> None:
    """Let all customers allow personalization, and every fourth of them no learning."""
    customers = CustomerServiceStub(client.channel)
    for i in range(CUSTOMERS):
        consents = [
            Consent(purpose=PURPOSE_PERSONALIZATION, granted=True),
            Consent(purpose=PURPOSE_LEARNING, granted=i % 4 > 0),
        ]
        customers.SetConsent(SetConsentRequest(customer_id=f"c{i}", consents=consents), timeout=DEADLINE_S)


def log_of(client: Client) -> list[tuple[Mode, str, float]]:
    """Decide twice for every customer, and say who bought."""
    allow(client)
    random = Random(1)
    devices = [random.choice(("mobile", "desktop")) for _ in range(N)]
    answers = client.decide_all(
        decide(
            PLACEMENT,
            f"e{i}",
            numbered_offers(3),
            context=features(categorical={"device": device}),
            customer_id=f"c{i % CUSTOMERS}",
        )
        for i, device in enumerate(devices)
    )
    money = [random.choice((0.0, 0.0, 12.5, 40.0)) for _ in answers]
    bought = [(answer.event_id, amount) for answer, amount in zip(answers, money, strict=True) if amount]
    client.record(
        *(outcome(PLACEMENT, event_id, "conversion") for event_id, _ in bought),
        *(outcome(PLACEMENT, event_id, "revenue", value=amount) for event_id, amount in bought),
    )
    client.wait_learned(PLACEMENT, N)
    return [(answer.mode, *each) for answer, each in zip(answers, zip(devices, money, strict=True), strict=True)]


def report(client: Client, **fields: object) -> Report:
    request = GetReportRequest(placement=PLACEMENT, **fields)  # type: ignore[arg-type]
    made: Report = InsightServiceStub(client.channel).GetReport(request, timeout=60).report
    return made


@pytest.fixture(scope="module")
def made(decided: Decided) -> Report:
    """The report of the whole log: a process starts for each."""
    return report(decided[0], features=["device"], confidence=0.9)


def test_a_report_says_what_happened(decided: Decided, made: Report) -> None:
    log, overall = decided[1], made.overall
    earned = {
        mode: [(0.1 * money + 1.0 if money else 0.0, float(bool(money)), money) for who, _, money in log if who == mode]
        for mode in (MODE_LEARNED, MODE_CONTROL)
    }
    assert (overall.decisions, overall.control_decisions) == tuple(map(len, earned.values()))
    for place, metric in enumerate((METRIC_REWARD, METRIC_CONVERSION, METRIC_REVENUE)):
        found = by(overall, metric)
        policy, in_control = (sum(each[place] for each in arm) / len(arm) for arm in earned.values())
        assert found.policy.value == pytest.approx(policy)
        assert found.control.value == pytest.approx(in_control)
        assert found.lift.value == pytest.approx(policy - in_control)
        assert found.lift.low < found.lift.value < found.lift.high


def test_a_report_has_segments_features_offers_and_the_rest(decided: Decided, made: Report) -> None:
    log = decided[1]
    parts = {
        each.kind: {part.name: part.decisions + part.control_decisions for part in each.parts}
        for each in made.breakdowns
    }
    n_mobile = sum(device == "mobile" for _, device, _ in log)
    assert parts[BREAKDOWN_KIND_SEGMENT] == {"mobile": n_mobile}
    assert parts[BREAKDOWN_KIND_FEATURE] == {"mobile": n_mobile, "desktop": N - n_mobile}
    assert sum(each.drawn for each in made.offers) == N
    assert made.exploration.draws == sum(mode == MODE_LEARNED for mode, _, _ in log)
    # Customers were assigned, not decisions; who has not allowed to learn counts all the same.
    assert (made.sample_ratio.expected, made.sample_ratio.units, made.sample_ratio.in_both) == (0.4, CUSTOMERS, 0)
    assert made.withheld == N / 4
    assert made.confidence == 0.9
    assert sum(point.decisions + point.control_decisions for point in made.trend) == N


def test_a_report_of_a_span_has_nothing_else(decided: Decided, made: Report) -> None:
    first, last = made.first_decision_at, made.last_decision_at
    assert 0 < report(decided[0], since=first, until=last).decisions < N


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"confidence": 0.3}, grpc.StatusCode.INVALID_ARGUMENT, "confidence"),
        ({"segments": ["nobody"]}, grpc.StatusCode.INVALID_ARGUMENT, "segments"),
        ({"placement": "nowhere"}, grpc.StatusCode.NOT_FOUND, None),
        ({"placement": "NO NAME"}, grpc.StatusCode.NOT_FOUND, None),
    ],
)
def test_what_is_wrong_is_named(
    decided: Decided, fields: dict[str, object], code: grpc.StatusCode, field: str | None
) -> None:
    request = GetReportRequest(**{"placement": PLACEMENT, **fields})  # type: ignore[arg-type]
    refusal = refused(InsightServiceStub(decided[0].channel).GetReport, request)
    assert refusal.code == code
    assert [named for named, _ in refusal.violations] == ([field] if field else [])


def test_one_report_at_a_time_and_one_that_nobody_waits_for_ends(decided: Decided, service: RunningService) -> None:
    client, _ = decided
    method, request = InsightServiceStub(client.channel).GetReport, GetReportRequest(placement=PLACEMENT)
    both = [method.future(request, timeout=60) for _ in range(2)]
    codes = [each.code() for each in both if each.exception() is not None]
    assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED]

    given_up = method.future(request, timeout=0.05)
    assert given_up.code() == grpc.StatusCode.DEADLINE_EXCEEDED

    def is_free() -> bool:
        call = method.future(request, timeout=60)
        return call.exception() is None

    assert wait_until(is_free, "the report that was given up to end")
    # gRPC's threads do not survive a fork, and say so; the process has to be started without one.
    assert "fork" not in service.log()


@pytest.mark.usefixtures("decided")
def test_the_command_asks_a_service_or_reads_the_store(
    service: RunningService, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert app.run(["report", PLACEMENT, "--address", service.address, "--json"]) == 0
    asked = json.loads(capsys.readouterr().out)
    page = tmp_path / "report.html"
    store = ["--data-dir", str(service.data_dir)]
    assert app.run(["report", PLACEMENT, *store, "--json", "--html", str(page)]) == 0
    assert json.loads(capsys.readouterr().out) == asked
    assert int(asked["decisions"]) == N
    assert ET.fromstring(page.read_text().split("\n", 1)[1]).find("head/title").text == f"Report of {PLACEMENT}"  # type: ignore[union-attr]
    assert app.run(["report", PLACEMENT, *store, "--by", "device"]) == 0
    shown = capsys.readouterr().out
    assert "by device" in shown
    assert "by segment" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere"),
        ([PLACEMENT, "--since", "yesterday"], "--since"),
        ([PLACEMENT, "--since", "2026-11-22", "--until", "2026-11-21"], "until"),
        ([PLACEMENT, "--nps", "score"], "nps_outcome"),
    ],
)
@pytest.mark.usefixtures("decided")
def test_the_command_says_what_is_wrong(
    service: RunningService, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert app.run(["report", *arguments, "--data-dir", str(service.data_dir)]) != 0
    assert said in capsys.readouterr().err
