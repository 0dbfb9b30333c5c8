"""`attune policy`: the versions of a placement's policy, and its challengers: look, go back, compare, begin anew."""

import json
from typing import Annotated

import typer

from attune.cli import client, failures
from attune.cli.client import Service
from attune.cli.failures import FAILED, CallError
from attune.cli.output import as_dict, empty_table, show
from attune.cli.policy_challengers import challengers_shown
from attune.cli.policy_versions import differences, former, versions_table
from attune.v1.placement_service_pb2 import (
    ListChallengersRequest,
    ListChallengersResponse,
    ListPolicyVersionsRequest,
    ListPolicyVersionsResponse,
    PromotePolicyVersionRequest,
    PromotePolicyVersionResponse,
    RebuildPolicyRequest,
    RebuildPolicyResponse,
    ResetPolicyRequest,
    ResetPolicyResponse,
)
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub

NEWEST = "newest"
_MOST_DIGITS = 18  # of what an int64 holds

Placement = Annotated[str, typer.Argument(help="The placement.", show_default=False)]
Address = Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the reply as JSON.")]

policy = typer.Typer(
    help="Look at the versions of a placement's policy, go back to one, or train it anew.",
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog=failures.EXIT_CODES_HELP,
)


@policy.command("list")
def list_versions(*, placement: Placement, address: Address = None, as_json: AsJson = False) -> None:
    """List the versions that are kept, newest first."""
    with client.connect(address) as service:
        reply = _list(service, placement)
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    elif reply.versions:
        show(versions_table(reply.versions))
    else:
        typer.echo("Nothing was learned yet: there is no version.")


@policy.command()
def promote(
    *,
    placement: Placement,
    version: Annotated[str, typer.Argument(help=f"The version, or `{NEWEST}`.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Make a version serve, whatever is learned from now on; `newest` ends that."""
    number = _number(version)
    with client.connect(address) as service:
        reply = _promote(service, placement, number)
    _say(placement, reply, as_json=as_json)


@policy.command()
def rollback(*, placement: Placement, address: Address = None, as_json: AsJson = False) -> None:
    """Make the version before the one that serves serve: the last one of before a change, a rebuild or a reset."""
    with client.connect(address) as service:
        reply = _promote(service, placement, former(_list(service, placement).versions))
    _say(placement, reply, as_json=as_json)


@policy.command()
def diff(
    *,
    placement: Placement,
    old: Annotated[int, typer.Argument(help="A version.", show_default=False)],
    new: Annotated[int, typer.Argument(help="Another one.", show_default=False)],
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Show in what two versions differ: their specs, and how much they have learned."""
    with client.connect(address) as service:
        versions = {version.version: version for version in _list(service, placement).versions}
    if missing := [number for number in (old, new) if number not in versions]:
        kept = ", ".join(map(str, versions)) or "there is none yet"
        raise CallError(f"version: expected one that is kept ({kept}), got {missing[0]}", FAILED)
    rows = differences(versions[old], versions[new])
    if as_json:
        typer.echo(json.dumps({name: {"old": before, "new": after} for name, before, after in rows}, indent=2))
        return
    table = empty_table("what")
    table.add_column(f"version {old}", overflow="fold")
    table.add_column(f"version {new}", overflow="fold")
    for row in rows:
        table.add_row(*row)
    show(table)


@policy.command()
def rebuild(
    *,
    placement: Placement,
    whole_log: Annotated[
        bool, typer.Option("--whole-log", help="Learn also from what came before the last reset.")
    ] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Train the policy anew on the training log, with late outcomes; what serves goes on until it has caught up."""
    with client.connect(address) as service:
        reply: RebuildPolicyResponse = service.call(
            PlacementServiceStub(service.channel).RebuildPolicy,
            RebuildPolicyRequest(placement=placement, whole_log=whole_log),
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{placement}: training anew on {reply.interactions:,} interactions; what serves goes on meanwhile")
    typer.echo(f"To see how far it is: attune status {placement}")


@policy.command()
def reset(
    *,
    placement: Placement,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Let the policy start untrained, at once. The training log and the newest version are kept."""
    if not yes:
        _confirm(placement)
    with client.connect(address) as service:
        reply: ResetPolicyResponse = service.call(
            PlacementServiceStub(service.channel).ResetPolicy, ResetPolicyRequest(placement=placement)
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{placement}: untrained from now on; {reply.set_aside:,} interactions are not learned from any more")
    if reply.former_version:
        typer.echo(f"To let the former version serve: attune policy promote {placement} {reply.former_version}")
    typer.echo(f"To learn from all of them again: attune policy rebuild {placement} --whole-log")


@policy.command()
def challengers(*, placement: Placement, address: Address = None, as_json: AsJson = False) -> None:
    """Show what the challengers would have earned, how sure that is, and the last promotion."""
    with client.connect(address) as service:
        reply: ListChallengersResponse = service.call(
            PlacementServiceStub(service.channel).ListChallengers, ListChallengersRequest(placement=placement)
        )
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
        return
    show(challengers_shown(placement, reply))


def _confirm(placement: str) -> None:
    typer.echo(f"{placement} forgets what it has learned, and starts untrained, at once.", err=True)
    try:
        typed = typer.prompt("Type the placement's name to go on", default="", show_default=False, err=True)
    except typer.Abort:  # there is nobody to ask
        typer.echo(err=True)  # ends the question's line
        typed = ""
    if typed != placement:
        raise CallError(f'placement: expected its name, "{placement}", got "{typed}": nothing was changed', FAILED)


def _number(version: str) -> int:
    if version == NEWEST:
        return 0
    if not version.isdecimal() or len(version) > _MOST_DIGITS or int(version) == 0:
        raise typer.BadParameter(f"expected the number of a version, or {NEWEST}, got {version[:40]!r}")
    return int(version)


def _list(service: Service, placement: str) -> ListPolicyVersionsResponse:
    reply: ListPolicyVersionsResponse = service.call(
        PlacementServiceStub(service.channel).ListPolicyVersions, ListPolicyVersionsRequest(placement=placement)
    )
    return reply


def _promote(service: Service, placement: str, version: int) -> PromotePolicyVersionResponse:
    reply: PromotePolicyVersionResponse = service.call(
        PlacementServiceStub(service.channel).PromotePolicyVersion,
        PromotePolicyVersionRequest(placement=placement, version=version),
    )
    return reply


def _say(placement: str, reply: PromotePolicyVersionResponse, *, as_json: bool) -> None:
    version = reply.version
    if as_json:
        typer.echo(json.dumps(as_dict(reply), indent=2, ensure_ascii=False))
    elif version.promoted:
        typer.echo(f"{placement}: version {version.version} serves until another one is promoted")
        typer.echo(f"To let the newest serve again: attune policy promote {placement} {NEWEST}")
    else:
        typer.echo(f"{placement}: the newest version serves, now {version.version}, and all that follow")
