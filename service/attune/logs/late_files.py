"""Late outcomes of an export: put aside in a first pass, and found again by the decision they belong to.

They come in the order in which they were received, which is not that of the decisions, and nobody knows how many there
are. So they are put into a private database on the disk, of which a few MiB are in memory; it goes with its connection.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Self

from attune.logs.readings import LateReading
from attune.storage.v1.records_pb2 import OutcomeRecord
from attune.store.log_entries import RecordedOutcome, in_order
from attune.store.training_log import recorded_elsewhere

_CACHE_KIB = 8 << 10
_TABLE = """
CREATE TABLE late (
  event_id TEXT, outcome_id TEXT, received_ms INTEGER, record BLOB, matched INTEGER DEFAULT 0,
  PRIMARY KEY (event_id, outcome_id)
) WITHOUT ROWID
"""


class LateFiles:
    """Late outcomes, by decision; a context manager."""

    def __init__(self) -> None:
        """Begin without any."""
        # An empty name is a database in a temporary file, which SQLite removes.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(_TABLE)
        self._has_any = False

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the database."""
        self._database.close()

    def add(self, late: Iterable[LateReading]) -> None:
        """Put outcomes aside; of those with the same id, the first counts."""
        rows = (
            (each.event_id, each.outcome.outcome_id, each.outcome.received_ms, each.outcome.record.SerializeToString())
            for each in late
        )
        added = self._database.executemany("INSERT OR IGNORE INTO late VALUES (?, ?, ?, ?, 0)", rows).rowcount
        self._has_any = self._has_any or added > 0

    def final(self, event_id: str, decided_at_ms: int, outcomes: Sequence[RecordedOutcome]) -> list[RecordedOutcome]:
        """Return all outcomes of a decision, those within its window and late ones, earliest first.

        Args:
            event_id: The decision's id.
            decided_at_ms: When it was made, milliseconds since the epoch.
            outcomes: Those within its window.
        """
        known = {outcome.outcome_id for outcome in outcomes}
        late = [outcome for outcome in self._of(event_id) if outcome.outcome_id not in known]
        return in_order(_between(decided_at_ms, outcome) for outcome in [*outcomes, *late])

    def unmatched(self) -> int:
        """Return how many belong to decisions that nobody has asked for."""
        count: int = self._database.execute("SELECT count(*) FROM late WHERE NOT matched").fetchone()[0]
        return count

    def _of(self, event_id: str) -> list[RecordedOutcome]:
        if not self._has_any:
            return []
        asked = "SELECT outcome_id, received_ms, record FROM late WHERE event_id = ?"
        found = self._database.execute(asked, (event_id,)).fetchall()
        if found:
            self._database.execute("UPDATE late SET matched = 1 WHERE event_id = ?", (event_id,))
        return [recorded_elsewhere(key, received, OutcomeRecord.FromString(record)) for key, received, record in found]


def _between(decided_at_ms: int, outcome: RecordedOutcome) -> RecordedOutcome:
    """Say when an outcome happened as the store does: not before the decision, and not after it was received."""
    happened_ms = min(max(outcome.happened_ms, decided_at_ms), outcome.received_ms)
    return outcome if happened_ms == outcome.happened_ms else replace(outcome, happened_ms=happened_ms)
