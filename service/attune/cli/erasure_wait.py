"""Waiting until an erasure is done, for `attune customers erase`: what it waits for is said, and it ends.

The service removes the rest by itself. Without a process that learns it never comes to that, and a training may take
long: whoever waits is told which of these it is.
"""

import time
from collections.abc import Sequence
from typing import Final

import typer

from attune.cli.client import Service
from attune.cli.failures import UNAVAILABLE, CallError
from attune.v1.customer_service_pb2 import ErasureReceipt, GetErasureRequest, GetErasureResponse
from attune.v1.customer_service_pb2_grpc import CustomerServiceStub
from attune.v1.placement_service_pb2 import GetPlacementResponse, ListPlacementsRequest, ListPlacementsResponse
from attune.v1.placement_service_pb2_grpc import PlacementServiceStub

SAY_EVERY_S = 5.0
"""What it waits for is looked at so often, and said where it has changed."""
_LOOK_S = 0.25
_MOST_NAMED: Final = 3


def until_done(service: Service, receipt: ErasureReceipt, timeout_s: float) -> ErasureReceipt:
    """Wait until an erasure is done; on stderr, say what it waits for.

    Args:
        service: Where it was begun.
        receipt: As it stands.
        timeout_s: For how long, in seconds.

    Returns:
        The receipt as it stands in the end: it has `completed_at`, unless the time was up.

    Raises:
        CallError: The service does not answer.
    """
    begun_s = said_s = time.monotonic()
    said = ""
    while not receipt.HasField("completed_at") and (now_s := time.monotonic()) - begun_s < timeout_s:
        if now_s - said_s >= SAY_EVERY_S:
            said_s = now_s
            if (waits_for := _looked(service)) != said:
                said = waits_for
                typer.echo(f"waiting since {_clock(receipt)}: {said}", err=True)
        time.sleep(_LOOK_S)
        receipt = receipt_of(service, receipt.receipt_id)
    return receipt


def not_done(service: Service, receipt: ErasureReceipt, timeout_s: float, *, exports: bool) -> CallError:
    """Return the error for an erasure that was not done in time.

    Args:
        service: Where it was begun.
        receipt: As it stands.
        timeout_s: How long was waited, in seconds.
        exports: Whether files were to be written anew afterwards.
    """
    then = ". The exports are as they were: erase once more, then they are done" if exports else ""
    return CallError(
        f"the erasure was asked for at {_clock(receipt)} and was not done within {timeout_s:g} s of waiting: "
        f"{_looked(service)}. It goes on by itself: look with `attune customers erasure {receipt.receipt_id}`{then}",
        UNAVAILABLE,
    )


def receipt_of(service: Service, receipt_id: str) -> ErasureReceipt:
    """Return a receipt as it stands now.

    Raises:
        CallError: There is none, or the service does not answer.
    """
    reply: GetErasureResponse = service.call(
        CustomerServiceStub(service.channel).GetErasure, GetErasureRequest(receipt_id=receipt_id)
    )
    return reply.receipt


def waits_for(placements: Sequence[GetPlacementResponse]) -> str:
    """Return what an erasure that is not done waits for, as far as placements tell.

    Args:
        placements: All there are.
    """
    if alone := [each.placement.name for each in placements if not each.status.learner]:
        return (
            f"no process learns {_listed(alone)}, so perhaps none is there to remove anything: see that "
            "`attune learn`, or `attune serve` without --no-learner, is running"
        )
    for each in placements:
        if each.status.HasField("training"):
            training = each.status.training
            share = training.interactions / max(training.of, 1)
            return f"{each.placement.name} is being trained anew, {share:.0%} of {training.of:,} interactions so far"
    return "the process that learns has to remove the rest, and to train anew what has learned from it"


def _looked(service: Service) -> str:
    listed: ListPlacementsResponse = service.call(
        PlacementServiceStub(service.channel).ListPlacements, ListPlacementsRequest()
    )
    return waits_for(listed.placements)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _clock(receipt: ErasureReceipt) -> str:
    return f"{receipt.requested_at.ToDatetime():%H:%M:%S} UTC"
