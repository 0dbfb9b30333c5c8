"""Late outcomes of an export, found again by the decision they belong to."""

from attune.logs.late_files import LateFiles
from attune.logs.readings import LateReading
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import recorded_elsewhere


def outcome(outcome_id: str, received_ms: int, value: float, happened_ms: int | None = None) -> RecordedOutcome:
    record = OutcomeRecord(name="click", value=value)
    if happened_ms is not None:
        record.occurred_at_ms = happened_ms
    return recorded_elsewhere(outcome_id, received_ms, record)


def values(outcomes: list[RecordedOutcome]) -> list[float]:
    return [each.record.value for each in outcomes]


def test_late_outcomes_join_the_others_in_the_order_in_which_they_happened() -> None:
    with LateFiles() as late:
        late.add([LateReading("x", "e1", outcome("b", 900, 3.0)), LateReading("x", "e2", outcome("a", 800, 9.0))])
        late.add([LateReading("x", "e1", outcome("c", 950, 2.0, happened_ms=150))])
        assert values(late.final("e1", 100, [outcome("w", 200, 1.0)])) == [2.0, 1.0, 3.0]
        assert late.final("e3", 100, []) == []
        assert late.unmatched() == 1


def test_an_outcome_counts_once_whatever_is_there_twice() -> None:
    with LateFiles() as late:
        late.add([LateReading("x", "e", outcome("a", 900, 1.0)), LateReading("x", "e", outcome("a", 990, 2.0))])
        late.add([LateReading("x", "e", outcome("w", 900, 5.0))])
        assert values(late.final("e", 100, [outcome("w", 200, 7.0)])) == [7.0, 1.0]
        assert values(late.final("e", 100, [])) == [1.0, 5.0]  # the decision may be there twice


def test_an_outcome_happened_between_the_decision_and_its_receipt() -> None:
    with LateFiles() as late:
        early, future = outcome("a", 900, 1.0, happened_ms=1), outcome("b", 900, 2.0, happened_ms=10**12)
        assert [each.happened_ms for each in late.final("e", 100, [future, early])] == [100, 900]
