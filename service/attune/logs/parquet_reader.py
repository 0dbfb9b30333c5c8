"""Reads Parquet files that `attune export` wrote, a batch of rows at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from attune.logs.kept import ReadOffer
from attune.logs.parquet import INTERACTIONS, LATE
from attune.logs.readings import LateReading, Reading, Refused, RowError, SlotReading, customer_of, position_of, present
from attune.logs.rows import MODES
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.log_entries import RecordedOutcome
from attune.store.training_log import recorded_elsewhere
from attune.v1.decision_service_pb2 import Mode
from attune.v1.features_pb2 import Features, Offer, Tags, Vector

_BATCH_ROWS = 256
_OFFERS = "offers"
# ValueError: names of columns that are no UTF-8.
_UNREADABLE = (pa.ArrowException, OSError, ValueError)
# Each keeps the batch in memory that it is from.
_MOST_LISTS = 4
_MODES = {word: mode for mode, word in MODES.items()}
# What cannot be made from something else.
_NEEDED = ("event_id", "slot", "decided_at", "mode", "context", "offers", "pmf", "chosen", "outcomes")
_WELCOME = ("position", "withheld", "customer", "with_channels", "withdrawn")
_NEEDED_LATE = ("event_id", "slot", "outcome_id", "name", "value", "occurred_at", "received_at")


def has_late_outcomes(path: Path) -> bool:
    """Tell whether a file is one of late outcomes; False for one that cannot be read."""
    try:
        return _is_late(parquet.read_schema(path))
    except _UNREADABLE:
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
            kept = _KeptLists()
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(asked)):
                plain = [name for name in asked if name != _OFFERS]
                lists = None if is_late else _cast(batch, schema, [_OFFERS]).column(_OFFERS).combine_chunks()
                for i, values in enumerate(_cast(batch, schema, plain).to_pylist()):
                    row += 1
                    offers = partial(kept.offers, lists, i)
                    yield _read_row(f"{path}:{row}", values, None if is_late else offers)
    except _UNREADABLE as error:
        yield Refused(str(path), f"expected a Parquet file as attune export writes it, got one that says: {error}")


def _is_late(schema: Any) -> bool:
    return "pmf" not in schema.names and "outcome_id" in schema.names


def _cast(batch: Any, schema: Any, names: Sequence[str]) -> Any:
    """Return columns of a batch as a table with the types of a schema, but times as milliseconds since the epoch."""
    wanted = pa.schema([(name, _without_times(schema.field(name).type)) for name in names])
    return pa.Table.from_batches([batch]).select(list(names)).cast(wanted)


def _without_times(kind: Any) -> Any:
    # Python's own times end with the year 9999, and are slow.
    if pa.types.is_timestamp(kind):
        return pa.int64()
    if pa.types.is_list(kind) and pa.types.is_struct(kind.value_type):
        members = [kind.value_type.field(i) for i in range(kind.value_type.num_fields)]
        return pa.list_(pa.struct([(member.name, _without_times(member.type)) for member in members]))
    return kind


def _read_row(where: str, values: Mapping[str, Any], offers: Callable[[], Sequence[ReadOffer]] | None) -> Reading:
    try:
        if offers is None:
            return LateReading(where, values["event_id"], _outcome(values, present(values, "slot")))
        return _slot(where, values, offers())
    except RowError as error:
        return Refused(where, str(error), values["event_id"])
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        return Refused(
            where, f"expected a row as attune export writes it, got one that does not fit: {error}", values["event_id"]
        )


def _slot(where: str, values: Mapping[str, Any], offers: Sequence[ReadOffer]) -> SlotReading:
    decision = DecisionRecord(
        event_id=present(values, "event_id"),
        decided_at_ms=present(values, "decided_at"),
        context=_features(values["context"]).SerializeToString(deterministic=True),
        offers=[offer.serialised for offer in offers],
        mode=_mode(values["mode"]),
        imported=True,
        withheld=bool(values.get("withheld")),
        customer=customer_of(values),
        with_channels=bool(values.get("with_channels")),
    )
    outcomes = [_outcome(outcome, values["slot"]) for outcome in values["outcomes"] or []]
    ids, position = [offer.id for offer in offers], position_of(values)
    pmf, chosen = present(values, "pmf"), values["chosen"]
    if values.get("withdrawn"):
        ids, pmf, chosen = _without(ids, pmf, chosen, values["withdrawn"])
    return SlotReading(where, decision, ids, values["slot"], pmf, chosen, outcomes, position)


def _without(
    ids: Sequence[str], pmf: Sequence[float], chosen: int, withdrawn: Sequence[int]
) -> tuple[list[str], list[float], int]:
    """Return the offers of a slot that were not withdrawn from it, their probabilities, and which one was drawn."""
    gone = set(withdrawn)
    if len(pmf) != len(ids) or not gone <= set(range(len(ids))) or chosen in gone or any(pmf[i] for i in gone):
        raise RowError(f"withdrawn: expected positions of offers that could not be drawn, got {sorted(gone)[:5]}")
    left = [i for i in range(len(ids)) if i not in gone]
    return [ids[i] for i in left], [pmf[i] for i in left], chosen - sum(i < chosen for i in gone)


def _mode(word: object) -> Mode:
    if not isinstance(word, str) or word not in _MODES:
        raise RowError(f"mode: expected one of {', '.join(sorted(_MODES))}, got {word!r:.60}")
    return _MODES[word]


class _KeptLists:
    """The offers of the rows before: most rows have equal ones, and comparing is far cheaper than reading."""

    def __init__(self) -> None:
        self._lists: list[tuple[Any, Sequence[ReadOffer]]] = []

    def offers(self, lists: Any, i: int) -> Sequence[ReadOffer]:
        """Return the offers of a row.

        Args:
            lists: The column of offers of the row's batch.
            i: The row's position in it.

        Raises:
            RowError: There are none.
        """
        offers = lists[i].values
        if offers is None:
            raise RowError(f"{_OFFERS}: expected a value, got none")
        for n, (known, read) in enumerate(self._lists):
            if known.equals(offers):
                self._lists.insert(0, self._lists.pop(n))
                return read
        read = [_offer(offer) for offer in offers.to_pylist()]
        self._lists = [(offers, read), *self._lists[: _MOST_LISTS - 1]]
        return read


def _offer(values: Mapping[str, Any]) -> ReadOffer:
    offer = Offer(id=values["id"], features=_features(values["features"]))
    return ReadOffer(offer.id, offer.SerializeToString(deterministic=True))


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
