"""Importance weighting has no bias where an offer and a channel are one draw, under caps of offers and of channels.

The customer has seen one mail, and one offer twice. A cap lets three mails be shown, a rule of the customer's own no
sms: so two mails are left for a reply of three slots, and an offer that is shown goes with all its channels. Each slot
has an exact pmf, given what was drawn before and what that has used up. The target draws uniformly from the same. The
weight of the reward of slot k is the product of the ratios up to k, and the mean of what it earns is the target's value
in slot k, which is known here: both are worked out from the rules above, not by the code that is tested.
"""

from collections.abc import Sequence

import numpy as np
from google.protobuf.duration_pb2 import Duration
from numpy.typing import NDArray

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.learning.entries import lesson
from attune.serving.circumstances import Circumstances
from attune.serving.drawing import draft
from attune.serving.guards import Guards
from attune.serving.live import LivePlacement
from attune.serving.specs import reward_spec, with_defaults
from attune.serving.terms import OfferTerms
from attune.serving.variants import channels_of
from attune.storage.v1.records_pb2 import DecisionRecord, PlacementRecord, SeenRecord
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CAP, EXCLUSION_REASON_PREFERENCE
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import (
    CAP_SCOPE_CHANNEL,
    CAP_SCOPE_OFFER,
    ChannelSpec,
    FrequencyCap,
    Guardrails,
    OfferSelector,
    Placement,
)
from attune_models import pmf as pmfs
from attune_models.baselines import UniformPolicy
from attune_models.types import Pmf, Situation
from circumstances import NOW_MS, customer
from live_offers import live_on

DAY = Duration(seconds=24 * 3600)
DECISIONS = 800
N_SLOTS = 3
OFFERS = ("o1", "o2", "o3", "o4")
CHANNELS = ("email", "push", "sms")
MAILS_LEFT = 2

SPEC = with_defaults(
    Placement(
        name="crm",
        channels=[ChannelSpec(name=name) for name in CHANNELS],
        guardrails=Guardrails(
            caps=[
                FrequencyCap(
                    name="mails",
                    impressions=3,
                    window=DAY,
                    scope=CAP_SCOPE_CHANNEL,
                    offers=OfferSelector(channels=["email"]),
                ),
                FrequencyCap(name="each", impressions=2, window=DAY, scope=CAP_SCOPE_OFFER),
            ]
        ),
    )
)
SEEN = [
    SeenRecord(at_ms=NOW_MS - 1000, placement="crm", event_id="a", offer_id="o9", channel="email"),
    SeenRecord(at_ms=NOW_MS - 2000, placement="crm", event_id="b", offer_id="o4", channel="push"),
    SeenRecord(at_ms=NOW_MS - 3000, placement="web", event_id="c", offer_id="o4"),
]
LIVE = live_on(channels_of(SPEC.channels), [OfferTerms(each) for each in OFFERS])


class _Steep(UniformPolicy):
    """Prefers later offers, and mails."""

    def pmf(self, situation: Situation) -> Pmf:
        ids = situation.action_ids
        return pmfs.normalised([int(each[1]) * (3.0 if each.endswith("email") else 1.0) for each in ids])


PLACEMENT = LivePlacement(
    keys=PlacementKeys("crm"),
    record=PlacementRecord(placement=SPEC),
    created_at_ms=1,
    window_ms=600_000,
    policy=_Steep(),
    version=1,
    control=UniformPolicy(),
    control_share=0.0,
    shortlist_size=1000,
    shortlist_random=100,
    guard=Guards().of(SPEC),
    channels=channels_of(SPEC.channels),
)


def reward_of(slot: int, variant: str) -> float:
    """What a variant earns: known, so that only the draw is random."""
    offer, channel = variant.split("@")
    return (3 * int(offer[1]) + 2 * CHANNELS.index(channel) + 4 * slot) % 7 / 7


def left_after(drawn: Sequence[str]) -> list[str]:
    """What is left after some variants: neither o4, of which enough was seen, nor what goes by sms."""
    offers = [each for each in OFFERS[:3] if each not in {name.split("@")[0] for name in drawn}]
    mails = sum(name.endswith("email") for name in drawn)
    return [f"{offer}@{channel}" for offer in offers for channel in CHANNELS[mails >= MAILS_LEFT : 2]]


def values(drawn: Sequence[str] = ()) -> NDArray[np.float64]:
    """What a uniform draw earns in each slot, given what was drawn before; shape (N_SLOTS,)."""
    value, slot, left = np.zeros(N_SLOTS), len(drawn), left_after(drawn)
    if slot < N_SLOTS:
        for chosen in left:
            value += values([*drawn, chosen]) / len(left)
            value[slot] += reward_of(slot, chosen) / len(left)
    return value


async def decided(event_id: str) -> DecisionRecord:
    known = Circumstances(NOW_MS, Features(), "crm", customer(seen=SEEN, unwanted_channels=["sms"]))
    drawn = draft(DecideEnvelope(placement="crm", slots=N_SLOTS), PLACEMENT, LIVE, event_id, known)
    drawn.draw(drawn.pmf_of(drawn.eligible.situation), NOW_MS)
    await drawn.draw_later_slots()
    return DecisionRecord.FromString(drawn.serialised())


def weighted(record: DecisionRecord) -> NDArray[np.float64]:
    """Return the weighted reward of each slot; shape (N_SLOTS,)."""
    taught = lesson(LoggedInteraction("1-0", record, [], offer_set=LIVE.offer_set), reward_spec(SPEC.reward))
    contributions, weight, chosen = np.zeros(N_SLOTS), 1.0, list[str]()
    for slot, interaction in enumerate(taught.interactions):
        left = left_after(chosen)
        assert list(interaction.situation.action_ids) == left, "what is learned from is what was drawn from"
        chosen.append(left[interaction.chosen])
        weight /= len(left) * interaction.propensity
        contributions[slot] = weight * reward_of(slot, chosen[-1])
    return contributions


async def test_channels_and_their_caps_bias_nothing() -> None:
    """The mean of 800 decisions is within 3.5 standard errors of the value, in each slot: 3 times in all, 0.14 %."""
    estimates = np.empty((DECISIONS, N_SLOTS))
    for i in range(DECISIONS):
        record = await decided(f"channels-{i}")
        estimates[i] = weighted(record)
        excluded = {each.reason: each.count for each in record.excluded}
        assert excluded == {EXCLUSION_REASON_PREFERENCE: 4, EXCLUSION_REASON_CAP: 2}
    error = estimates.std(axis=0, ddof=1) / np.sqrt(DECISIONS)
    assert (abs(estimates.mean(axis=0) - values()) < 3.5 * error).all()
