"""Which offers a decision may draw from: those of the request, or those of the catalogue, less what is left out.

Whatever is left out is left out here, before anything is drawn: the pmf is over what remains. The request leaves out
first, then the placement's guard (`attune.serving.guard`).
"""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import NamedTuple

from attune.errors import InvalidInputError, NothingEligibleError, Violation
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.catalog import LiveOffers
from attune.serving.circumstances import Circumstances
from attune.serving.exclusions import recorded, recorded_by_id, told
from attune.serving.guard import NO_GUARD, Exclusion, Guard
from attune.serving.situation import context_of, situation_of
from attune.serving.terms import OfferTerms, Terms, bare_terms
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.decision_service_pb2 import EXCLUSION_REASON_CHANNEL, EXCLUSION_REASON_REQUEST
from attune.v1.features_pb2 import Features
from attune_models.types import Situation


class Eligible(NamedTuple):
    """What a decision may draw from.

    Attributes:
        situation: The context, and the offers as actions.
        offers: The same offers as they came, serialised; empty where they are of the catalogue.
        offer_set: Where they are of the catalogue, the digest of the set that `situation.positions` points into.
        shortlisted_from: How many there were before they were shortlisted; 0 where they were not.
        terms: Where they are of the catalogue, the terms of all that are live.
        exclusions: What was left out, and why, as it is recorded.
        asked: What the request asks about, whatever a guard leaves out: the digest that tells a repeated request from
            another one is of it; None where it is `situation`.
        is_default: Whether nothing was left, and this is the placement's default offer in its place.
    """

    situation: Situation
    offers: Sequence[bytes] = ()
    offer_set: bytes = b""
    shortlisted_from: int = 0
    terms: Terms | None = None
    exclusions: Sequence[ExclusionRecord] = ()
    asked: Situation | None = None
    is_default: bool = False

    def terms_of(self, position: int) -> OfferTerms:
        """Return the terms of an offer that may be drawn.

        Args:
            position: Its position in the situation, zero-based.
        """
        if self.terms is None:
            return OfferTerms(self.situation.action_ids[position])
        positions = self.situation.positions
        return self.terms[position if positions is None else positions[position]]


def eligible_offers(
    request: DecideEnvelope,
    live: LiveOffers | None,
    guard: Guard = NO_GUARD,
    circumstances: Circumstances | None = None,
    default_offer: bytes = b"",
) -> Eligible:
    """Return what may be drawn.

    Args:
        request: A request whose ids and sizes are valid.
        live: The offers of the catalogue that are live for the placement; None where there are none.
        guard: The placement's.
        circumstances: What the decision is made under; None where the guard has nothing to look at.
        default_offer: What is shown where nothing is left, a serialised attune.v1.Offer; empty for an error.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
        NothingEligibleError: No offer is left.
    """
    found = _brought(request) if request.offers else _of_catalogue(request, live)
    if circumstances is not None:
        found = _guarded(found, guard, circumstances)
    positions = found.positions
    if positions is None:
        return Eligible(found.all, found.offers, found.offer_set, 0, found.terms)
    if not positions:
        return _default(request, found, guard, circumstances, default_offer)
    situation = part_of(found.all, positions)
    if found.offer_set:
        return Eligible(situation, (), found.offer_set, 0, found.terms, recorded(found.exclusions))
    offers, left_out = [found.offers[i] for i in positions], recorded_by_id(found.exclusions, found.ids)
    return Eligible(situation, offers, exclusions=left_out, asked=found.asked)


def part_of(situation: Situation, listed: Sequence[int]) -> Situation:
    """Return the situation of some of the offers of a situation.

    Args:
        situation: Of offers of the catalogue, or of others.
        listed: Which of them, zero-based.
    """
    ids, actions, positions = situation.action_ids, situation.actions, situation.positions
    some_ids, some = [ids[i] for i in listed], [actions[i] for i in listed]
    if situation.known is None:
        return Situation(situation.context, some_ids, some)
    in_set = listed if positions is None else [positions[i] for i in listed]
    return Situation(situation.context, some_ids, some, situation.known, in_set)


def asked(request: DecideEnvelope) -> Situation:
    """Return what a request asks about, whatever is known of the customer, and whatever a guard leaves out.

    That is what tells a repeated request from another one. Offers of the catalogue are not in it.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
    """
    return _brought(request).asked if request.offers else Situation(context_of(request.context), (), ())


class _Found(NamedTuple):
    """What could be drawn, if nothing else was looked at.

    Attributes:
        all: The situation of all offers there are: of the request, or of the catalogue.
        asked: The same without what the request excludes, as far as it brings offers along.
        positions: Which of all are left, in the caller's order; None for all.
        exclusions: Which are not, and why.
        offers: All of them, as they came; empty where they are of the catalogue.
        offer_set: The digest of the catalogue's; else empty.
        terms: Theirs; None where they came with the request.
    """

    all: Situation
    asked: Situation
    positions: Sequence[int] | None
    exclusions: list[Exclusion]
    offers: Sequence[bytes] = ()
    offer_set: bytes = b""
    terms: Terms | None = None

    @property
    def ids(self) -> Sequence[str]:
        """The ids of all of them."""
        return self.all.action_ids


def _brought(request: DecideEnvelope) -> _Found:
    """Return the offers of a request that it does not exclude again."""
    situation = situation_of(request.context, request.offers)
    positions, exclusions = _not_excluded(request, situation.action_ids)
    asked_about = situation if positions is None else part_of(situation, positions)
    return _Found(situation, asked_about, positions, exclusions, request.offers)


def _of_catalogue(request: DecideEnvelope, live: LiveOffers | None) -> _Found:
    """Return the offers of the catalogue that a request allows."""
    context = context_of(request.context)
    if live is None:
        nothing = Situation(context, (), ())
        return _Found(nothing, nothing, (), [])
    known = live.actions
    situation = Situation(context, known.action_ids, known.actions, known)
    positions, exclusions = _positions(request, live)
    return _Found(situation, situation, positions, exclusions, (), live.offer_set.digest, live.terms)


def _guarded(found: _Found, guard: Guard, circumstances: Circumstances) -> _Found:
    """Return what a guard leaves."""
    terms = found.terms or bare_terms(found.ids, found.offers)
    positions = range(len(terms)) if found.positions is None else found.positions
    left, exclusions = guard.apply(circumstances, terms, positions)
    return found._replace(positions=left, exclusions=[*found.exclusions, *exclusions]) if exclusions else found


def _not_excluded(request: DecideEnvelope, offer_ids: Sequence[str]) -> tuple[Sequence[int] | None, list[Exclusion]]:
    """Return which offers that a request brings along it does not exclude again, None for all; and those that it does.

    Raises:
        InvalidInputError: It excludes all.
    """
    named = set(request.excluded_offer_ids)
    gone = [i for i, offer_id in enumerate(offer_ids) if offer_id in named] if named else []
    if not gone:
        return None, []
    if len(gone) == len(offer_ids):
        said = f"expected at least one of {len(offer_ids)} offers to remain, got none"
        raise InvalidInputError(Violation("excluded_offer_ids", said))
    positions = [i for i, offer_id in enumerate(offer_ids) if offer_id not in named]
    return positions, [Exclusion(EXCLUSION_REASON_REQUEST, "", gone)]


def _positions(request: DecideEnvelope, live: LiveOffers) -> tuple[Sequence[int] | None, list[Exclusion]]:
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
        named = {live.position_of.get(offer_id) for offer_id in request.excluded_offer_ids}
        among = range(len(live.actions.actions)) if positions is None else positions
        if gone := [i for i in among if i in named]:
            exclusions.append(Exclusion(EXCLUSION_REASON_REQUEST, "", gone))
            positions = [i for i in among if i not in named]
    return positions, exclusions


def _named(offer_ids: Collection[str], live: LiveOffers) -> list[int]:
    return [i for offer_id in offer_ids if (i := live.position_of.get(offer_id)) is not None]


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


def _default(
    request: DecideEnvelope, found: _Found, guard: Guard, circumstances: Circumstances | None, default_offer: bytes
) -> Eligible:
    """Return the default offer, where nothing else is left."""
    said = _nothing(request, found)
    if not default_offer:
        raise NothingEligibleError(said)
    default = situation_of(Features(), [default_offer])
    if not _allows(request, default.action_ids, [default_offer], guard, circumstances):
        raise NothingEligibleError(f"{said}; the default offer may not be shown either", shows_nothing=True)
    situation = Situation(found.all.context, default.action_ids, default.actions)
    left_out = recorded_by_id(found.exclusions, found.ids)
    return Eligible(situation, [default_offer], exclusions=left_out, asked=found.asked, is_default=True)


def _allows(
    request: DecideEnvelope,
    ids: Sequence[str],
    offers: Sequence[bytes],
    guard: Guard,
    circumstances: Circumstances | None,
) -> bool:
    """Tell whether an offer may be shown that is not among those that were asked for."""
    if ids[0] in request.excluded_offer_ids:
        return False
    return circumstances is None or guard.allows_default(circumstances, bare_terms(ids, offers))


def _nothing(request: DecideEnvelope, found: _Found) -> str:
    why = f"; left out: {told(found.exclusions)}" if found.exclusions else ""
    if request.offers:
        return f"offers: expected at least one of {len(request.offers)} offers that may be shown now, got none{why}"
    asked_for = f"{len(request.offer_ids)} offer_ids and {len(request.excluded_offer_ids)} excluded_offer_ids"
    where = f' on channel "{request.channel[:80]}"' if request.channel else ""
    return (
        f'offers: expected offers in the request, or live ones of placement "{request.placement}"{where} in the '
        f"catalogue, got none: {len(found.ids)} are live, {asked_for} were sent{why}"
    )
