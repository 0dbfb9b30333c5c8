"""What the versions of a policy say: which one to go back to, in what two differ, and a table of them all."""

import json
from collections.abc import Sequence

from google.protobuf import json_format
from rich.table import Table

from attune.cli.failures import FAILED, CallError
from attune.cli.output import empty_table
from attune.v1.placement_pb2 import PolicyVersion


def former(versions: Sequence[PolicyVersion]) -> int:
    """Return the version to roll back to.

    Args:
        versions: Those that are kept, newest first.

    Raises:
        CallError: There is none before the one that serves.
    """
    serving = next((i for i, version in enumerate(versions) if version.serving), None)
    older = versions if serving is None else versions[serving + 1 :]  # after a reset, none of them may be serving
    if not older:
        raise CallError("version: expected one that is older than the one that serves, there is none", FAILED)
    if serving is None:
        return older[0].version
    trained = _training(versions[serving])
    return next((other for other in older if _training(other) != trained), older[0]).version


def differences(old: PolicyVersion, new: PolicyVersion) -> list[tuple[str, str, str]]:
    """Return what differs between two versions: its name, and both values as text."""
    before, after = _facts(old), _facts(new)
    names = [*before, *(name for name in after if name not in before)]
    rows = [(name, before.get(name, "-"), after.get(name, "-")) for name in names]
    return [row for row in rows if row[1] != row[2]]


def versions_table(versions: Sequence[PolicyVersion]) -> Table:
    """Return a table with a line for each policy version that is kept."""
    table = empty_table("version")
    for title in ("interactions", "bytes"):
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("committed", "sha256", ""):
        table.add_column(title, no_wrap=True)
    for version in versions:
        committed = f"{version.created_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"
        counts = (f"{version.interactions:,}", f"{version.size_bytes:,}")
        serving = "serving, promoted" if version.promoted else "serving" if version.serving else ""
        table.add_row(str(version.version), *counts, committed, version.sha256[:12], serving)
    return table


def _training(version: PolicyVersion) -> tuple[object, ...]:
    return version.policy, version.reward, version.generation


def _facts(version: PolicyVersion) -> dict[str, str]:
    policy, reward = (
        json_format.MessageToDict(spec, preserving_proto_field_name=True) for spec in (version.policy, version.reward)
    )
    counts = {"interactions": f"{version.interactions:,}", "bytes": f"{version.size_bytes:,}"}
    trained = {"generation": str(version.generation), **counts}
    return {**dict(_flat("policy", policy)), **dict(_flat("reward", reward)), **trained, "sha256": version.sha256[:12]}


def _flat(name: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value:
        return [row for key, inner in value.items() for row in _flat(f"{name}.{key}", inner)]
    return [(name, json.dumps(value, ensure_ascii=False))]
