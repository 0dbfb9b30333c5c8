"""Which offers a decision may draw from: those of the request, or those of the catalogue, less what is left out.

Whatever is left out is left out here, before anything is drawn: the pmf is over what remains.
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import NamedTuple

from attune.errors import NothingEligibleError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.catalog import LiveOffers
from attune.serving.situation import among, read_context, without
from attune_models.types import ReadSituation, Situation


class Eligible(NamedTuple):
    """What a decision may draw from.

    Attributes:
        situation: The context, and the offers as actions.
        offers: The same offers as they came, serialised; empty where they are of the catalogue.
        offer_set: Where they are of the catalogue, the digest of the set that `situation.positions` points into.
        shortlisted_from: How many there were before they were shortlisted; 0 where they were not.
        context: The context as it came, serialised.
    """

    situation: Situation
    offers: Sequence[bytes] = ()
    offer_set: bytes = b""
    shortlisted_from: int = 0
    context: bytes = b""


def eligible_offers(request: DecideEnvelope, live: LiveOffers | None) -> Eligible:
    """Return what may be drawn.

    Args:
        request: A request whose ids and sizes are valid.
        live: The offers of the catalogue that are live for the placement; None where there are none.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
        NothingEligibleError: No offer of the catalogue is left.
    """
    context = joined(request.context)
    if request.offers:
        return _inline(request, context)
    if live is None:
        raise NothingEligibleError(_nothing(request, 0))
    read, known = read_context(context), live.actions
    situation: Situation = ReadSituation(read, known.action_ids, known.actions, known)
    positions = _positions(request, live)
    if positions is not None:
        if not positions:
            raise NothingEligibleError(_nothing(request, len(known.actions)))
        situation = part_of(situation, positions)
    return Eligible(situation, (), live.offer_set.digest, 0, context)


def joined(parts: Sequence[bytes]) -> bytes:
    """Return one message of all its parts."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def part_of(situation: Situation, listed: Sequence[int]) -> Situation:
    """Return the situation of some of the offers of a situation.

    Args:
        situation: Of offers of the catalogue.
        listed: Which of them, zero-based.
    """
    ids, actions, positions = situation.action_ids, situation.actions, situation.positions
    return ReadSituation(
        situation.read,
        [ids[i] for i in listed],
        [actions[i] for i in listed],
        situation.known,
        listed if positions is None else [positions[i] for i in listed],
    )


def _inline(request: DecideEnvelope, context: bytes) -> Eligible:
    offers: Sequence[bytes] = request.offers
    situation = among(read_context(context).text, offers)
    if request.excluded_offer_ids:
        situation, offers = without(situation, offers, set(request.excluded_offer_ids))
    return Eligible(situation, offers, b"", 0, context)


def _positions(request: DecideEnvelope, live: LiveOffers) -> Sequence[int] | None:
    """Return where the eligible offers are, in the caller's order; None for all of them."""
    channel = request.channel
    shown_there = live.channels.get(channel, live.everywhere) if channel and live.channels else None
    positions = _named(request.offer_ids, live, shown_there) if request.offer_ids else shown_there
    if not request.excluded_offer_ids:
        return positions
    excluded = {live.position_of.get(offer_id) for offer_id in request.excluded_offer_ids}
    among = range(len(live.actions.actions)) if positions is None else positions
    return [i for i in among if i not in excluded]


def _named(offer_ids: Collection[str], live: LiveOffers, shown_there: Sequence[int] | None) -> list[int]:
    known = [i for offer_id in offer_ids if (i := live.position_of.get(offer_id)) is not None]
    return known if shown_there is None else [i for i in known if _is_in(shown_there, i)]


def _is_in(ordered: Sequence[int], position: int) -> bool:
    at = bisect_left(ordered, position)
    return at < len(ordered) and ordered[at] == position


def _nothing(request: DecideEnvelope, n_live: int) -> str:
    asked = f"{len(request.offer_ids)} offer_ids and {len(request.excluded_offer_ids)} excluded_offer_ids"
    where = f' on channel "{request.channel[:80]}"' if request.channel else ""
    return (
        f'offers: expected offers in the request, or live ones of placement "{request.placement}"{where} in the '
        f"catalogue, got none: {n_live} are live, {asked} were sent"
    )
