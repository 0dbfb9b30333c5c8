"""`attune explain`: which features made the scores of a decision."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer
from google.protobuf import json_format
from rich.markup import escape
from rich.table import Table

from attune.cli import client
from attune.cli.output import show
from attune.v1.decision_service_pb2 import (
    MODE_CONTROL,
    MODE_FALLBACK,
    Contribution,
    Decision,
    EligibleOffer,
    GetDecisionRequest,
    GetDecisionResponse,
)
from attune.v1.decision_service_pb2_grpc import DecisionServiceStub
from attune.v1.features_pb2 import FEATURE_SOURCE_OFFER, FEATURE_SOURCE_UNSPECIFIED

TOP = 5

_DECIDED_BY = {MODE_CONTROL: "the control group's baseline", MODE_FALLBACK: "a uniform draw"}


def explain(
    placement: Annotated[str, typer.Argument(help="The placement's name.", show_default=False)],
    event_id: Annotated[str, typer.Argument(help="The decision's id.", show_default=False)],
    *,
    top: Annotated[int, typer.Option(min=1, help="How many features to show of each offer.")] = TOP,
    address: Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON, with all features.")] = False,
) -> None:
    """Say which features made the scores of a decision, and how much each adds to the expected reward."""
    request = GetDecisionRequest(placement=placement, event_id=event_id, explain=True)
    with client.connect(address) as service:
        reply: GetDecisionResponse = service.call(DecisionServiceStub(service.channel).GetDecision, request)
    decision = reply.decision
    if as_json:
        fields = json_format.MessageToDict(decision, preserving_proto_field_name=True)
        typer.echo(json.dumps(fields, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(summary(decision)))
    show(offers_table(decision, top))


def summary(decision: Decision) -> Iterator[str]:
    """Yield what is said above the table: who decided, and which version explains."""
    by = _DECIDED_BY.get(decision.mode, f"version {decision.policy_version}")
    event_id = printable(decision.event_id)
    yield f"{decision.placement} {event_id}: decided by {by}, explained by version {decision.explained_by}"
    explained = sum(offer.HasField("score") for offer in decision.offers)
    if not explained:
        yield "The policy that explains has no scores, or cannot be loaded."
    elif explained < len(decision.offers):
        yield f"{explained} of {len(decision.offers)} offers are explained: the chosen, then the most probable."


def offers_table(decision: Decision, top: int) -> Table:
    """Return a table with a line for each explained offer, the most probable first.

    Args:
        decision: With explanations.
        top: How many features to show of each offer, those that moved it most.
    """
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("offer", overflow="fold")
    for title in ("probability", "score"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("what moved the score most", overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    # Where a channel was drawn with the offer, the ids of the eligible ones are of both.
    chosen = {f"{each.offer_id}@{each.channel}" if each.channel else each.offer_id for each in decision.choices}
    for offer in sorted(decision.offers, key=lambda each: -each.probability):
        if offer.HasField("score") or offer.offer.id in chosen:
            for line in _lines(offer, top, chosen=offer.offer.id in chosen):
                table.add_row(*(escape(printable(cell)) for cell in line))
    return table


def in_words(contribution: Contribution) -> str:
    """Name a feature as its caller would."""
    if contribution.source == FEATURE_SOURCE_UNSPECIFIED:
        return "(every score)"
    if not contribution.name:
        return "(the offer itself)"
    owner = "offer's " if contribution.source == FEATURE_SOURCE_OFFER else ""
    if contribution.value.startswith("["):
        return f"{owner}{contribution.name}{contribution.value}"
    return f"{owner}{contribution.name}" + (f" = {contribution.value}" if contribution.value else "")


def printable(text: str) -> str:
    """Return a caller's text in a form that cannot steer a terminal."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _lines(offer: EligibleOffer, top: int, *, chosen: bool) -> Iterator[tuple[str, ...]]:
    score = f"{offer.score:+.4f}" if offer.HasField("score") else "-"
    first = (offer.offer.id + (" (chosen)" if chosen else ""), f"{offer.probability:.4f}", score)
    moved = [(in_words(each), f"{each.amount:+.4f}") for each in offer.contributions[:top]]
    rest = offer.contributions[top:]
    if rest:
        moved.append((f"({len(rest)} more)", f"{sum(each.amount for each in rest):+.4f}"))
    for i, pair in enumerate(moved or [("(nothing yet)", "")]):
        yield (*(first if i == 0 else ("", "", "")), *pair)
