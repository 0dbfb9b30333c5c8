"""The directory of a sweep: a small file for each candidate that is done, so that what was interrupted goes on.

A file is named after everything that its content depends on: the log, the policy, what was asked. So nothing in it can
be out of date, and sweeps may share a directory. It is written under another name, put on the disk and renamed, and it
says its own checksum: what is there is whole, or is computed again.
"""

import json
import os
import types
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from attune.errors import SettingError
from attune.reports.report import EvaluationReport

_SUFFIX = ".json"
_UNFINISHED = ".unfinished-"


def digest(parts: Mapping[str, Any]) -> str:
    """Return a name for what a result depends on.

    Args:
        parts: Anything that JSON can hold.
    """
    return sha256(_canonical(parts).encode()).hexdigest()


class SweepResults:
    """The results in a directory, each the report of one candidate, and of the baseline where that is a target."""

    def __init__(self, directory: Path) -> None:
        """Look into a directory, which is made where it is missing.

        Raises:
            SettingError: It cannot be written to.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(
                f"--keep: expected a directory to write to, got {directory}: {error.strerror}"
            ) from error
        self._directory = directory

    def load(self, name: str) -> EvaluationReport | None:
        """Return a result; None where there is none, or where it is damaged.

        Args:
            name: What `digest` returned.
        """
        try:
            found = json.loads((self._directory / f"{name}{_SUFFIX}").read_text(encoding="utf-8"))
            if found["sha256"] != _checksum(found["report"]):
                return None
            report: EvaluationReport = _decoded(EvaluationReport, found["report"])
        except (FileNotFoundError, ValueError, TypeError, KeyError):
            return None
        return report

    def save(self, name: str, report: EvaluationReport) -> None:
        """Write a result.

        Args:
            name: What `digest` returned.
            report: Of one candidate.

        Raises:
            SettingError: It cannot be written.
        """
        content = json.loads(json.dumps(asdict(report)))
        text = json.dumps({"sha256": _checksum(content), "report": content})
        unfinished = self._directory / f"{_UNFINISHED}{name}"
        try:
            with unfinished.open("w", encoding="utf-8") as file:
                file.write(f"{text}\n")
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._directory / f"{name}{_SUFFIX}")
        except OSError as error:
            raise SettingError(f"--keep: {unfinished} cannot be written: {error.strerror}") from error


def _checksum(content: Any) -> str:
    return sha256(_canonical(content).encode()).hexdigest()


def _canonical(content: Any) -> str:
    """Return JSON that is the same whatever the order of its names was; NaN and infinity have words of their own."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _decoded(hint: Any, value: Any) -> Any:
    """Return what JSON says as a value of a type: a dataclass, a sequence, a mapping, or something that may be None."""
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        assert isinstance(hint, type)  # a class, not one of its values
        return hint(**{field.name: _decoded(hints[field.name], value[field.name]) for field in fields(hint)})
    origin = get_origin(hint)
    if origin is types.UnionType:
        return None if value is None else _decoded(get_args(hint)[0], value)
    if origin is Sequence:
        return [_decoded(get_args(hint)[0], each) for each in value]
    if origin is Mapping:
        return {name: _decoded(get_args(hint)[1], each) for name, each in value.items()}
    if not isinstance(value, hint | int if hint is float else hint):
        raise TypeError(f"expected {hint.__name__}, got {value!r}")
    return value
