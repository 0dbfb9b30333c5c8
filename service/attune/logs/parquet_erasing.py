"""Parquet files of an export without the rows of some decisions, a row group at a time: see `attune.logs.erasing`."""

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
from pyarrow import compute, parquet


class ParquetFiles:
    """Parquet files as `attune export` writes them."""

    def decisions(self, path: Path, customers: Collection[str]) -> set[str] | None:
        """Return the event_ids of customers in a file; None where it does not say whose they are."""
        wanted = pa.array(sorted(customers), pa.string())
        with parquet.ParquetFile(path) as file:
            if "customer" not in file.schema_arrow.names:
                return None
            found: set[str] = set()
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, ["event_id", "customer"])
                found |= set(rows.filter(compute.is_in(rows["customer"], wanted))["event_id"].to_pylist())
        return found

    def without(self, path: Path, event_ids: Collection[str], to: Path) -> int:
        """Write a file without the rows of decisions; return how many there were."""
        unwanted, removed = pa.array(sorted(event_ids), pa.string()), 0
        with (
            parquet.ParquetFile(path) as file,
            parquet.ParquetWriter(to, file.schema_arrow, compression="zstd") as writer,
        ):
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group)
                left = rows.filter(compute.invert(compute.is_in(rows["event_id"], unwanted)))
                removed += rows.num_rows - left.num_rows
                if left.num_rows:
                    writer.write_table(left)
        return removed
