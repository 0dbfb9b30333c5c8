"""What a challenger would have earned, computed by hand; and that no batch and no pause changes a bit of it."""

from collections.abc import Sequence

import pytest

from attune.learning.entries import Lesson
from attune.learning.estimates import Estimates
from attune.learning.measuring import Measured, confidence_of, counts, is_known, measured
from attune.storage.v1.records_pb2 import DecisionRecord, Measuring, SlotRecord
from attune.store.log_entries import LoggedInteraction
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED
from attune.v1.placement_service_pb2 import VERDICT_REFUSE, VERDICT_TRUST, VERDICT_UNSPECIFIED
from attune_models.pmf import unit_interval
from attune_models.rounds import LARGEST_WEIGHT
from attune_models.slots import interaction
from attune_models.types import Pmf, Situation

ABC = Situation("user=Tom", ["a", "b", "c"], ["=a", "=b", "=c"])
MEASURING = Measuring(behind="100-0", least_version=3, confidence=0.95, ordinal=1, lag_ms=50)
CLICKS = (0.0, 1.0)


def first_slot(pmf: Pmf, chosen: int, reward: float) -> tuple[DecisionRecord, Lesson]:
    decision = DecisionRecord(event_id="e", pmf=pmf, chosen=chosen, mode=MODE_LEARNED)
    return decision, Lesson([interaction(ABC, [], chosen, pmf[chosen], reward)], 0)


def two_slots(reward: tuple[float, float]) -> tuple[DecisionRecord, Lesson]:
    """First c is drawn with probability 1/2, then a, of what is left, with probability 1/4."""
    decision = DecisionRecord(event_id="e", pmf=[0.25, 0.25, 0.5], chosen=2)
    decision.later_slots.append(SlotRecord(pmf=[0.25, 0.75, 0.0], chosen=0))
    second = interaction(ABC, [2], 0, 0.25, reward[1])
    return decision, Lesson([interaction(ABC, [], 2, 0.5, reward[0]), second], 0)


def of_size(pmfs: dict[int, Pmf]) -> object:
    return lambda situation: pmfs[len(situation.actions)]


# The log's pmf, what was drawn, what it earned, the challenger's pmf; weight, reward and unsupported mass by hand.
@pytest.mark.parametrize(
    ("pmf", "chosen", "reward", "target", "expected"),
    [
        ([0.5, 0.25, 0.25], 0, 1.0, [0.25, 0.5, 0.25], (0.5, 1.0, 0.0)),
        ([0.5, 0.25, 0.25], 1, 0.0, [0.0, 1.0, 0.0], (4.0, 0.0, 0.0)),
        ([0.5, 0.25, 0.25], 2, 0.5, [1.0, 0.0, 0.0], (0.0, 0.5, 0.0)),
        # A third of what it would do could not have been seen.
        ([0.5, 0.5, 0.0], 0, 1.0, [0.25, 0.25, 0.5], (0.5, 1.0, 0.5)),
        ([1.0, 0.0, 0.0], 0, 1.0, [0.0, 0.0, 1.0], (0.0, 1.0, 1.0)),
    ],
)
def test_a_decision_is_weighed(
    pmf: Pmf, chosen: int, reward: float, target: Pmf, expected: tuple[float, float, float]
) -> None:
    weighed = measured(lambda _: target, *first_slot(pmf, chosen, reward), CLICKS)
    assert (weighed.weight, weighed.reward, weighed.unsupported) == expected


def test_the_weight_of_several_slots_is_their_product_and_their_reward_the_mean() -> None:
    targets = {3: [0.2, 0.3, 0.5], 2: [0.5, 0.5]}
    weighed = measured(of_size(targets), *two_slots((0.5, 0.25)), CLICKS)  # type: ignore[arg-type]
    assert (weighed.weight, weighed.reward, weighed.unsupported) == (1.0 * 2.0, 0.375, 0.0)
    assert [list(pmf) for pmf in weighed.pmfs] == [[0.25, 0.25, 0.5], [0.25, 0.75]]


def test_two_clicks_are_worth_more_than_one() -> None:
    """Or a policy that gets one more often would replace one that gets two at once, and earns more."""
    targets = of_size({3: [0.2, 0.3, 0.5], 2: [0.5, 0.5]})
    clicks = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
    rewards = [measured(targets, *two_slots(each), CLICKS).reward for each in clicks]  # type: ignore[arg-type]
    assert rewards == [0.0, 0.5, 1.0]


def test_a_weight_beyond_all_numbers_is_cut() -> None:
    assert measured(lambda _: [1.0, 0.0, 0.0], *first_slot([5e-324, 1.0, 0.0], 0, 1.0), CLICKS).weight == LARGEST_WEIGHT


def entry(position: str, **fields: object) -> LoggedInteraction:
    decided = {"mode": MODE_LEARNED, "policy_version": 3, **fields}
    return LoggedInteraction(position, DecisionRecord(**decided), [])  # type: ignore[arg-type]


def test_what_counts() -> None:
    assert counts(entry("100-1"), MEASURING)
    assert not counts(entry("100-0"), MEASURING), "it was there when the challenger was named"
    assert not counts(entry("9-9"), MEASURING), "positions are numbers, not text"
    assert not counts(entry("101-0", policy_version=2), MEASURING), "another policy decided"
    assert not counts(entry("101-0", mode=MODE_CONTROL), MEASURING)
    assert not counts(entry("101-0", mode=MODE_FALLBACK), MEASURING)
    assert not counts(entry("101-0", imported=True), MEASURING)
    assert not counts(entry("101-0", withheld=True), MEASURING), "the customer has not allowed it"
    revision = LoggedInteraction("102-0", entry("101-0").decision, [], revises="101-0")
    assert not counts(revision, MEASURING), "it was measured before"


def test_an_entry_is_known_a_window_before_another_was_logged() -> None:
    assert is_known("50-7", "100-0", 50)
    assert not is_known("51-0", "100-0", 50)


def test_the_shares_of_the_error_sum_to_the_whole() -> None:
    """1/2 + 1/6 + 1/12 + ... = 1: for the first n it is n / (n + 1)."""
    errors = [1.0 - confidence_of(Measuring(confidence=0.9, ordinal=k)) for k in range(1, 1000)]
    assert errors[0] == pytest.approx(0.05, rel=1e-12)
    assert sum(errors) == pytest.approx(0.1 * 999 / 1000, rel=1e-9)


def decisions(n: int, lift: float) -> list[Measured]:
    """Uniform draws of two actions, of which the challenger prefers b, which earns `lift` more."""
    made = []
    for i in range(n):
        chosen = int(unit_interval("draw", str(i)) < 0.5)
        reward = float(unit_interval("click", str(i)) < 0.3 + lift * chosen)
        slot = interaction(Situation("", ["a", "b"], ["=a", "=b"]), [], chosen, 0.5, reward)
        made.append(Measured(f"e{i}", "learned", [slot], [[0.5, 0.5]], (0.2, 1.8)[chosen], reward, 0.0))
    return made


def estimated(seen: Sequence[Measured], *cuts: int) -> Estimates:
    """Estimates of decisions that came in batches, put away and taken up again in between."""
    estimates = Estimates(MEASURING, CLICKS)
    for first, last in zip((0, *cuts), (*cuts, len(seen)), strict=True):
        for each in seen[first:last]:
            estimates.add(each)
        record = estimates.record()
        estimates = Estimates(MEASURING, CLICKS)
        estimates.resume(record)
    return estimates


@pytest.mark.parametrize("cuts", [(1,), (1, 2, 3), (64, 128), (255, 256, 257), (500, 999)])
def test_batches_and_pauses_change_no_bit(cuts: tuple[int, ...]) -> None:
    seen = decisions(1000, 0.2)
    assert estimated(seen, *cuts).record() == estimated(seen).record()


def test_the_estimates_are_those_of_the_sums() -> None:
    seen = decisions(4000, 0.2)
    status = estimated(seen).status()
    weight, reward = sum(each.weight for each in seen), sum(each.reward for each in seen)
    earned = sum(each.weight * each.reward for each in seen)
    assert status.measured == 4000
    assert status.policy_value.value == reward / 4000
    # w r less the policy's mean for what the weights are above 1.
    assert status.value.value == pytest.approx((earned - reward / 4000 * (weight - 4000)) / 4000, rel=1e-12)
    assert status.difference.value == pytest.approx(status.value.value - status.policy_value.value, rel=1e-9)
    # 90 % of b, which earns .2 more, instead of 50 %: .08 more.
    assert status.difference.low < 0.08 < status.difference.high
    assert (status.value.confidence, status.difference.confidence) == (0.95, 0.975)
    assert status.verdict == VERDICT_TRUST


def test_before_anything_is_measured_nobody_has_looked() -> None:
    status = Estimates(MEASURING, CLICKS).status()
    assert (status.verdict, status.HasField("value")) == (VERDICT_UNSPECIFIED, False)


def test_a_handful_of_decisions_is_not_to_be_trusted() -> None:
    assert estimated(decisions(50, 0.2)).status().verdict == VERDICT_REFUSE
