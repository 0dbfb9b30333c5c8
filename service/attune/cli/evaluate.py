"""`attune evaluate`: what would other policies have earned on what already happened, and how sure is that?"""

from typing import TYPE_CHECKING

import typer

from attune.cli import evaluate_options as options
from attune.cli.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from attune.reports.report import EvaluationReport


def evaluate(
    context: typer.Context,
    source: options.Source,
    *,
    target: options.Targets,
    baseline: options.Baseline = "logged",
    file_format: options.Format = None,
    mapping: options.Mapping = None,
    reward_from: options.RewardFrom = None,
    limit: options.Limit = 0,
    skip_bad: options.SkipBad = False,
    any_order: options.AnyOrder = False,
    data_dir: options.DataDir = None,
    redis_url: options.RedisUrl = None,
    config_file: options.ConfigFile = None,
    estimator: options.EstimatorNames = None,
    model: options.WithModel = True,
    confidence: options.Confidence = 0.95,
    resamples: options.Resamples = 1000,
    reward_range: options.Range = None,
    segment: options.SegmentBy = None,
    seen: options.Seen = False,
    seed: options.Seed = 1,
    force: options.Force = False,
    as_json: options.AsJson = False,
    html: options.Html = None,
) -> None:
    """Say what other policies would have earned on logged decisions, how sure that is, and when nobody can say.

    Nothing is changed, in the log or in the placement.
    A policy that learns is asked before it learns from the same decision.
    An estimate that would mislead is refused: there are reasons instead.
    Ctrl-C ends it early, with what is done so far and exit code 130.
    """
    from attune.cli import evaluation_page  # noqa: PLC0415 - `--help` does not wait for it
    from attune.cli import evaluation_run as run  # noqa: PLC0415

    log = run.Log(source, file_format, mapping, reward_from, any_order, data_dir, redis_url, config_file)
    cut = run.Cut(limit, skip_bad, seen)
    terms = run.Wishes(estimator or [], model, confidence, resamples, reward_range, segment or [], seed)
    evaluation_page.check(html)
    report = run.evaluated(log, cut, run.Asked(target, baseline, force), terms, run.command(context))
    # First what cannot fail: it may have taken hours.
    _print(report, as_json=as_json)
    if html is not None:
        evaluation_page.write(html, report)
    if not report.complete:
        raise typer.Exit(INTERRUPTED)


def _print(report: "EvaluationReport", *, as_json: bool) -> None:
    if as_json:
        from attune.reports.report_json import as_json as text  # noqa: PLC0415 - only this way needs it

        typer.echo(text(report))
        return
    from attune.cli.evaluation_table import problems, shown  # noqa: PLC0415
    from attune.cli.output import show  # noqa: PLC0415 - loads rich and protobuf

    for line in problems(report):
        typer.echo(f"attune: {line}", err=True)
    show(shown(report))
