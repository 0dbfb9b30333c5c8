"""One decision, from the request to the record.

    eligible offers -> who decides (-> shortlist) -> pmf -> draw (-> later slots) -> record

The record holds the pmf that was drawn from, to the last bit. The draw is seeded by the placement and the event_id, so
that a request that is repeated while the store is away gets the same offer again from the same policy version.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.catalog import LiveOffers
from attune.serving.eligible import Eligible, eligible_offers, part_of
from attune.serving.identity import request_digest
from attune.serving.live import LivePlacement
from attune.serving.shortlist import ranking, shortlist
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED, Mode
from attune_models import pmf as pmfs
from attune_models import slots
from attune_models.policy import Policy
from attune_models.types import Pmf, PolicyError, Situation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A decision that is not in the store yet.

    Attributes:
        record: As it is going to be stored.
        offer_ids: Ids of the offers that could be drawn, in the record's order.
    """

    record: DecisionRecord
    offer_ids: Sequence[str]


@dataclass(slots=True)
class _Chooser:
    """Who decides: the placement's policy, the baseline of its control group, or chance where the policy fails."""

    live: LivePlacement
    policy: Policy | None
    mode: Mode

    def pmf(self, situation: Situation) -> Pmf:
        """Return the exact probability of each offer. A policy that has failed is not asked again."""
        # What it drew before stays: drawing that anew would make it more or less probable than its pmf says, wherever
        # the failure depends on it.
        if self.policy is not None:
            try:
                return self.policy.pmf(situation)
            except PolicyError:
                self._fail()
        return pmfs.uniform(len(situation.actions))

    def shortlisted(self, eligible: Eligible, event_id: str) -> Eligible:
        """Return as many of the eligible offers as one decision draws from."""
        live, situation = self.live, eligible.situation
        n_eligible = len(situation.actions)
        scores = np.zeros(n_eligible)
        if self.policy is not None:
            try:
                scores = ranking(self.policy, situation)
            except PolicyError:
                self._fail()
        listed = shortlist(scores, live.shortlist_size, live.shortlist_random, "shortlist", live.keys.name, event_id)
        return replace(eligible, situation=part_of(situation, listed), shortlisted_from=n_eligible)

    def _fail(self) -> None:
        name, version = self.live.keys.name, self.live.version
        _log.exception('placement "%s": version %d fails, drawing uniformly', name, version)
        self.policy, self.mode = None, MODE_FALLBACK


async def draw(
    request: DecideEnvelope, live: LivePlacement, offers: LiveOffers | None, event_id: str, now_ms: int
) -> Drawn:
    """Draw an offer for each slot.

    Args:
        request: A request whose ids and sizes are valid.
        live: Its placement.
        offers: What the placement may draw from the catalogue; None when there is nothing.
        event_id: The decision's id.
        now_ms: When it is made, milliseconds since the epoch.

    Raises:
        InvalidInputError: A feature breaks the limits, or no offer of the request is left.
        NothingEligibleError: No offer of the catalogue is left.
    """
    eligible = eligible_offers(request, offers)
    # Only who sends an event_id can repeat a request.
    digest = request_digest(request, eligible.situation) if request.event_id else b""
    chooser = _chooser(live, request.customer_id or event_id)
    if len(eligible.situation.actions) > live.shortlist_size and eligible.offer_set:
        eligible = chooser.shortlisted(eligible, event_id)
    situation = eligible.situation
    pmf = chooser.pmf(situation)
    record = DecisionRecord(
        event_id=event_id,
        decided_at_ms=now_ms,
        context=request.context.SerializeToString(),
        offers=eligible.offers,
        offer_set=eligible.offer_set,
        offer_positions=situation.positions,
        shortlisted_from=eligible.shortlisted_from,
        pmf=pmf,
        chosen=pmfs.draw(pmf, pmfs.unit_interval("draw", live.keys.name, event_id)),
        request_digest=digest,
    )
    if request.slots > 1:
        await _add_later_slots(record, chooser, situation, request.slots)
    record.mode = chooser.mode
    if chooser.mode == MODE_LEARNED:
        record.policy_version = live.version
    return Drawn(record, situation.action_ids)


def _chooser(live: LivePlacement, group_key: str) -> _Chooser:
    share = live.control_share
    if share > 0.0 and pmfs.unit_interval("control", live.keys.name, group_key) < share:
        return _Chooser(live, live.control, MODE_CONTROL)
    return _Chooser(live, live.policy, MODE_FALLBACK if live.policy is None else MODE_LEARNED)


async def _add_later_slots(record: DecisionRecord, chooser: _Chooser, situation: Situation, n_slots: int) -> None:
    def u_of(slot: int) -> float:
        """Return the uniform number in [0, 1) that a slot is drawn with."""
        return pmfs.unit_interval("draw", chooser.live.keys.name, record.event_id, str(slot))

    for drawn in slots.draws(situation, [record.chosen], n_slots, chooser.pmf, u_of):
        record.later_slots.append(SlotRecord(pmf=drawn.pmf, chosen=drawn.chosen))
        # Twenty slots of a thousand offers take long: other decisions get their turn in between.
        await asyncio.sleep(0)
