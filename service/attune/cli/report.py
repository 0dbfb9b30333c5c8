"""`attune report`: what the policy earned beside its control group, and what it cost."""

import json
from typing import TYPE_CHECKING

import typer

from attune.cli import report_options as options

if TYPE_CHECKING:
    from attune.v1.insight_service_pb2 import Report


def report(
    placement: options.PlacementName,
    *,
    since: options.Since = None,
    until: options.Until = None,
    segment: options.SegmentNames = None,
    by: options.By = None,
    confidence: options.Confidence = 0.95,
    conversion: options.Conversion = "",
    revenue: options.Revenue = "",
    nps: options.Nps = "",
    retention_days: options.RetentionDays = 7,
    address: options.Address = None,
    data_dir: options.DataDir = None,
    redis_url: options.RedisUrl = None,
    config_file: options.ConfigFile = None,
    as_json: options.AsJson = False,
    html: options.Html = None,
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
