"""About how many rows files have, without reading them: a progress bar needs no more."""

import gzip
from pathlib import Path

from attune.evaluation.sources import Source

_LOOKED_AT_BYTES = 256 << 10


def about_rows(file: Source) -> int:
    """Return about how many rows a file of an export has; 0 where that cannot be told."""
    return about_lines(file.path) if file.format == "dsjson" else _parquet_rows(file.path)


def about_lines(path: Path) -> int:
    """Return about how many lines a file has that is as dense as its beginning; 0 where that cannot be told."""
    try:
        with path.open("rb") as raw:
            if path.suffix == ".gz":
                lines = gzip.GzipFile(fileobj=raw).read(_LOOKED_AT_BYTES).count(b"\n")
            else:
                lines = raw.read(_LOOKED_AT_BYTES).count(b"\n")
            return round(lines * path.stat().st_size / max(raw.tell(), 1))
    except (OSError, EOFError):
        return 0


def _parquet_rows(path: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - may be missing
    from pyarrow import parquet  # noqa: PLC0415

    try:
        rows: int = parquet.read_metadata(path).num_rows
    except (pa.ArrowException, OSError):
        return 0
    return rows
