"""The `attune` command itself: finds the subcommand, and turns every failure into one line and an exit code.

A subcommand's module is imported only when it is called, so that `attune --help` does not wait for grpc and numpy.
"""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from keyword import iskeyword
from typing import Annotated

import typer

from attune import __doc__ as summary
from attune import __version__
from attune.cli import failures
from attune.errors import ExpectedError

# Each is a function, or a Typer with commands of its own, of its own name in a module of its own name here; with an
# underscore after it where the name is a keyword of Python.
COMMANDS = {
    "serve": "Serve decisions, and learn from their outcomes.",
    "learn": "Run a learner of its own, apart from the servers.",
    "apply": "Create or change placements, offers and segments from YAML, JSON or CSV files.",
    "offers": "List the offers of the catalogue; show or delete some.",
    "customers": "Show what is held about a customer; say what they allow or did.",
    "segments": "List the segments; delete some.",
    "status": "Show the placements and how they are doing.",
    "explain": "Say which features made the scores of a decision.",
    "policy": "List, promote, roll back and compare the versions of a policy; rebuild or reset it.",
    "sweep": "Try many policies on logged decisions: a grid, or drawn at random.",
    "export": "Write the training log to Parquet or DSJSON files.",
    "import": "Bring logged decisions into the training log.",
    "evaluate": "Say what other policies would have earned, and how sure that is.",
    "report": "Say what the policy earned beside its control group.",
    "demo": "Run the whole story on simulated customers, in under a minute.",
}

# typer has its own copy of click since 0.24 and an ordinary one before: the base of its usage errors is found from
# what it exports.
_UsageError: type[Exception] = typer.BadParameter.__bases__[0]


def main() -> None:
    """Run the command that was typed, and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command.

    Args:
        arguments: What was typed after `attune`.

    Returns:
        The exit code.
    """
    if not arguments:
        run(["--help"])
        return failures.USAGE
    name = arguments[0] if arguments[0] in COMMANDS else None
    program = _command(name) if name else _overview()
    words = ["attune", name] if name else ["attune"]
    try:
        code = program(args=list(arguments[len(words) - 1 :]), prog_name=" ".join(words), standalone_mode=False)
    except _UsageError as error:
        message = getattr(error, "format_message", error.__str__)()
        # Without a message, a group that was called without a command has shown its help.
        return _fail([f"{message} (see: {' '.join(words)} --help)"] if message else [], failures.USAGE)
    except ExpectedError as error:
        return _fail(failures.lines(error), failures.exit_code(error))
    except BrokenPipeError:
        # Whoever read our output has enough. Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.FAILED
    return code if isinstance(code, int) else 0


def _fail(lines: Iterable[str], code: int) -> int:
    for line in lines:
        sys.stderr.write(f"attune: {line}\n")
    return code


def _command(name: str) -> Callable[..., object]:
    identifier = f"{name}_" if iskeyword(name) else name
    command = getattr(import_module(f"attune.cli.{identifier}"), identifier)
    if isinstance(command, typer.Typer):  # it has commands of its own
        return command
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    program.command(epilog=failures.EXIT_CODES_HELP)(command)
    return program


def _overview() -> Callable[..., object]:
    program = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @program.callback(help=summary, epilog=failures.EXIT_CODES_HELP)
    def attune(
        *,
        version: Annotated[
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
        ] = False,
    ) -> None:
        """Stand for the command without a subcommand; its help is the package's own."""

    for name, help_line in COMMANDS.items():
        program.command(name, help=help_line)(_called_through_its_module)
    return program


def _called_through_its_module() -> None:
    """Stand for a command in the overview; `run` calls the command itself."""


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - the form of a typer callback
    if wanted:
        typer.echo(f"attune {__version__}")
        raise typer.Exit
