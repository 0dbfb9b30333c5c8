"""Decisions of several slots are learned slot by slot, in their order, and count once."""

import math
from collections.abc import Sequence
from random import Random

from attune.learning.trainee import Trainee
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import AGGREGATION_SUM, OutcomeRule, RewardSpec
from attune_models.policy import PolicySpec as CorePolicySpec
from attune_models.policy import build
from attune_models.slots import interaction, situation_of
from trained_log import NOW_MS, TOM, entry, further, log, placement, trained


def slotted(number: int, chosen: Sequence[int], clicked: Sequence[int] = ()) -> LoggedInteraction:
    """Return entry `number` of a log: a decision of several slots, drawn uniformly, and clicks in some of them."""
    single = entry(number, chosen[0])
    for slot in range(1, len(chosen)):
        pmf = [0.0 if i in chosen[:slot] else 1 / (3 - slot) for i in range(3)]
        single.decision.later_slots.add(pmf=pmf, chosen=chosen[slot])
    clicks = [
        RecordedOutcome(f"{slot}", NOW_MS, NOW_MS, OutcomeRecord(name="click", value=1.0, slot=slot))
        for slot in clicked
    ]
    return LoggedInteraction(single.position, single.decision, clicks)


def slotted_log(length: int) -> list[LoggedInteraction]:
    """Return a training log in which b is clicked in slot 0 only, and c in slot 1 only."""
    random = Random(7)
    selections = [random.sample(range(3), 1 + i % 3) for i in range(length)]
    return [
        slotted(i, chosen, [slot for slot, liked in enumerate((1, 2)) if chosen[slot : slot + 1] == [liked]])
        for i, chosen in enumerate(selections)
    ]


def test_each_slot_is_one_interaction_and_an_entry_of_the_log_counts_once() -> None:
    """The same as what the core makes of the slots, in their order, with the outcomes of each alone."""
    trainee = trained([slotted(0, (1, 2, 0), clicked=(0, 2)), slotted(2, (2, 0), clicked=(1,))])
    expected = build(CorePolicySpec())
    for drawn, chosen, propensity, reward in (
        ([], 1, 1 / 3, 1.0),
        ([1], 2, 1 / 2, 0.0),
        ([1, 2], 0, 1.0, 1.0),
        ([], 2, 1 / 3, 0.0),
        ([2], 0, 1 / 2, 1.0),
    ):
        expected.learn(interaction(TOM, drawn, chosen, propensity, reward))
    record, weights = trainee.version(NOW_MS)
    assert weights == expected.dumps()
    assert (record.interactions, record.cursor) == (2, "3-0")


def test_outcomes_are_folded_slot_by_slot() -> None:
    """Two clicks in two slots are no sum; a slot without any has the default reward."""
    spec = placement(
        reward=RewardSpec(outcomes=[OutcomeRule(name="click", aggregation=AGGREGATION_SUM)], default_reward=-0.5)
    )
    trainee = trained([slotted(0, (1, 2, 0), clicked=(0, 1))], spec)
    expected = build(CorePolicySpec())
    for drawn, chosen, propensity, reward in (([], 1, 1 / 3, 1.0), ([1], 2, 1 / 2, 1.0), ([1, 2], 0, 1.0, -0.5)):
        expected.learn(interaction(TOM, drawn, chosen, propensity, reward))
    assert trainee.version(NOW_MS)[1] == expected.dumps()


def test_a_trainee_of_several_slots_that_resumes_gets_where_an_uninterrupted_one_gets() -> None:
    entries, spec = slotted_log(200), placement()
    record, weights = trained(entries[:70], spec).version(NOW_MS)
    resumed = Trainee(spec)
    resumed.resume(record, weights)
    further(resumed, entries[70:])
    assert resumed.version(NOW_MS) == trained(entries, spec).version(NOW_MS)


def test_a_decision_of_several_slots_that_cannot_be_learned_from_is_passed_over_as_a_whole() -> None:
    bad = slotted(2, (0, 1), clicked=(1,))
    bad.decision.context = Features(numeric={"x": math.nan}).SerializeToString()
    passed = trained([*log(2), bad])
    assert (passed.cursor, passed.interactions) == ("3-0", 3)
    assert passed.version(NOW_MS)[1] == trained(log(2)).version(NOW_MS)[1]


def test_what_is_liked_is_learned_for_each_slot() -> None:
    _, weights = trained(slotted_log(400)).version(NOW_MS)
    policy = build(CorePolicySpec())
    policy.loads(weights)
    first, second = policy.pmf(TOM), policy.pmf(situation_of(TOM, [0]))
    assert (first.index(max(first)), second.index(max(second))) == (1, 1)  # b of a, b, c; then c of b, c
