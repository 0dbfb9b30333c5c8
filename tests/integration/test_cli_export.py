"""`attune export` and `attune import` beside a running service: out of one placement, into another, and trimmed."""

import json
from pathlib import Path

import grpc
import pytest

from attune.cli import app
from attune.store.data_dir import running_url
from attune.v1.decision_service_pb2 import DecideRequest, GetDecisionRequest
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.placement_pb2 import Placement
from attune.v1.placement_service_pb2 import ApplyPlacementRequest
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.reward_service_pb2 import Outcome, RecordOutcomesRequest
from attune.v1.reward_service_pb2_grpc import RewardServiceStub
from client import Client
from customers import OFFERS
from messages import decide, features, kept, outcome, reward
from oracle import learned, settled, status
from service import RunningService, wait_until

N = 40


@pytest.fixture(scope="module")
def address(service: RunningService) -> str:
    """A service on which `original` has decided and learned, and `copy` has the same spec."""
    with grpc.insecure_channel(service.address) as channel:
        for name in ("original", "copy"):
            apply = ApplyPlacementRequest(placement=Placement(name=name, reward=reward(1)))
            PlacementServiceStub(channel).ApplyPlacement(apply, timeout=5, wait_for_ready=True)
        for i in range(N):
            request = DecideRequest(placement="original", event_id=f"e{i}", offers=OFFERS, slots=1 + i % 2)
            DecisionServiceStub(channel).Decide(request, timeout=5)
        clicks = [Outcome(placement="original", event_id=f"e{i}", name="click") for i in range(0, N, 3)]
        RewardServiceStub(channel).RecordOutcomes(RecordOutcomesRequest(outcomes=clicks), timeout=5)
        settled(service.address, "original")
    return service.address


@pytest.fixture
def here(address: str, service: RunningService) -> tuple[str, str]:
    """The options that say where the service's store is."""
    assert address
    return "--data-dir", str(service.data_dir)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = app.run(arguments)
    return code, *capsys.readouterr()


def test_the_story_of_a_log_that_moves(
    address: str, here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "export", "original", "--to", str(tmp_path), *here)
    assert (code, err) == (0, "")
    assert out.startswith(f"original: {N} interactions and 0 late outcomes in 1 new files")

    code, out, err = run(capsys, "import", "copy", str(tmp_path), *here, "--json")
    assert (code, err) == (0, "")
    assert (json.loads(out)["added"], json.loads(out)["refused"]) == (N, 0)
    # The learner takes it up by itself, and arrives at the same bits as on the original.
    wait_until(lambda: status(address, "copy").learned == N, "the imported log to be learned")
    url = running_url(here[1])
    copy, original = learned(url, "copy"), learned(url, "original")
    assert copy.serving == copy.replayed == original.replayed == original.serving

    code, out, _ = run(capsys, "export", "original", "--to", str(tmp_path), *here, "--trim", "--json")
    said = json.loads(out)
    assert (code, said["interactions"], said["trimmed"]) == (0, 0, N - 1)
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError, match="trimmed"):
        DecisionServiceStub(channel).GetDecision(GetDecisionRequest(placement="original", event_id="e0"), timeout=5)


def test_decisions_from_the_catalogue_are_exported_with_the_offers_as_they_were(
    address: str, here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decided = []
    with Client(address) as client:
        for name in ("kept", "kept-copy"):
            client.apply(name, reward=reward(1))
        for price in (1.25, 2.25):
            client.put(*(kept(f"k{i}", features({"price": price + i}), placements=["kept"]) for i in range(3)))
            wait_until(lambda price=price: _first_price(client) == price, "the offers to arrive")
            for i in range(10):
                ids = ["k2", "k0"] if i % 2 else []
                request = decide("kept", f"{price} {i}", [], offer_ids=ids, slots=1 + i % 3)
                decided.append((request, client.decide(request)))
            client.record(*(outcome("kept", f"{price} {i}") for i in range(0, 10, 3)))
        client.take_out("k0", "k1", "k2")
        n = client.status("kept").decisions
    settled(address, "kept")

    assert run(capsys, "export", "kept", "--to", str(tmp_path), *here)[0] == 0
    code, out, _ = run(capsys, "import", "kept-copy", str(tmp_path), *here, "--json")
    assert (code, json.loads(out)["added"], json.loads(out)["refused"]) == (0, n, 0)
    with Client(address) as client:
        # Asked again after the window, when nothing is left to draw from: what was decided then.
        assert [client.decide(request) for request, _ in decided] == [answer for _, answer in decided]
        for price, i in ((1.25, 0), (1.25, 1), (2.25, 2), (2.25, 3)):
            copied, stored = (client.get(name, f"{price} {i}") for name in ("kept-copy", "kept"))
            wanted = [2, 0] if i % 2 else [0, 1, 2]
            assert [one.offer.features.numeric["price"] for one in copied.offers] == [price + k for k in wanted]
            assert [one.offer.id for one in copied.offers] == [f"k{k}" for k in wanted]
            assert (copied.offers, copied.choices) == (stored.offers, stored.choices)
    # What is learned from the exported offers is what is learned from those of the catalogue, to the last bit.
    learned_there = status(address, "kept").learned
    wait_until(lambda: status(address, "kept-copy").learned == learned_there, "the imported log to be learned")
    url = running_url(here[1])
    copy, original = learned(url, "kept-copy"), learned(url, "kept")
    assert copy.serving == copy.replayed == original.replayed == original.serving


def _first_price(client: Client) -> float:
    try:
        answer = client.decide(decide("kept", "", []))
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION  # noqa: PT017 - nothing has arrived yet
        return 0.0
    return client.get("kept", answer.event_id).offers[0].offer.features.numeric["price"]


def test_bad_rows_are_named_and_decide_how_it_ends(
    here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "log.json"
    file.write_text("\n".join(['{"EventId": "x", "c": {}}'] * 25))
    code, out, err = run(capsys, "import", "copy", str(file), *here)
    assert code == 1
    assert err.splitlines()[0].startswith(f"attune: {file}:1: _multi: expected list, got NoneType")
    assert err.splitlines()[-1] == "attune: 5 more rows were refused"
    assert out == "copy: 0 decisions added, 0 known before, 25 refused\n"
    assert run(capsys, "import", "copy", str(file), *here, "--skip-bad")[0] == 0


# What is typed, exit code, what is said.
WRONG = [
    pytest.param((("export", "nobody", "--to", "{}"), 1, "expected the name of an applied placement"), id="placement"),
    pytest.param((("export", "copy", "--to", "/dev/null/x"), 78, "--to: expected a directory to write to"), id="to"),
    pytest.param((("import", "copy", "{}/no.parquet"), 78, "expected a file or a directory, got none"), id="no file"),
    pytest.param((("import", "copy", "{}"), 78, "expected files that end with .parquet"), id="empty directory"),
    pytest.param((("import", "copy", "{}", "--outcome", "x"), 2, "--outcome: expected one of click"), id="outcome"),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_done_is_said_in_one_line(
    here: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: tuple[tuple[str, ...], int, str]
) -> None:
    words, code, said = wrong
    ended, _, err = run(capsys, *(word.format(tmp_path) for word in words), *here)
    assert (ended, err.count("\n")) == (code, 1)
    assert said in err
