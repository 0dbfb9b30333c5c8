"""`attune apply`: placements from files."""

from pathlib import Path
from typing import Annotated

import typer
from google.protobuf import json_format

from attune.cli import client, placement_files
from attune.cli.client import Service
from attune.cli.failures import CallError
from attune.cli.placement_files import Document
from attune.errors import InvalidInputError
from attune.v1.placement_service_pb2 import ApplyPlacementRequest, ApplyPlacementResponse
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub


def apply(
    *,
    files: Annotated[
        list[Path], typer.Argument(help="YAML or JSON; one or several placements each.", show_default=False)
    ],
    address: Annotated[str | None, typer.Option(help="The service, as host:port. [127.0.0.1:50051]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the replies as a JSON list.")] = False,
) -> None:
    """Create placements, or change them to what the files say. Applying a file twice changes nothing.

    A mistake is shown with its line and field. Where a file cannot be read as placements, nothing is applied.
    """
    documents = placement_files.read(files)
    with client.connect(address) as service:
        replies = [_applied(service, document) for document in documents]
    if as_json:
        typer.echo(f"[{', '.join(map(_as_json, replies))}]")
        return
    for reply in replies:
        what = "unchanged" if not reply.changed else "created" if reply.revision == 1 else "changed"
        typer.echo(f"{reply.placement.name}: {what} (revision {reply.revision})")


def _applied(service: Service, document: Document) -> ApplyPlacementResponse:
    stub = PlacementServiceStub(service.channel)
    try:
        reply: ApplyPlacementResponse = service.call(
            stub.ApplyPlacement, ApplyPlacementRequest(placement=document.placement)
        )
    except CallError as error:
        if not error.violations:
            raise
        raise InvalidInputError(*map(document.located, error.violations)) from error
    return reply


def _as_json(reply: ApplyPlacementResponse) -> str:
    return json_format.MessageToJson(
        reply, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    )
