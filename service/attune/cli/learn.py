"""`attune learn`: a learner alone, in this process."""

import os
from pathlib import Path
from typing import Annotated

import typer

from attune import telemetry
from attune.cli.stores import located
from attune.process import ONE_THREAD


def learn(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Join the `attune serve --no-learner` that runs in this directory (default: attune-data)."),
    ] = None,
    redis_url: Annotated[
        str | None, typer.Option(help="Join the servers on this Redis or Valkey, for example redis://localhost:6379/0.")
    ] = None,
    learner_metrics_address: Annotated[
        str | None, typer.Option(help="Publish metrics for Prometheus on host:port (default: nowhere).")
    ] = None,
    config_file: Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error (default: info).")] = None,
    log_format: Annotated[str | None, typer.Option(help="text or json (default: text).")] = None,
) -> None:
    """Learn from the outcomes of decisions that servers elsewhere make, until Ctrl-C or SIGTERM.

    Any number of learners may run: each placement has one learner at a time, the others stand by.
    """
    flags = {
        "store.data_dir": None if data_dir is None else str(data_dir),
        "store.url": redis_url,
        "learner.metrics_address": learner_metrics_address,
        "log.level": log_level,
        "log.format": log_format,
    }
    settings = located(config_file, flags)
    telemetry.configure(settings.log, process="learner")
    os.environ.update(ONE_THREAD)
    # Not before: NumPy reads the environment when it is imported, and `--help` does not wait for it.
    from attune.server import run_learner  # noqa: PLC0415 - see above

    raise typer.Exit(run_learner(settings))
