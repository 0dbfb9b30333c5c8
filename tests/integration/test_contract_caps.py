"""Caps and cool-downs: what a customer has seen often enough, or has turned down, is not shown.

One process is exact, however many ask at once. Several exceed a cap by one decision less than they are:
`tests/faults/test_guardrails.py`.
"""

import math
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest

from attune.v1.customer_service_pb2 import (
    PURPOSE_PERSONALIZATION,
    Consent,
    GetCustomerRequest,
    HistoryEntry,
    SetConsentRequest,
)
from attune.v1.decision_service_pb2 import (
    EXCLUSION_REASON_CAP,
    EXCLUSION_REASON_COOL_DOWN,
    MODE_EMPTY,
    ActivateRequest,
    DecideRequest,
    DecideResponse,
    ExcludedOffers,
    GetDecisionRequest,
)
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CATEGORY,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CAP_SCOPE_PLACEMENT,
    CapScope,
    CoolDown,
    EmptyReply,
    FrequencyCap,
    Guardrails,
    NothingEligible,
)
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_DUPLICATE, RecordOutcomesRequest
from client import DEADLINE_S, Client
from messages import kept, offers, outcome, reward, rule, uniform
from service import RunningService

CLIENTS = 8
SE = 4.0
EMPTY = NothingEligible(empty=EmptyReply())
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[Client]:
    with Client(service.address) as connected:
        connected.put(
            kept("boots", category="shoes"),
            kept("sandals", category="shoes"),
            kept("hat", category="hats"),
            kept("pen"),
        )
        yield connected


@pytest.fixture
def tom(client: Client) -> str:
    """A customer of the test's own, who has allowed what caps need."""
    return allowed(client)


def allowed(client: Client) -> str:
    customer_id = f"tom-{uuid.uuid4()}"
    consent = Consent(purpose=PURPOSE_PERSONALIZATION, granted=True)
    client.customers.SetConsent(SetConsentRequest(customer_id=customer_id, consents=[consent]), timeout=DEADLINE_S)
    return customer_id


def cap(scope: CapScope, impressions: int, name: str = "cap") -> FrequencyCap:
    return FrequencyCap(name=name, impressions=impressions, window=DAY, scope=scope)


def apply(
    client: Client, name: str = "shop", caps: Sequence[FrequencyCap] = (), rests: Sequence[CoolDown] = ()
) -> None:
    """Apply a placement that draws uniformly, and shows nothing where nothing may be shown."""
    client.apply(
        name,
        policy=uniform(),
        reward=reward(3600, [rule("click"), rule("dismissed")]),
        guardrails=Guardrails(caps=caps, cool_downs=rests),
        when_nothing_eligible=EMPTY,
    )


def asked(customer_id: str, placement: str = "shop", **fields: object) -> DecideRequest:
    return DecideRequest(placement=placement, customer_id=customer_id, ranking_size=10, **fields)


def shown(answers: Sequence[DecideResponse]) -> Counter[str]:
    return Counter(choice.offer_id for answer in answers for choice in answer.choices)


def why(client: Client, answer: DecideResponse, placement: str = "shop") -> list[ExcludedOffers]:
    request = GetDecisionRequest(placement=placement, event_id=answer.event_id)
    return list(client.decisions.GetDecision(request, timeout=DEADLINE_S).decision.excluded)


def history(client: Client, customer_id: str) -> Sequence[HistoryEntry]:
    request = GetCustomerRequest(customer_id=customer_id)
    return client.customers.GetCustomer(request, timeout=DEADLINE_S).history


def test_eight_clients_at_once_show_a_customer_no_more_than_a_cap_allows(
    client: Client, service: RunningService, tom: str
) -> None:
    apply(client, caps=[cap(CAP_SCOPE_OFFER, 3, "each"), cap(CAP_SCOPE_CUSTOMER, 11, "all")])

    def visit(_: int) -> list[DecideResponse]:
        with Client(service.address) as one:
            return [one.decide(asked(tom)) for _ in range(6)]

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [answer for each in pool.map(visit, range(CLIENTS)) for answer in each]
    counted = shown(answers)
    assert sum(counted.values()) == 11
    assert max(counted.values()) == 3
    assert [answer.mode == MODE_EMPTY for answer in answers].count(True) == CLIENTS * 6 - 11
    # Another customer has seen nothing yet.
    assert client.decide(asked(allowed(client))).choices


def test_a_batch_and_several_slots_keep_to_a_cap(client: Client, tom: str) -> None:
    apply(client, caps=[cap(CAP_SCOPE_CATEGORY, 2, "kinds"), cap(CAP_SCOPE_PLACEMENT, 7, "all")])
    answers = [result.decision for result in client.batch(asked(tom, slots=2) for _ in range(10))]
    counted = shown(answers)
    assert sum(counted.values()) == 7
    assert counted["boots"] + counted["sandals"] <= 2
    assert counted["hat"] <= 2


def test_probabilities_are_exact_while_caps_leave_something_out(client: Client) -> None:
    """Each offer's indicator over its probability, where it could be drawn, has the mean 1: the check of IPS."""
    apply(client, caps=[cap(CAP_SCOPE_OFFER, 2, "each"), cap(CAP_SCOPE_CATEGORY, 3, "kinds")])
    customers = [allowed(client) for _ in range(30)]
    answers = [result.decision for result in client.batch(asked(customers[i % 30]) for i in range(210))]
    left_out = 0
    for offer_id in ("boots", "sandals", "hat", "pen"):
        excess = variance = 0.0
        for answer in filter(lambda answer: answer.choices, answers):
            probability = {each.offer_id: each.probability for each in answer.ranking}.get(offer_id, 0.0)
            left_out += not probability
            if probability:
                excess += (answer.choices[0].offer_id == offer_id) / probability - 1.0
                variance += 1.0 / probability - 1.0
        assert abs(excess) <= SE * math.sqrt(variance), offer_id
    assert left_out > 100


def test_a_decision_says_which_cap_left_out_what(client: Client, tom: str) -> None:
    apply(client, caps=[cap(CAP_SCOPE_CATEGORY, 1, "one-of-a-kind")])
    answers = [client.decide(asked(tom, offer_ids=["boots", "sandals", "pen"])) for _ in range(8)]
    [reason] = why(client, answers[-1])
    assert (reason.reason, reason.detail, reason.count) == (EXCLUSION_REASON_CAP, "one-of-a-kind", 2)
    assert sorted(reason.offer_ids) == ["boots", "sandals"]


def test_what_was_not_shown_after_all_is_not_counted(client: Client, tom: str) -> None:
    """A request that is repeated shows what it showed before, and a deferred decision counts when it is activated."""
    apply(client, caps=[cap(CAP_SCOPE_CUSTOMER, 2, "all")])
    first = client.decide(asked(tom, event_id=f"e-{tom}"))
    assert [client.decide(asked(tom, event_id=f"e-{tom}")) for _ in range(3)] == [first] * 3
    later = [client.decide(asked(tom, deferred=True)) for _ in range(2)]
    assert all(answer.choices for answer in later)
    request = ActivateRequest(placement="shop", event_id=later[0].event_id)
    assert client.decisions.Activate(request, timeout=DEADLINE_S).activated
    assert client.decide(asked(tom)).mode == MODE_EMPTY
    assert [entry.event_id for entry in history(client, tom)] == [first.event_id, later[0].event_id]


def test_what_was_dismissed_rests_in_all_placements_at_once(client: Client, tom: str) -> None:
    rests = [CoolDown(outcome="dismissed", duration=DAY, scope=CAP_SCOPE_CATEGORY)]
    apply(client, rests=rests)
    apply(client, "mail")  # it has no cool-down of its own
    answer = client.decide(asked(tom, "mail", offers=[], offer_ids=["boots"]))
    for expected in (OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_DUPLICATE):
        heard = RecordOutcomesRequest(outcomes=[outcome("mail", answer.event_id, "dismissed")])
        [receipt] = client.rewards.RecordOutcomes(heard, timeout=DEADLINE_S).receipts
        assert receipt.status == expected
    answers = [client.decide(asked(tom)) for _ in range(12)]
    assert set(shown(answers)) == {"hat", "pen"}
    [reason] = why(client, answers[0])
    assert (reason.reason, reason.detail) == (EXCLUSION_REASON_COOL_DOWN, "dismissed")
    assert sorted(reason.offer_ids) == ["boots", "sandals"]
    # The placement without a cool-down goes on, and a click is noted nowhere.
    assert "boots" in shown([client.decide(asked(tom, "mail", offer_ids=["boots"]))])
    heard = RecordOutcomesRequest(outcomes=[outcome("shop", answers[0].event_id)])
    client.rewards.RecordOutcomes(heard, timeout=DEADLINE_S)
    assert [entry.outcome for entry in history(client, tom) if entry.outcome] == ["dismissed"]
    client.delete("mail")


def test_offers_of_the_request_are_capped_by_their_ids(client: Client, tom: str) -> None:
    apply(client, caps=[cap(CAP_SCOPE_OFFER, 1)])
    answers = [client.decide(asked(tom, offers=offers("red", "blue"))) for _ in range(3)]
    assert shown(answers) == {"red": 1, "blue": 1}
    assert answers[2].mode == MODE_EMPTY


def test_nothing_is_capped_without_consent(client: Client) -> None:
    apply(client, caps=[cap(CAP_SCOPE_CUSTOMER, 1)])
    answers = [client.decide(asked("nobody asked")) for _ in range(3)]
    assert all(answer.choices for answer in answers)
    request = GetCustomerRequest(customer_id="nobody asked")
    with pytest.raises(grpc.RpcError, match="NOT_FOUND"):
        client.customers.GetCustomer(request, timeout=DEADLINE_S)
