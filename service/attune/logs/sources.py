"""The files of an import or an evaluation: found, put in order, and read by what is in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from attune.errors import SettingError
from attune.logs import dsjson_reader, formats
from attune.logs.assembly import assembled
from attune.logs.parts import positions
from attune.logs.readings import Candidate, LateReading, LeftOut, Refused

_SUFFIXES = {".parquet": "parquet", ".dsjson": "dsjson", ".json": "dsjson", ".jsonl": "dsjson", ".log": "dsjson"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file to import.

    Attributes:
        path: Where it is.
        format: One of `formats.NAMES`.
    """

    path: Path
    format: str


def found(paths: Sequence[Path], form: str | None) -> list[Source]:
    """Return the files that paths name, in the order in which they are imported.

    Args:
        paths: Files, or directories, which are searched for files with known endings.
        form: The format of all files; None tells it from their endings.

    Raises:
        SettingError: There is no such file, none in a directory, or its ending says nothing.
    """
    sources: list[Source] = []
    for path in paths:
        sources += _in_directory(path, form) if path.is_dir() else [_file(path, form)]
    if any(source.format == "parquet" for source in sources):
        formats.require_parquet()
    return sorted(sources, key=lambda source: "late" in source.path.parts)  # after the decisions they belong to


def read(sources: Sequence[Source], outcome: str) -> Iterator[Candidate | LateReading | LeftOut | Refused]:
    """Read files one after the other; late outcomes follow wherever their files stand.

    Args:
        sources: The files, in their order.
        outcome: The name of the outcome that a reward without a name becomes.
    """
    lines = [source.path for source in sources if source.format == "dsjson"]
    observed, refused = dsjson_reader.dangling(lines)
    yield from refused
    for source in sources:
        yield from read_one(source, outcome, observed)
    yield from dsjson_reader.left_over(outcome, observed)


def read_one(
    source: Source, outcome: str, observed: dict[str, dsjson_reader.Dangling]
) -> Iterator[Candidate | LateReading | LeftOut | Refused]:
    """Read one file.

    Args:
        source: The file.
        outcome: The name of the outcome that a reward without a name becomes.
        observed: From `dsjson_reader.dangling`; what is joined here is removed from it.
    """
    if source.format == "dsjson":
        yield from assembled(dsjson_reader.read(source.path, outcome, observed))
    else:
        from attune.logs import parquet_reader  # noqa: PLC0415 - loads pyarrow, which may be missing

        yield from assembled(parquet_reader.read(source.path))


def late(source: Source) -> Iterator[LateReading]:
    """Read only the late outcomes of an export in a file; what is wrong with others, `read_one` says."""
    if source.format == "dsjson":
        yield from dsjson_reader.late(source.path)
    else:
        from attune.logs import parquet_reader  # noqa: PLC0415 - loads pyarrow, which may be missing

        if parquet_reader.has_late_outcomes(source.path):
            found = parquet_reader.read(source.path)
            yield from (reading for reading in found if isinstance(reading, LateReading))


def _file(path: Path, form: str | None) -> Source:
    if not path.is_file():
        raise SettingError(f"{path}: expected a file or a directory, got none")
    known = form or _SUFFIXES.get(path.suffix)
    if known is None:
        raise SettingError(f"{path}: expected a file that ends with {', '.join(_SUFFIXES)}, or --format, got neither")
    return Source(path, known)


def _in_directory(directory: Path, form: str | None) -> list[Source]:
    paths = [path for path in directory.rglob("*") if path.suffix in _SUFFIXES and _is_ours_to_read(path, directory)]
    files = [Source(path, _SUFFIXES[path.suffix]) for path in sorted(paths, key=_order) if path.is_file()]
    files = [file for file in files if form is None or file.format == form]
    if not files:
        raise SettingError(f"{directory}: expected files that end with {', '.join(_SUFFIXES)}, got none")
    return files


def _is_ours_to_read(path: Path, directory: Path) -> bool:
    # What begins with a dot or an underscore is bookkeeping, or not finished.
    return not any(part.startswith((".", "_")) for part in path.relative_to(directory).parts)


def _order(path: Path) -> tuple[tuple[int, int], str]:
    """Put files of an export in the order of their positions, others in that of their names."""
    return positions(path)[0], str(path)
