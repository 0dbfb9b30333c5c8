"""Late outcomes, rebuilds and resets against a running service, over gRPC and the command line."""

import io
import json
import time
from collections.abc import Iterator

import grpc
import pytest

from attune.cli import app
from attune.v1 import placement_service_pb2 as placements
from attune.v1.placement_pb2 import AGGREGATION_SUM
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_DUPLICATE, OUTCOME_STATUS_LATE
from client import Client, refused
from messages import decide, offers, outcome, reward, rule
from service import RunningService, wait_until

WITHIN_A_SECOND = 1.0


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        yield connected


def run(capsys: pytest.CaptureFixture[str], service: RunningService, *arguments: str) -> tuple[int, str, str]:
    code = app.run(["policy", *arguments, "--address", service.address])
    return code, *capsys.readouterr()


def closed(client: Client, name: str, count: int, **fields: object) -> list[str]:
    """Apply a placement and decide; return the event_ids once their windows have closed and they are learned."""
    rules = [rule(aggregation=AGGREGATION_SUM)]
    client.apply(name, reward=reward(1, rules, **fields))
    answers = client.decide_all(decide(name, f"{name} {i}", offers("a", "b")) for i in range(count))
    client.wait_learned(name, count)
    return [answer.event_id for answer in answers]


def test_a_late_outcome_revises_the_model_where_the_placement_says_so(client: Client) -> None:
    event_ids = closed(client, "revised", 30, revise_late=True)
    before = client.versions("revised")[0]
    late = [outcome("revised", event_id) for event_id in event_ids[:10]]
    assert {receipt.status for receipt in client.record(*late)} == {OUTCOME_STATUS_LATE}
    assert {receipt.status for receipt in client.record(*late)} == {OUTCOME_STATUS_DUPLICATE}

    def learned() -> bool:
        return client.versions("revised")[0].sha256 != before.sha256 and not client.status("revised").HasField(
            "learner_lag"
        )

    wait_until(learned, "the revisions to be learned")
    status = client.status("revised")
    assert (status.interactions, status.learned, status.revisions, status.late_outcomes) == (30, 30, 10, 10)


def test_a_rebuild_counts_late_outcomes_and_can_be_rolled_back(
    client: Client, service: RunningService, capsys: pytest.CaptureFixture[str]
) -> None:
    event_ids = closed(client, "rebuilt", 30)
    client.record(*(outcome("rebuilt", event_id, value=5.0) for event_id in event_ids[:15]))
    time.sleep(0.5)
    before = client.versions("rebuilt")[0]
    assert before.interactions == 30, "late outcomes change nothing by themselves"

    code, out, _ = run(capsys, service, "rebuild", "rebuilt")
    assert code == 0
    assert out.startswith("rebuilt: training anew on 30 interactions; what serves goes on meanwhile\n")
    wait_until(lambda: client.versions("rebuilt")[0].generation == 1, "the rebuilt policy")
    after = client.versions("rebuilt")[0]
    assert (after.interactions, after.serving) == (30, True)
    assert after.sha256 != before.sha256

    code, out, _ = run(capsys, service, "rollback", "rebuilt")
    assert (code, out.partition("\n")[0]) == (
        0,
        f"rebuilt: version {before.version} serves until another one is promoted",
    )


def test_a_reset_asks_and_takes_effect_at_once(
    client: Client, service: RunningService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed(client, "reset", 30)
    former = client.status("reset").policy_version
    for typed in ("resett", ""):
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{typed}\n"))
        code, _, err = run(capsys, service, "reset", "reset")
        assert code == 1
        assert f'attune: placement: expected its name, "reset", got "{typed}": nothing was changed\n' in err
    assert client.status("reset").policy_version == former

    monkeypatch.setattr("sys.stdin", io.StringIO("reset\n"))
    began = time.monotonic()
    code, out, _ = run(capsys, service, "reset", "reset")
    assert code == 0
    assert "untrained from now on; 30 interactions are not learned from any more" in out
    wait_until(lambda: client.decide(decide("reset", "", offers("a", "b"))).policy_version == 0, "the reset")
    assert time.monotonic() - began < WITHIN_A_SECOND
    wait_until(lambda: client.status("reset").learned == 1, "what came after the reset to be learned")
    assert client.status("reset").set_aside == 30

    assert run(capsys, service, "rollback", "reset")[0] == 0
    assert client.status("reset").policy_version == former


def test_a_reset_without_anybody_to_ask_needs_yes(
    client: Client, service: RunningService, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.apply("unattended")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(capsys, service, "reset", "unattended")[0] == 1
    code, out, _ = run(capsys, service, "reset", "unattended", "--yes", "--json")
    assert (code, json.loads(out)) == (0, {"set_aside": "0", "former_version": "0"})


def test_what_is_not_there_cannot_be_rebuilt_or_reset(client: Client) -> None:
    assert refused(client.placements.RebuildPolicy, placements.RebuildPolicyRequest(placement="nobody")).code is (
        grpc.StatusCode.NOT_FOUND
    )
    assert refused(client.placements.ResetPolicy, placements.ResetPolicyRequest(placement="nobody")).code is (
        grpc.StatusCode.NOT_FOUND
    )
