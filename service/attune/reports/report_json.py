"""A report as JSON: its fields under their names. What is not known is null, for JSON has no NaN and no infinity."""

import json
from dataclasses import asdict
from math import isfinite
from typing import Any

from attune.reports.report import EvaluationReport


def as_json(report: EvaluationReport) -> str:
    """Return a report as JSON.

    A target that is refused has null for `value`, the value by its main estimator; of all others it is repeated there,
    so that scripts need not look through the estimates.
    """
    said = asdict(report)
    for target in said["targets"]:
        values = {estimate["estimator"]: estimate["value"] for estimate in target["estimates"]}
        target["value"] = values.get(target["main"])
    return json.dumps(_known(said), indent=2, ensure_ascii=False, allow_nan=False)


def _known(value: Any) -> Any:
    match value:
        case float():
            return value if isfinite(value) else None
        case dict():
            return {name: _known(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_known(inner) for inner in value]
        case _:
            return value
