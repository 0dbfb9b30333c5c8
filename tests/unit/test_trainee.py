"""The state after n interactions depends on the specs and on those interactions, and on nothing else."""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from google.protobuf.duration_pb2 import Duration

from attune.learning.trainee import Start, Trainee
from attune.serving.specs import start_spec, with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord, PlacementRecord, VersionRecord
from attune.store.decisions import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_DEFAULT, MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    AGGREGATION_LAST,
    AGGREGATION_SUM,
    Belief,
    ControlSpec,
    EpsilonSpec,
    LinearModelSpec,
    LinearThompsonSpec,
    LinearUcbSpec,
    OutcomeRule,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardSpec,
    UniformSpec,
    VwSpec,
)
from attune_models.policy import PolicySpec as CorePolicySpec
from attune_models.policy import build, started
from attune_models.slots import interaction, situation_of
from attune_models.types import PolicyError, Situation

OFFERS = [Offer(id=name).SerializeToString() for name in ("a", "b", "c")]
SMALL = LinearModelSpec(bits=5, offer_bits=3)
NOW_MS = 1_700_000_000_000
TOM = Situation("user=Tom", ["a", "b", "c"], ["=a", "=b", "=c"])

# Everybody likes c, and Tom does not like b: the opposite of the log.
BELIEFS = [
    Belief(offer=Offer(id="c"), reward=1.0, strength=20),
    Belief(context=Features(categorical={"user": "Tom"}), offer=Offer(id="b"), reward=-1.0, strength=30),
]


def placement(**fields: object) -> Placement:
    return with_defaults(Placement(name="home_hero", **fields))  # type: ignore[arg-type]


def entry(number: int, chosen: int, *values: float, context: Features | None = None) -> LoggedInteraction:
    """Return entry `number` of a log: a decision drawn with probability 1/3, and clicks of these values."""
    user = ("Tom", "Anna")[number % 2]
    decision = DecisionRecord(
        event_id=str(number),
        context=(context or Features(categorical={"user": user})).SerializeToString(),
        offers=OFFERS,
        pmf=[1 / 3, 1 / 3, 1 / 3],
        chosen=chosen,
    )
    clicks = [
        RecordedOutcome(str(i), NOW_MS + i, NOW_MS + i, OutcomeRecord(name="click", value=value))
        for i, value in enumerate(values)
    ]
    return LoggedInteraction(f"{number + 1}-0", decision, clicks)


def log(length: int) -> list[LoggedInteraction]:
    """Return a training log in which Tom clicks on b and Anna on c."""
    random = Random(7)
    draws = [random.randrange(3) for _ in range(length)]
    return [entry(i, chosen, *([1.0] if chosen == 1 + i % 2 else [])) for i, chosen in enumerate(draws)]


def trained(entries: list[LoggedInteraction], of: Placement | None = None) -> Trainee:
    return further(Trainee(of or placement()), entries)


def further(trainee: Trainee, entries: list[LoggedInteraction]) -> Trainee:
    for each in entries:
        trainee.learn(each)
    return trainee


def test_a_trainee_starts_untrained_at_the_beginning() -> None:
    trainee = Trainee(placement())
    assert (trainee.cursor, trainee.interactions) == ("0-0", 0)


def test_a_trainee_knows_how_far_it_has_come() -> None:
    trainee = trained(log(10))
    assert (trainee.cursor, trainee.interactions) == ("10-0", 10)


@pytest.mark.parametrize("policy", [PolicySpec(), PolicySpec(linear_thompson=LinearThompsonSpec(model=SMALL))])
def test_what_nobody_may_learn_from_leaves_no_bit_behind(policy: PolicySpec) -> None:
    entries = log(60)
    for i, each in enumerate(entries):
        each.decision.withheld, each.decision.mode = i % 3 == 1, MODE_DEFAULT if i % 5 == 4 else MODE_LEARNED
    revision = replace(entries[1], position="61-0", revises=entries[1].position)
    allowed = [each for i, each in enumerate(entries) if i % 3 != 1 and i % 5 != 4]
    trainee, of_allowed = (
        trained([*entries, revision], placement(policy=policy)),
        trained(allowed, placement(policy=policy)),
    )
    record, weights = trainee.version(NOW_MS)
    assert weights == of_allowed.version(NOW_MS)[1]
    assert trainee.pmf(TOM) == of_allowed.pmf(TOM)
    assert (record.interactions, record.withheld, record.refused) == (60, 60 - len(allowed) + 1, 0)
    resumed = Trainee(placement(policy=policy))
    resumed.resume(record, weights)
    assert resumed.version(NOW_MS) == (record, weights)


def test_looking_at_a_version_in_between_does_not_matter() -> None:
    entries, trainee = log(300), Trainee(placement())
    for first in range(0, 300, 50):
        further(trainee, entries[first : first + 50]).version(NOW_MS)
    assert trainee.version(NOW_MS) == trained(entries).version(NOW_MS)


@pytest.mark.parametrize(
    "policy",
    [
        PolicySpec(),
        PolicySpec(vw=VwSpec(epsilon=EpsilonSpec()), min_probability=0.01),
        PolicySpec(linear_ucb=LinearUcbSpec(model=SMALL), half_life=100.0),
        PolicySpec(linear_thompson=LinearThompsonSpec(model=SMALL)),
        PolicySpec(popularity=PopularitySpec(), half_life=100.0),
        PolicySpec(uniform=UniformSpec()),
        PolicySpec(beliefs=BELIEFS),
    ],
    ids=["default", "floored epsilon", "linear_ucb", "linear_thompson", "popularity", "uniform", "beliefs"],
)
def test_a_trainee_that_resumes_gets_where_an_uninterrupted_one_gets(policy: PolicySpec) -> None:
    entries, spec = log(400), placement(policy=policy)
    record, weights = trained(entries[:150], spec).version(NOW_MS)
    resumed = Trainee(spec)
    resumed.resume(record, weights)
    assert (resumed.cursor, resumed.interactions) == ("150-0", 150)
    further(resumed, entries[150:])
    assert resumed.version(NOW_MS) == trained(entries, spec).version(NOW_MS)


def test_what_is_learned_is_who_likes_what() -> None:
    _, weights = trained(log(300)).version(NOW_MS)
    policy = build(CorePolicySpec())
    policy.loads(weights)
    anna = Situation("user=Anna", TOM.action_ids, TOM.actions)
    pmfs = [policy.pmf(situation) for situation in (TOM, anna)]
    assert [pmf.index(max(pmf)) for pmf in pmfs] == [1, 2]


def test_rewards_are_folded_by_the_placement_s_rules() -> None:
    """The sum of 1 and 2 is 3, and so is one outcome of 3; the first of 1 and 2 is another reward."""
    summing = placement(reward=RewardSpec(outcomes=[OutcomeRule(name="click", aggregation=AGGREGATION_SUM)]))
    both = trained([entry(0, 1, 1.0, 2.0)], summing).version(NOW_MS)
    assert both == trained([entry(0, 1, 3.0)], summing).version(NOW_MS)
    assert both[1] != trained([entry(0, 1, 1.0, 2.0)]).version(NOW_MS)[1]


# --- several slots


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


def test_a_version_tells_how_it_was_made() -> None:
    of = placement(policy=PolicySpec(min_probability=0.01), reward=RewardSpec(default_reward=-0.5))
    record, weights = trained(log(5), of).version(NOW_MS)
    assert record == VersionRecord(
        created_at_ms=NOW_MS, policy=of.policy, reward=of.reward, interactions=5, cursor="5-0"
    )
    assert weights


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (placement(), True),  # nothing
        (placement(control=ControlSpec(share=0.5)), True),  # who decides does not change what is learned
        (placement(reward=RewardSpec(window=Duration(seconds=5))), True),  # what is in the log stays in it
        (placement(reward=RewardSpec(revise_late=True)), True),  # the same
        (placement(policy=PolicySpec(min_probability=0.1)), False),  # the version states its whole policy
        (placement(policy=PolicySpec(half_life=100.0)), False),  # forgetting
        (placement(policy=PolicySpec(vw=VwSpec(bits=12))), False),  # the model
        (placement(policy=PolicySpec(beliefs=BELIEFS)), False),  # what it starts from
        (placement(policy=PolicySpec(uniform=UniformSpec())), False),  # the kind
        (placement(reward=RewardSpec(default_reward=-1.0)), False),  # the reward
        (placement(reward=RewardSpec(outcomes=[OutcomeRule(name="click", weight=2.0)])), False),  # a rule
    ],
)
def test_a_trainee_knows_whether_a_spec_is_its_own(changed: Placement, *, same: bool) -> None:
    trainee = Trainee(placement())
    assert trainee.is_for(PlacementRecord(placement=changed)) is same
    assert trainee.is_of(Trainee(changed).version(NOW_MS)[0]) is same


def test_an_interaction_that_cannot_be_learned_from_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    """Its limits were other ones when it was logged; the cursor moves on, the weights stay."""
    bad = entry(2, 1, 1.0, context=Features(numeric={"x": math.nan}))
    passed = trained([*log(2), bad])
    assert (passed.cursor, passed.interactions, passed.refused) == ("3-0", 3, 1)
    assert passed.version(NOW_MS)[1] == trained(log(2)).version(NOW_MS)[1]
    assert "interaction 3-0 cannot be learned from: context.numeric" in caplog.text


def poisoned(number: int, **changes: object) -> LoggedInteraction:
    """Return an entry of the log that is damaged."""
    bad = entry(number, 1, 1.0)
    for name, value in changes.items():
        if isinstance(value, list):
            bad.decision.ClearField(name)  # type: ignore[arg-type]
            getattr(bad.decision, name).extend(value)
        else:
            setattr(bad.decision, name, value)
    return bad


@pytest.mark.parametrize(
    "changes",
    [
        {"pmf": [1 / 3, 0.0, 2 / 3]},  # what was chosen could not have been
        {"pmf": [1 / 3, math.nan, 1 / 3]},  # a probability that is none
        {"pmf": [1 / 3, 2.0, 1 / 3]},  # a probability above 1
        {"pmf": [0.5, 0.5]},  # fewer probabilities than offers
        {"pmf": []},  # no probability at all
        {"chosen": 3},  # an offer that is not there
        {"context": b"\xff"},  # no message
        {"offers": [b"\xff", *OFFERS[1:]]},  # no message
        {"offers": [OFFERS[0]] * 3},  # three times the same offer
    ],
)
def test_a_poisoned_entry_does_not_stop_the_learning(changes: dict[str, object]) -> None:
    passed = trained([*log(2), poisoned(2, **changes), *log(6)[3:]])
    assert (passed.cursor, passed.interactions, passed.refused) == ("6-0", 6, 1)
    assert passed.version(NOW_MS)[1] == trained([*log(2), *log(6)[3:]]).version(NOW_MS)[1]


def test_a_reward_beyond_what_policies_take_is_refused() -> None:
    """The contract allows bounds up to 1e6; an older or imported spec may not have been checked."""
    wide = placement(reward=RewardSpec(min=-1e9, max=1e9))
    passed = trained([entry(0, 1, 1.0), entry(1, 1, 1e8)], wide)
    assert (passed.interactions, passed.refused, passed.clipped) == (2, 1, 0)


def test_rewards_out_of_bounds_are_clipped_and_counted() -> None:
    bounded = placement(reward=RewardSpec(min=0.0, max=2.0))
    values = [-1.0, 0.0, 1.0, 2.0, 3.0]
    counted = trained([entry(i, 1, value) for i, value in enumerate(values)], bounded)
    assert (counted.clipped, counted.refused) == (2, 0)
    clipped = trained([entry(i, 1, min(max(value, 0.0), 2.0)) for i, value in enumerate(values)], bounded)
    assert counted.version(NOW_MS)[1] == clipped.version(NOW_MS)[1]


def test_the_counters_belong_to_the_version_and_are_exact_after_a_crash() -> None:
    """Learned again from the last commit on, nothing is counted twice and nothing is left out."""
    bounded = placement(reward=RewardSpec(max=0.5))
    entries = [*log(100), poisoned(100, pmf=[]), *log(200)[101:]]
    record, weights = trained(entries[:120], bounded).version(NOW_MS)
    assert record.clipped > 0
    assert record.refused == 1
    resumed = Trainee(bounded)
    resumed.resume(record, weights)
    assert further(resumed, entries[120:]).version(NOW_MS) == trained(entries, bounded).version(NOW_MS)


def test_damaged_weights_are_refused_and_change_nothing() -> None:
    trainee = trained(log(5))
    before = trainee.version(NOW_MS)
    with pytest.raises(PolicyError):
        trainee.resume(VersionRecord(cursor="99-0", interactions=99), b"garbage")
    assert trainee.version(NOW_MS) == before


def test_beliefs_are_learned_before_the_first_interaction_and_counted_nowhere() -> None:
    of = placement(policy=PolicySpec(beliefs=BELIEFS))
    trainee = Trainee(of)
    assert trainee.version(NOW_MS)[1] == started(start_spec(of)).dumps()
    assert (trainee.cursor, trainee.interactions) == ("0-0", 0)


def test_beliefs_may_be_learned_bit_by_bit() -> None:
    of = placement(policy=PolicySpec(beliefs=BELIEFS))
    trainee, steps = Trainee(of), 0
    while trainee.learn_belief():
        steps += 1
    assert steps == 2 * (20 + 30)
    assert further(trainee, log(50)).version(NOW_MS) == trained(log(50), of).version(NOW_MS)


def test_a_trainee_that_resumes_does_not_learn_its_beliefs_again() -> None:
    of = placement(policy=PolicySpec(beliefs=BELIEFS))
    record, weights = trained(log(5), of).version(NOW_MS)
    resumed = Trainee(of)
    resumed.resume(record, weights)
    assert not resumed.learn_belief()
    assert resumed.version(NOW_MS) == (record, weights)


def test_data_overrule_beliefs() -> None:
    of = placement(policy=PolicySpec(beliefs=BELIEFS))
    policies = []
    for entries in ([], log(600)):
        policy = build(CorePolicySpec())
        policy.loads(trained(entries, of).version(NOW_MS)[1])
        policies.append(policy.pmf(TOM))
    assert [pmf.index(max(pmf)) for pmf in policies] == [2, 1]


# --- late outcomes, revisions, resets


def late(position: str, value: float = 1.0) -> RecordedOutcome:
    """Return an outcome that came late, at this position of the stream of late outcomes."""
    received_ms = NOW_MS + 1000
    return RecordedOutcome(position, received_ms, received_ms, OutcomeRecord(name="click", value=value), late=position)


def revision(position: str, of: LoggedInteraction, *outcomes: RecordedOutcome) -> LoggedInteraction:
    """Return the entry that gives another one the reward of these outcomes besides its own."""
    return replace(of, position=position, outcomes=[*of.outcomes, *outcomes], revises=of.position)


def test_late_outcomes_count_as_far_as_the_training_says() -> None:
    first = entry(0, 1)
    start = Start(replayed_to="9-0", late_cursor="50-0")
    for position, counts in (("9-0", True), ("50-0", True), ("50-1", False), ("100-0", False)):
        trainee = Trainee(placement(), start)
        trainee.learn(replace(first, late=[late(position)]))
        expected = trained([entry(0, 1, 1.0) if counts else first])
        assert trainee.version(NOW_MS)[1] == expected.version(NOW_MS)[1], position


def test_late_outcomes_take_their_place_among_the_others() -> None:
    """LAST is the late one's value, because it happened last; a late one that happened first is not the last."""
    last = placement(reward=RewardSpec(outcomes=[OutcomeRule(name="click", aggregation=AGGREGATION_LAST)]))
    start = Start(replayed_to="9-0", late_cursor="50-0")
    for happened_ms, expected in ((NOW_MS + 1000, 3.0), (NOW_MS - 1000, 2.0)):
        trainee = Trainee(last, start)
        trainee.learn(replace(entry(0, 1, 2.0), late=[replace(late("5-0", 3.0), happened_ms=happened_ms)]))
        assert trainee.version(NOW_MS)[1] == trained([entry(0, 1, expected)], last).version(NOW_MS)[1]


def test_a_revision_is_learned_like_one_more_interaction_and_counted_apart() -> None:
    entries = log(10)
    revised = trained([*entries, revision("11-0", entries[3], late("10-5"))])
    record, weights = revised.version(NOW_MS)
    assert (record.interactions, record.revisions, record.cursor) == (10, 1, "11-0")
    clicked = replace(entries[3], position="11-0", outcomes=[*entries[3].outcomes, late("10-5")])
    assert weights == trained([*entries, clicked]).version(NOW_MS)[1]


def test_a_revision_of_what_was_learned_with_its_final_reward_is_passed_over() -> None:
    """It was in the log when the training began, and so was its late outcome."""
    entries, start = log(10), Start(replayed_to="11-0", late_cursor="10-5")
    final = [replace(each, late=[late("10-5")]) if i == 3 else each for i, each in enumerate(entries)]
    replayed = further(Trainee(placement(), start), [*final, revision("11-0", entries[3], late("10-5"))])
    expected = trained([replace(entries[3], outcomes=[late("10-5")]) if i == 3 else e for i, e in enumerate(entries)])
    assert replayed.version(NOW_MS)[1] == expected.version(NOW_MS)[1]
    assert (replayed.interactions, replayed.revisions, replayed.cursor) == (10, 0, "11-0")


def test_after_a_reset_nothing_of_before_is_learned_and_no_revision_of_it_either() -> None:
    entries, start = log(12), Start(generation=1, trains_from="10-0", replayed_to="10-0")
    reset = Trainee(placement(), start)
    assert reset.cursor == "10-0"
    further(reset, [*entries[10:], revision("13-0", entries[3], late("12-5"))])
    record, weights = reset.version(NOW_MS)
    assert weights == trained(entries[10:]).version(NOW_MS)[1]
    assert (record.interactions, record.revisions, record.cursor, record.trains_from) == (2, 0, "13-0", "10-0")


def test_a_trainee_that_resumes_goes_on_with_the_same_bounds() -> None:
    start = Start(generation=2, trains_from="0-7", replayed_to="8-0", late_cursor="5-0")
    entries = [replace(each, late=[late(f"{i}-0")]) for i, each in enumerate(log(10))]
    entries += [revision(f"{11 + i}-0", entries[i], late("10-5")) for i in range(3)]
    record, weights = further(Trainee(placement(), start), entries[:4]).version(NOW_MS)
    resumed = Trainee(placement())
    resumed.resume(record, weights)
    assert resumed.start == start
    assert further(resumed, entries[4:]).version(NOW_MS) == further(Trainee(placement(), start), entries).version(
        NOW_MS
    )


def test_another_generation_is_another_training() -> None:
    trainee = Trainee(placement(), Start(generation=1))
    assert trainee.is_of(trainee.version(NOW_MS)[0])
    assert not trainee.is_of(Trainee(placement()).version(NOW_MS)[0])
    assert trainee.is_for(PlacementRecord(placement=placement(), generation=1))
    assert not trainee.is_for(PlacementRecord(placement=placement()))
