"""Several slots over the wire: what is drawn, what it is worth slot by slot, and what is told about it afterwards.

Draws are seeded by the event ids. Bounds are four standard errors, as in `test_contract_propensities.py`.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

from attune.v1 import reward_service_pb2
from attune.v1.decision_service_pb2 import (
    DECISION_STATE_CLOSED,
    MODE_LEARNED,
    DecideRequest,
    DecideResponse,
    Decision,
)
from client import Client, refused
from messages import control, decide, features, fixed, offers, outcome, reward, softmax, uniform
from service import RunningService, wait_until

OFFERS = ("a", "b", "c", "d")
SE = 4.0
ACCEPTED = reward_service_pb2.OUTCOME_STATUS_ACCEPTED
DUPLICATE = reward_service_pb2.OUTCOME_STATUS_DUPLICATE
INVALID = reward_service_pb2.OUTCOME_STATUS_INVALID
LATE = reward_service_pb2.OUTCOME_STATUS_LATE
UNKNOWN = reward_service_pb2.OUTCOME_STATUS_UNKNOWN_EVENT


def request(placement: str, event_id: str, slots: int, ids: Sequence[str] = OFFERS, **fields: Any) -> DecideRequest:
    context = features(categorical={"device": "mobile"})
    return decide(placement, event_id, offers(*ids), context=context, slots=slots, **fields)


def shown(answer: DecideResponse | Decision) -> list[str]:
    return [choice.offer_id for choice in answer.choices]


def conditional(stored: Decision) -> list[dict[str, float]]:
    """The stored probabilities of each offer, slot by slot."""
    n_later = len(stored.choices) - 1
    assert all(len(eligible.later_probabilities) == n_later for eligible in stored.offers)
    first = {eligible.offer.id: eligible.probability for eligible in stored.offers}
    return [first] + [
        {eligible.offer.id: eligible.later_probabilities[k] for eligible in stored.offers} for k in range(n_later)
    ]


def clicks_on(answers: Sequence[DecideResponse]) -> list[reward_service_pb2.Outcome]:
    """A click on a wherever it is in slot 0, and on b wherever it is in slot 1."""
    return [
        outcome("list", answer.event_id, slot=slot)
        for answer in answers
        for slot, liked in enumerate("ab")
        if shown(answer)[slot] == liked
    ]


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with `list`, which has learned that a is clicked in slot 0 only and b in slot 1 only."""
    policy = softmax(5.0)
    policy.min_probability = 0.02
    with Client(service.address) as connected:
        connected.apply("open", policy=uniform())
        connected.apply("list", policy=policy, reward=reward(window_s=3))
        for first in range(0, 400, 100):
            answers = connected.decide_all(request("list", f"train {first + i}", 2) for i in range(100))
            assert {receipt.status for receipt in connected.record(*clicks_on(answers))} == {ACCEPTED}
        head = connected.wait_learned("list", 400).policy_version
        # Serving takes a version over within a second.
        wait_until(
            lambda: connected.decide(request("list", "", 1)).policy_version == head, "the learned version to serve"
        )
        yield connected


def test_every_slot_shows_another_offer(client: Client) -> None:
    answer = client.decide(request("open", "different", 3))
    assert [choice.slot for choice in answer.choices] == [0, 1, 2]
    assert [choice.propensity for choice in answer.choices] == [1 / 4, 1 / 3, 1 / 2]
    assert len(set(shown(answer))) == 3
    # The ranking is that of the first slot.
    assert [scored.probability for scored in answer.ranking] == [1 / 4] * 4


@pytest.mark.parametrize(
    ("slots", "ids", "excluded", "expected"),
    [
        (3, "a", "", "a"),  # one offer
        (20, "abc", "", "abc"),  # the most slots, few offers
        (3, "abcd", "bd", "ac"),  # fewer are left
        (0, "a", "", "a"),  # 0 means 1
    ],
)
def test_no_more_is_chosen_than_is_eligible(client: Client, slots: int, ids: str, excluded: str, expected: str) -> None:
    answer = client.decide(request("open", f"few {slots} {ids} {excluded}", slots, ids, excluded_offer_ids=excluded))
    assert sorted(shown(answer)) == list(expected)
    assert answer.choices[-1].propensity == 1.0


def test_a_policy_learns_what_is_clicked_in_each_slot(client: Client) -> None:
    """Wherever slot 0 shows something else than b, b is what slot 1 is about; a, the best in slot 0, is not."""
    answers = client.decide_all(request("list", f"learned {i}", 2) for i in range(60))
    seconds = []
    for answer in answers:
        first, second = conditional(client.get("list", answer.event_id))
        assert first["a"] > 0.5 > max(first[offer_id] for offer_id in "bcd")
        if shown(answer)[0] != "b":
            assert second["b"] > 0.5 > max(second[offer_id] for offer_id in "acd")
            seconds.append(shown(answer)[0])
    assert {"a"} < set(seconds)


def test_slots_are_drawn_with_the_probabilities_that_are_stored(client: Client) -> None:
    """Each slot's counts against its conditional probabilities, which depend on what was drawn before."""
    answers = client.decide_all(request("list", f"draw {i}", 3) for i in range(300))
    stored = [client.get("list", answer.event_id) for answer in answers]
    pmfs = [conditional(decision) for decision in stored]
    assert {answer.mode for answer in answers} == {MODE_LEARNED}
    for slot in range(3):
        drawn = Counter(shown(answer)[slot] for answer in answers)
        for offer_id in OFFERS:
            probabilities = [pmf[slot][offer_id] for pmf in pmfs]
            deviation = math.sqrt(math.fsum(p * (1 - p) for p in probabilities))
            assert abs(drawn[offer_id] - math.fsum(probabilities)) <= SE * deviation, (slot, offer_id)
    for answer, decision, pmf in zip(answers, stored, pmfs, strict=True):
        assert decision.choices == answer.choices
        assert [choice.propensity for choice in answer.choices] == [pmf[k][shown(answer)[k]] for k in range(3)]
        for k in range(3):
            assert math.fsum(pmf[k].values()) == pytest.approx(1.0, abs=1e-12)
            assert [pmf[k][offer_id] for offer_id in shown(answer)[:k]] == [0.0] * k
            assert min(pmf[k][offer_id] for offer_id in OFFERS if offer_id not in shown(answer)[:k]) >= 0.02


def test_the_first_slot_is_drawn_as_if_it_were_the_only_one(client: Client) -> None:
    client.apply("twin", policy=uniform())
    alone = client.decide_all(request("twin", f"{i}", 1) for i in range(50))
    client.delete("twin")
    client.apply("twin", policy=uniform())
    among = client.decide_all(request("twin", f"{i}", 3) for i in range(50))
    assert [answer.choices[0] for answer in among] == [answer.choices[0] for answer in alone]
    assert {len(answer.choices) for answer in alone} == {1}


def test_the_control_group_s_policy_draws_every_slot(client: Client) -> None:
    client.apply("controlled", policy=uniform(), control=control(1.0, fixed=fixed("c").fixed))
    answer = client.decide(request("controlled", "e", 3))
    assert shown(answer) == ["c", "a", "b"]
    assert [choice.propensity for choice in answer.choices] == [1.0] * 3


def test_the_same_request_gives_the_same_choices(client: Client) -> None:
    first = client.decide(request("list", "again", 3))
    before = client.counts("list")
    assert client.decide(request("list", "again", 3)) == first
    assert client.counts("list") == before
    for slots in (0, 1, 2, 4):
        refusal = refused(client.decisions.Decide, request("list", "again", slots))
        assert refusal.code == grpc.StatusCode.ALREADY_EXISTS


# --- outcomes


def test_an_outcome_belongs_to_its_slot(client: Client) -> None:
    event_id = client.decide(request("open", "clicked", 3)).event_id
    receipts = client.record(
        outcome("open", event_id, at_s=1),
        outcome("open", event_id, slot=2, at_s=2),
        outcome("open", event_id, slot=2, at_s=3),  # the same again
        outcome("open", event_id, slot=1, outcome_id="mine", at_s=4),
        outcome("open", event_id, slot=1, outcome_id="mine@2", at_s=5),
    )
    assert [(receipt.outcome_id, receipt.status) for receipt in receipts] == [
        ("click", ACCEPTED),
        ("click@2", ACCEPTED),
        ("click@2", DUPLICATE),
        ("mine", ACCEPTED),
        ("mine@2", ACCEPTED),
    ]
    told = [(known.outcome_id, known.slot) for known in client.get("open", event_id).outcomes]
    assert told == [("click", 0), ("click@2", 2), ("mine", 1), ("mine@2", 1)]


def test_an_outcome_of_a_slot_that_the_decision_does_not_have_is_refused_and_spares_its_neighbours(
    client: Client,
) -> None:
    """Two offers fill two of three slots; one decision has one slot."""
    two = client.decide(request("open", "two", 3, "ab")).event_id
    one = client.decide(request("open", "one", 1)).event_id
    before = client.status("open").outcomes
    receipts = client.record(
        outcome("open", two, slot=1),
        outcome("open", two, slot=2),
        outcome("open", one, slot=1),
        outcome("open", "nobody", slot=1),
        outcome("open", one),
    )
    assert [receipt.status for receipt in receipts] == [ACCEPTED, INVALID, INVALID, UNKNOWN, ACCEPTED]
    assert receipts[1].detail == "slot: expected less than 2, the number of slots of the decision, got 2"
    assert receipts[2].detail == "slot: expected less than 1, the number of slots of the decision, got 1"
    assert client.status("open").outcomes == before + 2


def test_outcomes_of_later_slots_are_late_duplicate_or_refused_also_after_the_window(client: Client) -> None:
    client.apply("brief", policy=uniform(), reward=reward(window_s=1))
    event_id = client.decide(request("brief", "e", 2)).event_id
    client.record(outcome("brief", event_id, slot=1))
    wait_until(lambda: client.get("brief", event_id).state == DECISION_STATE_CLOSED, "the window to close")
    receipts = client.record(
        outcome("brief", event_id, slot=1),
        outcome("brief", event_id, slot=1, outcome_id="other"),
        outcome("brief", event_id, slot=2),
        outcome("brief", event_id),
    )
    assert [receipt.status for receipt in receipts] == [DUPLICATE, LATE, INVALID, LATE]
    closed = client.get("brief", event_id)
    assert (len(closed.choices), [known.slot for known in closed.outcomes]) == (2, [1])
    assert client.status("brief").interactions == 1  # entries of the log, not slots


def test_the_largest_list_is_answered(client: Client) -> None:
    """Twenty slots of a thousand offers, all different, with exact probabilities."""
    ids = [f"o{i}" for i in range(1000)]
    answer = client.decide(request("list", "largest", 20, ids))
    assert len(set(shown(answer))) == len(answer.choices) == 20
    pmfs = conditional(client.get("list", "largest"))
    assert [math.fsum(pmf.values()) for pmf in pmfs] == pytest.approx([1.0] * 20, abs=1e-9)


def test_the_example_of_the_documentation_works(
    client: Client, service: RunningService, pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (pytestconfig.rootpath / "docs" / "slots.md").read_text()
    example = page.partition("```python\n")[2].partition("```")[0]
    client.apply("home_hero")
    before = client.status("home_hero").outcomes
    exec(example.replace("127.0.0.1:50051", service.address), {})
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["0", "1", "2"]
    assert client.status("home_hero").outcomes == before + 1
