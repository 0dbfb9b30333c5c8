"""`attune export`: the training log into files, straight from the store."""

import asyncio
import json
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.cli.progress import bar
from attune.cli.stores import located

if TYPE_CHECKING:
    from attune.logs.export import Exported
    from attune.settings import Settings


class FileFormat(Enum):
    """The formats of an export; `attune.logs.formats` knows the same."""

    PARQUET = "parquet"
    DSJSON = "dsjson"


def export(
    placement: Annotated[str, typer.Argument(help="The placement.", show_default=False)],
    *,
    to: Annotated[Path, typer.Option(help="Directory for the files. One that was used before is continued.")],
    file_format: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = FileFormat.PARQUET,
    entries_per_file: Annotated[int, typer.Option(min=1, help="Most log entries of one file.")] = 100_000,
    trim: Annotated[
        bool,
        typer.Option(
            "--trim",
            help="Afterwards remove from the store what was exported and learned from. What is removed cannot be "
            "learned from by a later spec, and GetDecision no longer finds it; only the files have it then.",
        ),
    ] = False,
    data_dir: Annotated[
        Path | None, typer.Option(help="Read the store of the `attune serve` in this directory (default: attune-data).")
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Read this Redis or Valkey instead, for example redis://localhost:6379/0.")
    ] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Write the training log of a placement to files, each entry exactly once, however often this is run or killed.

    Decisions go to DIR/interactions/day=.../, outcomes that came after the reward window to DIR/late/day=.../.
    The reward in the files is folded with the placement's present reward spec; the outcomes are there, too.
    """
    flags = {"store.data_dir": None if data_dir is None else str(data_dir), "store.url": redis_url}
    settings = located(config_file, flags)
    exported, trimmed = asyncio.run(_export(settings, placement, to, file_format.value, entries_per_file, trim=trim))
    if as_json:
        typer.echo(json.dumps({**asdict(exported), "trimmed": trimmed}))
    else:
        _say(placement, to, exported, trimmed)


async def _export(
    settings: "Settings", name: str, to: Path, form: str, entries_per_file: int, *, trim: bool
) -> tuple["Exported", int | None]:
    from attune.logs import destination, formats, trimming  # noqa: PLC0415 - `--help` does not wait for it
    from attune.logs.export import Exporter  # noqa: PLC0415
    from attune.store.client import Store  # noqa: PLC0415
    from attune.store.placements import Placements  # noqa: PLC0415

    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        placement = await Placements(store).get(name)
        known = formats.named(form)
        exporter = Exporter(store, placement, known, entries_per_file)
        with destination.opened(to, known.suffix, placement) as place, bar("entries") as progress:
            exported = await exporter.run(place, progress)
        return exported, await trimming.trim(store, name) if trim else None
    finally:
        await store.close()


def _say(name: str, to: Path, exported: "Exported", trimmed: int | None) -> None:
    typer.echo(
        f"{name}: {exported.interactions:,} interactions and {exported.late:,} late outcomes in {exported.files:,} "
        f"new files in {to}, up to position {exported.position}"
    )
    if exported.missing_up_to:
        typer.echo(f"The log was trimmed before: what came up to {exported.missing_up_to} is in an earlier export only")
    if exported.damaged:
        typer.echo(f"{exported.damaged:,} interactions are left out: the offers that they name are lost (see the log)")
    if trimmed is not None:
        typer.echo(f"{name}: {trimmed:,} interactions were removed from the store")
