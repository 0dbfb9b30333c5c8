"""What comes late, and what was before a reset, is learned as far as the bounds of the training say."""

from dataclasses import replace

from attune.learning.trainee import Start, Trainee
from attune.storage.v1.records_pb2 import OutcomeRecord, PlacementRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.v1.placement_pb2 import AGGREGATION_LAST, OutcomeRule, RewardSpec
from trained_log import NOW_MS, entry, further, log, placement, trained


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
