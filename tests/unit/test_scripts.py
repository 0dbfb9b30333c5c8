"""The scripts that run in the store: every key they touch is one they were given."""

import re
from importlib.resources import files

import pytest

SCRIPTS = sorted(
    (script.name, script.read_text())
    for script in files("attune.store").joinpath("scripts").iterdir()
    if script.name.endswith(".lua")
)
CALL = re.compile(r"redis\.p?call\('(?P<command>[A-Z]+)'(?:, (?P<key>[^,()]+(?:\[[^\]]*\])?))?")
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


@pytest.mark.parametrize(("name", "script"), SCRIPTS, ids=[name for name, _ in SCRIPTS])
def test_every_command_works_on_a_key_that_was_passed(name: str, script: str) -> None:
    """A cluster with one server would not complain about another one, nor does any about one of the same slot."""
    del name
    known = keys_by_name(script)
    calls = list(CALL.finditer(script))
    assert len(calls) == script.count("redis.call(") + script.count("redis.pcall("), "a call that is written otherwise"
    for call in calls:
        if call["command"] != "TIME":
            assert call["key"] in known or KEY.fullmatch(call["key"] or ""), call[0]


@pytest.mark.parametrize(("name", "script"), SCRIPTS, ids=[name for name, _ in SCRIPTS])
def test_no_script_makes_a_key_of_its_own(name: str, script: str) -> None:
    del name
    assert "attune:" not in script
    assert not re.search(r"KEYS\[[^\]]+\] *\.\.", script)


@pytest.mark.parametrize(("name", "script"), SCRIPTS, ids=[name for name, _ in SCRIPTS])
def test_every_script_says_what_it_takes(name: str, script: str) -> None:
    del name
    assert script.startswith("-- ")
    assert "\n-- KEYS: " in script
    assert "\n-- ARGV: " in script
