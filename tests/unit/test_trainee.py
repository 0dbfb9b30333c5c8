"""The state after n interactions depends on the specs and on those interactions, and on nothing else."""

import math
from dataclasses import replace

import pytest
from google.protobuf.duration_pb2 import Duration

from attune.learning.trainee import Trainee
from attune.serving.specs import start_spec
from attune.storage.v1.records_pb2 import PlacementRecord, VersionRecord
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_DEFAULT, MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
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
from attune_models.types import PolicyError, Situation
from trained_log import NOW_MS, OFFERS, TOM, entry, further, log, placement, trained

SMALL = LinearModelSpec(bits=5, offer_bits=3)

# Everybody likes c, and Tom does not like b: the opposite of the log.
BELIEFS = [
    Belief(offer=Offer(id="c"), reward=1.0, strength=20),
    Belief(context=Features(categorical={"user": "Tom"}), offer=Offer(id="b"), reward=-1.0, strength=30),
]


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
