"""`attune import`: logged decisions into the training log, straight into the store."""

import asyncio
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attune.cli.export import FileFormat
from attune.cli.failures import FAILED
from attune.cli.progress import bar
from attune.cli.stores import located

if TYPE_CHECKING:
    from attune.logs.import_ import Imported
    from attune.settings import Settings
    from attune.v1.placement_pb2 import RewardSpec

_MOST_SHOWN = 20


def import_(
    placement: Annotated[str, typer.Argument(help="The placement.", show_default=False)],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files, or directories of files: of attune export, or DSJSON of others.", show_default=False
        ),
    ],
    *,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="What the files are (default: by their endings).")
    ] = None,
    outcome: Annotated[
        str | None,
        typer.Option(help="Name of the outcome that a reward without a name becomes (default: the first rule's)."),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Exit with 0 although rows were refused.")] = False,
    restore: Annotated[
        bool,
        typer.Option(
            "--restore",
            help="Import into a log that was trimmed, what was trimmed as well: right only where the policy was "
            "trained anew since, else it learns the same decisions twice.",
        ),
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Write to the store of the `attune serve` in this directory (default: attune-data)."),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Write to this Redis or Valkey instead, for example redis://localhost:6379/0.")
    ] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Bring logged decisions and their outcomes into the training log of a placement: its policy learns from them.

    A decision is known by its event_id: importing a file again adds nothing. Rows that could not have been logged are
    refused and named, the others are imported.
    """
    flags = {"store.data_dir": None if data_dir is None else str(data_dir), "store.url": redis_url}
    settings = located(config_file, flags)
    form = None if file_format is None else file_format.value
    imported, without_rule = asyncio.run(_import(settings, placement, files, form, outcome, restore=restore))
    for refused in imported.refusals[:_MOST_SHOWN]:
        typer.echo(f"attune: {refused}", err=True)
    if imported.refused > _MOST_SHOWN:
        typer.echo(f"attune: {imported.refused - _MOST_SHOWN:,} more rows were refused", err=True)
    typer.echo(json.dumps(_as_dict(imported, without_rule)) if as_json else _text(placement, imported, without_rule))
    if imported.refused and not skip_bad:
        raise typer.Exit(FAILED)


async def _import(
    settings: "Settings", name: str, paths: list[Path], form: str | None, outcome: str | None, *, restore: bool
) -> tuple["Imported", list[str]]:
    from attune.logs import sources  # noqa: PLC0415 - `--help` does not wait for it
    from attune.logs.import_ import Importer  # noqa: PLC0415
    from attune.store.client import Store  # noqa: PLC0415
    from attune.store.placements import Placements  # noqa: PLC0415

    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        reward = (await Placements(store).get(name)).placement.reward
        chosen = _outcome_name(reward, outcome)
        files = sources.found(paths, form)
        importer = Importer(store, name, restore=restore)
        with bar("rows") as progress:
            now_ms = time.time_ns() // 1_000_000
            imported = await importer.run(files, chosen, now_ms, lambda rows: progress(rows, None))
    finally:
        await store.close()
    rules = {rule.name for rule in reward.outcomes}
    return imported, sorted(set(imported.names) - rules)


def _outcome_name(reward: "RewardSpec", wanted: str | None) -> str:
    names = [rule.name for rule in reward.outcomes]
    if wanted is not None and wanted not in names:
        raise typer.BadParameter(f"--outcome: expected one of {', '.join(names)}, got {wanted!r}")
    return wanted or names[0]


def _as_dict(imported: "Imported", without_rule: list[str]) -> dict[str, Any]:
    return {
        "added": imported.added,
        "known": imported.known,
        "late_added": imported.late_added,
        "late_known": imported.late_known,
        "late_unmatched": imported.late_unmatched,
        "left_out": dict(imported.left_out),
        "refused": imported.refused,
        "refusals": [{"where": refused.where, "problem": refused.problem} for refused in imported.refusals],
        "outcomes": dict(imported.names),
        "outcomes_without_rule": without_rule,
    }


def _text(name: str, imported: "Imported", without_rule: list[str]) -> str:
    lines = [
        f"{name}: {imported.added:,} decisions added, {imported.known:,} known before, {imported.refused:,} refused"
    ]
    late = (imported.late_added, imported.late_known, imported.late_unmatched)
    if any(late):
        lines.append(f"Late outcomes: {late[0]:,} added, {late[1]:,} known before, {late[2]:,} of unknown decisions")
    if imported.left_out:
        reasons = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in sorted(imported.left_out.items()))
        lines.append(f"Left out: {reasons}")
    if without_rule:
        lines.append(f"No rule of the reward spec is for: {', '.join(without_rule)}; these outcomes count nothing")
    return "\n".join(lines)
