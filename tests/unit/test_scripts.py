"""The scripts that run in the store: every key they touch is one they were given."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

SCRIPTS = sorted(
    (script.name, script.read_text())
    for script in files("attune.store").joinpath("scripts").iterdir()
    if script.name.endswith(".lua")
)
KEYLESS = {"TIME", "INFO"}
CALL = re.compile(r"redis\.p?call\('(?P<command>[A-Z]+)'(?:, 'STREAM')?(?:, (?P<key>[^,()]+(?:\[[^\]]*\])?))?")
LOCAL = re.compile(r"local (?P<names>[\w, ]+) = (?P<values>.*)")
KEY = re.compile(r"KEYS\[[^\]]+\]")


def keys_by_name(script: str) -> set[str]:
    """Return the local variables that stand for one of KEYS."""
    pairs = (
        pair
        for match in LOCAL.finditer(script)
        for pair in zip(match["names"].split(", "), match["values"].split(", "), strict=False)
    )
    return {name for name, value in pairs if KEY.fullmatch(value)}


def undeclared(script: str) -> list[str]:
    """Return the calls of a script whose key is none of KEYS, or that are written so that it cannot be told."""
    known = keys_by_name(script)
    calls = list(CALL.finditer(script))
    wrong = [
        call[0]
        for call in calls
        if call["command"] not in KEYLESS and call["key"] not in known and not KEY.fullmatch(call["key"] or "")
    ]
    others = script.count("redis.call(") + script.count("redis.pcall(") - len(calls)
    made = re.findall(r"KEYS\[[^\]]+\] *\.\.|attune:", script)
    return wrong + made + ["a call that is written otherwise"] * others


def test_every_command_works_on_a_key_that_was_passed() -> None:
    """A cluster with one server would not complain about another one, nor does any about one of the same slot."""
    assert {name: wrong for name, script in SCRIPTS if (wrong := undeclared(script))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "redis.call('GET', 'attune:placements')",
        "redis.call('GET', ARGV[1])",
        "local key = ARGV[1]\nredis.call('GET', key)",
        "redis.call('GET', KEYS[1] .. ':more')",
        "redis.call(command, KEYS[1])",
    ],
)
def test_a_key_that_was_not_passed_is_found(line: str) -> None:
    assert undeclared(line) != []


def test_the_documented_permissions_are_those_that_are_used() -> None:
    """Every command of a script is among them, and each of them is in a script or in the code around it."""
    room = files("attune.store")
    source = "".join(file.read_text() for file in room.iterdir() if file.name.endswith(".py")).lower()
    documentation = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    [line] = [line for line in documentation.splitlines() if line.startswith("ACL SETUSER")]
    allowed = {word.removeprefix("+").partition("|")[0] for word in line.split() if word.startswith("+")}
    scripted = {call["command"].lower() for _, script in SCRIPTS for call in CALL.finditer(script)}
    assert scripted - allowed == set()
    of_the_library = {"command", "multi", "exec"}  # what redis-py sends for a cluster, and around a transaction
    assert {name for name in allowed - scripted - of_the_library if not re.search(rf"\b{name}\b", source)} == set()


def test_every_script_says_what_it_takes() -> None:
    for name, script in SCRIPTS:
        assert script.startswith("-- "), name
        assert "\n-- KEYS: " in script, name
        assert "\n-- ARGV: " in script, name
