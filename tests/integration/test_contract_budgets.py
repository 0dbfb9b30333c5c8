"""Budgets of a day: never exceeded, and probabilities are exact while they are used up.

One process is exact. Several are so up to what each of them has under way: `tests/faults/test_guardrails.py`.
"""

import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from attune.v1.catalog_service_pb2 import Budget
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_BUDGET,
    DecideRequest,
    DecideResponse,
    ExcludedOffers,
    GetDecisionRequest,
)
from client import DEADLINE_S, Client, refused
from messages import kept, uniform
from service import RunningService

CLIENTS = 8
SE = 4.0


@pytest.fixture
def client(service: RunningService) -> Iterator[Client]:
    """A client of a service with the placement `shop`, which draws uniformly."""
    with Client(service.address) as connected:
        connected.apply("shop", policy=uniform())
        yield connected
        connected.delete("shop")
        connected.empty_catalog()


def asked(event_id: str = "", **fields: object) -> DecideRequest:
    return DecideRequest(placement="shop", event_id=event_id, ranking_size=10, **fields)


def shown(answers: list[DecideResponse]) -> Counter[str]:
    assert all(answer.logged for answer in answers)
    return Counter(choice.offer_id for answer in answers for choice in answer.choices)


def excluded(client: Client, event_id: str) -> list[ExcludedOffers]:
    request = GetDecisionRequest(placement="shop", event_id=event_id)
    return list(client.decisions.GetDecision(request, timeout=DEADLINE_S).decision.excluded)


def test_eight_clients_at_once_use_a_budget_up_and_no_more(client: Client, service: RunningService) -> None:
    client.put(kept("rare-1", budget=Budget(impressions_per_day=60)), kept("usual"))

    def visitor(number: int) -> list[DecideResponse]:
        with Client(service.address) as one:
            return [one.decide(asked(f"eight-{number}-{i}")) for i in range(40)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [answer for each in pool.map(visitor, range(CLIENTS)) for answer in each]
    assert shown(answers)["rare-1"] == 60
    # Where it was left out, it could not be drawn, and the decision says why.
    without = [answer for answer in answers if len(answer.ranking) == 1]
    assert {answer.ranking[0].probability for answer in without} == {1.0}
    [reason] = excluded(client, without[-1].event_id)
    assert (reason.reason, reason.detail, list(reason.offer_ids)) == (
        EXCLUSION_REASON_BUDGET,
        "impressions",
        ["rare-1"],
    )


def test_a_batch_uses_no_more_than_there_is_and_says_exactly_what_was_probable(client: Client) -> None:
    """Each offer's indicator over its probability, where it could be drawn, has the mean 1: the check of IPS."""
    client.put(
        kept("rare-2", budget=Budget(impressions_per_day=30)),
        kept("dear-2", budget=Budget(spend_per_day=10.0), cost=0.25),
        kept("usual"),
    )
    answers = [result.decision for _ in range(4) for result in client.batch(asked() for _ in range(100))]
    counted = shown(answers)
    assert (counted["rare-2"], counted["dear-2"]) == (30, 40)
    for offer_id in counted:
        excess = variance = 0.0
        for answer in answers:
            probability = {each.offer_id: each.probability for each in answer.ranking}.get(offer_id, 0.0)
            if probability:
                excess += (answer.choices[0].offer_id == offer_id) / probability - 1.0
                variance += 1.0 / probability - 1.0
        assert abs(excess) <= SE * math.sqrt(variance), offer_id


def test_slots_of_one_decision_are_charged_each(client: Client) -> None:
    client.put(*(kept(f"slot-{i}", budget=Budget(impressions_per_day=2)) for i in range(3)))
    answers = []
    while sum(shown(answers).values()) < 6:  # where only one offer is left, one slot is filled
        answers.append(client.decide(asked(slots=2)))
    assert shown(answers) == {f"slot-{i}": 2 for i in range(3)}
    answer = refused(client.decisions.Decide, asked(slots=2))
    assert answer.code == grpc.StatusCode.FAILED_PRECONDITION
    assert "3 by BUDGET" in answer.message


def test_a_decision_that_is_repeated_is_charged_once(client: Client) -> None:
    client.put(kept("once", budget=Budget(impressions_per_day=2)))
    first = client.decide(asked("repeated-1"))
    for _ in range(5):
        assert client.decide(asked("repeated-1")) == first
    assert client.decide(asked("repeated-2")).choices[0].offer_id == "once"
    assert client.decide(asked("repeated-1")) == first  # although nothing is left


def test_a_decision_that_is_refused_is_not_charged(client: Client) -> None:
    client.put(kept("twice", budget=Budget(impressions_per_day=2)))
    client.decide(asked("taken"))
    for i in range(3):
        answer = refused(client.decisions.Decide, asked("taken", excluded_offer_ids=[f"other-{i}"]))
        assert answer.code == grpc.StatusCode.ALREADY_EXISTS
    assert client.decide(asked()).choices[0].offer_id == "twice"
    assert refused(client.decisions.Decide, asked()).code == grpc.StatusCode.FAILED_PRECONDITION


def test_what_cannot_be_paid_any_more_is_not_shown(client: Client) -> None:
    client.put(kept("gift", budget=Budget(spend_per_day=1.0), cost=0.3), kept("usual"))
    answers = [client.decide(asked()) for _ in range(40)]
    assert shown(answers)["gift"] == 3
