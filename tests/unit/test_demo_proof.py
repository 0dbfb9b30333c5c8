"""The demo compares two sets of books, and says in one sentence where they differ."""

import numpy as np
import pytest

from attune.demo import DemoError
from attune.demo.ledger import Ledger
from attune.demo.plan import Plan
from attune.demo.proof import check, require
from attune.demo.simulation import simulate
from attune.v1.decision_service_pb2 import MODE_LEARNED, DecideResponse
from attune.v1.placement_service_pb2 import PlacementStatus
from attune.v1.reward_service_pb2 import OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_INVALID, OUTCOME_STATUS_LATE

PLAN = Plan(seed=1, seconds=10, rate=50)


@pytest.fixture
def ledger() -> Ledger:
    """Three decisions, two accepted outcomes and a late one."""
    books = Ledger(PLAN, simulate(np.random.default_rng(1), PLAN.customers, PLAN.first_changed, window_s=2))
    for customer in range(3):
        books.book_decision(customer, 0, DecideResponse(mode=MODE_LEARNED, policy_version=1, logged=True))
    for customer, status in enumerate((OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_ACCEPTED, OUTCOME_STATUS_LATE)):
        books.book_receipt(customer, 1.0, status)
    return books


def status(**changed: int) -> PlacementStatus:
    """Return counts that agree with the fixture's books, except for those given."""
    agreed = PlacementStatus(decisions=3, outcomes=2, late_outcomes=1, interactions=3, learned=3)
    for name, count in changed.items():
        setattr(agreed, name, count)
    return agreed


def test_books_that_agree_pass(ledger: Ledger) -> None:
    checks = check(ledger, status(), recovered=True)
    assert all(one.holds for one in checks)
    require(checks)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"decisions": 2}, "decisions acknowledged = decisions the service counts: 3 against 2"),  # lost
        ({"outcomes": 3}, "outcomes acknowledged = outcomes the service counts: 2 against 3"),  # counted twice
        ({"late_outcomes": 0}, "late outcomes told = late outcomes the service counts: 1 against 0"),  # forgotten
        ({"learned": 4}, "interactions = interactions learned, each once: 3 against 4"),  # learned twice
    ],
)
def test_a_difference_is_named_with_both_counts(ledger: Ledger, changed: dict[str, int], sentence: str) -> None:
    with pytest.raises(DemoError, match=sentence):
        require(check(ledger, status(**changed), recovered=True))


def test_a_refused_outcome_is_a_difference(ledger: Ledger) -> None:
    ledger.book_receipt(2, 1.0, OUTCOME_STATUS_INVALID)
    with pytest.raises(DemoError, match="outcomes refused = none: 0 against 1"):
        require(check(ledger, status(), recovered=True))


def test_a_learner_that_was_not_replaced_is_a_difference(ledger: Ledger) -> None:
    with pytest.raises(DemoError, match="learners killed = learners replaced: 1 against 0"):
        require(check(ledger, status(), recovered=False))
