"""`attune demo`: the whole story on a service of its own, in under a minute."""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from attune.demo import DemoError
from attune.demo.plan import Plan
from attune.demo.proof import require
from attune.demo.report import report
from attune.demo.result import Result
from attune.demo.screen import LiveScreen, PlainScreen, Screen
from attune.demo.shop import LOG_NAME
from attune.demo.story import tell


def demo(
    *,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated customers: the same seed, the same people.")] = 7,
    seconds: Annotated[int, typer.Option(min=10, max=300, help="How long customers come.")] = 40,
    rate: Annotated[int, typer.Option(min=50, max=1000, help="Customers a second.")] = 400,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, the progress to stderr.")] = False,
    keep: Annotated[Path | None, typer.Option(help="Keep the service's data in this new or empty directory.")] = None,
) -> None:
    """Run the whole story on simulated customers: decide, learn, lose the learner, lose the taste, count."""
    console = Console(stderr=as_json)
    screen = _screen(console)
    plan = Plan(seed=seed, seconds=seconds, rate=rate)
    with _data_dir(keep) as data_dir:
        with _shown(screen):
            result = _run(plan, data_dir, screen)
        _print(result, console, as_json=as_json)
        require(result.checks)


def _screen(console: Console) -> Screen:
    """Return a chart for a terminal that can draw one, else plain lines."""
    can_draw = console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return LiveScreen(console) if can_draw else PlainScreen(console)


def _print(result: Result, console: Console, *, as_json: bool) -> None:
    if as_json:
        json.dump(result.as_dict(), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        console.print(report(result))


@contextmanager
def _data_dir(keep: Path | None) -> Iterator[Path]:
    """Yield the directory to keep, or a temporary one that is kept after a failure: the service's log is in it."""
    if keep is not None:
        yield _new_or_empty(keep)
        return
    temporary = Path(tempfile.mkdtemp(prefix="attune-demo-"))
    try:
        yield temporary
    except DemoError as error:
        raise DemoError(f"{error} (the service's data and its {LOG_NAME} are kept in {temporary})") from error
    except BaseException:
        shutil.rmtree(temporary)
        raise
    shutil.rmtree(temporary)


def _new_or_empty(directory: Path) -> Path:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise typer.BadParameter(
            f"expected a new or empty directory, got {directory}, which is not", param_hint="--keep"
        )
    return directory


@contextmanager
def _shown(screen: Screen) -> Iterator[None]:
    screen.open()
    try:
        yield
    finally:
        screen.close()


def _run(plan: Plan, data_dir: Path, screen: Screen) -> Result:
    """Tell the story; Ctrl-C and SIGTERM end it early, its service and its temporary directory with it."""
    try:
        return uvloop.run(_until_terminated(plan, data_dir, screen))
    except KeyboardInterrupt:
        raise typer.Exit(128 + signal.SIGINT) from None


async def _until_terminated(plan: Plan, data_dir: Path, screen: Screen) -> Result:
    story = asyncio.ensure_future(tell(plan, data_dir, screen))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, story.cancel)
    try:
        return await story
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise  # by Ctrl-C, not by the handler above
        raise typer.Exit(128 + signal.SIGTERM) from None
