"""The command line: help, usage errors, failures in one line, exit codes."""

import ast
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

import attune
from attune.cli import app, failures
from attune.cli.serve import announcement


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a command."""
    code = app.run(arguments)
    return code, *capsys.readouterr()


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "--help")
    assert (code, err) == (0, "")
    for command in app.COMMANDS:
        assert re.search(rf"^\W*{command} ", out, re.MULTILINE)
    for number in (failures.FAILED, failures.USAGE, failures.UNAVAILABLE, failures.BAD_SETTING):
        assert f" {number} " in out


def test_no_arguments_show_the_help_but_are_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == failures.USAGE
    assert "Usage: attune" in out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version") == (0, f"attune {attune.__version__}\n", "")


@pytest.mark.parametrize("command", list(app.COMMANDS))
def test_every_command_has_help_of_its_own(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"Usage: attune {command}" in out


@pytest.mark.parametrize("module", sorted(Path(app.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_no_part_of_a_help_text_is_taken_for_markup(module: Path) -> None:
    """Rich takes what stands in brackets for a style, and shows nothing: defaults once vanished that way."""
    calls = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]
    said = [keyword.value for call in calls for keyword in call.keywords if keyword.arg == "help"]
    texts = [value.value for value in said if isinstance(value, ast.Constant) and isinstance(value.value, str)]
    assert [Text.from_markup(text).plain for text in texts] == texts


def test_help_does_not_wait_for_what_only_commands_need() -> None:
    code = "import sys; from attune.cli import app; app.run(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split()
    assert {"grpc", "numpy", "redis", "vowpalwabbit", "google.protobuf"} & set(loaded) == set()


def test_serve_does_not_load_grpc_because_it_starts_processes() -> None:
    code = "import sys; import attune.cli.serve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "attune.supervisor" in loaded
    assert "grpc" not in loaded


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        # What was typed is not a command, an option or complete.
        (["serv"], 2, "No such command 'serv'. Did you mean 'serve'? (see: attune --help)"),
        (
            ["serve", "--adress", "x"],
            2,
            "No such option: --adress (Possible options: --address, --metrics-address) (see: attune serve --help)",
        ),
        (["apply"], 2, "Missing argument 'files'. (see: attune apply --help)"),
        (["status", "--watch", "--json"], 2, "--watch shows a table: leave out --json (see: attune status --help)"),
        # A setting cannot be what it was set to.
        (
            ["serve", "--address", "x"],
            78,
            "--address: server.address: expected host:port with a port of 0 to 65535, got 'x'",
        ),
        (["serve", "--apply", "/no/such.yaml"], 78, "/no/such.yaml: cannot be read: No such file or directory"),
        # Nothing to work with.
        (["learn", "--data-dir", "/no/such"], 69, "no store runs in the data directory /no/such: start one with"),
    ],
)
def test_a_failure_is_one_line_and_an_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    actual, _, err = run(capsys, *arguments)
    assert actual == code
    assert err.startswith("attune: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["status"], ["status", "home_hero", "--json"], ["apply"]])
def test_a_service_that_is_not_there_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str]
) -> None:
    file = tmp_path / "shop.yaml"
    file.write_text("name: home_hero\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    words = [*arguments, str(file)] if arguments == ["apply"] else arguments
    code, out, err = run(capsys, *words, "--address", address)
    assert (code, out) == (failures.UNAVAILABLE, "")
    assert err.startswith(f"attune: no attune service answers on {address}: start one with `attune serve`")
    assert err.count("\n") == 1


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "attune", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"attune {attune.__version__}\n"


def test_the_first_line_that_serve_prints_is_for_scripts_and_the_rest_can_be_pasted() -> None:
    first, *rest = announcement("0.0.0.0:6000", ["home_hero"]).splitlines()
    assert first == f"attune {attune.__version__} is ready on 0.0.0.0:6000"
    text = "\n".join(rest)
    assert "status --address 127.0.0.1:6000\n" in text
    assert '\'{"placement": "home_hero", ' in text
    assert text.rstrip().endswith("' 127.0.0.1:6000 attune.v1.DecisionService/Decide")


def test_without_a_placement_the_next_thing_is_to_apply_one() -> None:
    text = announcement("127.0.0.1:50051", [])
    assert " apply FILE\n" in text
    assert "--address" not in text
