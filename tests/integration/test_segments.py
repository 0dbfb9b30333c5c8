"""Segments from files to a running service: applied, listed, named by rules, and deleted when nothing names them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from attune.child import EX_CONFIG
from attune.cli import app
from attune.v1.catalog_service_pb2 import CatalogOffer, PutOffersRequest
from attune.v1.catalog_service_pb2_grpc import CatalogServiceStub
from attune.v1.condition_pb2 import Condition
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_RULE, DecideRequest
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import EligibilityRule, Guardrails, Placement
from attune.v1.placement_service_pb2 import ApplyPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.segment_service_pb2 import DeleteSegmentsRequest, ListSegmentsRequest, PutSegmentsRequest, Segment
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub
from client import Client, refused
from service import RunningService

FILE = """
segments:
- name: loyal
  title: Loyal, no purchase in 60 days
  when: {all: [customer.stage == established, {not: customer.purchase.days_since < 60}]}
- name: mobile
  when: device == mobile
"""


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as client:
        yield client


@pytest.fixture
def segments(client: Client) -> Iterator[SegmentServiceStub]:
    """A stub; what it puts is deleted afterwards."""
    stub = SegmentServiceStub(client.channel)
    yield stub
    if left := stub.ListSegments(ListSegmentsRequest(), timeout=10).segments:
        stub.DeleteSegments(DeleteSegmentsRequest(names=[one.name for one in left]), timeout=10)


@pytest.fixture
def typed(service: RunningService, capsys: pytest.CaptureFixture[str]) -> Iterator["Typed"]:
    return Typed(service.address, capsys)


class Typed:
    """Runs commands against one service, and returns what they print."""

    def __init__(self, address: str, capsys: pytest.CaptureFixture[str]) -> None:
        """Keep where the service is."""
        self._address, self._capsys = address, capsys

    def __call__(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """Run a command; return exit code, stdout and stderr."""
        code = app.run([*command.split(), *arguments, "--address", self._address])
        return code, *self._capsys.readouterr()


def write(directory: Path, text: str) -> str:
    file = directory / "shop.yaml"
    file.write_text(text)
    return str(file)


def test_the_story_of_two_segments(segments: SegmentServiceStub, typed: Typed, tmp_path: Path) -> None:
    assert typed("segments list") == (0, "No segments: put some there with attune apply FILE\n", "")
    file = write(tmp_path, FILE)
    assert typed("apply", file) == (0, "segments: 2 created, 0 changed, 0 unchanged\n", "")
    assert typed("apply", file) == (0, "segments: 0 created, 0 changed, 2 unchanged\n", "")
    code, out, _ = typed("segments list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["segment", "loyal", "mobile"]
    assert "customer.stage == established and not customer.purchase.days_since < 60" in out
    listed = json.loads(typed("segments list --json")[1])
    assert [one["title"] for one in listed["segments"]] == ["Loyal, no purchase in 60 days", ""]
    assert typed("segments delete mobile other") == (0, "segments: 1 deleted, 1 were not there\n", "")
    assert [one.name for one in segments.ListSegments(ListSegmentsRequest(), timeout=10).segments] == ["loyal"]


def test_a_segment_that_nobody_can_be_in_is_a_warning_with_its_line(
    segments: SegmentServiceStub, typed: Typed, tmp_path: Path
) -> None:
    file = write(tmp_path, "segments:\n- name: odd\n  when:\n    all:\n    - x > 3\n    - x < 1\n")
    code, out, said = typed("apply", file)
    assert (code, out) == (0, "segments: 1 created, 0 changed, 0 unchanged\n")
    expected = "nobody can meet it: `x > 3` and `x < 1` never hold together"
    assert said == f"warning: {file}:3: segments[0].when: {expected}\n"
    (reply,) = json.loads(typed("apply --json", file)[1])
    assert reply["segments"]["warnings"] == [f"{file}:3: segments[0].when: {expected}"]
    assert len(segments.ListSegments(ListSegmentsRequest(), timeout=10).segments) == 1


def test_a_mistake_is_shown_with_its_line_and_nothing_is_applied(
    segments: SegmentServiceStub, typed: Typed, tmp_path: Path
) -> None:
    file = write(tmp_path, f"{FILE}- name: wrong\n  when:\n    not:\n      time.hous > 3\n---\nname: segmented\n")
    code, out, said = typed("apply", file)
    assert (code, out) == (EX_CONFIG, "")
    expected = "at character 1: unknown feature time.hous; did you mean time.hour?"
    assert said == f"attune: {file}:10: segments[2].when.not.test: {expected}\n"
    assert not segments.ListSegments(ListSegmentsRequest(), timeout=10).segments
    assert typed("status segmented")[0] != 0


def test_a_segment_that_a_rule_names_is_not_deleted(
    segments: SegmentServiceStub, client: Client, typed: Typed, tmp_path: Path
) -> None:
    rules = "name: segmented\nguardrails: {rules: [{name: vip, when: {segment: loyal}}]}"
    code, out, _ = typed("apply", write(tmp_path, f"{rules}\n---{FILE}"))
    assert (code, out.splitlines()[0]) == (0, "segments: 2 created, 0 changed, 0 unchanged")
    code, out, said = typed("segments delete mobile loyal")
    assert code != 0
    expected = 'expected segments that nothing names, got "loyal", named by rule "vip" of placement "segmented"'
    assert expected in said
    assert len(segments.ListSegments(ListSegmentsRequest(), timeout=10).segments) == 2
    client.delete("segmented")
    assert typed("segments delete mobile loyal")[:2] == (0, "segments: 2 deleted\n")


def test_what_is_wrong_names_the_field(segments: SegmentServiceStub) -> None:
    wrong = Segment(name="wrong", when=Condition(all=[Condition(test="x > 1"), Condition(test="y = 1")]))
    refusal = refused(segments.PutSegments, PutSegmentsRequest(segments=[wrong]))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    ((field, description),) = refusal.violations
    assert field == "segments[0].when.all[1].test"
    assert description.endswith("got `=`; is it `==`?")


# --- rules and offers that name them


def who(device: str, **fields: Any) -> DecideRequest:
    offers = [Offer(id="a"), Offer(id="b")]
    return DecideRequest(
        placement="segmented", context=Features(categorical={"device": device}), offers=offers, **fields
    )


def put(segments: SegmentServiceStub, name: str, test: str) -> None:
    segments.PutSegments(PutSegmentsRequest(segments=[Segment(name=name, when=Condition(test=test))]), timeout=10)


@pytest.fixture
def segmented(client: Client, segments: SegmentServiceStub) -> Iterator[Client]:
    """A placement that shows offer b to the segment `mobile` alone."""
    put(segments, "mobile", "device == mobile")
    rule = EligibilityRule(name="b_on_phones", offers={"offer_ids": ["b"]}, when=Condition(segment="mobile"))
    client.apply("segmented", policy={"uniform": {}}, guardrails=Guardrails(rules=[rule]))
    yield client
    client.delete("segmented")


def test_a_rule_holds_for_those_in_the_segment(segmented: Client) -> None:
    for event_id, device, shares in (("phone", "mobile", {"a": 0.5, "b": 0.5}), ("desk", "desktop", {"a": 1.0})):
        answer = segmented.decide(who(device, event_id=event_id, ranking_size=2))
        assert {one.offer_id: one.probability for one in answer.ranking} == shares
    (left_out,) = segmented.get("segmented", "desk").excluded
    assert (left_out.reason, left_out.detail) == (EXCLUSION_REASON_RULE, "b_on_phones")
    assert list(left_out.offer_ids) == ["b"]
    assert not segmented.get("segmented", "phone").excluded


def test_a_change_of_a_segment_counts_for_rules_that_were_applied_before(
    segmented: Client, segments: SegmentServiceStub
) -> None:
    put(segments, "mobile", "device in [mobile, desktop]")
    answer = segmented.decide(who("desktop", ranking_size=2))
    assert {one.offer_id for one in answer.ranking} == {"a", "b"}


def test_a_rule_that_names_no_segment_there_is_is_refused(client: Client) -> None:
    rule = EligibilityRule(name="r", when=Condition(negated=Condition(segment="moblie")))
    request = ApplyPlacementRequest(placement=Placement(name="segmented", guardrails=Guardrails(rules=[rule])))
    refusal = refused(PlacementServiceStub(client.channel).ApplyPlacement, request)
    said = 'expected the name of a segment, got "moblie"'
    assert refusal.violations == (("guardrails.rules[0].when.not.segment", said),)
    assert refused(client.decisions.Decide, who("mobile")).code is grpc.StatusCode.NOT_FOUND


def test_an_offer_s_own_condition_may_name_a_segment(client: Client, segments: SegmentServiceStub) -> None:
    put(segments, "mobile", "device == mobile")
    named = CatalogOffer(offer=Offer(id="seg-b"), when=Condition(segment="mobile"))
    client.put(CatalogOffer(offer=Offer(id="seg-a")), named)
    try:
        refusal = refused(segments.DeleteSegments, DeleteSegmentsRequest(names=["mobile"]))
        assert refusal.code is grpc.StatusCode.FAILED_PRECONDITION
        assert 'named by offer "seg-b"' in refusal.message
        named.when.segment = "moblie"
        stub = CatalogServiceStub(client.channel)
        refusal = refused(stub.PutOffers, PutOffersRequest(offers=[named]))
        said = 'expected the name of a segment, got "moblie"'
        assert refusal.violations == (("offers[0].when.segment", said),)
    finally:
        client.empty_catalog()
