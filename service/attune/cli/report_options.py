"""The options of `attune report`, as types: what they are called, and what its help says of them."""

from pathlib import Path
from typing import Annotated

import typer

_WHICH, _WHAT, _LOG, _OUTPUT = "Which decisions", "What to look at", "The log", "Output"

PlacementName = Annotated[str, typer.Argument(help="The placement's name.", show_default=False)]
Since = Annotated[
    str | None,
    typer.Option(help="Only decisions from then on: 2026-11-22, or 2026-11-22T09:30:00+03:00.", rich_help_panel=_WHICH),
]
Until = Annotated[str | None, typer.Option(help="Only decisions before then.", rich_help_panel=_WHICH)]
SegmentNames = Annotated[
    list[str] | None,
    typer.Option(
        help="Only these segments have rows; repeat it for more (default: all of them).", rich_help_panel=_WHAT
    ),
]
By = Annotated[
    list[str] | None,
    typer.Option(help="Also by value of this feature of the context; repeat it for more.", rich_help_panel=_WHAT),
]
Confidence = Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of every interval.", rich_help_panel=_WHAT)]
Conversion = Annotated[
    str,
    typer.Option(
        help="The outcome that is a conversion (default: conversion, else purchase, else click).",
        show_default=False,
        rich_help_panel=_WHAT,
    ),
]
Revenue = Annotated[
    str,
    typer.Option(
        help="The outcome whose values are money (default: revenue).", show_default=False, rich_help_panel=_WHAT
    ),
]
Nps = Annotated[
    str,
    typer.Option(
        help="The outcome that is an answer from 0 to 10 (default: nps).", show_default=False, rich_help_panel=_WHAT
    ),
]
RetentionDays = Annotated[
    int,
    typer.Option(min=2, max=365, help="Who comes back within so many days is retained.", rich_help_panel=_WHAT),
]
Address = Annotated[
    str | None,
    typer.Option(help="Have this service make it, host:port, instead of reading the store here.", rich_help_panel=_LOG),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Read the store of the `attune serve` in this directory (default: attune-data).", rich_help_panel=_LOG
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(help="Read this Redis or Valkey instead, for example redis://localhost:6379/0.", rich_help_panel=_LOG),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.", rich_help_panel=_LOG)]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=_OUTPUT)]
Html = Annotated[
    Path | None, typer.Option(help="Also write the report to this file, as one page.", rich_help_panel=_OUTPUT)
]
