"""Entries of the training log, decoded: a decision, and what came of it within the window and after it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.keys import PlacementKeys
from attune.store.offer_set import OfferSet, offers_of
from attune.store.offer_sets import OfferSets

_LATE = b"L"


@dataclass(frozen=True, slots=True)
class RecordedOutcome:
    """An outcome as it stands in the store.

    Attributes:
        outcome_id: Its idempotency key.
        received_ms: When it was received, milliseconds since the epoch by the store's clock.
        happened_ms: When it happened, milliseconds since the epoch: when the caller said, but not before the decision
            and not after it was received, because clocks differ.
        record: What the caller said.
        late: When it came after the reward window, and does not count yet: its position in the stream of late outcomes.
    """

    outcome_id: str
    received_ms: int
    happened_ms: int
    record: OutcomeRecord
    late: str = ""


@dataclass(frozen=True, slots=True)
class LoggedInteraction:
    """An entry of the training log.

    Attributes:
        position: Its stream id.
        decision: The decision.
        outcomes: What came of it within the window, earliest first; of a revision, all that has come of it.
        late: What came after the window, but before the decision was logged: only final rewards count it.
        revises: Of a revision, the position of the entry whose reward it corrects; else empty.
        offer_set: The set of offers that the decision names; None where it names none, or where it is lost.
    """

    position: str
    decision: DecisionRecord
    outcomes: list[RecordedOutcome]
    late: Sequence[RecordedOutcome] = ()
    revises: str = ""
    offer_set: OfferSet | None = None

    @property
    def offers(self) -> Sequence[bytes]:
        """The offers that could be drawn, see `attune.store.offer_set.offers_of`; many entries share them."""
        return offers_of(self.decision, self.offer_set)


async def logged(
    offer_sets: OfferSets, keys: PlacementKeys, entries: Iterable[tuple[bytes, Mapping[bytes, bytes]]]
) -> list[LoggedInteraction]:
    """Decode entries of the training log, with the sets of offers that they name.

    Args:
        offer_sets: Where sets are found.
        keys: The placement's keys.
        entries: Stream id and fields of each.

    Raises:
        StoreUnavailableError: The store did not answer in time.
    """
    decoded = [interaction_of(*entry) for entry in entries]
    sets = await offer_sets.sets_of(keys, [entry.decision for entry in decoded])
    # Not into the decisions: a portion of the log would hold each offer as often as it could be drawn.
    return [
        each if found is None else replace(each, offer_set=found) for each, found in zip(decoded, sets, strict=True)
    ]


def interaction_of(position: bytes, entry: Mapping[bytes, bytes]) -> LoggedInteraction:
    """Decode an entry of the training log.

    Args:
        position: Its stream id.
        entry: Its fields, see `PlacementKeys.interactions`.
    """
    decision = DecisionRecord.FromString(entry[b"d"])
    recorded = {key[1:]: value for key, value in entry.items() if key.startswith(b"o")}
    late = [
        outcome_of(key.decode(), value, decision.decided_at_ms)
        for key, value in recorded.items()
        if value.startswith(_LATE)
    ]
    within = outcomes_of(recorded, decision.decided_at_ms)
    return LoggedInteraction(position.decode(), decision, within, late, entry.get(b"r", b"").decode())


def outcomes_of(recorded: Mapping[bytes, bytes], decided_at_ms: int) -> list[RecordedOutcome]:
    """Decode the outcomes of a decision that came within the reward window.

    Args:
        recorded: The value of `PlacementKeys.outcomes`.
        decided_at_ms: When the decision was made, milliseconds since the epoch.

    Returns:
        Earliest first.
    """
    return in_order(
        outcome_of(key.decode(), value, decided_at_ms) for key, value in recorded.items() if not value.startswith(_LATE)
    )


def in_order(outcomes: Iterable[RecordedOutcome]) -> list[RecordedOutcome]:
    """Sort outcomes of a decision, earliest first.

    By when they happened, then when they were received, then by id: so the order is the same wherever it is asked for.
    """
    return sorted(outcomes, key=lambda outcome: (outcome.happened_ms, outcome.received_ms, outcome.outcome_id))


def outcome_of(outcome_id: str, value: bytes, decided_at_ms: int) -> RecordedOutcome:
    """Decode an outcome.

    Args:
        outcome_id: Its idempotency key.
        value: A value of `PlacementKeys.outcomes`.
        decided_at_ms: When the decision was made, milliseconds since the epoch.
    """
    received, _, serialised = value.partition(b":")
    record = OutcomeRecord.FromString(serialised)
    position = received.removeprefix(_LATE).decode()
    received_ms = int(position.partition("-")[0])
    said_ms = record.occurred_at_ms if record.HasField("occurred_at_ms") else received_ms
    # The decision's time is the server's, the other one the store's: where they disagree, the store's counts.
    happened_ms = min(max(said_ms, decided_at_ms), received_ms)
    return RecordedOutcome(outcome_id, received_ms, happened_ms, record, position if received.startswith(_LATE) else "")
