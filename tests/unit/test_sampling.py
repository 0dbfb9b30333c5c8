"""What of a training log is a sample."""

import pytest

from attune.logs.readings import LeftOut, Reason
from attune.logs.samples import Sample
from attune.logs.sampling import sample_of
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_DEFAULT, MODE_LEARNED, Mode
from attune.v1.features_pb2 import Offer
from attune_models.rewards import RewardSpec


@pytest.mark.parametrize(
    ("mode", "pmf", "counts"),
    [
        # A baseline that shows one offer says nothing about others.
        (MODE_CONTROL, [1.0, 0.0], False),
        # One that draws does, and so does one that had no choice.
        (MODE_CONTROL, [0.5, 0.5], True),
        (MODE_CONTROL, [1.0], True),
        # What the policy was certain of stays: that it left others out is for the diagnostics to say.
        (MODE_LEARNED, [1.0, 0.0], True),
    ],
)
def test_a_control_group_that_shows_one_offer_only_is_left_out(mode: Mode, pmf: list[float], *, counts: bool) -> None:
    offers = [Offer(id=f"o{i}").SerializeToString() for i in range(len(pmf))]
    decision = DecisionRecord(event_id="e", decided_at_ms=1, offers=offers, pmf=pmf, chosen=0, mode=mode)
    found = sample_of("here", LoggedInteraction("1-0", decision, []), RewardSpec())
    assert isinstance(found, Sample) if counts else found == LeftOut(Reason.CONTROL_WITHOUT_A_DRAW)


@pytest.mark.parametrize(
    ("mode", "withheld", "reason"),
    [(MODE_LEARNED, True, Reason.WITHHELD), (MODE_DEFAULT, False, Reason.NOTHING_TO_CHOOSE)],
)
def test_what_nobody_may_learn_from_is_left_out(mode: Mode, reason: Reason, *, withheld: bool) -> None:
    decision = DecisionRecord(event_id="e", decided_at_ms=1, offers=[Offer(id="a").SerializeToString()], pmf=[1.0])
    decision.mode, decision.withheld = mode, withheld
    assert sample_of("here", LoggedInteraction("1-0", decision, []), RewardSpec()) == LeftOut(reason)
