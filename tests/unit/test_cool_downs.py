"""Cool-downs: what rests after an outcome, and for how long."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import Exclusion
from attune.serving.guard_checks.history import HistoryCheck
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_COOL_DOWN
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import CAP_SCOPE_CATEGORY, CAP_SCOPE_OFFER, CAP_SCOPE_PLACEMENT, CapScope, CoolDown

NOW_MS = 1_800_000_000_000
DAY_MS = 24 * 3_600_000

OFFERS = [OfferTerms("boots", category="shoes"), OfferTerms("sandals", category="shoes"), OfferTerms("voucher")]


def outcome(offer: int, name: str, days_ago: float, placement: str = "home") -> SeenRecord:
    terms = OFFERS[offer]
    return SeenRecord(
        at_ms=round(NOW_MS - days_ago * DAY_MS),
        placement=placement,
        event_id="e1",
        offer_id=terms.offer_id,
        category=terms.category,
        outcome=name,
    )


def cool_down(scope: CapScope, name: str = "dismissed", days: int = 7) -> CoolDown:
    return CoolDown(outcome=name, duration=timedelta(days=days), scope=scope)


def found(cool_downs: Sequence[CoolDown], history: Sequence[SeenRecord]) -> Sequence[Exclusion]:
    known = KnownCustomer(b"c" * 16, CustomerRecord(), history)
    return HistoryCheck([], cool_downs)(Circumstances(NOW_MS, Features(), "home", known), OFFERS, range(3))


@pytest.mark.parametrize(
    ("scope", "history", "expected"),
    [
        (CAP_SCOPE_OFFER, [outcome(0, "dismissed", 1)], [0]),
        # wherever it was shown
        (CAP_SCOPE_OFFER, [outcome(0, "dismissed", 1, "email")], [0]),
        (CAP_SCOPE_CATEGORY, [outcome(0, "dismissed", 1)], [0, 1]),
        # what has no category rests with nothing
        (CAP_SCOPE_CATEGORY, [outcome(2, "dismissed", 1)], []),
        (CAP_SCOPE_PLACEMENT, [outcome(0, "dismissed", 1)], [0, 1, 2]),
        (CAP_SCOPE_PLACEMENT, [outcome(0, "dismissed", 1, "email")], []),
        (CAP_SCOPE_OFFER, [outcome(0, "dismissed", 6.999)], [0]),
        (CAP_SCOPE_OFFER, [outcome(0, "dismissed", 7)], []),
        # the last one counts
        (CAP_SCOPE_OFFER, [outcome(0, "dismissed", 9), outcome(0, "dismissed", 6)], [0]),
        # shown, or another outcome
        (CAP_SCOPE_OFFER, [outcome(0, "", 1), outcome(0, "click", 1)], []),
        (CAP_SCOPE_OFFER, [], []),
    ],
)
def test_what_rests_after_an_outcome(scope: CapScope, history: Sequence[SeenRecord], expected: Sequence[int]) -> None:
    exclusions = found([cool_down(scope)], history)
    assert [position for each in exclusions for position in each.positions] == expected


def test_an_offer_rests_for_one_reason() -> None:
    cool_downs = [cool_down(CAP_SCOPE_OFFER), cool_down(CAP_SCOPE_CATEGORY, "conversion", 30)]
    history = [outcome(0, "dismissed", 1), outcome(0, "conversion", 20)]
    assert found(cool_downs, history) == [
        Exclusion(EXCLUSION_REASON_COOL_DOWN, "dismissed", [0]),
        Exclusion(EXCLUSION_REASON_COOL_DOWN, "conversion", [1]),
    ]


def test_each_cool_down_has_its_own_time() -> None:
    cool_downs = [cool_down(CAP_SCOPE_OFFER, days=2), cool_down(CAP_SCOPE_OFFER, "conversion", 30)]
    assert found(cool_downs, [outcome(0, "dismissed", 3), outcome(1, "conversion", 3)]) == [
        Exclusion(EXCLUSION_REASON_COOL_DOWN, "conversion", [1])
    ]


def test_of_a_customer_of_whom_nothing_is_known_nothing_rests() -> None:
    check = HistoryCheck([], [cool_down(CAP_SCOPE_PLACEMENT)])
    assert check(Circumstances(NOW_MS, Features(), "home"), OFFERS, range(3)) == ()
