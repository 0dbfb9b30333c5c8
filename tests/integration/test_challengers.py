"""Challengers against a running service: one that knows who reads is promoted, one that is the policy's twin is not.

Tom reads politics and Anna sport. The policy knows how popular each is, and shows a bit of everything: so it tells what
another one would have earned.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from attune.cli import app
from attune.cli.failures import BAD_SETTING
from attune.v1.placement_pb2 import Challenger, Placement
from attune.v1.placement_service_pb2 import ListChallengersRequest, ListChallengersResponse
from client import Client, refused
from messages import apply, decide, features, offers, outcome
from service import RunningService, wait_until

LIKED = {"Tom": "politics", "Anna": "sport"}
ARTICLES = offers("politics", "sport")
PLACEMENTS = """
name: news
policy: {popularity: {}, min_probability: 0.25}
reward: {window: 3s, min: 0, max: 1}
challengers:
  - name: knows-who-reads
    policy: {vw: {epsilon: {epsilon: 0.05}}}
auto_promote: {}
---
name: twins
policy: {popularity: {}, min_probability: 0.25}
reward: {window: 3s, min: 0, max: 1}
challengers:
  - name: twin
    policy: {popularity: {}, min_probability: 0.25}
auto_promote: {confidence: 0.9}
"""
# A window that a busy machine's clicks do not miss: what misses it looks like a drift of the rewards, and then no
# estimate is trusted.
AT_ONCE = 100
MOST = 100


@pytest.fixture(scope="module")
def client(service: RunningService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Client, str]]:
    """A client of a service, and the service's address; readers have come to its placements until one was promoted."""
    file = tmp_path_factory.mktemp("challengers") / "placements.yaml"
    file.write_text(PLACEMENTS)
    with Client(service.address) as connected:
        assert app.run(["apply", str(file), "--address", service.address]) == 0
        readers_come(connected)
        yield connected, service.address


def readers_come(client: Client) -> None:
    """Let readers decide and click, until a challenger is promoted."""
    random = Random(7)
    for i in range(MOST):
        for placement in ("news", "twins")[: 1 + (i % 10 == 0)]:
            users = [random.choice(("Tom", "Anna")) for _ in range(AT_ONCE)]
            answers = client.decide_all(
                decide(placement, f"{i}-{k}", ARTICLES, context=features(categorical={"user": user}), ranking_size=0)
                for k, user in enumerate(users)
            )
            clicked = [
                outcome(placement, answer.event_id)
                for user, answer in zip(users, answers, strict=True)
                if answer.choices[0].offer_id == LIKED[user]
            ]
            client.record(*clicked)
        if challengers(client, "news").HasField("last_promotion"):
            break
    wait_until(lambda: challengers(client, "news").HasField("last_promotion"), "a promotion", timeout_s=60)
    wait_until(lambda: challengers(client, "twins").challengers[0].measured > 0, "the twin to be measured")


def challengers(client: Client, placement: str) -> ListChallengersResponse:
    request = ListChallengersRequest(placement=placement)
    answer: ListChallengersResponse = client.placements.ListChallengers(request, timeout=10)
    return answer


def test_a_challenger_that_is_better_becomes_the_policy(client: tuple[Client, str]) -> None:
    service, _ = client
    promotion = challengers(service, "news").last_promotion
    assert promotion.name == "knows-who-reads"
    assert promotion.reason.startswith("On ")
    assert list(challengers(service, "news").challengers) == []
    newest = service.versions("news")[0]
    assert newest.version >= promotion.version
    assert newest.policy.WhichOneof("kind") == "vw"

    def politics_for_tom() -> bool:
        asked = decide("news", "", ARTICLES, context=features(categorical={"user": "Tom"}))
        [first, *_] = service.decide(asked).ranking
        return first.offer_id == "politics" and first.probability > 0.9

    wait_until(politics_for_tom, "what Tom likes")


def test_a_twin_is_measured_and_left_where_it_is(client: tuple[Client, str]) -> None:
    answer = challengers(client[0], "twins")
    [twin] = answer.challengers
    assert not answer.HasField("last_promotion")
    assert (twin.name, twin.measured > 0) == ("twin", True)
    assert twin.difference.low < 0.0 < twin.difference.high
    # Half of what it may get wrong is for the first measuring.
    assert twin.difference.confidence == pytest.approx(0.95)
    assert twin.value.confidence == pytest.approx(0.9)


def test_the_command_line_shows_them(client: tuple[Client, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, address = client
    assert app.run(["policy", "challengers", "twins", "--address", address]) == 0
    header, row, *_ = capsys.readouterr().out.splitlines()
    assert header.split() == [
        "challenger",
        "learned",
        "measured",
        "value",
        "of",
        "the",
        "policy",
        "difference",
        "verdict",
    ]
    assert row.split()[0] == "twin"
    assert app.run(["policy", "challengers", "news", "--address", address]) == 0
    assert 'news: challenger "knows-who-reads" became the policy on' in capsys.readouterr().out
    assert app.run(["policy", "challengers", "twins", "--json", "--address", address]) == 0
    assert json.loads(capsys.readouterr().out)["challengers"][0]["name"] == "twin"
    assert app.run(["status", "--address", address]) == 0
    assert 'news: challenger "knows-who-reads" became the policy on' in capsys.readouterr().out


def test_while_a_version_is_pinned_that_is_said(client: tuple[Client, str], capsys: pytest.CaptureFixture[str]) -> None:
    service, address = client
    version = service.versions("twins")[0].version
    assert app.run(["policy", "promote", "twins", str(version), "--address", address]) == 0
    said = f"Nothing is promoted while version {version} is pinned"
    assert said in challengers(service, "twins").challengers[0].reason
    assert app.run(["policy", "promote", "twins", "newest", "--address", address]) == 0
    assert said not in challengers(service, "twins").challengers[0].reason
    capsys.readouterr()


def test_an_unknown_placement_has_none(client: tuple[Client, str]) -> None:
    refusal = refused(client[0].placements.ListChallengers, ListChallengersRequest(placement="nowhere"))
    assert refusal.code.name == "NOT_FOUND"


def test_a_file_with_a_mistake_names_the_line(
    client: tuple[Client, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(PLACEMENTS.replace("epsilon: 0.05", "epsilon: 5"))
    assert app.run(["apply", str(file), "--address", client[1]]) == BAD_SETTING
    assert "wrong.yaml:7: placements[0].challengers[0].policy.vw.epsilon.epsilon" in capsys.readouterr().err


def test_what_is_named_is_told_before_the_learner_has_begun(client: tuple[Client, str]) -> None:
    """Even if nobody learns: the answer has every challenger, and why there are no figures."""
    request = apply(Placement(name="quiet", challengers=[Challenger(name="a")]))
    client[0].placements.ApplyPlacement(request, timeout=10)
    [status] = challengers(client[0], "quiet").challengers
    assert (status.name, status.measured, bool(status.reason)) == ("a", 0, True)


def test_a_file_from_before_a_promotion_takes_it_back_with_a_warning(
    client: tuple[Client, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Last, because it is no promotion any more then."""
    service, address = client
    file = tmp_path / "placements.yaml"
    file.write_text(PLACEMENTS)
    assert app.run(["apply", str(file), "--address", address]) == 0
    captured = capsys.readouterr()
    assert captured.out == "news: changed (revision 3)\ntwins: unchanged (revision 1)\n"
    warning = 'news: warning: the policy is another one now, and challenger "knows-who-reads" had become it on '
    assert captured.err.startswith(warning)
    assert "attune policy list news --json has it" in captured.err
    assert len(captured.err.splitlines()) == 1
    assert app.run(["apply", str(file), "--address", address]) == 0
    assert capsys.readouterr().err == ""
    assert app.run(["status", "--address", address]) == 0
    assert "It is a challenger again: that was taken back." in " ".join(capsys.readouterr().out.split())
    [policy] = {version.policy.WhichOneof("kind") for version in service.versions("news") if version.serving}
    assert policy in {"vw", "popularity"}, "the one that was promoted decides until the other one has caught up"
