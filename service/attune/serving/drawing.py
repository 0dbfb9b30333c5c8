"""One decision, from the request to the record.

    circumstances -> eligible offers -> who decides (-> shortlist) -> pmf -> draw (-> later slots) -> record

The record holds the pmf that was drawn from, to the last bit. The draw is seeded by the placement and the event_id, so
that a request that is repeated while the store is away gets the same offer again from the same policy version.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.budgets import Charge
from attune.serving.candidates import part_of
from attune.serving.circumstances import Circumstances, Visitor
from attune.serving.eligible import Eligible, eligible_offers
from attune.serving.identity import request_digest
from attune.serving.joining import told_of
from attune.serving.live import LivePlacement
from attune.serving.live_offers import LiveOffers
from attune.serving.recording import WITHHELD, channel_field, common_fields, customer_field, offers_field, own_fields
from attune.serving.reply_limits import ReplyLimits
from attune.serving.shortlist import ranking, shortlist
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import DecisionRecord, ExclusionRecord, SlotRecord
from attune.store.journal import DEFERRED
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_DEFAULT, MODE_FALLBACK, MODE_LEARNED, Mode
from attune_models import pmf as pmfs
from attune_models import slots
from attune_models.policy import Policy
from attune_models.types import Pmf, PolicyError, Situation

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False, repr=False)
class Draft:
    """A decision that is being made.

    Attributes:
        request: What was asked.
        live: The placement.
        window_ms: The reward window, or `DEFERRED`.
        event_id: The decision's id.
        digest: Of the request, where it can be repeated; else empty.
        eligible: What may be drawn.
        policy: Who decides: the placement's policy, or the baseline of its control group; None for chance.
        mode: The same, as it is recorded.
        n_slots: How many slots are asked for.
        circumstances: What it is made under; None where that did not matter.
        visitor: For whom; None where nobody said.
        charge: What it has used of the budgets of offers; None for nothing.
        decided_at_ms: When it was drawn, milliseconds since the epoch.
        pmf: The probabilities that the first slot was drawn with.
        chosen: Position of the offer drawn for the first slot, in `pmf`, zero-based.
        later_slots: The slots after the first.
    """

    request: DecideEnvelope
    live: LivePlacement
    window_ms: int
    event_id: str
    digest: bytes
    eligible: Eligible
    policy: Policy | None
    mode: Mode
    n_slots: int
    circumstances: Circumstances | None
    visitor: Visitor | None = field(default=None, init=False)
    charge: Charge | None = field(default=None, init=False)
    decided_at_ms: int = field(init=False)
    pmf: Pmf = field(init=False)
    chosen: int = field(init=False)
    later_slots: Sequence[SlotRecord] = ()

    @property
    def policy_version(self) -> int:
        """The version that decided; 0 where it was not the placement's policy."""
        return self.live.version if self.mode == MODE_LEARNED else 0

    @property
    def with_channels(self) -> bool:
        """Whether what was drawn stands for an offer on a channel."""
        return self.eligible.with_channels

    @property
    def excluded(self) -> Sequence[ExclusionRecord]:
        """What could not be drawn, and why."""
        return self.eligible.exclusions

    @property
    def is_budgeted(self) -> bool:
        """Whether something that might be drawn has a budget: then nobody else's turn may come until it is charged."""
        return self.eligible.terms is not None and self.eligible.terms.are_budgeted

    @property
    def shown(self) -> list[OfferTerms]:
        """The terms of what was drawn, in the order of the slots."""
        chosen = [self.chosen, *(later.chosen for later in self.later_slots)]
        return [self.eligible.terms_of(position) for position in chosen]

    def pmf_of(self, situation: Situation) -> Pmf:
        """Return the exact probability of each offer. A policy that has failed is not asked again."""
        # What it drew before stays: drawing that anew would make it more or less probable than its pmf says, wherever
        # the failure depends on it.
        if self.policy is not None:
            try:
                return self.policy.pmf(situation)
            except PolicyError:
                self._fail()
        return pmfs.uniform(len(situation.actions))

    def shorten(self, size: int) -> None:
        """Leave only some of the eligible offers.

        Args:
            size: How many; fewer than there are.
        """
        live, situation = self.live, self.eligible.situation
        n_eligible = len(situation.actions)
        scores = np.zeros(n_eligible)
        if self.policy is not None:
            try:
                scores = ranking(self.policy, situation)
            except PolicyError:
                self._fail()
        key = ("shortlist", live.keys.name, self.event_id)
        listed = shortlist(scores, size, live.shortlist_random, *key)
        self.eligible = self.eligible._replace(situation=part_of(situation, listed), shortlisted_from=n_eligible)

    def draw(self, pmf: Pmf, now_ms: int) -> None:
        """Draw an offer for the first slot.

        Args:
            pmf: The probability of each eligible offer.
            now_ms: When the decision is made, milliseconds since the epoch.
        """
        self.decided_at_ms, self.pmf = now_ms, pmf
        self.chosen = pmfs.draw(pmf, pmfs.unit_interval("draw", self.live.keys.name, self.event_id))

    async def draw_later_slots(self) -> None:
        """Draw an offer for each slot after the first."""
        situation, name, later = self.eligible.situation, self.live.keys.name, []

        def u_of(slot: int) -> float:
            """Return the uniform number in [0, 1) that a slot is drawn with."""
            return pmfs.unit_interval("draw", name, self.event_id, str(slot))

        limits = ReplyLimits(self.eligible, self.live.guard, self.circumstances)
        rest = slots.draws(situation, [self.chosen], self.n_slots, self.pmf_of, u_of, withdrawn_by=limits.withdrawn)
        for drawn in rest:
            later.append(SlotRecord(pmf=drawn.pmf, chosen=drawn.chosen, withdrawn=drawn.withdrawn))
            # Twenty slots of a thousand offers take long: other decisions get their turn in between.
            if not self.is_budgeted:
                await asyncio.sleep(0)
        self.later_slots = later

    def serialised(self) -> bytes:
        """Return the decision as it is going to be stored, a storage.v1.DecisionRecord."""
        eligible = self.eligible
        own = own_fields(self.event_id, self.decided_at_ms, eligible.context, self.pmf, self.chosen)
        record = own + common_fields(self.policy_version, self.mode, eligible.offer_set, eligible.with_channels)
        if not eligible.offer_set:
            record += offers_field(eligible.offers)
        return record + self._more() if self._has_more() else record

    def _has_more(self) -> bool:
        eligible = self.eligible
        return (
            eligible.situation.positions is not None
            or self.circumstances is not None
            or bool(self.digest or self.later_slots or eligible.exclusions)
        )

    def _more(self) -> bytes:
        eligible, circumstances = self.eligible, self.circumstances
        more = b""
        if circumstances is not None:
            customer, withheld = circumstances.customer, circumstances.withheld
            more = WITHHELD if withheld else b""
            if customer is not None:
                more += customer_field(customer.key) + channel_field(circumstances.channel)
        if eligible.situation.positions is None and not (self.digest or self.later_slots or eligible.exclusions):
            return more
        return (
            more
            + DecisionRecord(
                excluded=eligible.exclusions,
                offer_positions=eligible.situation.positions,
                shortlisted_from=eligible.shortlisted_from,
                request_digest=self.digest,
                later_slots=self.later_slots,
            ).SerializeToString()
        )

    def _fail(self) -> None:
        name, version = self.live.keys.name, self.live.version
        _log.exception('placement "%s": version %d fails, drawing uniformly', name, version)
        self.policy, self.mode = None, MODE_FALLBACK


def draft(
    request: DecideEnvelope,
    live: LivePlacement,
    offers: LiveOffers | None,
    event_id: str,
    circumstances: Circumstances | None = None,
    *,
    digest_key: bytes = b"",
) -> Draft:
    """Begin a decision: say what may be drawn, and who decides.

    Args:
        request: A request whose ids and sizes are valid.
        live: Its placement.
        offers: What the placement may draw from the catalogue; None when there is nothing.
        event_id: The decision's id.
        circumstances: What it is made under, with all that is known about the customer; None where nothing is known and
            nobody looks at them.
        digest_key: What the digest of the request is keyed with; empty for nothing.

    Raises:
        InvalidInputError: A feature breaks the limits, or no offer of the request is left.
        NothingEligibleError: No offer of the catalogue is left.
    """
    eligible = eligible_offers(
        request, offers, live.guard, circumstances, default_offer=live.default_offer, channels=live.channels
    )
    # Only who sends an event_id can repeat a request. What is known about a customer moves on: it is no part of that.
    digest = request_digest(request, eligible.asked or eligible.situation, digest_key) if request.event_id else b""
    if circumstances is not None and circumstances.customer is not None:
        situation = told_of(eligible.situation, circumstances.customer)
        eligible = eligible._replace(situation=situation, context=circumstances.written)
    window_ms = DEFERRED if request.deferred else live.window_ms
    policy, mode = (None, MODE_DEFAULT) if eligible.is_default else _chooser(live, request, event_id)
    n_slots = request.slots
    begun = Draft(request, live, window_ms, event_id, digest, eligible, policy, mode, n_slots, circumstances)
    # With channels, as many as n slots need: each of n offers on all of them.
    needed = n_slots * max(1, len(live.channels))
    if eligible.offer_set and len(eligible.situation.actions) > (size := max(live.shortlist_size, needed)):
        begun.shorten(size)
    return begun


def _chooser(live: LivePlacement, request: DecideEnvelope, event_id: str) -> tuple[Policy | None, Mode]:
    share = live.control_share
    if share > 0.0 and pmfs.unit_interval("control", live.keys.name, request.customer_id or event_id) < share:
        return live.control, MODE_CONTROL
    return live.policy, MODE_FALLBACK if live.policy is None else MODE_LEARNED
