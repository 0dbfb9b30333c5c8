"""How settings are read: one frozen object, read once at the start of a process and handed down from there.

`load` folds four sources, each overruling the one before: the defaults of `attune.settings`, a TOML file, environment
variables `ATTUNE__SECTION__KEY`, and flags. The supervisor hands the result to its children with `to_json`, in the
variable `HANDED_DOWN_VARIABLE`, so that all of them run with exactly the same settings.
"""

import json
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

from attune.errors import SettingError
from attune.settings import Rule, Settings
from attune.store_url import redacted

ENVIRONMENT_PREFIX = "ATTUNE__"
CONFIG_VARIABLE = "ATTUNE_CONFIG"
HANDED_DOWN_VARIABLE = "ATTUNE_SETTINGS_JSON"
# The settings that are shown to nobody. `store.url` is shown without its password.
SECRETS = frozenset({"customers.key", "customers.former_key"})
# The settings that can be given on the command line.
FLAGS = {
    "server.address": "--address",
    "server.workers": "--workers",
    "server.metrics_address": "--metrics-address",
    "learner.metrics_address": "--learner-metrics-address",
    "store.url": "--redis-url",
    "store.data_dir": "--data-dir",
    "log.level": "--log-level",
    "log.format": "--log-format",
}


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that came from one of the sources.

    Attributes:
        setting: `section.key`.
        value: As it came: typed from TOML and JSON, text from the environment.
        source: Where it came from, for the error message.
    """

    setting: str
    value: object
    source: str


def load(config_file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Settings:
    """Read the settings from all sources.

    Args:
        config_file: A TOML file with the sections as tables; None looks at `ATTUNE_CONFIG`.
        environment: The process's environment.
        flags: Values from the command line by `section.key`, which is one of `FLAGS`; None means not given.

    Returns:
        The settings; what no source names has its default.

    Raises:
        SettingError: A setting is unknown, of the wrong type or out of range, or the file cannot be read. The message
            names the setting, the source, what was expected and what came.
    """
    given = [
        *_from_file(config_file, environment),
        *_from_environment(environment),
        *(_Given(setting, value, FLAGS[setting]) for setting, value in flags.items() if value is not None),
    ]
    return _build(given)


def to_json(settings: Settings) -> str:
    """Write the settings as JSON. May contain a password, in the store's URL, and the keys of customers."""
    return json.dumps(asdict(settings))


def from_json(text: str) -> Settings:
    """Read what `to_json` wrote.

    Raises:
        SettingError: The text is not what `to_json` writes.
    """
    source = "settings handed down"
    try:
        document = json.loads(text)
    except ValueError as error:
        raise SettingError(f"{source}: expected JSON, {error}") from error
    return _build(_from_tables(document, source))


def _from_file(config_file: Path | None, environment: Mapping[str, str]) -> Iterator[_Given]:
    named_by = "--config"
    if config_file is None:
        name = environment.get(CONFIG_VARIABLE, "")
        if not name:
            return
        config_file, named_by = Path(name), CONFIG_VARIABLE
    try:
        document = tomllib.loads(config_file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{named_by}: cannot read {config_file}: {error.strerror}") from error
    except ValueError as error:  # TOMLDecodeError, UnicodeDecodeError
        raise SettingError(f"{config_file}: expected TOML, {error}") from error
    yield from _from_tables(document, str(config_file))


def _from_tables(document: object, source: str) -> Iterator[_Given]:
    if not isinstance(document, dict):
        raise SettingError(f"{source}: expected tables of settings, got {document!r}")
    for section, table in document.items():
        if not isinstance(table, dict):
            raise SettingError(f"{source}: {section}: expected a table [{section}] of settings, got {table!r}")
        for key, value in table.items():
            yield _Given(f"{section}.{key}", value, source)


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Given]:
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX):
            setting = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
            yield _Given(setting, environment[name], name)


def _build(given: Iterable[_Given]) -> Settings:
    sections = get_type_hints(Settings)
    known = {f"{name}.{key.name}": key for name, section in sections.items() for key in fields(section)}
    values: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for one in given:
        if one.setting not in known:
            raise SettingError(f"{one.source}: {one.setting}: unknown setting{_suggestion(one.setting, known)}")
        section, key = one.setting.split(".")
        kind = get_type_hints(sections[section])[key]
        values[section][key] = _checked(one, kind, known[one.setting].metadata["rule"])
    return Settings(**{name: section(**values[name]) for name, section in sections.items()})


def _suggestion(setting: str, known: Mapping[str, object]) -> str:
    by_key = {name.split(".")[1]: name for name in known}
    close = get_close_matches(setting, known, n=1) or [
        by_key[key] for key in get_close_matches(setting.rpartition(".")[2], by_key, n=1)
    ]
    return f', did you mean "{close[0]}"?' if close else f"; known are {', '.join(sorted(known))}"


def _checked(given: _Given, kind: type, rule: Rule) -> object:
    value = _converted(given.value, kind)
    if value is None or not rule.accepts(value):
        noun = {str: "", int: "a whole number, ", float: "a number, "}[kind]
        got = f"got {_shown(given.setting, given.value)}"
        why = rule.problem(given.value)
        raise SettingError(
            f"{given.source}: {given.setting}: expected {noun}{rule.expected}, {got}{why and f': {why}'}"
        )
    return value


def _converted(value: object, kind: type) -> object | None:
    """Return the value as `kind`, or None where it is not one. Text is parsed: the environment knows nothing else."""
    if kind is str:
        return value if isinstance(value, str) else None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if kind is int and isinstance(value, float):
        return None
    try:
        number: object = kind(value)
    except (ValueError, OverflowError):
        return None
    return None if isinstance(number, float) and not math.isfinite(number) else number


def _shown(setting: str, value: object) -> str:
    """Show a value in a message, without the password that a URL may carry, and no key."""
    if setting in SECRETS:
        return f"a text of {len(value)} characters" if isinstance(value, str) else "something else"
    return repr(redacted(value) if setting == "store.url" and isinstance(value, str) else value)


def reachable(address: str) -> str:
    """Return an address under which this machine reaches a server that listens on `address`."""
    host, _, port = address.rpartition(":")
    loopback = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - nothing is bound here
    return f"{loopback.get(host, host)}:{port}"
