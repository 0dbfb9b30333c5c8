"""A challenger weighs each decision in the state that it would have been in when it was made, however it got there."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from attune.learning.entries import lesson
from attune.learning.estimates import Estimates
from attune.learning.measuring import measured
from attune.learning.promotion import is_proved, reason_of
from attune.learning.shadow import Shadow
from attune.learning.trainee import Trainee
from attune.serving.situation import situation_of
from attune.serving.specs import in_shadow, reward_spec, with_defaults
from attune.storage.v1.records_pb2 import ChallengerRecord, DecisionRecord, Measuring, OutcomeRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import (
    AutoPromote,
    Challenger,
    Placement,
    PolicySpec,
    PopularitySpec,
    RewardSpec,
    UniformSpec,
)
from attune.v1.placement_service_pb2 import VERDICT_CAUTION, VERDICT_TRUST, ChallengerStatus, ValueEstimate, Verdict
from attune_models.pmf import unit_interval

OFFERS = [Offer(id=name).SerializeToString() for name in ("a", "b")]
POPULAR = Challenger(name="popular", policy=PolicySpec(popularity=PopularitySpec()))
PLACEMENT = with_defaults(
    Placement(
        name="home",
        policy=PolicySpec(uniform=UniformSpec()),
        reward=RewardSpec(min=0.0, max=1.0),
        challengers=[POPULAR],
    )
)
LAG_MS = 40
EVERY_MS = 10
NAMED_AT = "1200-0"


def entry(number: int) -> LoggedInteraction:
    """Entry `number` of a log, 10 ms after the one before: a uniform draw; b is clicked on."""
    chosen = int(unit_interval(str(number)) < 0.5)
    decision = DecisionRecord(
        event_id=str(number),
        context=Features().SerializeToString(),
        offers=OFFERS,
        pmf=[0.5, 0.5],
        chosen=chosen,
        mode=MODE_LEARNED,
    )
    clicks = [RecordedOutcome("click", 0, 0, OutcomeRecord(name="click", value=1.0))] * chosen
    return LoggedInteraction(f"{1000 + EVERY_MS * number}-0", decision, clicks)


LOG = [entry(number) for number in range(60)]


def shadow() -> Shadow:
    measuring = Measuring(behind=NAMED_AT, confidence=0.95, ordinal=1, lag_ms=LAG_MS)
    trainee = Trainee(in_shadow(PLACEMENT, PLACEMENT.challengers[0]))
    # Nothing is late here, so nobody is asked for what is.
    return Shadow(PLACEMENT.challengers[0], trainee, None, Estimates(measuring, (0.0, 1.0)))  # type: ignore[arg-type]


def walked(log: Sequence[LoggedInteraction], batch: int, slice_s: float) -> Shadow:
    """A challenger that has walked a log as far as it can, so many entries at a time."""
    challenger, goes_on = shadow(), True
    while goes_on:
        ahead = [each for each in log if position(each) > ms(challenger.estimates.weighed_to)][:batch]
        behind = [each for each in log if position(each) > ms(challenger.trainee.cursor)][:batch]
        goes_on = challenger.walk(ahead, behind, slice_s)
    return challenger


def position(each: LoggedInteraction) -> int:
    return ms(each.position)


def ms(position: str) -> int:
    return int(position.partition("-")[0])


def state(challenger: Shadow) -> tuple[ChallengerRecord, bytes]:
    return challenger.record(0)


def test_it_has_learned_exactly_what_was_known_when_a_decision_was_made() -> None:
    """For each decision: a new policy learns what was in the log a window before it, and weighs it."""
    expected = Estimates(shadow().estimates.measuring, (0.0, 1.0))
    for each in LOG:
        if position(each) > ms(NAMED_AT):
            trainee = Trainee(in_shadow(PLACEMENT, PLACEMENT.challengers[0]))
            for known in LOG:
                if position(known) <= position(each) - LAG_MS:
                    trainee.learn(known)
            taught = lesson(each, reward_spec(PLACEMENT.reward))
            expected.add(measured(trainee.pmf, each.decision, taught, (0.0, 1.0)))
            expected.weighed_to = each.position
    challenger = walked(LOG, batch=7, slice_s=math.inf)
    record, _ = state(challenger)
    record.ClearField("training")
    record.ClearField("status")
    assert record == expected.record()
    assert record.measured == sum(position(each) > ms(NAMED_AT) for each in LOG)


def test_the_twin_of_a_policy_that_knew_what_was_known_earns_the_same_to_the_last_bit() -> None:
    """Were it a window ahead, it would look better than the policy that it is."""
    policy, known, log = Trainee(in_shadow(PLACEMENT, PLACEMENT.challengers[0])), 0, list[LoggedInteraction]()
    for each in LOG:
        while known < len(log) and position(log[known]) <= position(each) - LAG_MS:
            policy.learn(log[known])
            known += 1
        pmf = policy.pmf(situation_of(Features(), OFFERS))
        decision = DecisionRecord()
        decision.CopyFrom(each.decision)
        decision.pmf[:] = pmf
        log.append(replace(each, decision=decision))
    record, _ = state(walked(log, batch=10, slice_s=math.inf))
    assert known > 0
    assert (record.measured, record.weight, record.earned) == (39, 39.0, record.reward)


def test_what_was_known_when_it_was_named_is_learned_at_once() -> None:
    """Everything but the last window, though nothing was decided since."""
    before = [each for each in LOG if position(each) <= ms(NAMED_AT)]
    challenger = walked(before, batch=100, slice_s=math.inf)
    assert ms(challenger.trainee.cursor) == ms(NAMED_AT) - LAG_MS
    assert challenger.waits_at(NAMED_AT)


@pytest.mark.parametrize(("batch", "slice_s"), [(1, math.inf), (3, math.inf), (100, 0.0), (2, 0.0)])
def test_batches_and_slices_change_no_bit(batch: int, slice_s: float) -> None:
    """A slice that is over at once makes one step."""
    assert state(walked(LOG, batch, slice_s)) == state(walked(LOG, 1000, math.inf))


def test_a_log_that_grows_meanwhile_changes_no_bit() -> None:
    """It waits where the log ends, and goes on when there is more."""
    challenger = shadow()
    for end in range(len(LOG) + 1):
        goes_on = True
        while goes_on:
            ahead = [each for each in LOG[:end] if position(each) > ms(challenger.estimates.weighed_to)]
            behind = [each for each in LOG[:end] if position(each) > ms(challenger.trainee.cursor)]
            goes_on = challenger.walk(ahead, behind, math.inf)
    assert state(challenger) == state(walked(LOG, 1000, math.inf))


def test_what_cannot_be_read_is_neither_weighed_nor_learned() -> None:
    damaged = LoggedInteraction("1405-0", DecisionRecord(mode=MODE_LEARNED, pmf=[1.0]), [])
    log = sorted([*LOG, damaged], key=position)
    challenger = walked(log, batch=10, slice_s=math.inf)
    assert challenger.trainee.refused == 1
    assert challenger.estimates.record().measured == walked(LOG, 10, math.inf).estimates.record().measured


def test_there_is_nothing_to_commit_before_all_that_is_believed_is_learned() -> None:
    """Or the commit would learn the rest at once, and a lease could run out in that time."""
    believer = Challenger(name="believer", policy=PolicySpec(popularity=PopularitySpec()))
    believer.policy.beliefs.add(offer=Offer(id="b"), reward=1.0, strength=3)
    placement = with_defaults(Placement(name="home", reward=PLACEMENT.reward, challengers=[believer]))
    measuring = Measuring(behind=NAMED_AT, confidence=0.95, ordinal=1, lag_ms=LAG_MS)
    trainee = Trainee(in_shadow(placement, placement.challengers[0]))
    challenger = Shadow(placement.challengers[0], trainee, None, Estimates(measuring, (0.0, 1.0)))  # type: ignore[arg-type]
    slices = 0
    while not challenger.uncommitted:
        assert challenger.walk([], [], until=0.0) or challenger.uncommitted
        challenger.measure_anew(measuring)  # the placement was changed meanwhile
        slices += 1
    assert slices == 7, "one for each of six interactions, three for each offer there may be, and one for the rest"


def found(low: float, verdict: Verdict) -> ChallengerStatus:
    more = ValueEstimate(value=low + 0.1, low=low, high=low + 0.2, confidence=0.975)
    value = ValueEstimate(value=0.5, low=0.4, high=0.6, confidence=0.95)
    return ChallengerStatus(
        measured=4321, value=value, policy_value=value, difference=more, verdict=verdict, reason="Why."
    )


# Margin, lower bound of the difference, verdict; whether it is promoted.
@pytest.mark.parametrize(
    ("margin", "low", "verdict", "expected"),
    [
        (0.0, 0.01, VERDICT_TRUST, True),
        (0.0, 0.0, VERDICT_TRUST, False),
        (0.0, -0.01, VERDICT_TRUST, False),
        (0.02, 0.01, VERDICT_TRUST, False),
        (0.02, 0.03, VERDICT_TRUST, True),
        (0.0, 0.9, VERDICT_CAUTION, False),
    ],
)
def test_what_is_proved(margin: float, low: float, verdict: Verdict, expected: bool) -> None:  # noqa: FBT001 - a column
    assert is_proved(AutoPromote(confidence=0.95, margin=margin), found(low, verdict)) is expected


def test_why_is_a_sentence_with_the_figures() -> None:
    assert reason_of(AutoPromote(margin=0.02), found(0.03, VERDICT_TRUST)) == (
        "On 4,321 decisions it would have earned 0.5 a decision, where the policy earned 0.5: +0.13, at least +0.03 "
        "with 97.5 % confidence at all times, which is above the margin of 0.02. Why."
    )
