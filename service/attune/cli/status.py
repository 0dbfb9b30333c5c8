"""`attune status`: what the placements are doing."""

import json
import time
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table

from attune.cli import client
from attune.cli.client import Service
from attune.cli.output import as_dict, empty_table, show
from attune.cli.policy import versions_table
from attune.v1.placement_service_pb2 import (
    GetPlacementRequest,
    GetPlacementResponse,
    ListPlacementsRequest,
    ListPlacementsResponse,
    ListPolicyVersionsRequest,
    ListPolicyVersionsResponse,
    PlacementStatus,
)
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub

WATCH_S = 1.0


def status(
    *,
    placement: Annotated[
        str | None, typer.Argument(help="Show only this one, with its policy versions.", show_default=False)
    ] = None,
    address: Annotated[str | None, typer.Option(help="The service, as host:port. [127.0.0.1:50051]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the replies as JSON.")] = False,
    watch: Annotated[bool, typer.Option(help="Look again every second, until Ctrl-C.")] = False,
) -> None:
    """Show decisions, outcomes, policy versions, and how far the learner is behind."""
    if watch and as_json:
        raise typer.BadParameter("--watch shows a table: leave out --json")
    with client.connect(address) as service:
        if watch:
            _watch(service, placement)
        elif as_json:
            typer.echo(_json(service, placement))
        else:
            show(_table(service, placement))


def _watch(service: Service, placement: str | None) -> None:
    with Live(_table(service, placement), console=Console(), auto_refresh=False) as live:
        try:
            while True:
                time.sleep(WATCH_S)
                live.update(_table(service, placement), refresh=True)
        except KeyboardInterrupt:
            return


def _json(service: Service, placement: str | None) -> str:
    if placement is None:
        reply = as_dict(_all(service))
    else:
        reply = {**as_dict(_one(service, placement)), **as_dict(_versions(service, placement))}
    return json.dumps(reply, indent=2, ensure_ascii=False)


def _table(service: Service, placement: str | None) -> RenderableType:
    if placement is None:
        replies = _all(service).placements
        return placements_table(replies) if replies else "No placements yet: create one with attune apply FILE"
    one = _one(service, placement)
    versions = _versions(service, placement).versions
    return Group(placements_table([one]), "", versions_table(versions)) if versions else placements_table([one])


def _all(service: Service) -> ListPlacementsResponse:
    reply: ListPlacementsResponse = service.call(
        PlacementServiceStub(service.channel).ListPlacements, ListPlacementsRequest()
    )
    return reply


def _one(service: Service, placement: str) -> GetPlacementResponse:
    reply: GetPlacementResponse = service.call(
        PlacementServiceStub(service.channel).GetPlacement, GetPlacementRequest(placement=placement)
    )
    return reply


def _versions(service: Service, placement: str) -> ListPolicyVersionsResponse:
    reply: ListPolicyVersionsResponse = service.call(
        PlacementServiceStub(service.channel).ListPolicyVersions, ListPolicyVersionsRequest(placement=placement)
    )
    return reply


def placements_table(replies: Iterable[GetPlacementResponse]) -> Table:
    """Return a table with a line for each placement."""
    table = empty_table("placement")
    for title in ("decisions", "outcomes", "pending", "late", "learned", "version", "lag"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("learner", overflow="fold")
    for reply in replies:
        of = reply.status
        counts = (of.decisions, of.outcomes, of.pending, of.late_outcomes, of.learned)
        cells = [*(f"{count:,}" for count in counts), str(of.policy_version), _lag(of), of.learner or "none"]
        table.add_row(reply.placement.name, *cells)
    return table


def _lag(status: PlacementStatus) -> str:
    if not status.HasField("learner_lag"):
        return "-"
    return f"{status.learner_lag.ToTimedelta().total_seconds():.1f} s"
