"""What a report is to say: what was asked for, and what the placement makes of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from attune.errors import InvalidInputError, Violation
from attune.v1.insight_service_pb2 import GetReportRequest
from attune.v1.placement_pb2 import Placement

DEFAULT_CONFIDENCE = 0.95
DEFAULT_RETENTION_DAYS = 7

_CONVERSIONS = ("conversion", "purchase", "click")


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is to say.

    Attributes:
        since_ms: Decisions before do not count; milliseconds since the epoch, None for all.
        until_ms: Decisions from then on do not count; None for all.
        confidence: Of the intervals.
        features: Features of the context to look at value by value.
        conversion: Name of the outcome that is a conversion; empty where none is.
        revenue: Name of the one that is money; empty where none is.
        nps: Name of the one that is a recommendation; empty where none is.
        retention_days: Within how many days a customer has to come back.
        control_share: The share that control has now; 0 without a control group.
        baseline: Who decides for it, as the field of the contract is called; empty without one.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    confidence: float = DEFAULT_CONFIDENCE
    features: Sequence[str] = ()
    conversion: str = ""
    revenue: str = ""
    nps: str = ""
    retention_days: int = DEFAULT_RETENTION_DAYS
    control_share: float = 0.0
    baseline: str = ""

    def holds(self, at_ms: int) -> bool:
        """Tell whether a decision of that time counts."""
        after = self.since_ms is None or at_ms >= self.since_ms
        return after and (self.until_ms is None or at_ms < self.until_ms)


def question_of(request: GetReportRequest, placement: Placement) -> Question:
    """Return what a request asks of a placement.

    Args:
        request: Its numbers are within their limits.
        placement: With its defaults.

    Raises:
        InvalidInputError: It names an outcome that the placement does not have.
    """
    names = [rule.name for rule in placement.reward.outcomes]
    if wrong := list(_unknown(request, names)):
        raise InvalidInputError(*wrong)
    found = next((name for name in _CONVERSIONS if name in names), "")
    return Question(
        since_ms=request.since.ToMilliseconds() if request.HasField("since") else None,
        until_ms=request.until.ToMilliseconds() if request.HasField("until") else None,
        confidence=request.confidence or DEFAULT_CONFIDENCE,
        features=tuple(request.features),
        conversion=request.conversion_outcome or found,
        revenue=request.revenue_outcome or ("revenue" if "revenue" in names else ""),
        nps=request.nps_outcome or ("nps" if "nps" in names else ""),
        retention_days=request.retention_days or DEFAULT_RETENTION_DAYS,
        control_share=placement.control.share,
        baseline=(placement.control.WhichOneof("policy") or "") if placement.control.share > 0.0 else "",
    )


def _unknown(request: GetReportRequest, names: Sequence[str]) -> Iterator[Violation]:
    for field in ("conversion_outcome", "revenue_outcome", "nps_outcome"):
        if (asked := getattr(request, field)) and asked not in names:
            known = ", ".join(names)
            yield Violation(field, f'expected one of the reward spec\'s outcomes ({known}), got "{asked[:80]}"')
