"""From slots to decisions."""

from attune.logs.assembly import assembled
from attune.logs.readings import Candidate, LeftOut, Reason, Refused, SlotReading
from attune.storage.v1.records_pb2 import DecisionRecord


def reading(event_id: str, slot: int, ids: str = "abc", chosen: int = 0) -> SlotReading:
    pmf = [1.0 if i == chosen else 0.0 for i in range(len(ids))]
    return SlotReading(f"{event_id}:{slot}", DecisionRecord(event_id=event_id), list(ids), slot, pmf, chosen, [])


def test_the_slots_of_a_decision_become_one() -> None:
    skipped = LeftOut(Reason.NOT_SHOWN)
    first, *rest = assembled([reading("one", 0), reading("one", 1, "bc", 1), skipped, reading("two", 0)])
    # What is no slot is passed on where it stands; the decision before it may still go on.
    assert first is skipped
    one, two = rest
    assert isinstance(one, Candidate)
    assert isinstance(two, Candidate)
    assert (one.decision.chosen, list(one.decision.pmf)) == (0, [1.0, 0.0, 0.0])
    # The second slot was about the offers that were left: its probabilities are put where the first slot has them.
    (later,) = one.decision.later_slots
    assert (later.chosen, list(later.pmf)) == (2, [0.0, 0.0, 1.0])
    assert not two.decision.later_slots


def test_the_same_decision_twice_is_two() -> None:
    assert len(list(assembled([reading("one", 0), reading("one", 0)]))) == 2


def test_slots_that_are_missing_are_refused() -> None:
    # The first is missing; one in between is missing; another decision comes in between.
    broken = [reading("one", 1), reading("two", 0), reading("two", 2), reading("three", 0), reading("four", 1)]
    found = list(assembled(broken))
    assert [type(each) for each in found] == [Refused, Refused, Candidate, Refused]


def test_a_decision_of_which_a_slot_is_refused_does_not_pass_for_one_of_fewer_slots() -> None:
    readings = [reading("one", 0), Refused("one:1", "pmf: bad", "one"), reading("two", 0), Refused("x", "bad", "three")]
    found = list(assembled(readings))
    assert [type(each) for each in found] == [Refused, Refused, Candidate]
    assert [each.where for each in found if not isinstance(each, LeftOut)] == ["one:1", "x", "two:0"]


def test_a_later_slot_cannot_have_offers_of_its_own() -> None:
    (refused,) = assembled([reading("one", 0), reading("one", 1, "bx")])
    assert str(refused) == "one:1: offers: expected offers of the first slot, got others"
