"""What one reply shows together."""

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.eligible import Eligible, eligible_offers
from attune.serving.guard import NO_GUARD, AtMost, Exclusion, Guard
from attune.serving.reply_limits import ReplyLimits, exclusive_groups
from attune.serving.terms import OfferTerms
from attune.serving.variants import Channel
from attune.v1.features_pb2 import Offer
from circumstances import under
from live_offers import live_offers, live_on

GROUPED = {offer_id: OfferTerms(offer_id, exclusive_group="discount") for offer_id in "bd"}
LIVE = live_offers("abcde", terms=GROUPED | {"e": OfferTerms("e", exclusive_group="alone")})


class _Two:
    """Lets one reply show two of the first four, and leaves nothing out."""

    def __call__(self, *_: object) -> list[Exclusion]:
        return []

    def limits(self, *_: object) -> list[AtMost]:
        return [AtMost(range(4), 2)]


def eligible(**fields: object) -> Eligible:
    return eligible_offers(DecideEnvelope(placement="home", **fields), LIVE)  # type: ignore[arg-type]


def test_of_a_group_one_is_shown() -> None:
    limits = ReplyLimits(eligible(), NO_GUARD, None)
    assert [limits.withdrawn(drawn) for drawn in ([], [0], [1], [0, 3], [4, 2])] == [[], [], [3], [1], []]


def test_positions_are_those_of_what_is_eligible() -> None:
    limits = ReplyLimits(eligible(offer_ids=["d", "e", "b"]), NO_GUARD, None)
    assert [limits.withdrawn(drawn) for drawn in ([0], [1], [2, 1])] == [[2], [], [0]]


def test_a_group_of_which_one_is_left_withdraws_nothing() -> None:
    assert list(ReplyLimits(eligible(excluded_offer_ids=["d"]), NO_GUARD, None).withdrawn([1])) == []


def test_checks_may_limit_what_a_reply_shows() -> None:
    guard = Guard([_Two()])
    limits = ReplyLimits(eligible(), guard, under())
    assert [limits.withdrawn(drawn) for drawn in ([0], [0, 2], [4, 1], [4, 1, 0])] == [[], [1, 3], [3], [2, 3]]
    assert list(ReplyLimits(eligible(), guard, None).withdrawn([0, 2])) == []


def test_offers_of_the_request_are_in_no_group_and_may_be_limited() -> None:
    brought = eligible(offers=[Offer(id=each).SerializeToString() for each in "bdxyz"])
    limits = ReplyLimits(brought, Guard([_Two()]), under())
    assert [limits.withdrawn(drawn) for drawn in ([0], [0, 1])] == [[], [2, 3]]


def test_groups_are_looked_for_once() -> None:
    assert exclusive_groups(LIVE.terms) is exclusive_groups(LIVE.terms)
    assert exclusive_groups(LIVE.terms) == [AtMost([1, 3], 1)]


def test_an_offer_is_shown_on_one_channel() -> None:
    channels = (Channel("email"), Channel("push"))
    live = live_on(
        channels, [OfferTerms("a", exclusive_group="x"), OfferTerms("b"), OfferTerms("c", exclusive_group="x")]
    )
    found = eligible_offers(DecideEnvelope(), live)
    limits = ReplyLimits(found, NO_GUARD, None)
    # a@email a@push b@email b@push c@email c@push
    assert [limits.withdrawn(drawn) for drawn in ([2], [2, 0], [5])] == [[3], [1, 3, 4, 5], [0, 1, 4]]
    some = eligible_offers(DecideEnvelope(offer_ids=["b", "a"], channel="push"), live)
    assert list(ReplyLimits(some, NO_GUARD, None).withdrawn([0])) == []
    brought = DecideEnvelope(offers=[Offer(id=each).SerializeToString() for each in "yz"], excluded_offer_ids=["x"])
    on_channels = eligible_offers(brought, None, channels=channels)
    assert ReplyLimits(on_channels, NO_GUARD, None).withdrawn([3]) == [2]
