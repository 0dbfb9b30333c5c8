"""`attune status`: what the placements are doing."""

import json
import time
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from attune.cli import client
from attune.cli.client import Service
from attune.cli.output import as_dict, empty_table, plain, show
from attune.cli.policy_challengers import promotion_line
from attune.cli.policy_versions import versions_table
from attune.v1.features_pb2 import FEATURE_SOURCE_CONTEXT, FEATURE_SOURCE_OFFER
from attune.v1.placement_service_pb2 import (
    FEATURE_PROBLEM_ALMOST_UNIQUE,
    FEATURE_PROBLEM_CHANGED_TYPE,
    FEATURE_PROBLEM_CONSTANT,
    FEATURE_PROBLEM_DRIFTED,
    FEATURE_PROBLEM_VANISHED,
    GetPlacementRequest,
    GetPlacementResponse,
    ListChallengersRequest,
    ListChallengersResponse,
    ListPlacementsRequest,
    ListPlacementsResponse,
    ListPolicyVersionsRequest,
    ListPolicyVersionsResponse,
    PlacementStatus,
)
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub

_SOURCES = {FEATURE_SOURCE_CONTEXT: "context feature", FEATURE_SOURCE_OFFER: "offer feature"}
_PROBLEMS = {
    FEATURE_PROBLEM_VANISHED: "vanished",
    FEATURE_PROBLEM_CHANGED_TYPE: "changed its type",
    FEATURE_PROBLEM_CONSTANT: "never changes",
    FEATURE_PROBLEM_ALMOST_UNIQUE: "is almost unique",
    FEATURE_PROBLEM_DRIFTED: "has drifted",
}
WATCH_S = 1.0
"""Seconds between two looks with `--watch`; the service has no call that waits for a change."""


def status(
    *,
    placement: Annotated[
        str | None, typer.Argument(help="Show only this one, with its policy versions.", show_default=False)
    ] = None,
    address: Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")] = None,
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
        replies = list(_all(service).placements)
        if not replies:
            return "No placements yet: create one with attune apply FILE"
    else:
        replies = [_one(service, placement)]
    parts: list[RenderableType] = [placements_table(replies)]
    lines = [line for reply in replies for line in (*warning_lines(reply), *_promotion_lines(service, reply))]
    if lines:
        parts += ["", *map(Text, lines)]
    if placement is not None and (versions := _versions(service, placement).versions):
        parts += ["", versions_table(versions)]
    return Group(*parts)


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


def _promotion_lines(service: Service, reply: GetPlacementResponse) -> Iterator[str]:
    """Yield who was promoted last, of a placement that lets challengers be promoted."""
    placement = reply.placement
    if placement.HasField("auto_promote"):
        listed: ListChallengersResponse = service.call(
            PlacementServiceStub(service.channel).ListChallengers, ListChallengersRequest(placement=placement.name)
        )
        if listed.HasField("last_promotion"):
            named = [challenger.name for challenger in placement.challengers]
            yield promotion_line(placement.name, listed.last_promotion, named)


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


def warning_lines(reply: GetPlacementResponse) -> Iterator[str]:
    """Yield what is strange about a placement, a line each; nothing where nothing is."""
    name, of = reply.placement.name, reply.status
    if of.HasField("training"):
        share = of.training.interactions / max(of.training.of, 1)
        yield f"{name}: training {share:.0%} of {of.training.of:,} interactions; the former version serves meanwhile"
    if of.set_aside:
        yield f"{name}: {of.set_aside:,} interactions from before the last reset are not learned from"
    if of.clipped_rewards:
        yield f"{name}: {of.clipped_rewards:,} rewards were outside min and max, and were clipped"
    if of.refused_interactions:
        yield f"{name}: {of.refused_interactions:,} interactions could not be learned from; the learner's log says why"
    if of.withheld_interactions:
        yield f"{name}: {of.withheld_interactions:,} interactions may not be learned from: no consent, or no choice"
    for finding in of.findings:
        source = _SOURCES.get(finding.source, "feature")
        problem = _PROBLEMS.get(finding.problem, "is strange")
        yield f'{name}: {source} "{plain(finding.name)}" {problem}: {plain(finding.detail)}'


def _lag(status: PlacementStatus) -> str:
    if not status.HasField("learner_lag"):
        return "-"
    return f"{status.learner_lag.ToTimedelta().total_seconds():.1f} s"
