"""The log as DSJSON: the lines that Azure Personalizer logged, and that Vowpal Wabbit reads (`vw --dsjson`).

One line for each slot, an ordinary decision about the offers that were left. What Vowpal Wabbit has no place for, and
an import needs, is in `_attune` and in the observations `o`: it ignores both.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attune.learning.entries import is_withheld
from attune.logs.namespaces import CONTEXT, OFFER, to_namespaces
from attune.logs.rows import SlotRow
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import LateEntry
from attune.v1.features_pb2 import Offer

SUFFIX = ".dsjson"


class DsjsonSheet:
    """A file of lines."""

    def __init__(self, path: Path) -> None:
        """Begin a file."""
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def add(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write lines, each a JSON object."""
        for line in lines:
            # ASCII only: no character of a name or value can be taken for the end of a line.
            self._file.write(json.dumps(line, separators=(",", ":"), allow_nan=False) + "\n")

    def close(self) -> None:
        """End the file."""
        self._file.close()


def interaction_line(placement: str, row: SlotRow) -> dict[str, Any]:
    """Return the line of a slot.

    Args:
        placement: The placement's name.
        row: The slot.
    """
    gone = {*row.drawn, *row.withdrawn}
    left = [i for i in range(len(row.offers)) if i not in gone]
    chosen = left.index(row.chosen)
    # The chosen one first, then the others in their order: what a service would have shown in this order.
    ranking = [chosen, *(i for i in range(len(left)) if i != chosen)]
    decision = row.decision
    return {
        # As costs: Vowpal Wabbit minimises. Adding 0 keeps a reward of 0 from becoming a cost of -0.
        "_label_cost": 0.0 - row.reward,
        "_label_probability": row.pmf[row.chosen],
        "_label_Action": chosen + 1,
        "_labelIndex": chosen,
        "o": [_observation(decision.event_id, outcome) for outcome in row.outcomes],
        "Timestamp": _timestamp(decision.decided_at_ms),
        "Version": "1",
        "EventId": decision.event_id,
        "a": [i + 1 for i in ranking],
        "c": _context(row) | {"_multi": [_action(row.offers[i]) for i in left]},
        "p": [row.pmf[left[i]] for i in ranking],
        "VWState": {"m": f"attune/{decision.policy_version}"},
        "_attune": {
            "placement": placement,
            "position": row.position,
            "slot": row.slot,
            "slots": row.slots,
            "decided_at_ms": decision.decided_at_ms,
            "mode": row.mode,
            "imported": decision.imported,
            "withheld": decision.withheld,
            **({"customer": decision.customer.hex()} if decision.customer else {}),
            "with_channels": decision.with_channels,
        },
        **({"_skipLearn": True} if is_withheld(decision) else {}),
    }


def late_line(placement: str, late: LateEntry) -> dict[str, Any]:
    """Return the line of a late outcome: a dangling observation, which Vowpal Wabbit skips."""
    value = late.outcome.record.value
    observation = _observation(late.event_id, late.outcome)
    return {"RewardValue": value, **observation, "_attune": {"placement": placement, "position": late.position}}


def _context(row: SlotRow) -> dict[str, Any]:
    slot = {"c_slot": {"slot": str(row.slot)}} if row.slot else {}
    return to_namespaces(CONTEXT, row.context) | slot


def _action(offer: Offer) -> dict[str, Any]:
    return {"_tag": offer.id, "o_id": {"id": offer.id}, **to_namespaces(OFFER, offer.features)}


def _observation(event_id: str, outcome: RecordedOutcome) -> dict[str, Any]:
    record = outcome.record
    observation = {
        "EventId": event_id,
        "v": record.value,
        "name": record.name,
        "outcome_id": outcome.outcome_id,
        "slot": record.slot,
        "received_at_ms": outcome.received_ms,
    }
    if record.HasField("occurred_at_ms"):
        observation["occurred_at_ms"] = record.occurred_at_ms
    return observation


def _timestamp(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
