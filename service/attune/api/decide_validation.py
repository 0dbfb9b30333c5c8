"""What is wrong with a request for decisions: ids and sizes.

Features are checked where they are encoded, in `attune.serving.situation`: looking at each of them twice would cost
more than deciding.
"""

from collections.abc import Callable, Iterator

from attune.api.checks import SURELY_SHORT, id_violations
from attune.api.time_zones import time_zone_violations
from attune.api.validation import MAX_OFFERS, MAX_SLOTS, refuse
from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideBatchEnvelope, DecideEnvelope

MAX_BATCH = 1000
MAX_BATCH_ANSWERS = 10_000
"""Most slots and ranks of all requests of a batch: with the longest ids, the answer just fits what clients accept."""


def check_decide(request: DecideEnvelope) -> None:
    """Check ids and sizes of a request; its context and offers are looked into later.

    Raises:
        InvalidInputError: With every violation.
    """
    if not _is_surely_valid(request):
        refuse(_decide_violations(request))


def checked_batch(
    batch: DecideBatchEnvelope, n_channels: Callable[[str], int] = lambda _: 0
) -> list[DecideEnvelope | InvalidInputError]:
    """Return the requests of a batch, or what is wrong with one in its place.

    Args:
        batch: What came in.
        n_channels: Tells how many channels the placement of a name chooses from.

    Raises:
        InvalidInputError: There are none, or too many, or they ask for more than one answer can hold.
    """
    n_requests = len(batch.requests)
    if not 1 <= n_requests <= MAX_BATCH:
        refuse([Violation("requests", f"expected 1 to {MAX_BATCH} requests, got {n_requests}")])
    checked = [request if _is_surely_valid(request) else _checked(request) for request in batch.requests]
    n_answers = sum([_n_answers(each, n_channels) for each in checked if isinstance(each, DecideEnvelope)])
    if n_answers > MAX_BATCH_ANSWERS:
        refuse([Violation("requests", f"expected at most {MAX_BATCH_ANSWERS} slots and ranks in all, got {n_answers}")])
    return checked


def _n_answers(request: DecideEnvelope, n_channels: Callable[[str], int]) -> int:
    """Return how many offers the answer to a request may name."""
    if n_ranked := request.ranking_size:
        n_drawn_from = len(request.offers) * max(1, n_channels(request.placement))
        n_ranked = min(n_ranked, n_drawn_from or MAX_OFFERS)
    return max(1, request.slots) + n_ranked


def _checked(request: DecideEnvelope) -> DecideEnvelope | InvalidInputError:
    try:
        check_decide(request)
    except InvalidInputError as error:
        return error
    return request


def _is_surely_valid(request: DecideEnvelope) -> bool:
    """Tell whether a request is one of those that come all the time: looking closer costs ten times as much."""
    return (
        0 < len(request.placement) <= SURELY_SHORT
        and len(request.event_id) <= SURELY_SHORT
        and len(request.customer_id) <= SURELY_SHORT
        and len(request.channel) <= SURELY_SHORT
        and not request.time_zone
        and request.slots <= 1
        and request.ranking_size <= MAX_OFFERS
        and len(request.offers) <= MAX_OFFERS
        and not request.offer_ids
        and not request.excluded_offer_ids
    )


def _decide_violations(request: DecideEnvelope) -> Iterator[Violation]:
    yield from id_violations("placement", request.placement)
    for field in ("event_id", "customer_id", "channel"):
        if value := getattr(request, field):
            yield from id_violations(field, value)
    yield from time_zone_violations("time_zone", request.time_zone)
    if request.slots > MAX_SLOTS:
        yield Violation("slots", f"expected 0 to {MAX_SLOTS}, got {request.slots}")
    if request.ranking_size > MAX_OFFERS:
        yield Violation("ranking_size", f"expected 0 to {MAX_OFFERS}, got {request.ranking_size}")
    if len(request.excluded_offer_ids) > MAX_OFFERS:
        yield Violation(
            "excluded_offer_ids", f"expected at most {MAX_OFFERS} ids, got {len(request.excluded_offer_ids)}"
        )
    if len(request.offers) > MAX_OFFERS:
        yield Violation("offers", f"expected at most {MAX_OFFERS} offers, got {len(request.offers)}")
    yield from _offer_ids_violations(request)


def _offer_ids_violations(request: DecideEnvelope) -> Iterator[Violation]:
    n_ids = len(request.offer_ids)
    if n_ids and request.offers:
        yield Violation("offer_ids", f"expected none beside offers, got {n_ids}")
    if n_ids > MAX_OFFERS:
        yield Violation("offer_ids", f"expected at most {MAX_OFFERS} ids, got {n_ids}")
        return
    first: dict[str, int] = {}
    for i, offer_id in enumerate(request.offer_ids):
        yield from id_violations(f"offer_ids[{i}]", offer_id)
        if (seen := first.setdefault(offer_id, i)) != i:
            said = f'expected an id of its own, got "{offer_id[:80]}" as in offer_ids[{seen}]'
            yield Violation(f"offer_ids[{i}]", said)
