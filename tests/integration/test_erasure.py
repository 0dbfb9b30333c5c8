"""Erasing a customer through contract and command line, while the learner is killed: no byte is left anywhere."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import redis
from pyarrow import parquet

from attune.cli import app, erasure_wait
from attune.cli.failures import BAD_SETTING, UNAVAILABLE
from attune.serving.customer_ids import CustomerIds
from attune.store.data_dir import running_url
from attune.v1.customer_service_pb2 import (
    Activity,
    EraseCustomerRequest,
    ErasureReceipt,
    GetCustomerRequest,
    GetErasureRequest,
    Preferences,
    RecordActivityRequest,
    SetPreferencesRequest,
)
from attune.v1.reward_service_pb2 import RecordOutcomesRequest
from bad_requests import LONG
from client import DEADLINE_S, Client, refused
from messages import decide, features, offers, outcome, reward
from oracle import learned, settled
from service import RunningService, wait_until

NOT_FOUND, INVALID = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
ERASED = ("anna", "tom")
OTHERS = tuple(f"other-{n}" for n in range(10))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service of these tests alone: its files are looked through."""
    env = {"ATTUNE__CUSTOMERS__CONSENT": "assumed", "ATTUNE__LOG__LEVEL": "debug"}
    with RunningService(tmp_path_factory.mktemp("erasing"), env=env) as running:
        yield running


@pytest.fixture(scope="module")
def client(own: RunningService) -> Iterator[Client]:
    with Client(own.address) as client:
        yield client


def trait(customer: str) -> str:
    return f"trait-of-{customer}"


def lives(client: Client, customer: str) -> None:
    """A customer does things, says things, sees things and answers; one decision is never shown."""
    done = Activity(customer_id=customer, name="visit", features=features(categorical={"at": trait(customer)}))
    client.customers.RecordActivity(RecordActivityRequest(activities=[done]), timeout=DEADLINE_S)
    said = SetPreferencesRequest(customer_id=customer, preferences=Preferences(interests=[trait(customer)]))
    client.customers.SetPreferences(said, timeout=DEADLINE_S)
    for n in range(3):
        request = decide("home", f"event-{customer}-{n}", offers("a", "b"), customer_id=customer, deferred=n == 2)
        request.context.categorical["own"] = trait(customer)
        assert client.decide(request).logged
    answered = outcome("home", f"event-{customer}-0", "click", outcome_id=f"answer-{customer}")
    client.rewards.RecordOutcomes(RecordOutcomesRequest(outcomes=[answered]), timeout=DEADLINE_S)


@pytest.mark.parametrize("kills", [False, pytest.param(True, marks=pytest.mark.long)])
def test_no_byte_of_a_customer_is_left(
    own: RunningService, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, kills: bool
) -> None:
    client.apply("home", reward=reward(1))
    for customer in (*ERASED, *OTHERS):
        lives(client, customer)
    settled(own.address, "home")
    for form in ("parquet", "dsjson"):
        to = ["--to", str(tmp_path / form), "--format", form]
        assert app.run(["export", "home", *to, "--data-dir", str(own.data_dir)]) == 0
    for customer in ERASED:
        assert seen_everywhere(own, tmp_path, customer) >= {"aof", "parquet", "dsjson"}
    begun = client.customers.EraseCustomer(EraseCustomerRequest(customer_id="anna"), timeout=DEADLINE_S).receipt
    assert (begun.profile, begun.history_entries, begun.HasField("completed_at")) == (True, 2, False)
    assert refused(client.customers.GetCustomer, GetCustomerRequest(customer_id="anna")).code is NOT_FOUND
    if kills:
        os.kill(own.children()["learner"], signal.SIGKILL)
    capsys.readouterr()
    exports = [f"--exports={tmp_path / form}" for form in ("parquet", "dsjson")]
    assert app.run(["customers", "erase", "tom", "--wait", "--json", *exports, "--address", own.address]) == 0
    told = json.loads(capsys.readouterr().out)
    [removed] = told["receipt"]["placements"]
    assert (removed["placement"], removed["pending"], removed["interactions"]) == ("home", 1, 2)
    assert [each["rows"] for each in told["exports"].values()] == [2, 2]
    wait_until(lambda: receipt(client, begun.receipt_id).HasField("completed_at"), "anna to be erased")
    # Whoever has exports and erases through the contract removes the rows later.
    assert app.run(["customers", "erase", "anna", *exports, "--address", own.address]) == 0
    assert "removed no profile, 0 entries of the history" in capsys.readouterr().out
    for customer in ERASED:
        assert seen_everywhere(own, tmp_path, customer) == set()
    assert seen_everywhere(own, tmp_path, OTHERS[0]) >= {"aof", "parquet", "dsjson"}
    check_model(own, client)
    # What was exported last may be gone from the log: the export goes on all the same.
    to = ["--to", str(tmp_path / "parquet"), "--data-dir", str(own.data_dir)]
    assert app.run(["export", "home", *to]) == 0
    client.delete("home")


def check_model(own: RunningService, client: Client) -> None:
    """The policy is that of the log, in which the others are."""
    now = learned(running_url(str(own.data_dir)), "home")
    assert now.serving == now.replayed
    status = client.status("home")
    assert (status.decisions, status.interactions, status.outcomes) == (2 * len(OTHERS), 2 * len(OTHERS), len(OTHERS))


def seen_everywhere(own: RunningService, exports: Path, customer: str) -> set[str]:
    """Where a customer can be found: the store's memory and files, exports, and what the service prints."""
    key = bytes.fromhex((own.data_dir / "customer.key").read_text().strip()) if own.data_dir else b""
    hashed = CustomerIds(key).of(customer).key
    words = [hashed, hashed.hex().encode(), trait(customer).encode(), f"event-{customer}-".encode()]
    words += [f"answer-{customer}".encode()]
    with redis.Redis.from_url(running_url(str(own.data_dir))) as store:
        store.config_set("rdbcompression", "no")
        places = {"memory": b"\n".join([name + (store.dump(name) or b"") for name in store.scan_iter()])}
    for path in (own.data_dir or Path()).rglob("*"):
        if path.is_file() and path.name != "customer.key":
            places["aof" if "aof" in path.name else path.name] = places.get(path.name, b"") + path.read_bytes()
    places["printed"] = own.log().encode()
    places["dsjson"] = b"".join(path.read_bytes() for path in exports.rglob("*.dsjson"))
    tables = (parquet.read_table(path, partitioning=None) for path in exports.rglob("*.parquet"))
    places["parquet"] = repr([table.to_pylist() for table in tables]).encode()
    return {place for place, found in places.items() if any(word in found for word in words)}


def receipt(client: Client, receipt_id: str) -> ErasureReceipt:
    request = GetErasureRequest(receipt_id=receipt_id)
    found: ErasureReceipt = client.customers.GetErasure(request, timeout=DEADLINE_S).receipt
    return found


def test_receipts_are_found_by_their_ids(client: Client) -> None:
    begun = client.customers.EraseCustomer(EraseCustomerRequest(customer_id="nobody"), timeout=DEADLINE_S)
    assert (begun.receipt.profile, begun.receipt.history_entries, len(begun.customers)) == (False, 0, 1)
    wait_until(lambda: receipt(client, begun.receipt.receipt_id).HasField("completed_at"), "nobody to be erased")
    assert not receipt(client, begun.receipt.receipt_id).placements
    assert refused(client.customers.GetErasure, GetErasureRequest(receipt_id="another")).code is NOT_FOUND
    for wrong in ("", LONG):
        for rpc, request, field in (
            (client.customers.GetErasure, GetErasureRequest(receipt_id=wrong), "receipt_id"),
            (client.customers.EraseCustomer, EraseCustomerRequest(customer_id=wrong), "customer_id"),
        ):
            refusal = refused(rpc, request)
            assert (refusal.code, refusal.violations[0][0]) == (INVALID, field)


def test_who_waits_is_told_what_for_and_not_for_ever(
    own: RunningService, client: Client, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure_wait, "SAY_EVERY_S", 0.3)
    client.apply("home", reward=reward(1))
    learner = own.children()["learner"]
    os.kill(learner, signal.SIGSTOP)
    try:
        asked = ["customers", "erase", "nobody", "--wait", "--timeout", "1", "--address", own.address]
        assert app.run(asked) == UNAVAILABLE
    finally:
        os.kill(learner, signal.SIGCONT)
    told = capsys.readouterr()
    receipt_id = told.out.removeprefix("receipt ").partition(":")[0]
    waiting, *_, failed = told.err.splitlines()
    assert waiting.startswith("waiting since ")
    assert "not done within 1 s" in failed
    assert f"attune customers erasure {receipt_id}" in failed
    wait_until(lambda: receipt(client, receipt_id).HasField("completed_at"), "it to be done all the same")
    client.delete("home")


def test_the_command_line_shows_a_receipt(own: RunningService, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    # What cannot be done with the files is said before anything is gone.
    assert app.run(["customers", "erase", "nobody", "--exports=nowhere", "--address", own.address]) == BAD_SETTING
    captured = capsys.readouterr()
    assert (captured.out, "nowhere" in captured.err) == ("", True)
    assert app.run(["customers", "erase", "nobody", "--address", own.address]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert rest == ["the rest is being removed by the process that learns"]
    receipt_id = first.removeprefix("receipt ").partition(":")[0]
    assert app.run(["customers", "erasure", receipt_id, "--address", own.address]) == 0
    assert capsys.readouterr().out.startswith(f"receipt {receipt_id}: removed no profile")
