"""What is explained first, when not all can be. What an explainer does with a store is seen in tests/contract."""

from attune.serving.explainer import MAX_EXPLAINED, most_wanted
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord


def test_the_chosen_come_first_then_the_most_probable() -> None:
    later = [SlotRecord(chosen=0), SlotRecord(chosen=4)]
    record = DecisionRecord(pmf=[0.1, 0.3, 0.05, 0.3, 0.25], chosen=2, later_slots=later)
    assert most_wanted(record) == [2, 0, 4, 1, 3]


def test_equal_probabilities_keep_the_order_of_the_request() -> None:
    assert most_wanted(DecisionRecord(pmf=[0.25] * 4, chosen=3)) == [3, 0, 1, 2]


def test_no_more_than_a_message_can_hold() -> None:
    record = DecisionRecord(pmf=[1e-3] * 1000, chosen=999)
    assert most_wanted(record) == [999, *range(MAX_EXPLAINED - 1)]
