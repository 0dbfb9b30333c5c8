"""What a request could draw from, before anything but the request is looked at: its own offers, or the catalogue's."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import NamedTuple

from attune.errors import InvalidInputError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.brought import asked_for, spread
from attune.serving.guard import Exclusion
from attune.serving.live_offers import LiveOffers
from attune.serving.situation import among, read_context
from attune.serving.terms import Terms
from attune.serving.variants import Channel
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CHANNEL, EXCLUSION_REASON_REQUEST
from attune_models.contexts import Context
from attune_models.types import ReadSituation, Situation


class Candidates(NamedTuple):
    """The offers that there are, and those that the request allows.

    Attributes:
        context: The context as it came, serialised.
        all: The situation of all offers there are: of the request, or of the catalogue.
        asked: The same without what the request excludes, as far as it brings offers along.
        positions: Which of all are left, in the caller's order; None for all.
        exclusions: Which are not, and why.
        offers: All of them, as they came; empty where they are of the catalogue.
        offer_set: The digest of the catalogue's; else empty.
        terms: Theirs; None where they came with the request, unless on channels.
        with_channels: Whether each stands for an offer on a channel.
    """

    context: bytes
    all: Situation
    asked: Situation
    positions: Sequence[int] | None = None
    exclusions: Sequence[Exclusion] = ()
    offers: Sequence[bytes] = ()
    offer_set: bytes = b""
    terms: Terms | None = None
    with_channels: bool = False

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all of them."""
        return self.all.action_ids


def candidates(request: DecideEnvelope, live: LiveOffers | None, channels: Sequence[Channel] = ()) -> Candidates:
    """Return what a request could draw from.

    Args:
        request: A request whose ids and sizes are valid.
        live: The offers of the catalogue that are live for the placement; None where there are none. On channels
            already, where the placement chooses them.
        channels: Those that the placement chooses from; none where it does not.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
    """
    context = joined(request.context)
    if offers := request.offers[:]:
        brought = _brought(request, context, offers)
        return _on_channels(request, brought, channels) if channels else brought
    read = read_context(context)
    if live is None:
        nothing = Situation(read.text, (), ())
        return Candidates(context, nothing, nothing, ())
    situation = whole_set(read, live)
    positions, exclusions = _allowed(request, live)
    digest, terms, varied = live.offer_set.digest, live.terms, live.with_channels
    return Candidates(context, situation, situation, positions, exclusions, (), digest, terms, varied)


def takes_all(request: DecideEnvelope, live: LiveOffers) -> bool:
    """Tell whether a request that brings and excludes no offers leaves out none of those of the catalogue."""
    return not (request.offer_ids or (live.channels and request.channel))


def whole_set(context: Context, live: LiveOffers) -> Situation:
    """Return the situation of all offers of the catalogue that are live for a placement."""
    known = live.actions
    return ReadSituation(context, known.action_ids, known.actions, known)


def asked(request: DecideEnvelope) -> Situation:
    """Return what a request asks about, whatever is known of the customer, and whatever a guard leaves out.

    That is what tells a repeated request from another one. Offers of the catalogue are not in it.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
    """
    return candidates(request, None).asked


def joined(parts: Sequence[bytes]) -> bytes:
    """Return one message of all its parts."""
    return parts[0] if len(parts) == 1 else b"".join(parts)


def part_of(situation: Situation, listed: Sequence[int]) -> Situation:
    """Return the situation of some of the offers of a situation.

    Args:
        situation: Of offers of the catalogue, or of others.
        listed: Which of them, zero-based.
    """
    ids, actions, positions = situation.action_ids, situation.actions, situation.positions
    some_ids, some = [ids[i] for i in listed], [actions[i] for i in listed]
    if situation.known is None:
        return ReadSituation(situation.read, some_ids, some)
    in_set = listed if positions is None else [positions[i] for i in listed]
    return ReadSituation(situation.read, some_ids, some, situation.known, in_set)


def _brought(request: DecideEnvelope, context: bytes, offers: Sequence[bytes]) -> Candidates:
    """Return the offers of a request that it does not exclude again."""
    situation = among(read_context(context), offers)
    positions, exclusions = _not_excluded(request, situation.action_ids)
    asked_about = situation if positions is None else part_of(situation, positions)
    return Candidates(context, situation, asked_about, positions, exclusions, offers)


def _on_channels(request: DecideEnvelope, brought: Candidates, channels: Sequence[Channel]) -> Candidates:
    """Return the offers of a request on the channels that the placement chooses from."""
    left = asked_for(request, channels)
    if not left:
        positions = range(len(request.offers)) if brought.positions is None else brought.positions
        elsewhere = Exclusion(EXCLUSION_REASON_CHANNEL, "", positions)
        return brought._replace(positions=(), exclusions=[*brought.exclusions, elsewhere])
    situation, offers, terms = spread(request, brought.all, left)
    spread_out = brought._replace(all=situation, offers=offers, terms=terms, with_channels=True)
    if brought.positions is None:
        return spread_out
    exclusions = [each._replace(positions=_varied(each.positions, len(left))) for each in brought.exclusions]
    return spread_out._replace(positions=_varied(brought.positions, len(left)), exclusions=exclusions)


def _varied(positions: Sequence[int], n_channels: int) -> list[int]:
    """Return where the variants are of the offers at some positions."""
    return [position * n_channels + i for position in positions for i in range(n_channels)]


def _not_excluded(request: DecideEnvelope, offer_ids: Sequence[str]) -> tuple[Sequence[int] | None, list[Exclusion]]:
    """Return which offers that a request brings along it does not exclude again, None for all; and those that it does.

    Raises:
        InvalidInputError: It excludes all.
    """
    if not (excluded := request.excluded_offer_ids):
        return None, []
    named = set(excluded)
    gone = [i for i, offer_id in enumerate(offer_ids) if offer_id in named]
    if not gone:
        return None, []
    if len(gone) == len(offer_ids):
        said = f"expected at least one of {len(offer_ids)} offers to remain, got none"
        raise InvalidInputError(Violation("excluded_offer_ids", said))
    positions = [i for i, offer_id in enumerate(offer_ids) if offer_id not in named]
    return positions, [Exclusion(EXCLUSION_REASON_REQUEST, "", gone)]


def _allowed(request: DecideEnvelope, live: LiveOffers) -> tuple[Sequence[int] | None, list[Exclusion]]:
    """Return where the offers are that a request allows, in its order, None for all; and those that it does not."""
    exclusions: list[Exclusion] = []
    channel = request.channel
    shown_there = live.channels.get(channel, live.everywhere) if channel and live.channels else None
    positions: Sequence[int] | None = _named(request.offer_ids, live) if request.offer_ids else None
    if shown_there is not None:
        positions, elsewhere = _split(positions, shown_there, live, channel)
        if elsewhere:
            exclusions.append(Exclusion(EXCLUSION_REASON_CHANNEL, "", elsewhere))
    if request.excluded_offer_ids:
        named = set(_named(request.excluded_offer_ids, live))
        among = range(len(live.actions.actions)) if positions is None else positions
        if gone := [i for i in among if i in named]:
            exclusions.append(Exclusion(EXCLUSION_REASON_REQUEST, "", gone))
            positions = [i for i in among if i not in named]
    return positions, exclusions


def _named(offer_ids: Collection[str], live: LiveOffers) -> list[int]:
    """Return where some offers are, in the caller's order."""
    return [i for offer_id in offer_ids for i in live.of_offer(offer_id)]


def _split(
    positions: Sequence[int] | None, shown_there: Sequence[int], live: LiveOffers, channel: str
) -> tuple[Sequence[int], Sequence[int]]:
    """Return which of some offers, or of all, are shown on a channel, and which are not."""
    if positions is not None:
        is_there = [_is_in(shown_there, i) for i in positions]
        there = [i for i, shown in zip(positions, is_there, strict=True) if shown]
        return there, [i for i, shown in zip(positions, is_there, strict=True) if not shown]
    key = ("elsewhere", channel if channel in live.channels else None)
    n_all = len(live.terms)
    return shown_there, live.terms.once(key, lambda: sorted(set(range(n_all)).difference(shown_there)))


def _is_in(ordered: Sequence[int], position: int) -> bool:
    at = bisect_left(ordered, position)
    return at < len(ordered) and ordered[at] == position
