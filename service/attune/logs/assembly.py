"""From slots to decisions: rows of one decision follow each other, the first slot first."""

from collections.abc import Iterable, Iterator

from attune.logs.readings import Candidate, LateReading, LeftOut, Reading, Refused, SlotReading
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord


def assembled(readings: Iterable[Reading]) -> Iterator[Candidate | LateReading | LeftOut | Refused]:
    """Put decisions together; everything that is no slot is passed on.

    Args:
        readings: Of one file, in its order.
    """
    slots: list[SlotReading] = []
    for reading in readings:
        if isinstance(reading, SlotReading):
            if slots and not _continues(slots, reading):
                yield _decision(slots)
                slots = []
            slots.append(reading)
        else:
            if slots and isinstance(reading, Refused) and reading.event_id == slots[0].decision.event_id:
                slots = []  # without one of its slots it would pass for a decision of fewer slots
            yield reading
    if slots:
        yield _decision(slots)


def _continues(slots: list[SlotReading], reading: SlotReading) -> bool:
    # A first slot always begins a decision: a file may hold the same decision twice.
    return reading.slot > 0 and reading.decision.event_id == slots[0].decision.event_id


def _decision(slots: list[SlotReading]) -> Candidate | Refused:
    first = slots[0]
    found = [reading.slot for reading in slots]
    if found != list(range(len(slots))):
        return Refused(
            first.where, f"slot: expected the slots of a decision from 0 on, one after the other, got {found}"
        )
    decision = DecisionRecord()
    decision.CopyFrom(first.decision)
    decision.pmf.extend(first.pmf)
    decision.chosen = first.chosen
    ids = list(first.offer_ids)
    drawn = {first.chosen}
    for reading in slots[1:]:
        chosen = reading.offer_ids[reading.chosen]
        probability = dict(zip(reading.offer_ids, reading.pmf, strict=True))
        if not set(reading.offer_ids) <= set(ids):
            return Refused(reading.where, "offers: expected offers of the first slot, got others")
        # What is not among the offers of a slot could not be drawn for it.
        record = SlotRecord(
            pmf=[probability.get(offer_id, 0.0) for offer_id in ids],
            chosen=ids.index(chosen),
            withdrawn=[i for i, offer_id in enumerate(ids) if offer_id not in probability and i not in drawn],
        )
        decision.later_slots.append(record)
        drawn.add(record.chosen)
    outcomes = [outcome for reading in slots for outcome in reading.outcomes]
    return Candidate(first.where, decision, outcomes, first.position)
