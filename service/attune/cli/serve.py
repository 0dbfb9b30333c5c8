"""`attune serve`: the whole service in the foreground."""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from attune import __version__, config, telemetry
from attune.config import reachable
from attune.settings import ServerSettings, Settings
from attune.supervisor import Supervisor

DataDir = Annotated[
    Path | None,
    typer.Option(help="Directory of the embedded store, made where it is missing (default: attune-data)."),
]
RedisUrl = Annotated[
    str | None, typer.Option(help="Use this Redis or Valkey instead, for example redis://localhost:6379/0.")
]
Address = Annotated[
    str | None, typer.Option(help="Listen on host:port; port 0 takes a free one (default: 127.0.0.1:50051).")
]
WorkerCount = Annotated[
    int | None, typer.Option("--workers", help="Processes that serve, each on a core of its own (default: 1).")
]
MetricsAddress = Annotated[
    str | None,
    typer.Option(
        help="Publish the servers' metrics for Prometheus on host:port, the first worker's on this port, each other's "
        "on the next one (default: nowhere)."
    ),
]
LearnerMetricsAddress = Annotated[
    str | None, typer.Option(help="Publish the learner's metrics for Prometheus on host:port (default: nowhere).")
]
NoLearner = Annotated[bool, typer.Option("--no-learner", help="Only serve; `attune learn` learns elsewhere.")]
Apply = Annotated[
    list[Path] | None,
    typer.Option(help="Apply this file of placements or offers before the first decision; repeatable."),
]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="TOML file with settings.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error (default: info).")]
LogFormat = Annotated[str | None, typer.Option(help="text or json (default: text).")]


def serve(
    *,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    address: Address = None,
    workers: WorkerCount = None,
    metrics_address: MetricsAddress = None,
    learner_metrics_address: LearnerMetricsAddress = None,
    no_learner: NoLearner = False,
    apply: Apply = None,
    config_file: ConfigFile = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Serve decisions over gRPC, and learn from their outcomes, until Ctrl-C or SIGTERM.

    Without a store URL everything is kept in a store of our own, in the data directory.
    Every setting can also come from a TOML file or from a variable ATTUNE__SECTION__KEY; flags win.
    SIGHUP replaces the processes by new ones, one after the other, while calls go on.
    """
    flags = {
        "store.data_dir": None if data_dir is None else str(data_dir),
        "store.url": redis_url,
        "server.address": address,
        "server.workers": workers,
        "server.metrics_address": metrics_address,
        "learner.metrics_address": learner_metrics_address,
        "log.level": log_level,
        "log.format": log_format,
    }
    raise typer.Exit(_run(config.load(config_file, os.environ, flags), apply or [], learner=not no_learner))


def _run(settings: Settings, files: Sequence[Path], *, learner: bool) -> int:
    """Run the service with these settings and placement files; return the exit code."""
    telemetry.configure(settings.log, process="supervisor")
    names = _placements(files) if files else []
    supervisor = Supervisor(
        settings,
        learner=learner,
        placement_files=files,
        announce=lambda bound_address: typer.echo(announcement(bound_address, names)),
    )
    return supervisor.run()


def _placements(files: Sequence[Path]) -> list[str]:
    from attune.cli import apply_files  # noqa: PLC0415 - loads what a service without files does not need

    return [document.placement.name for document in apply_files.read(files).placements]


def announcement(address: str, placements: Sequence[str]) -> str:
    """Return what is printed when the service is ready: a line for scripts, then what to type next.

    Args:
        address: Where it listens.
        placements: The names of the placements that were applied.
    """
    here = reachable(address)
    attune = shlex.quote(_typed())
    to_here = "" if here == ServerSettings().address else f" --address {here}"
    then = _decide(here, placements[0]) if placements else f"{attune} apply{to_here} FILE"
    return (
        f"attune {__version__} is ready on {address}\n\n"
        f"Next, in another terminal:\n  {attune} status{to_here}\n  {attune} demo\n  {then}\n"
    )


def _decide(address: str, placement: str) -> str:
    request = {
        "placement": placement,
        "context": {"categorical": {"device": "mobile"}},
        "offers": [{"id": "spring-sale"}, {"id": "new-in"}],
    }
    return f"grpcurl -plaintext -d '{json.dumps(request)}' {address} attune.v1.DecisionService/Decide"


def _typed() -> str:
    """Return how this command was called: `attune` where the shell finds it, else its path."""
    program = Path(sys.argv[0])
    if program.name == "__main__.py":
        return "attune"
    found = shutil.which(program.name)
    return program.name if found and Path(found).samefile(program) else str(program)
