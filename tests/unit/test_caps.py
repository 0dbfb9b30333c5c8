"""Frequency caps: what is counted together, within which time, and what is held back."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from attune.serving.circumstances import Circumstances, KnownCustomer
from attune.serving.guard import AtMost, Exclusion
from attune.serving.guard_checks.history import HistoryCheck
from attune.serving.terms import OfferTerms, Terms
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CAP
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CATEGORY,
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_CUSTOMER,
    CAP_SCOPE_OFFER,
    CAP_SCOPE_PLACEMENT,
    CapScope,
    FrequencyCap,
    OfferSelector,
)

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000

OFFERS = [
    OfferTerms("boots", category="shoes", tags=frozenset({"winter"})),
    OfferTerms("sandals", category="shoes"),
    OfferTerms("cap", category="hats", tags=frozenset({"winter"})),
    OfferTerms("voucher"),
]


def cap(scope: CapScope, impressions: int = 2, hours: int = 24, **offers: Sequence[str]) -> FrequencyCap:
    window = timedelta(hours=hours)
    return FrequencyCap(name="cap", impressions=impressions, window=window, scope=scope, offers=OfferSelector(**offers))


def seen(offer: int, event: int, hours_ago: float = 1, placement: str = "home", channel: str = "") -> SeenRecord:
    terms = OFFERS[offer]
    return SeenRecord(
        at_ms=round(NOW_MS - hours_ago * HOUR_MS),
        placement=placement,
        event_id=f"e{event}",
        offer_id=terms.offer_id,
        category=terms.category,
        tags=sorted(terms.tags),
        channel=channel,
    )


def circumstances(history: Sequence[SeenRecord], channel: str = "") -> Circumstances:
    known = KnownCustomer(b"c" * 16, CustomerRecord(), history)
    return Circumstances(NOW_MS, Features(), "home", known, channel)


def held(
    caps: Sequence[FrequencyCap],
    history: Sequence[SeenRecord],
    channel: str = "",
    terms: Sequence[OfferTerms] = OFFERS,
) -> list[int]:
    found = HistoryCheck(caps)(circumstances(history, channel), terms, range(len(terms)))
    assert all(each.reason == EXCLUSION_REASON_CAP and each.positions for each in found)
    return [position for each in found for position in each.positions]


@pytest.mark.parametrize(
    ("scope", "history", "expected"),
    [
        (CAP_SCOPE_OFFER, [seen(0, 1), seen(0, 2)], [0]),
        # in all placements
        (CAP_SCOPE_OFFER, [seen(0, 1), seen(0, 2, placement="email")], [0]),
        (CAP_SCOPE_OFFER, [seen(0, 1), seen(1, 2)], []),
        (CAP_SCOPE_CATEGORY, [seen(0, 1), seen(1, 2)], [0, 1]),
        # what has no category is not counted together
        (CAP_SCOPE_CATEGORY, [seen(3, 1), seen(3, 2)], []),
        (CAP_SCOPE_PLACEMENT, [seen(0, 1), seen(3, 2)], [0, 1, 2, 3]),
        (CAP_SCOPE_PLACEMENT, [seen(0, 1), seen(3, 2, placement="email")], []),
        (CAP_SCOPE_PLACEMENT, [seen(0, 1, placement="email"), seen(3, 2, placement="email")], []),
        (CAP_SCOPE_CUSTOMER, [seen(0, 1), seen(3, 2, placement="email")], [0, 1, 2, 3]),
        # the window slides: what is as old as it does not count any more
        (CAP_SCOPE_OFFER, [seen(0, 1, hours_ago=24), seen(0, 2)], []),
        (CAP_SCOPE_OFFER, [seen(0, 1, hours_ago=23.999), seen(0, 2)], [0]),
        # another server's clock goes ahead
        (CAP_SCOPE_OFFER, [seen(0, 1, hours_ago=-0.001), seen(0, 2)], [0]),
        # the same impression, noted twice, and another slot of the same decision
        (CAP_SCOPE_OFFER, [seen(0, 1), seen(0, 1, hours_ago=0.5)], []),
        (CAP_SCOPE_CATEGORY, [seen(0, 1), seen(1, 1)], [0, 1]),
        # what came of it is no impression
        (CAP_SCOPE_OFFER, [seen(0, 1), SeenRecord(at_ms=NOW_MS, event_id="e2", offer_id="boots", outcome="x")], []),
        # not in the order of time
        (CAP_SCOPE_OFFER, [seen(0, 1), seen(1, 3, hours_ago=100), seen(0, 2, hours_ago=2)], [0]),
        (CAP_SCOPE_OFFER, [], []),
    ],
)
def test_what_has_come_to_the_number_is_held_back(
    scope: CapScope, history: Sequence[SeenRecord], expected: Sequence[int]
) -> None:
    assert held([cap(scope)], history) == expected


def test_a_cap_of_channels_counts_each_channel_and_holds_back_what_would_be_shown_there() -> None:
    history = [seen(0, 1, channel="push"), seen(1, 2, channel="push"), seen(0, 3, channel="email")]
    caps = [cap(CAP_SCOPE_CHANNEL)]
    assert held(caps, history, channel="push") == [0, 1, 2, 3]
    assert held(caps, history, channel="email") == held(caps, history) == []
    # where the placement chooses the channel, each offer has its own
    drawn_together = [OfferTerms("boots", channel="push"), OfferTerms("boots", channel="email")]
    assert held(caps, history, terms=drawn_together) == [0]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({"tags": ["winter"]}, [0, 2]),
        ({"categories": ["shoes"]}, []),
        ({"offer_ids": ["boots", "cap"]}, [0, 2]),
        # only what is selected counts: the voucher was shown elsewhere
        ({"channels": ["push"]}, []),
    ],
)
def test_a_cap_counts_and_holds_back_what_it_is_about(selector: dict[str, Sequence[str]], expected: list[int]) -> None:
    history = [seen(0, 1, channel="email"), seen(2, 2, channel="email"), seen(3, 3, channel="email")]
    assert held([cap(CAP_SCOPE_CUSTOMER, **selector)], history) == expected


def test_an_offer_is_held_back_once_by_the_first_cap_that_is_full() -> None:
    caps = [cap(CAP_SCOPE_OFFER), cap(CAP_SCOPE_CATEGORY, impressions=3), cap(CAP_SCOPE_PLACEMENT, impressions=9)]
    caps[1].name = "shoes"
    history = [seen(0, 1), seen(0, 2), seen(1, 3)]
    assert HistoryCheck(caps)(circumstances(history), OFFERS, [1, 0, 3]) == [
        Exclusion(EXCLUSION_REASON_CAP, "cap", [0]),
        Exclusion(EXCLUSION_REASON_CAP, "shoes", [1]),
    ]


def test_a_customer_of_whom_nothing_is_known_is_not_capped() -> None:
    unknown = Circumstances(NOW_MS, Features(), "home")
    assert HistoryCheck([cap(CAP_SCOPE_CUSTOMER, impressions=1)])(unknown, OFFERS, range(4)) == ()


@pytest.mark.parametrize("scope", [CAP_SCOPE_OFFER, CAP_SCOPE_CATEGORY, CAP_SCOPE_PLACEMENT, CAP_SCOPE_CHANNEL])
def test_it_is_what_counting_one_by_one_says(scope: CapScope) -> None:
    """Against a count that is written down anew, over 100 random histories."""
    draw = random.Random(scope)
    for _ in range(100):
        history = [
            seen(
                draw.randrange(4), draw.randrange(30), draw.uniform(0, 48), draw.choice("ab"), draw.choice(["", "push"])
            )
            for _ in range(draw.randrange(40))
        ]
        limit = draw.randrange(1, 6)
        expected = _one_by_one(scope, limit, history)
        asked = Circumstances(NOW_MS, Features(), "a", KnownCustomer(b"", CustomerRecord(), history), "push")
        found = HistoryCheck([cap(scope, limit)])(asked, OFFERS, range(4))
        assert [position for each in found for position in each.positions] == expected


def _one_by_one(scope: CapScope, limit: int, history: Sequence[SeenRecord]) -> list[int]:
    first: dict[tuple[str, str, str, str], SeenRecord] = {}
    for each in history:
        if each.at_ms > NOW_MS - 24 * HOUR_MS:
            first.setdefault((each.event_id, each.offer_id, each.channel, each.placement), each)
    offers = Counter(each.offer_id for each in first.values())
    categories = Counter(each.category for each in first.values() if each.category)
    here = sum(each.placement == "a" for each in first.values())
    pushed = sum(each.channel == "push" for each in first.values())
    counts = {
        CAP_SCOPE_OFFER: [offers[each.offer_id] for each in OFFERS],
        CAP_SCOPE_CATEGORY: [categories[each.category] for each in OFFERS],
        CAP_SCOPE_PLACEMENT: [here] * 4,
        CAP_SCOPE_CHANNEL: [pushed] * 4,
    }
    return [position for position, count in enumerate(counts[scope]) if count >= limit]


def test_one_reply_shows_no_more_than_caps_have_left() -> None:
    caps = [
        cap(CAP_SCOPE_OFFER),
        cap(CAP_SCOPE_CATEGORY),
        cap(CAP_SCOPE_PLACEMENT, impressions=4),
        cap(CAP_SCOPE_CUSTOMER, tags=["winter"]),
    ]
    check = HistoryCheck(caps)
    terms = Terms(OFFERS, [b""] * len(OFFERS))
    # nothing seen: more shoes than two there are not, nor more winter; of all, three of four
    assert check.limits(circumstances([]), terms) == []
    assert check.limits(circumstances([seen(3, 1, placement="email"), seen(3, 2)]), terms) == [AtMost([0, 1, 2, 3], 3)]
    # one pair of shoes is left, and of winter; of the offers without a category nothing is said
    assert check.limits(circumstances([seen(0, 1)]), terms) == [
        AtMost([0, 1], 1),
        AtMost([0, 1, 2, 3], 3),
        AtMost([0, 2], 1),
    ]
    # what is held back anyway is not limited
    assert check.limits(circumstances([seen(0, 1), seen(0, 2)]), terms) == [AtMost([0, 1, 2, 3], 2)]
    assert check.limits(Circumstances(NOW_MS, Features(), "home"), terms) == ()


def test_an_offer_on_several_channels_is_one_offer() -> None:
    terms = Terms([OfferTerms("boots", channel=channel) for channel in ("push", "email", "sms")], [b""] * 3)
    assert HistoryCheck([cap(CAP_SCOPE_OFFER)]).limits(circumstances([]), terms) == [AtMost([0, 1, 2], 2)]
    assert HistoryCheck([cap(CAP_SCOPE_CHANNEL)]).limits(circumstances([]), terms) == []


class _Looked(Terms):
    """Terms that count how often they are looked at."""

    n_looks = 0

    def __getitem__(self, index: int) -> OfferTerms:  # type: ignore[override] - no slices here
        """Return the terms of an offer."""
        self.n_looks += 1
        return super().__getitem__(index)


@pytest.mark.parametrize("scope", [CAP_SCOPE_OFFER, CAP_SCOPE_CHANNEL])
def test_what_is_kept_of_offers_does_not_grow_with_the_channels_that_callers_make_up(scope: CapScope) -> None:
    check, terms = HistoryCheck([cap(scope, impressions=1, channels=[])]), _Looked(OFFERS, [b""] * len(OFFERS))
    check.limits(circumstances([], "made up"), terms)
    n_looks = terms.n_looks
    assert n_looks > 0
    for i in range(100):
        check.limits(circumstances([], f"made up {i}"), terms)
    assert terms.n_looks == n_looks


def test_one_reply_shows_no_more_than_is_left_of_the_channel_that_is_said() -> None:
    terms = Terms(OFFERS, [b""] * len(OFFERS))
    history = [seen(0, 1, channel="push"), seen(1, 2, channel="sms"), seen(2, 3, channel="sms")]
    everywhere = HistoryCheck([cap(CAP_SCOPE_CHANNEL, impressions=3)])
    assert everywhere.limits(circumstances(history, "push"), terms) == [AtMost([0, 1, 2, 3], 2)]
    assert everywhere.limits(circumstances(history, "sms"), terms) == [AtMost([0, 1, 2, 3], 1)]
    assert everywhere.limits(circumstances(history), terms) == []
    named = HistoryCheck([cap(CAP_SCOPE_CHANNEL, impressions=3, channels=["sms"])])
    assert named.limits(circumstances(history, "sms"), terms) == [AtMost([0, 1, 2, 3], 1)]
    assert named.limits(circumstances(history, "push"), terms) == []
