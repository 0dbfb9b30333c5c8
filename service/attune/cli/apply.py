"""`attune apply`: placements, offers and segments from files."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format

from attune.cli import apply_files, apply_offers, apply_segments, client, progress
from attune.cli.apply_offers import Changes
from attune.cli.client import Service
from attune.cli.failures import UNAVAILABLE, CallError
from attune.cli.offer_files import OfferEntry
from attune.cli.output import as_dict
from attune.cli.placement_files import Document
from attune.cli.policy_challengers import promoted_at
from attune.errors import InvalidInputError
from attune.v1.placement_pb2 import PolicySpec
from attune.v1.placement_service_pb2 import (
    ApplyPlacementRequest,
    ApplyPlacementResponse,
    ChallengerPromotion,
    GetPlacementRequest,
    GetPlacementResponse,
    ListChallengersRequest,
    ListChallengersResponse,
)
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub
from attune.v1.segment_service_pb2 import PutSegmentsResponse


def apply(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(help="YAML or JSON: placements, offers, segments. CSV: offers.", show_default=False),
    ],
    prune: Annotated[bool, typer.Option("--prune", help="Delete the offers that are not in the files.")] = False,
    address: Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the replies as a JSON list.")] = False,
) -> None:
    """Create placements, offers and segments, or change them to what the files say. Twice changes nothing.

    A mistake is shown with its line and field. Where a file cannot be read, or an offer is not valid, nothing is
    applied. A file counts more than a promotion: one from before it brings the former policy back, with a warning.
    """
    contents = apply_files.read(files)
    if prune and not contents.offers:
        raise typer.BadParameter("--prune deletes what is not in the files: expected offers in them, got none")
    if contents.offers:
        apply_files.check(contents.offers)
    with client.connect(address) as service:
        # First, because placements and offers may name them.
        named = apply_segments.apply(service, contents.segments) if contents.segments else None
        replies = [_applied(service, document) for document in contents.placements]
        changes = _changed(service, contents.offers, prune=prune) if contents.has_offers else None
    if as_json:
        parts = [
            *([_segments_as_json(named)] if named else []),
            *map(_as_json, replies),
            *([_changes_as_json(changes)] if changes else []),
        ]
        typer.echo(f"[{', '.join(parts)}]")
        return
    if named:
        typer.echo(_said_of_segments(named))
    for reply in replies:
        what = "unchanged" if not reply.changed else "created" if reply.revision == 1 else "changed"
        typer.echo(f"{reply.placement.name}: {what} (revision {reply.revision})")
    if changes:
        typer.echo(_said(changes))


def _changed(service: Service, entries: Sequence[OfferEntry], *, prune: bool) -> Changes:
    with progress.bar("offers") as tell:
        return apply_offers.apply(service, entries, prune=prune, tell=lambda done: tell(done, len(entries)))


def _said(changes: Changes) -> str:
    counts = {"created": changes.created, "changed": changes.updated, "unchanged": changes.unchanged}
    if changes.deleted:
        counts["deleted"] = changes.deleted
    return f"offers: {', '.join(f'{count:,} {what}' for what, count in counts.items())}"


def _said_of_segments(reply: PutSegmentsResponse) -> str:
    for said in reply.warnings:
        typer.echo(f"warning: {said}", err=True)
    return f"segments: {reply.created:,} created, {reply.updated:,} changed, {reply.unchanged:,} unchanged"


def _segments_as_json(reply: PutSegmentsResponse) -> str:
    return json.dumps({"segments": as_dict(reply)})


def _changes_as_json(changes: Changes) -> str:
    return json.dumps({"offers": asdict(changes)})


def _applied(service: Service, document: Document) -> ApplyPlacementResponse:
    stub, name = PlacementServiceStub(service.channel), document.placement.name
    before = _promoted(service, name)
    try:
        reply: ApplyPlacementResponse = service.call(
            stub.ApplyPlacement, ApplyPlacementRequest(placement=document.placement)
        )
    except CallError as error:
        if not error.violations:
            raise
        raise InvalidInputError(*map(document.located, error.violations)) from error
    for warning in reply.warnings:
        # Not on stdout, which scripts read.
        typer.echo(f"{name}: warning: {warning}", err=True)
    if before is not None and before[0] != reply.placement.policy:
        typer.echo(f"{name}: {_taken_back(name, before[1])}", err=True)
    return reply


def _promoted(service: Service, name: str) -> tuple[PolicySpec, ChallengerPromotion] | None:
    """Return the policy of a placement, and how a challenger last became it; None where none did."""
    stub = PlacementServiceStub(service.channel)
    try:
        listed: ListChallengersResponse = service.call(stub.ListChallengers, ListChallengersRequest(placement=name))
        if not listed.HasField("last_promotion"):
            return None
        found: GetPlacementResponse = service.call(stub.GetPlacement, GetPlacementRequest(placement=name))
    except CallError as error:
        if error.exit_code == UNAVAILABLE:
            raise
        return None  # there is no such placement yet, or the service is of a former release
    return found.placement.policy, listed.last_promotion


def _taken_back(name: str, promotion: ChallengerPromotion) -> str:
    return (
        f'warning: the policy is another one now, and challenger "{promotion.name}" had become it on '
        f"{promoted_at(promotion)}. If the file is from before that, write the challenger's policy into it as "
        f"`policy`, and leave it out of `challengers`; attune policy list {name} --json has it"
    )


def _as_json(reply: ApplyPlacementResponse) -> str:
    return json_format.MessageToJson(
        reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    )
