"""What came of a run of the demo, as values and as JSON."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from attune.demo.monitor import Recovery
from attune.demo.plan import Plan
from attune.demo.proof import Check
from attune.demo.summary import Stretch


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the policy.

    Attributes:
        serving: The one that serves at the end.
        seen: How many were seen in `ListPolicyVersions`, which keeps the latest.
        used: How many decided for at least one customer.
    """

    serving: int
    seen: int
    used: int


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Attributes:
        plan: The settings of the run.
        stretches: What was earned, stretch by stretch; the last is the whole run.
        recovery: What became of the killed learner.
        versions: The versions of the policy.
        checks: The proof that nothing is lost.
        decisions: Customers who were decided for; fewer than planned where the machine could not keep up.
        repeats: How many requests had to be sent again, by what was answered.
        fallbacks: Decisions drawn uniformly because the policy could not be used.
    """

    plan: Plan
    stretches: tuple[Stretch, ...]
    recovery: Recovery
    versions: Versions
    checks: tuple[Check, ...]
    decisions: int
    repeats: dict[str, int]
    fallbacks: int

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON can hold it: NaN becomes None, and every check says whether it holds."""
        document: dict[str, Any] = _finite(asdict(self))
        for written, made in zip(document["checks"], self.checks, strict=True):
            written["holds"] = made.holds
        return document


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
