"""What a customer has said is never done to them."""

import pytest

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import Guard
from attune.serving.guard_checks.preferences import WEEK_MS, SaidPreferences, look_back
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.customer_service_pb2 import Preferences
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_PREFERENCE
from circumstances import NOW_MS, customer, left_out, terms_of, under

SHOES = [OfferTerms("boots", category="shoes"), OfferTerms("sandals", category="shoes"), OfferTerms("hat")]
PAIRS = [OfferTerms(f"{offer}@{channel}", channel) for offer in "ab" for channel in ("email", "push")]
GUARD = Guard([SaidPreferences()])


def seen(event_id: str, *, days: float = 1, category: str = "", channel: str = "", outcome: str = "") -> SeenRecord:
    at_ms = NOW_MS - int(days * WEEK_MS / 7)
    fields = {"category": category, "channel": channel, "outcome": outcome}
    return SeenRecord(at_ms=at_ms, placement="p", event_id=event_id, offer_id="x", **fields)


def why(field: str) -> str:
    return f"{EXCLUSION_REASON_PREFERENCE}:{field}"


def of(who: KnownCustomer | None, channel: str = "") -> Circumstances:
    return under(customer=who, channel=channel)


def test_unwanted_offers_go_on_every_channel() -> None:
    who = customer(unwanted_offer_ids=["boots", "elsewhere"])
    assert left_out(GUARD, of(who), terms_of(*SHOES)) == {"boots": why("unwanted_offer_ids")}
    pairs = terms_of(OfferTerms("boots", "email"), OfferTerms("boots", "push"), OfferTerms("hat", "push"))
    left, _ = GUARD.apply(of(who), pairs, range(3))
    assert list(left) == [2]


def test_an_unwanted_channel_is_not_used_whoever_says_it() -> None:
    who = customer(unwanted_channels=["push"])
    assert left_out(GUARD, of(who), terms_of(*PAIRS)) == dict.fromkeys(("a@push", "b@push"), why("unwanted_channels"))
    assert set(left_out(GUARD, of(who, "push"), terms_of(*SHOES))) == {"boots", "sandals", "hat"}
    assert left_out(GUARD, of(who, "email"), terms_of(*SHOES)) == {}
    assert left_out(GUARD, of(who), terms_of(*SHOES)) == {}


@pytest.mark.parametrize(
    ("history", "is_out"),
    [
        ([], False),
        ([seen("1", category="shoes")], True),
        ([seen("1", category="hats")], False),
        # a week slides along
        ([seen("1", category="shoes", days=6.999)], True),
        ([seen("1", category="shoes", days=7)], False),
        # an outcome is no impression
        ([seen("1", category="shoes", outcome="click")], False),
    ],
)
def test_of_what_they_want_less_of_there_is_one_a_week(history: list[SeenRecord], is_out: bool) -> None:  # noqa: FBT001
    who = customer(history, less_of_categories=["shoes", "bags"])
    expected = dict.fromkeys(("boots", "sandals"), why("less_of_categories")) if is_out else {}
    assert left_out(GUARD, of(who), terms_of(*SHOES)) == expected


@pytest.mark.parametrize(
    ("history", "is_out"),
    [
        ([seen("1", channel="email")], False),
        ([seen("1", channel="email"), seen("2", channel="push")], True),
        # the same one, noted twice
        ([seen("1", channel="email"), seen("1", channel="email")], False),
        # on no channel, or too long ago
        ([seen("1", channel="email"), seen("2"), seen("3", channel="push", days=8)], False),
    ],
)
def test_no_more_than_they_said_is_sent_in_a_week(history: list[SeenRecord], is_out: bool) -> None:  # noqa: FBT001
    who = customer(history, most_per_week=2)
    expected = {each.offer_id: why("most_per_week") for each in PAIRS} if is_out else {}
    assert left_out(GUARD, of(who), terms_of(*PAIRS)) == expected
    assert left_out(GUARD, of(who), terms_of(*SHOES)) == {}, "where no channel is chosen nothing is sent"


def test_one_reply_keeps_to_it_too() -> None:
    who = customer([seen("1", channel="email")], most_per_week=3, less_of_categories=["shoes", "bags"])
    boots, sandals = OfferTerms("boots", "email", "shoes"), OfferTerms("sandals", "push", "shoes")
    limits = GUARD.limits(of(who), terms_of(boots, OfferTerms("hat", "email"), sandals))
    assert [(sorted(limit.positions), limit.number) for limit in limits] == [([0, 2], 1), ([0, 1, 2], 2)]


def test_who_has_said_nothing_gets_everything() -> None:
    for who in (None, KnownCustomer(b"k" * 16, customer().record), customer()):
        assert left_out(GUARD, of(who, "push"), terms_of(*SHOES)) == {}
        assert GUARD.limits(of(who), terms_of(*SHOES)) == []


def test_what_depends_on_the_history() -> None:
    assert look_back(Preferences(most_per_week=1))
    assert look_back(Preferences(less_of_categories=["a"]))
    assert not look_back(Preferences(unwanted_offer_ids=["a"], unwanted_channels=["b"]))
