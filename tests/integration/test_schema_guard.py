"""The schema guard finds what went wrong with the features that callers send, and says so in the status."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any

import pytest

from attune.cli import app
from attune.v1.features_pb2 import FEATURE_SOURCE_CONTEXT
from attune.v1.placement_service_pb2 import FeatureFinding, FeatureProblem
from client import Client
from messages import decide, features, offers, reward
from service import PATIENT, RunningService

# A window of the guard is 500 decisions, and takes at least this long: so each look, twice a second, may take 250.
WINDOW_S = 1.0
LOOK_S = 0.5
AT_ONCE = 200
MOST = 4000
CANDIDATES = offers("a", "b")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """A client of a service whose guard is quick, and the service's address."""
    env = {**PATIENT, "ATTUNE__LEARNER__SCHEMA_WINDOW_S": str(WINDOW_S)}
    with (
        RunningService(tmp_path_factory.mktemp("data"), env=env) as service,
        Client(service.address) as connected,
    ):
        yield connected, service.address


def known(number: int, random: Random) -> dict[str, Any]:
    """Return the features of a usual request."""
    return {
        "categorical": {"device": random.choice(["mobile", "desktop"]), "plan": random.choice(["free", "paid"])},
        "numeric": {"tenure": random.expovariate(0.01), "basket": float(number % 7)},
    }


def broken(number: int, random: Random) -> dict[str, Any]:
    """Return the features of a request after a bad release of the front end."""
    usual = known(number, random)
    return {
        "categorical": {
            "device": usual["categorical"]["device"],  # `plan` is gone
            "session": f"{number:08x}",  # an id leaked in
            "basket": str(number % 7),  # a number has become text
        },
        "numeric": {"tenure": usual["numeric"]["tenure"]},
    }


def send(client: Client, make: Callable[[int, Random], dict[str, Any]], most: int) -> Iterator[int]:
    """Make decisions at the pace at which the guard looks at all of them; yield how many there are so far."""
    random, begun_s = Random(3), time.monotonic()
    for first in range(0, most, AT_ONCE):
        client.decide_all(
            decide("home", "", CANDIDATES, context=features(**make(number, random)), ranking_size=0)
            for number in range(first, first + AT_ONCE)
        )
        yield first + AT_ONCE
        time.sleep(max(0.0, begun_s + LOOK_S * (first + AT_ONCE) / AT_ONCE - time.monotonic()))


def named(findings: Iterable[FeatureFinding]) -> set[tuple[str, str]]:
    return {(each.name, FeatureProblem.Name(each.problem).removeprefix("FEATURE_PROBLEM_")) for each in findings}


def test_what_a_bad_release_breaks_is_named(client: tuple[Client, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A feature vanishes, an id leaks in, a type changes; nothing is said about what stays as it was."""
    service, address = client
    service.apply("home", reward=reward(1))
    service.apply("other")
    for _ in send(service, known, 1200):
        assert list(service.status("home").findings) == []

    expected = {("plan", "VANISHED"), ("session", "ALMOST_UNIQUE"), ("basket", "CHANGED_TYPE")}
    seen: list[set[tuple[str, str]]] = []
    for _ in send(service, broken, MOST):
        seen.append(named(service.status("home").findings))
        if seen[-1] >= expected:
            break
    findings = list(service.status("home").findings)
    assert named(findings) == expected, seen
    assert {finding.source for finding in findings} == {FEATURE_SOURCE_CONTEXT}
    (vanished,) = [finding for finding in findings if finding.name == "plan"]
    # How often it came before depends on whether the release fell into the middle of a window.
    assert re.fullmatch(r"it came with \d+%, and with none of the last 500 requests", vanished.detail)
    assert list(service.status("other").findings) == []

    assert app.run(["status", "home", "--address", address]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert f'home: context feature "plan" vanished: {vanished.detail}' in lines
    assert app.run(["status", "home", "--json", "--address", address]) == 0
    status = json.loads(capsys.readouterr().out)["status"]
    assert {finding["name"] for finding in status["findings"]} == {"plan", "session", "basket"}
    assert (status["clipped_rewards"], status["refused_interactions"]) == ("0", "0")
