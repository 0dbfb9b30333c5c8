"""`attune report`: what the policy earned beside its control group, and what it cost."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from attune.v1.insight_service_pb2 import Report

_WHICH, _WHAT, _LOG, _OUTPUT = "Which decisions", "What to look at", "The log", "Output"


def report(
    placement: Annotated[str, typer.Argument(help="The placement's name.", show_default=False)],
    *,
    since: Annotated[
        str | None,
        typer.Option(
            help="Only decisions from then on: 2026-11-22, or 2026-11-22T09:30:00+03:00.", rich_help_panel=_WHICH
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only decisions before then.", rich_help_panel=_WHICH)] = None,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            help="Only these segments have rows; repeat it for more (default: all of them).", rich_help_panel=_WHAT
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(help="Also by value of this feature of the context; repeat it for more.", rich_help_panel=_WHAT),
    ] = None,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="Of every interval.", rich_help_panel=_WHAT)
    ] = 0.95,
    conversion: Annotated[
        str,
        typer.Option(
            help="The outcome that is a conversion (default: conversion, else purchase, else click).",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = "",
    revenue: Annotated[
        str,
        typer.Option(
            help="The outcome whose values are money (default: revenue).", show_default=False, rich_help_panel=_WHAT
        ),
    ] = "",
    nps: Annotated[
        str,
        typer.Option(
            help="The outcome that is an answer from 0 to 10 (default: nps).", show_default=False, rich_help_panel=_WHAT
        ),
    ] = "",
    retention_days: Annotated[
        int,
        typer.Option(min=2, max=365, help="Who comes back within so many days is retained.", rich_help_panel=_WHAT),
    ] = 7,
    address: Annotated[
        str | None,
        typer.Option(
            help="Have this service make it, host:port, instead of reading the store here.", rich_help_panel=_LOG
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Read the store of the `attune serve` in this directory (default: attune-data).", rich_help_panel=_LOG
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            help="Read this Redis or Valkey instead, for example redis://localhost:6379/0.", rich_help_panel=_LOG
        ),
    ] = None,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="TOML file with settings.", rich_help_panel=_LOG)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.", rich_help_panel=_OUTPUT)] = False,
    html: Annotated[
        Path | None, typer.Option(help="Also write the report to this file, as one page.", rich_help_panel=_OUTPUT)
    ] = None,
) -> None:
    """Say what the policy earned beside its control group, how sure that is, and what it cost to find out.

    Nothing is changed. Look as often as you like: the intervals hold at all times at once.
    """
    from attune.cli import evaluation_page as page  # noqa: PLC0415 - `--help` does not wait for it
    from attune.cli import report_run as run  # noqa: PLC0415

    page.check(html)
    asked = run.request(
        placement,
        {"since": since, "until": until},
        segments=segment or [],
        features=by or [],
        confidence=confidence,
        conversion_outcome=conversion,
        revenue_outcome=revenue,
        nps_outcome=nps,
        retention_days=retention_days,
    )
    where = run.Where(address, data_dir, redis_url, config_file)
    made = run.made(asked, where)
    _print(made, as_json=as_json)
    if html is not None:
        from attune.reports.lift_page import render  # noqa: PLC0415 - only this way needs it

        page.written(html, render(made))


def _print(made: "Report", *, as_json: bool) -> None:
    from attune.cli.output import as_dict, show  # noqa: PLC0415 - loads rich and protobuf

    if as_json:
        typer.echo(json.dumps(as_dict(made), indent=2, ensure_ascii=False, allow_nan=False))
        return
    from attune.cli.report_table import shown  # noqa: PLC0415

    show(shown(made))
