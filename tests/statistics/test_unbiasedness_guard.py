"""Importance weighting has no bias where a guard leaves offers out, and groups are withdrawn from later slots.

What is left out before the draw is in no pmf; what a draw withdraws is in none after it. So a decision of three slots
draws a_0, a_1, a_2, each with an exact probability given those before, from what was left then. The target draws
uniformly from the same: its probability in slot k is 1 / (number left). The weight of the reward of slot k is the
product of the ratios up to k, and the mean of what it earns is the target's value in slot k, which is known here.

Everything is read from the record, as learners and evaluations read it.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.learning.entries import lesson
from attune.serving.circumstances import Circumstances
from attune.serving.drawing import draft
from attune.serving.guards import Guards
from attune.serving.live import LivePlacement
from attune.serving.specs import reward_spec, with_defaults
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import DecisionRecord, PlacementRecord
from attune.store.keys import PlacementKeys
from attune.store.log_entries import LoggedInteraction
from attune.v1.condition_pb2 import Condition
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import EligibilityRule, Guardrails, OfferSelector, Placement
from attune_models import pmf as pmfs
from attune_models.baselines import UniformPolicy
from attune_models.types import Pmf, Situation
from live_offers import live_offers

DECISIONS = 1000
N_SLOTS = 3
AGES = (12, 20, 40)
IDS = [f"o{i}" for i in range(8)]
GROUP_OF = {"o1": "discount", "o2": "discount", "o3": "discount", "o6": "loan", "o7": "loan"}
LEAST_AGE = {"o4": 30, "o5": 18}
NOW_MS = 1_700_000_000_000

LIVE = live_offers(
    IDS,
    terms={
        offer_id: OfferTerms(
            offer_id,
            category="wine" if offer_id == "o5" else "",
            when=Condition(test="age >= 30") if offer_id == "o4" else None,
            exclusive_group=GROUP_OF.get(offer_id, ""),
        )
        for offer_id in IDS
    },
)
WINE = EligibilityRule(name="wine", offers=OfferSelector(categories=["wine"]), when=Condition(test="age >= 18"))
SPEC = with_defaults(Placement(name="home", guardrails=Guardrails(rules=[WINE])))


class _Steep(UniformPolicy):
    """Prefers later offers."""

    def pmf(self, situation: Situation) -> Pmf:
        return pmfs.normalised([1.0 + int(offer_id[1:]) for offer_id in situation.action_ids])


PLACEMENT = LivePlacement(
    keys=PlacementKeys("home"),
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
)


def reward_of(slot: int, offer_id: str, age: int) -> float:
    """What an offer earns: known, so that only the draw is random."""
    return (3 * int(offer_id[1:]) + 5 * slot + age) % 7 / 7


def allowed(age: int) -> list[str]:
    return [offer_id for offer_id in IDS if age >= LEAST_AGE.get(offer_id, 0)]


def left_after(offers: Sequence[str], chosen: str) -> list[str]:
    group = GROUP_OF.get(chosen, chosen)
    return [each for each in offers if each != chosen and GROUP_OF.get(each, each) != group]


def values(offers: Sequence[str], age: int, slot: int = 0) -> NDArray[np.float64]:
    """What a uniform draw earns in each slot, given what is left for this one; shape (N_SLOTS,)."""
    value = np.zeros(N_SLOTS)
    if slot < N_SLOTS:
        for chosen in offers:
            value += values(left_after(offers, chosen), age, slot + 1) / len(offers)
            value[slot] += reward_of(slot, chosen, age) / len(offers)
    return value


async def decided(event_id: str, age: int) -> DecisionRecord:
    context = Features(numeric={"age": age})
    request = DecideEnvelope(placement="home", slots=N_SLOTS, context=[context.SerializeToString()])
    drawn = draft(request, PLACEMENT, LIVE, event_id, Circumstances(NOW_MS, context, "home"))
    drawn.draw(drawn.pmf_of(drawn.eligible.situation), NOW_MS)
    await drawn.draw_later_slots()
    return DecisionRecord.FromString(drawn.serialised())


def weighted(record: DecisionRecord, age: int) -> tuple[list[str], NDArray[np.float64]]:
    """Return what was chosen, and the weighted reward of each slot; shape (N_SLOTS,)."""
    taught = lesson(LoggedInteraction("1-0", record, [], offer_set=LIVE.offer_set), reward_spec(SPEC.reward))
    chosen, contributions, weight = [], np.zeros(N_SLOTS), 1.0
    left = allowed(age)
    for slot, interaction in enumerate(taught.interactions):
        assert list(interaction.situation.action_ids) == left, "what is learned from is what was drawn from"
        offer_id = interaction.situation.action_ids[interaction.chosen]
        weight /= len(left) * interaction.propensity
        contributions[slot] = weight * reward_of(slot, offer_id, age)
        chosen.append(offer_id)
        left = left_after(left, offer_id)
    return chosen, contributions


@pytest.mark.parametrize("age", AGES)
async def test_what_a_guard_leaves_out_and_a_draw_withdraws_biases_nothing(age: int) -> None:
    """The mean of 1,000 decisions is within 3.5 standard errors of the value, in each slot: 9 times in all, 0.4 %."""
    estimates = np.empty((DECISIONS, N_SLOTS))
    excluded: Mapping[int, int] = {12: 2, 20: 1, 40: 0}
    for i in range(DECISIONS):
        record = await decided(f"{age}-{i}", age)
        chosen, estimates[i] = weighted(record, age)
        groups = [GROUP_OF[each] for each in chosen if each in GROUP_OF]
        assert len(groups) == len(set(groups)), "two of a group are in no reply"
        assert sum(each.count for each in record.excluded) == excluded[age]
    error = estimates.std(axis=0, ddof=1) / np.sqrt(DECISIONS)
    assert (abs(estimates.mean(axis=0) - values(allowed(age), age)) < 3.5 * error).all()
