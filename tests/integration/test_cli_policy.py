"""`attune policy` against a running service: list, promote, roll back, compare."""

import json

import grpc
import pytest

from attune.cli import app
from attune.v1.decision_service_pb2 import DecideRequest
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_pb2 import Placement, PolicySpec, UniformSpec, VwSpec
from attune.v1.placement_service_pb2 import ApplyPlacementRequest, GetPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from customers import OFFERS
from service import RunningService, wait_until

NAME = "versions"


def apply(service: RunningService, policy: PolicySpec) -> None:
    placement = Placement(name=NAME, policy=policy)
    placement.reward.window.seconds = 1
    with grpc.insecure_channel(service.address) as channel:
        PlacementServiceStub(channel).ApplyPlacement(ApplyPlacementRequest(placement=placement), timeout=5)


def learned_version(service: RunningService, after: int) -> int:
    """Decide once, and wait until a version that is newer than another one serves."""
    with grpc.insecure_channel(service.address) as channel:
        DecisionServiceStub(channel).Decide(DecideRequest(placement=NAME, offers=OFFERS), timeout=5)

        def newer() -> int | None:
            reply = PlacementServiceStub(channel).GetPlacement(GetPlacementRequest(placement=NAME), timeout=5)
            return reply.status.policy_version if reply.status.policy_version > after else None

        return wait_until(newer, "a newer version")


def deciding_version(service: RunningService) -> int:
    with grpc.insecure_channel(service.address) as channel:
        request = DecideRequest(placement=NAME, offers=OFFERS)
        return DecisionServiceStub(channel).Decide(request, timeout=5).policy_version


def run(capsys: pytest.CaptureFixture[str], service: RunningService, *arguments: str) -> tuple[int, str, str]:
    code = app.run(["policy", *arguments, "--address", service.address])
    return code, *capsys.readouterr()


def test_the_story_of_a_policy_that_proved_worse(service: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    apply(service, PolicySpec(vw=VwSpec()))
    good = learned_version(service, 0)
    apply(service, PolicySpec(uniform=UniformSpec()))
    worse = learned_version(service, good)

    assert run(capsys, service, "diff", NAME, str(good), str(worse))[1].count("policy.uniform") == 1

    code, out, _ = run(capsys, service, "rollback", NAME)
    assert code == 0
    assert out.startswith(f"{NAME}: version {good} serves until another one is promoted\n")
    assert deciding_version(service) == good

    _, listed, _ = run(capsys, service, "list", NAME)
    assert [line.split()[0] for line in listed.splitlines() if "serving, promoted" in line] == [str(good)]
    versions = json.loads(run(capsys, service, "list", NAME, "--json")[1])["versions"]
    assert [version["version"] for version in versions if version["serving"]] == [str(good)]

    assert all(version["reward"]["outcomes"] and "window" not in version["reward"] for version in versions)

    newest = json.loads(run(capsys, service, "promote", NAME, "newest", "--json")[1])["version"]
    assert int(newest["version"]) >= worse
    assert not newest["promoted"]
    assert deciding_version(service) == int(newest["version"])


# What is typed, exit code, what is said.
WRONG = [
    pytest.param(("promote", "never-applied", "1"), 1, "attune: not found: placement: ", id="no such placement"),
    pytest.param(("list", "never-applied"), 1, "attune: not found: placement: ", id="no such placement to list"),
    pytest.param(("promote", "empty", "7"), 1, "attune: not found: version: expected one that is kept", id="not kept"),
    pytest.param(("promote", "empty", "latest"), 2, "attune: Invalid value: expected the number", id="no number"),
    pytest.param(("promote", "empty", "9" * 20), 2, "attune: Invalid value: expected the number", id="too many digits"),
    pytest.param(("rollback", "empty"), 1, "attune: version: expected one that is older", id="nothing before"),
    pytest.param(("diff", "empty", "1", "2"), 1, "attune: version: expected one that is kept", id="nothing to compare"),
]


@pytest.mark.parametrize(("arguments", "code", "said"), WRONG)
def test_what_cannot_be_done_is_said(
    service: RunningService, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    with grpc.insecure_channel(service.address) as channel:
        placement = ApplyPlacementRequest(placement=Placement(name="empty"))
        PlacementServiceStub(channel).ApplyPlacement(placement, timeout=5)
    actual, _, err = run(capsys, service, *arguments)
    assert err.startswith(said)
    assert actual == code


def test_without_a_command_there_is_help_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["policy"]) == 2
    out, err = capsys.readouterr()
    assert "rollback" in out
    assert err == ""
