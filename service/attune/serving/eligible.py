"""Which offers a decision may draw from: those of the request, or those of the catalogue, less what is left out.

Whatever is left out is left out here, before anything is drawn: the pmf is over what remains. The request leaves out
first, then the placement's guard (`attune.serving.guard`).
"""

from collections.abc import Sequence
from typing import NamedTuple

from attune.errors import NothingEligibleError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.candidates import Candidates, candidates, joined, part_of, takes_all, whole_set
from attune.serving.circumstances import Circumstances
from attune.serving.exclusions import recorded, recorded_by_id, told
from attune.serving.guard import NO_GUARD, Guard
from attune.serving.live_offers import LiveOffers
from attune.serving.situation import among, read_context, situation_of
from attune.serving.terms import OfferTerms, Terms, bare_terms
from attune.serving.variants import Channel
from attune.storage.v1.records_pb2 import ExclusionRecord
from attune.v1.features_pb2 import Features
from attune_models.types import Situation


class Eligible(NamedTuple):
    """What a decision may draw from.

    Attributes:
        situation: The context, and the offers as actions.
        offers: The same offers as they came, serialised; empty where they are of the catalogue.
        offer_set: Where they are of the catalogue, the digest of the set that `situation.positions` points into.
        shortlisted_from: How many there were before they were shortlisted; 0 where they were not.
        context: The context as it is recorded, serialised.
        terms: Where they are of the catalogue, the terms of all that are live; where they came with the request and
            stand for offers on channels, theirs.
        exclusions: What was left out, and why, as it is recorded.
        asked: What the request asks about, whatever a guard leaves out: the digest that tells a repeated request from
            another one is of it; None where it is `situation`.
        is_default: Whether nothing was left, and this is the placement's default offer in its place.
        with_channels: Whether each stands for an offer on a channel.
    """

    situation: Situation
    offers: Sequence[bytes] = ()
    offer_set: bytes = b""
    shortlisted_from: int = 0
    context: bytes = b""
    terms: Terms | None = None
    exclusions: Sequence[ExclusionRecord] = ()
    asked: Situation | None = None
    is_default: bool = False
    with_channels: bool = False

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
    *,
    channels: Sequence[Channel] = (),
) -> Eligible:
    """Return what may be drawn.

    Args:
        request: A request whose ids and sizes are valid.
        live: The offers of the catalogue that are live for the placement; None where there are none.
        guard: The placement's.
        circumstances: What the decision is made under; None where the guard has nothing to look at.
        default_offer: What is shown where nothing is left, a serialised attune.v1.Offer; empty for an error.
        channels: Those that the placement chooses from; none where it does not.

    Raises:
        InvalidInputError: A feature breaks the limits, or the request excludes all offers that it brings along.
        NothingEligibleError: No offer is left.
    """
    if circumstances is None and (quickly := _all_there_are(request, live, channels)) is not None:
        return quickly
    found = candidates(request, live, channels)
    if circumstances is not None:
        found = _guarded(found, guard, circumstances)
    if found.positions is None:
        asked, varied = found.asked if found.asked is not found.all else None, found.with_channels
        of_all = found.all, found.offers, found.offer_set, 0, found.context, found.terms
        return Eligible(*of_all, asked=asked, with_channels=varied)
    if not found.positions:
        return _default(request, found, guard, circumstances, default_offer)
    return _some(found, found.positions)


def _all_there_are(request: DecideEnvelope, live: LiveOffers | None, channels: Sequence[Channel]) -> Eligible | None:
    """Return, as what comes after would, what decisions that come all the time draw from; None for all others."""
    if request.excluded_offer_ids:
        return None
    if offers := request.offers[:]:
        if channels:
            return None
        context = joined(request.context)
        return Eligible(among(read_context(context), offers), offers, b"", 0, context)
    if live is None or not takes_all(request, live):
        return None
    context = joined(request.context)
    situation = whole_set(read_context(context), live)
    return Eligible(situation, (), live.offer_set.digest, 0, context, live.terms, with_channels=live.with_channels)


def _some(found: Candidates, positions: Sequence[int]) -> Eligible:
    """Return those that are left."""
    situation, varied = part_of(found.all, positions), found.with_channels
    if found.offer_set:
        left_out = recorded(found.exclusions)
        terms = found.terms
        return Eligible(situation, (), found.offer_set, 0, found.context, terms, left_out, with_channels=varied)
    offers, left_out = [found.offers[i] for i in positions], recorded_by_id(found.exclusions, found.ids)
    terms = None if found.terms is None else Terms([found.terms[i] for i in positions], offers)
    return Eligible(situation, offers, b"", 0, found.context, terms, left_out, found.asked, with_channels=varied)


def _guarded(found: Candidates, guard: Guard, circumstances: Circumstances) -> Candidates:
    """Return what a guard leaves."""
    terms = found.terms or bare_terms(found.ids, found.offers)
    positions = range(len(terms)) if found.positions is None else found.positions
    left, exclusions = guard.apply(circumstances, terms, positions)
    return found._replace(positions=left, exclusions=[*found.exclusions, *exclusions]) if exclusions else found


def _default(
    request: DecideEnvelope, found: Candidates, guard: Guard, circumstances: Circumstances | None, default_offer: bytes
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
    return Eligible(situation, [default_offer], b"", 0, found.context, None, left_out, found.asked, is_default=True)


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


def _nothing(request: DecideEnvelope, found: Candidates) -> str:
    why = f"; left out: {told(found.exclusions)}" if found.exclusions else ""
    if request.offers:
        return f"offers: expected at least one of {len(request.offers)} offers that may be shown now, got none{why}"
    asked_for = f"{len(request.offer_ids)} offer_ids and {len(request.excluded_offer_ids)} excluded_offer_ids"
    where = f' on channel "{request.channel[:80]}"' if request.channel else ""
    return (
        f'offers: expected offers in the request, or live ones of placement "{request.placement}"{where} in the '
        f"catalogue, got none: {len(found.ids)} are live, {asked_for} were sent{why}"
    )
