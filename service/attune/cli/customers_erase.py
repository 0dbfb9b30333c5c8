"""`attune customers erase`: a customer is forgotten by the service and, where they are named, by exports of the log."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.cli import client
from attune.cli.erasure_wait import not_done, receipt_of, until_done
from attune.cli.output import as_dict
from attune.errors import ExpectedError
from attune.v1.customer_service_pb2 import (
    EraseCustomerRequest,
    EraseCustomerResponse,
    ErasureReceipt,
    PlacementErasure,
)
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub

if TYPE_CHECKING:
    from attune.logs.erasing import Removed

_TIMEOUT_S = 3600.0


def erase(
    *,
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer.", show_default=False)],
    wait: Annotated[bool, typer.Option("--wait", help="Return when everything is done.")] = False,
    exports: Annotated[
        list[Path] | None,
        typer.Option(
            help="A directory that `attune export` has written: the customer's rows are removed from its files, when "
            "the service is done (so it waits). May be given several times."
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0, help="How long to wait, in seconds. What is not done then is done all the same.")
    ] = _TIMEOUT_S,
    address: Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Erase a customer: profile, history, decisions, interactions; and train the models without them.

    What is stored under the customer is gone at once, the rest is removed by the process that learns. The receipt says
    what was removed and when; ask for it again with `attune customers erasure RECEIPT`.
    """
    if exports:
        _check(exports)  # before anything is gone
    with client.connect(address) as service:
        reply: EraseCustomerResponse = service.call(
            CustomerServiceStub(service.channel).EraseCustomer, EraseCustomerRequest(customer_id=customer_id)
        )
        receipt = reply.receipt
        if wait or exports:
            receipt = until_done(service, receipt, timeout)
            if not receipt.HasField("completed_at"):
                _say(receipt, {}, as_json=as_json)
                raise not_done(service, receipt, timeout, exports=bool(exports))
    try:
        removed = _removed(exports or [], reply.customers)
    except ExpectedError:
        _say(receipt, {}, as_json=as_json)  # what the service has done is done
        raise
    _say(receipt, removed, as_json=as_json)


def erasure(
    *,
    receipt_id: Annotated[str, typer.Argument(metavar="RECEIPT", help="The receipt's id.", show_default=False)],
    address: Annotated[str | None, typer.Option(help="The service, as host:port (default: 127.0.0.1:50051).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")] = False,
) -> None:
    """Show the receipt of an erasure as it stands now."""
    with client.connect(address) as service:
        _say(receipt_of(service, receipt_id), {}, as_json=as_json)


def _check(exports: Sequence[Path]) -> None:
    from attune.logs import erasing  # noqa: PLC0415 - `--help` does not wait for it

    for directory in exports:
        erasing.check(directory)


def _removed(exports: Sequence[Path], customers: Sequence[str]) -> dict[str, "Removed"]:
    from attune.logs import erasing  # noqa: PLC0415 - `--help` does not wait for it

    return {str(directory): erasing.erase(directory, set(customers)) for directory in exports}


def _say(receipt: ErasureReceipt, removed: dict[str, "Removed"], *, as_json: bool) -> None:
    if as_json:
        exports = {directory: asdict(each) for directory, each in removed.items()}
        typer.echo(json.dumps({"receipt": as_dict(receipt), "exports": exports}, indent=2, ensure_ascii=False))
        return
    what = f"{'a' if receipt.profile else 'no'} profile, {receipt.history_entries:,} entries of the history"
    typer.echo(f"receipt {receipt.receipt_id}: removed {what}")
    for placement in receipt.placements:
        typer.echo(_placement(placement))
    for directory, each in removed.items():
        typer.echo(f"{directory}: removed {each.rows:,} rows and {each.late:,} late outcomes from {each.files:,} files")
        if each.unknown:
            typer.echo(f"{directory}: {each.unknown:,} files do not say whose their rows are: they are as they were")
    if receipt.HasField("completed_at"):
        typer.echo(f"done at {receipt.completed_at.ToDatetime():%Y-%m-%d %H:%M:%S} UTC")
    else:
        typer.echo("the rest is being removed by the process that learns")


def _placement(removed: PlacementErasure) -> str:
    then = f", policy version {removed.rebuilt_version} was trained without them" if removed.rebuilt_version else ""
    but = " on what is left of the log, which had been trimmed" if removed.log_was_trimmed else ""
    return f"{removed.placement}: removed {removed.pending:,} pending, {removed.interactions:,} interactions{then}{but}"
