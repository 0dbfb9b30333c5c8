"""What is shown of challengers: a table, why each can or cannot be trusted, and who was promoted last."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from attune.cli.output import empty_table
from attune.v1.placement_service_pb2 import (
    VERDICT_CAUTION,
    VERDICT_REFUSE,
    VERDICT_TRUST,
    ChallengerPromotion,
    ChallengerStatus,
    ListChallengersResponse,
    ValueEstimate,
    Verdict,
)

_VERDICTS: dict[Verdict, str] = {VERDICT_TRUST: "trust", VERDICT_CAUTION: "caution", VERDICT_REFUSE: "refuse"}


def challengers_shown(placement: str, reply: ListChallengersResponse) -> RenderableType:
    """Return what `attune policy challengers` shows."""
    parts: list[RenderableType] = []
    named = [status.name for status in reply.challengers]
    if reply.challengers:
        parts.append(_table(reply))
        parts += ["", *(Text(f"{status.name}: {status.reason}") for status in reply.challengers)]
    else:
        parts.append(Text(f"{placement} names no challengers: add them to its file, and apply it"))
    if reply.HasField("last_promotion"):
        parts += ["", Text(promotion_line(placement, reply.last_promotion, named))]
    return Group(*parts)


def promotion_line(placement: str, promotion: ChallengerPromotion, named: Iterable[str]) -> str:
    """Return who took the place of the policy, when and why.

    Args:
        placement: The placement's name.
        promotion: Its last one.
        named: The challengers that the placement names now.
    """
    who = f'challenger "{promotion.name}" became the policy on {promoted_at(promotion)}, with version'
    undone = " It is a challenger again: that was taken back." if promotion.name in named else ""
    return f"{placement}: {who} {promotion.version}. {promotion.reason}{undone}"


def promoted_at(promotion: ChallengerPromotion) -> str:
    """Return when a challenger was promoted."""
    return f"{promotion.promoted_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC"


def _table(reply: ListChallengersResponse) -> Table:
    table = empty_table("challenger")
    for title in ("learned", "measured", "value", "of the policy", "difference"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for status in reply.challengers:
        counts = (f"{status.interactions:,}", f"{status.measured:,}")
        table.add_row(status.name, *counts, *_estimates(status), _VERDICTS.get(status.verdict, "-"))
    return table


def _estimates(status: ChallengerStatus) -> Iterator[str]:
    for field, sign in (("value", ""), ("policy_value", ""), ("difference", "+")):
        # What is refused is no number for people; --json has it. What the policy earned was counted, not estimated.
        is_refused = status.verdict == VERDICT_REFUSE and field != "policy_value"
        is_shown = status.HasField(field) and not is_refused
        yield _estimate(getattr(status, field), sign) if is_shown else "-"


def _estimate(estimate: ValueEstimate, sign: str) -> str:
    value, low, high = (format(number, f"{sign}.4g") for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
