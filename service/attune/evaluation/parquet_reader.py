"""Reads Parquet files that `attune export` wrote, a batch of rows at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from attune.evaluation.parquet import INTERACTIONS, LATE
from attune.evaluation.readings import LateReading, Reading, Refused, RowError, SlotReading, position_of, present
from attune.evaluation.rows import MODES
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.decisions import RecordedOutcome
from attune.store.training_log import recorded_elsewhere
from attune.v1.features_pb2 import Features, Offer, Tags, Vector

_BATCH_ROWS = 256
_MODES = {word: mode for mode, word in MODES.items()}
# What cannot be made from something else.
_NEEDED = ("event_id", "slot", "decided_at", "mode", "context", "offers", "pmf", "chosen", "outcomes")
_WELCOME = ("position",)
_NEEDED_LATE = ("event_id", "slot", "outcome_id", "name", "value", "occurred_at", "received_at")


def has_late_outcomes(path: Path) -> bool:
    """Tell whether a file is one of late outcomes; False for one that cannot be read."""
    try:
        return _is_late(parquet.read_schema(path))
    except (pa.ArrowException, OSError):
        return False


def read(path: Path) -> Iterator[Reading]:
    """Read a file.

    Args:
        path: A Parquet file of interactions or of late outcomes.
    """
    try:
        with parquet.ParquetFile(path) as file:
            is_late = _is_late(file.schema_arrow)
            needed, schema = (_NEEDED_LATE, LATE) if is_late else (_NEEDED, INTERACTIONS)
            missing = [name for name in needed if name not in file.schema_arrow.names]
            if missing:
                yield Refused(str(path), f"columns: expected {', '.join(needed)}, got none called {', '.join(missing)}")
                return
            row = 0
            asked = (*needed, *(name for name in _WELCOME if name in file.schema_arrow.names))
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(asked)):
                for values in _plain(batch, schema, asked):
                    row += 1
                    yield _read_row(f"{path}:{row}", values, is_late=is_late)
    except (pa.ArrowException, OSError) as error:
        yield Refused(str(path), f"expected a Parquet file as attune export writes it, got one that says: {error}")


def _is_late(schema: Any) -> bool:
    return "pmf" not in schema.names and "outcome_id" in schema.names


def _plain(batch: Any, schema: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows of a batch with times as milliseconds since the epoch."""
    wanted = pa.schema([(name, _without_times(schema.field(name).type)) for name in names])
    rows: list[dict[str, Any]] = pa.Table.from_batches([batch]).select(list(names)).cast(wanted).to_pylist()
    return rows


def _without_times(kind: Any) -> Any:
    # Python's own times end with the year 9999, and are slow.
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        members = [kind.value_type.field(i) for i in range(kind.value_type.num_fields)]
        return pa.list_(pa.struct([(member.name, _without_times(member.type)) for member in members]))
    return kind


def _read_row(where: str, values: Mapping[str, Any], *, is_late: bool) -> Reading:
    try:
        if is_late:
            return LateReading(where, values["event_id"], _outcome(values, present(values, "slot")))
        return _slot(where, values)
    except RowError as error:
        return Refused(where, str(error))
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return Refused(where, f"expected a row as attune export writes it, got one that does not fit: {error}")


def _slot(where: str, values: Mapping[str, Any]) -> SlotReading:
    offers = [Offer(id=offer["id"], features=_features(offer["features"])) for offer in present(values, "offers")]
    decision = DecisionRecord(
        event_id=present(values, "event_id"),
        decided_at_ms=present(values, "decided_at"),
        context=_features(values["context"]).SerializeToString(deterministic=True),
        offers=[offer.SerializeToString(deterministic=True) for offer in offers],
        mode=_MODES[values["mode"]],
        imported=True,
    )
    outcomes = [_outcome(outcome, values["slot"]) for outcome in values["outcomes"] or []]
    ids = [offer.id for offer in offers]
    return SlotReading(
        where, decision, ids, values["slot"], values["pmf"], values["chosen"], outcomes, position_of(values)
    )


def _outcome(values: Mapping[str, Any], slot: int) -> RecordedOutcome:
    record = OutcomeRecord(name=present(values, "name"), value=present(values, "value"), slot=slot)
    if values["occurred_at"] is not None:
        record.occurred_at_ms = values["occurred_at"]
    return recorded_elsewhere(values["outcome_id"], values["received_at"], record)


def _features(values: Mapping[str, Any] | None) -> Features:
    if values is None:
        return Features()
    return Features(
        numeric=dict(values["numeric"] or ()),
        categorical=dict(values["categorical"] or ()),
        tags={name: Tags(values=tags) for name, tags in values["tags"] or ()},
        dense={name: Vector(values=components) for name, components in values["dense"] or ()},
    )
