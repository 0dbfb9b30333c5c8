"""`attune sweep`: many policies on one log, several at once; what was done before is not done again."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from attune.cli import evaluate_options as options
from attune.cli.interrupts import INTERRUPTED

_WORK = "The work"


class Backend(StrEnum):
    """Who works."""

    LOCAL = "local"
    DASK = "dask"
    RAY = "ray"


Source = Annotated[str, typer.Argument(help="The log: a file or directory, as for attune evaluate.")]
Grid = Annotated[Path, typer.Option(help="YAML that says what to try: a grid, draws, or both.", show_default=False)]
Baseline = Annotated[
    str, typer.Option(help="What differences are from: `logged`, or a policy as attune evaluate takes it.")
]
Jobs = Annotated[int, typer.Option(min=1, help="How many passes over the log at once.", rich_help_panel=_WORK)]
Keep = Annotated[
    Path,
    typer.Option(
        help="Directory for what is done: the same sweep takes it from there, and others may share it.",
        rich_help_panel=_WORK,
    ),
]
Workers = Annotated[
    Backend,
    typer.Option(help="Who works: processes of this machine, or a cluster of Dask or Ray.", rich_help_panel=_WORK),
]
# No brackets: in a help text they are markup, and vanish.
Cluster = Annotated[
    str, typer.Option(help="Address of the cluster (default: one is started on this machine).", rich_help_panel=_WORK)
]


def sweep(
    context: typer.Context,
    source: Source,
    *,
    grid: Grid,
    jobs: Jobs = 1,
    keep: Keep = Path("attune-sweeps"),
    backend: Workers = Backend.LOCAL,
    cluster: Cluster = "",
    baseline: Baseline = "logged",
    file_format: options.Format = None,
    mapping: options.Mapping = None,
    reward_from: options.RewardFrom = None,
    limit: options.Limit = 0,
    skip_bad: options.SkipBad = False,
    any_order: options.AnyOrder = False,
    estimator: options.EstimatorNames = None,
    model: options.WithModel = True,
    confidence: options.Confidence = 0.95,
    resamples: options.Resamples = 1000,
    reward_range: options.Range = None,
    segment: options.SegmentBy = None,
    seed: options.Seed = 1,
    force: options.Force = False,
    as_json: options.AsJson = False,
    html: options.Html = None,
) -> None:
    """Say which of many policies would have earned most on logged decisions, and how sure that is after so many.

    Each policy is evaluated as attune evaluate does it. A sweep that was ended, by Ctrl-C, kill -9 or a power cut,
    goes on from what is done when it is started again: what it prints is then the same.
    """
    from attune.cli import evaluation_page, sweep_run  # noqa: PLC0415 - `--help` does not wait for it
    from attune.cli import evaluation_run as run  # noqa: PLC0415

    log = run.Log(source, file_format, mapping, reward_from, any_order, None, None, None)
    wishes = run.Wishes(estimator or [], model, confidence, resamples, reward_range, segment or [], seed)
    one_pass = sweep_run.Pass(log, run.Cut(limit, skip_bad, seen=False), wishes, baseline, force)
    work = sweep_run.Work(jobs, backend.value, cluster, keep)
    evaluation_page.check(html)
    report = sweep_run.swept(grid, one_pass, work, run.command(context, "sweep"))
    if report is not None:
        sweep_run.tell(report, html, as_json=as_json)
    if report is None or not report.complete:
        typer.echo(f"attune: interrupted; to go on: {run.command(context, 'sweep')}", err=True)
        raise typer.Exit(INTERRUPTED)
