"""What a reader finds in a file of a log: slots of decisions, late outcomes, and what is left out or refused.

Readers only read. Whether slots make a decision is seen in `attune.logs.assembly`, and whether the decision is
one that could have been logged, in `attune.logs.checks`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeAlias

from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.keys import CUSTOMER_KEY_BYTES
from attune.store.log_entries import RecordedOutcome

_CUSTOMER = re.compile(rf"[0-9a-f]{{{2 * CUSTOMER_KEY_BYTES}}}")
_POSITION = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


class RowError(ValueError):
    """A row cannot be what it says it is; the message names field, expected and got."""


class Reason(Enum):
    """Why a row is left out although nothing is wrong with it."""

    NOT_SHOWN = "not_shown"
    """A deferred decision that was never activated."""
    NOT_TO_LEARN = "not_to_learn"
    """Whoever logged it said `_skipLearn`."""
    CONTROL_WITHOUT_A_DRAW = "control_without_a_draw"
    """A control group's decision that could show one offer only: it says nothing about the others, and whoever wants
    another offer would seem to be without support. Who is in the control group does not depend on the reward."""
    WITHHELD = "withheld"
    """The customer has not allowed to learn from it."""
    NOTHING_TO_CHOOSE = "nothing_to_choose"
    """The placement's default offer was shown, because nothing was eligible: no policy would have drawn it."""
    UNMATCHED = "late_outcome_of_unknown_decision"
    """A late outcome whose decision is in none of the files."""


@dataclass(frozen=True, slots=True)
class SlotReading:
    """A slot of a decision.

    Attributes:
        where: File and row, for messages.
        decision: What all slots of the decision have in common; the offers are those of this slot.
        offer_ids: The ids of those offers.
        slot: Zero-based.
        pmf: Probability of each of the offers.
        chosen: Position of the offer drawn, zero-based.
        outcomes: What came of this slot.
        position: The decision's position in the training log it was exported from; empty where the log is not ours.
    """

    where: str
    decision: DecisionRecord
    offer_ids: Sequence[str]
    slot: int
    pmf: Sequence[float]
    chosen: int
    outcomes: Sequence[RecordedOutcome]
    position: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            RowError: It does not.
        """
        n_offers = len(self.offer_ids)
        _check_types([self.decision.event_id], [self.slot, self.chosen], self.outcomes)
        if len(set(self.offer_ids)) != n_offers:
            raise RowError(f"offers: expected ids of their own, got {sorted(self.offer_ids)[:5]}")
        if len(self.pmf) != n_offers:
            raise RowError(f"pmf: expected a probability for each of {n_offers} offers, got {len(self.pmf)}")
        if None in self.pmf:  # files know it, whatever types say
            raise RowError(
                f"pmf: expected a probability for each of {n_offers} offers, got none for offer {self.pmf.index(None)}"
            )
        if not 0 <= self.chosen < n_offers:
            raise RowError(f"chosen: expected a position from 0 to {n_offers - 1}, got {self.chosen}")


@dataclass(frozen=True, slots=True)
class LateReading:
    """An outcome that came after the reward window."""

    where: str
    event_id: str
    outcome: RecordedOutcome

    def __post_init__(self) -> None:
        """Refuse what is not of its type.

        Raises:
            RowError: It is not.
        """
        _check_types([self.event_id], [], [self.outcome])


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not imported, and that is right."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that is not imported, because something is wrong with it.

    Attributes:
        where: File and row.
        problem: What is wrong with it: field, expected and got.
        event_id: The decision it says it is a slot of; empty where that is not known.
    """

    where: str
    problem: str
    event_id: object = field(default="", compare=False)

    def __str__(self) -> str:
        """Return `where: problem`."""
        return f"{self.where}: {self.problem}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A decision put together from its slots."""

    where: str
    decision: DecisionRecord
    outcomes: Sequence[RecordedOutcome]
    position: str = ""


Reading: TypeAlias = SlotReading | LateReading | LeftOut | Refused


def present(values: Mapping[str, Any], name: str) -> Any:
    """Return a value that has to be there: to a protobuf message, None is a value that was not given, and means 0.

    Raises:
        RowError: It is not there.
    """
    if (value := values.get(name)) is None:
        raise RowError(f"{name}: expected a value, got none")
    return value


def position_of(values: Mapping[str, Any]) -> str:
    """Return the position that a row of an export names; empty where there is none.

    Raises:
        RowError: It is no position.
    """
    position = values.get("position") or ""
    if position and not (isinstance(position, str) and _POSITION.fullmatch(position)):
        raise RowError(f"position: expected one like 1795300000000-0, got {str(position)[:60]!r}")
    return position


def customer_of(values: Mapping[str, Any]) -> bytes:
    """Return the keyed hash of the customer that a row of an export names; empty where there is none.

    Raises:
        RowError: It is no such hash.
    """
    customer = values.get("customer") or ""
    if customer and not (isinstance(customer, str) and _CUSTOMER.fullmatch(customer)):
        raise RowError(f"customer: expected {2 * CUSTOMER_KEY_BYTES} hexadecimal digits, got {str(customer)[:60]!r}")
    return bytes.fromhex(customer)


def _check_types(texts: Sequence[object], numbers: Sequence[object], outcomes: Sequence[RecordedOutcome]) -> None:
    """Files have no types that could be relied on: what is no text or whole number would only be found in the store."""
    texts = [*texts, *(outcome.outcome_id for outcome in outcomes)]
    numbers = [*numbers, *(outcome.received_ms for outcome in outcomes)]
    for text in texts:
        if not isinstance(text, str):
            raise RowError(f"event_id, outcome_id: expected a text, got {text!r}")
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise RowError(f"slot, chosen, received_at: expected a whole number, got {number!r}")
