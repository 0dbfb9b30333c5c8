"""`attune segments`: conditions with names. They get there with `attune apply`."""

import json
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from attune.cli import client, failures
from attune.cli.condition_text import shown
from attune.cli.output import as_dict, empty_table, plain, show
from attune.v1.segment_service_pb2 import (
    DeleteSegmentsRequest,
    DeleteSegmentsResponse,
    ListSegmentsRequest,
    ListSegmentsResponse,
    Segment,
)
from attune.v1.segment_service_pb2_grpc import SegmentServiceStub

Address = Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")]

segments = typer.Typer(
    help="List the segments, or delete some. To put segments there: attune apply FILE",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=failures.EXIT_CODES_HELP,
)


@segments.command("list")
def list_segments(*, address: Address = None, as_json: AsJson = False) -> None:
    """List all segments, by name."""
    with client.connect(address) as service:
        reply: ListSegmentsResponse = service.call(
            SegmentServiceStub(service.channel).ListSegments, ListSegmentsRequest()
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    elif reply.segments:
        show(_table(reply.segments))
    else:
        typer.echo("No segments: put some there with attune apply FILE")


@segments.command()
def delete(
    *,
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="The segments.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Delete segments; names that there are not are ignored. What a placement or an offer names stays."""
    with client.connect(address) as service:
        reply: DeleteSegmentsResponse = service.call(
            SegmentServiceStub(service.channel).DeleteSegments, DeleteSegmentsRequest(names=names)
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    else:
        missing = len(set(names)) - reply.deleted
        typer.echo(f"segments: {reply.deleted:,} deleted" + (f", {missing:,} were not there" if missing else ""))


def _table(found: Iterable[Segment]) -> Table:
    table = empty_table("segment")
    for title in ("title", "who is in it"):
        table.add_column(title, overflow="fold")
    for segment in found:
        table.add_row(*(Text(plain(text)) for text in (segment.name, segment.title, shown(segment.when))))
    return table
