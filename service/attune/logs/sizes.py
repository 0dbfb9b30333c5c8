"""About how many rows files have, without reading them: a progress bar needs no more."""

import zlib
from pathlib import Path

from attune.logs.sources import Source

_LOOKED_AT_BYTES = 256 << 10
_DECOMPRESSED_BYTES = 64 << 20
_GZIP = 31  # what zlib calls a gzip header


def about_rows(file: Source) -> int:
    """Return about how many rows a file of an export has; 0 where that cannot be told."""
    return about_lines(file.path) if file.format == "dsjson" else _parquet_rows(file.path)


def about_lines(path: Path) -> int:
    """Return about how many lines a file has that is as dense as its beginning; 0 where that cannot be told."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOKED_AT_BYTES)
        looked_at = len(beginning)
        if path.suffix == ".gz":
            beginning = zlib.decompressobj(_GZIP).decompress(beginning, _DECOMPRESSED_BYTES)
        return round(beginning.count(b"\n") * path.stat().st_size / max(looked_at, 1))
    except (OSError, zlib.error):
        return 0


def _parquet_rows(path: Path) -> int:
    import pyarrow as pa  # noqa: PLC0415 - may be missing
    from pyarrow import parquet  # noqa: PLC0415

    try:
        rows: int = parquet.read_metadata(path).num_rows
    except (pa.ArrowException, OSError, ValueError):
        return 0
    return rows
