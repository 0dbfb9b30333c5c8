"""The log as Parquet. Every column is described in docs/training-log.md; docs/decisions/0010-parquet.md says why.

Rows become Arrow batches at once, and batches are gathered into row groups of limited size: memory stays constant.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
from google.protobuf import json_format
from pyarrow import parquet

from attune.logs.rows import SlotRow
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import LateEntry
from attune.v1.features_pb2 import Features
from attune.v1.placement_pb2 import RewardSpec

SUFFIX = ".parquet"

_GROUP_BYTES = 16 << 20
_TIME = pa.timestamp("ms", tz="UTC")
_FEATURES = pa.struct(
    [
        ("numeric", pa.map_(pa.string(), pa.float64())),
        ("categorical", pa.map_(pa.string(), pa.string())),
        ("tags", pa.map_(pa.string(), pa.list_(pa.string()))),
        ("dense", pa.map_(pa.string(), pa.list_(pa.float32()))),
    ]
)
_OUTCOME = [
    ("outcome_id", pa.string()),
    ("name", pa.string()),
    ("value", pa.float64()),
    ("occurred_at", _TIME),
    ("received_at", _TIME),
    ("late", pa.bool_()),
]
INTERACTIONS = pa.schema(
    [
        ("position", pa.string()),
        ("event_id", pa.string()),
        ("slot", pa.int32()),
        ("decided_at", _TIME),
        ("placement", pa.string()),
        ("policy_version", pa.int64()),
        ("mode", pa.string()),
        ("imported", pa.bool_()),
        ("withheld", pa.bool_()),
        ("customer", pa.string()),
        ("with_channels", pa.bool_()),
        ("context", _FEATURES),
        ("offers", pa.list_(pa.struct([("id", pa.string()), ("features", _FEATURES)]))),
        ("pmf", pa.list_(pa.float64())),
        ("withdrawn", pa.list_(pa.int32())),
        ("chosen", pa.int32()),
        ("chosen_offer_id", pa.string()),
        ("propensity", pa.float64()),
        ("outcomes", pa.list_(pa.struct(_OUTCOME))),
        ("reward", pa.float64()),
    ]
)
LATE = pa.schema(
    [("position", pa.string()), ("placement", pa.string()), ("event_id", pa.string()), ("slot", pa.int32()), *_OUTCOME]
)


class ParquetSheet:
    """A file of row groups."""

    def __init__(self, path: Path, schema: Any) -> None:
        """Begin a file."""
        self._schema = schema
        self._writer = parquet.ParquetWriter(path, schema, compression="zstd")
        self._batches: list[Any] = []
        self._size_bytes = 0

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows, each a value for every column."""
        batch = pa.RecordBatch.from_pylist(list(rows), self._schema)
        self._batches.append(batch)
        self._size_bytes += batch.nbytes
        if self._size_bytes >= _GROUP_BYTES:
            self._write_group()

    def close(self) -> None:
        """End the file."""
        if self._batches:
            self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        self._writer.write_table(pa.Table.from_batches(self._batches))
        self._batches, self._size_bytes = [], 0


def interactions_schema(reward: RewardSpec) -> Any:
    """Return the schema of interactions that says in its metadata how `reward` was folded."""
    spec = json_format.MessageToDict(reward, preserving_proto_field_name=True)
    return cast("Any", INTERACTIONS.with_metadata({"attune.reward_spec": json.dumps(spec)}))


def interaction_row(placement: str, row: SlotRow) -> dict[str, Any]:
    """Return the row of a slot.

    Args:
        placement: The placement's name.
        row: The slot.
    """
    decision = row.decision
    return {
        "position": row.position,
        "event_id": decision.event_id,
        "slot": row.slot,
        "decided_at": decision.decided_at_ms,
        "placement": placement,
        "policy_version": decision.policy_version,
        "mode": row.mode,
        "imported": decision.imported,
        "withheld": decision.withheld,
        "customer": decision.customer.hex() or None,
        "with_channels": decision.with_channels,
        "context": _features(row.context),
        "offers": [{"id": offer.id, "features": _features(offer.features)} for offer in row.offers],
        "pmf": list(row.pmf),
        "withdrawn": list(row.withdrawn),
        "chosen": row.chosen,
        "chosen_offer_id": row.offers[row.chosen].id,
        "propensity": row.pmf[row.chosen],
        "outcomes": [_outcome(outcome, late=False) for outcome in row.outcomes],
        "reward": row.reward,
    }


def late_row(placement: str, late: LateEntry) -> dict[str, Any]:
    """Return the row of a late outcome."""
    place = {"position": late.position, "placement": placement, "event_id": late.event_id}
    return {**place, "slot": late.outcome.record.slot, **_outcome(late.outcome, late=True)}


def _outcome(outcome: RecordedOutcome, *, late: bool) -> dict[str, Any]:
    record = outcome.record
    return {
        "outcome_id": outcome.outcome_id,
        "name": record.name,
        "value": record.value,
        "occurred_at": record.occurred_at_ms if record.HasField("occurred_at_ms") else None,
        "received_at": outcome.received_ms,
        "late": late,
    }


def _features(features: Features) -> dict[str, Any]:
    return {
        "numeric": [(name, features.numeric[name]) for name in sorted(features.numeric)],
        "categorical": [(name, features.categorical[name]) for name in sorted(features.categorical)],
        "tags": [(name, list(features.tags[name].values)) for name in sorted(features.tags)],
        "dense": [(name, list(features.dense[name].values)) for name in sorted(features.dense)],
    }
