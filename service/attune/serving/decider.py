"""One decision, from the request to the journal.

    encoded situation -> eligible offers -> who decides -> pmf -> draw (-> later slots) -> record -> journal

The record holds the pmf that was drawn from, to the last bit. The draw is seeded by the placement and the event_id, so
that a request that is repeated while the store is away gets the same offer again from the same policy version; in the
store, the first record of an event_id wins.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from attune.errors import AlreadyExistsError, StoreUnavailableError
from attune.internal.v1.envelope_pb2 import DecideEnvelope
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.situation import situation_of, without
from attune.storage.v1.records_pb2 import DecisionRecord, SlotRecord
from attune.store.decisions import Decisions
from attune.store.journal import DEFERRED, Journal
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED, Mode
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE
from attune_models import pmf as pmfs
from attune_models import slots
from attune_models.types import Pmf, PolicyError, Situation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision.

    Attributes:
        record: As it is, or would be, in the store.
        offer_ids: Ids of the offers that could be drawn, in the record's order.
        logged: Whether it is in the store.
    """

    record: DecisionRecord
    offer_ids: Sequence[str]
    logged: bool


class Decider:
    """Decides."""

    def __init__(self, live: LivePlacements, journal: Journal, decisions: Decisions) -> None:
        """Decide with these placements, write to this journal, and find repeated decisions here."""
        self._live = live
        self._journal = journal
        self._decisions = decisions
        self._random = Random()  # noqa: S311 - event ids have to be unique, not secret

    async def decide(self, request: DecideEnvelope) -> Decided:
        """Make a decision, or return the one that was made for the same request before.

        Args:
            request: A request whose ids and sizes are valid.

        Raises:
            InvalidInputError: A feature breaks the limits, or no offer is left.
            NotFoundError: There is no such placement.
            AlreadyExistsError: The event_id was used with a different request.
            StoreUnavailableError: The store is out of reach and the placement refuses to answer without it.
        """
        live = await self._live.get(request.placement)
        offers: Sequence[bytes] = request.offers
        situation = situation_of(request.context, offers)
        if request.excluded_offer_ids:
            situation, offers = without(situation, offers, set(request.excluded_offer_ids))
        now_ms = time.time_ns() // 1_000_000
        event_id = request.event_id or new_event_id(now_ms, self._random)
        pmf, mode = self._pmf(live, situation, request.customer_id or event_id)
        record = DecisionRecord(
            event_id=event_id,
            decided_at_ms=now_ms,
            context=request.context.SerializeToString(),
            offers=offers,
            pmf=pmf,
            chosen=pmfs.draw(pmf, pmfs.unit_interval("draw", request.placement, event_id)),
            policy_version=live.version if mode == MODE_LEARNED else 0,
            mode=mode,
            request_digest=_digest(request, situation) if request.event_id else b"",
        )
        if request.slots > 1:
            await self._add_later_slots(record, live, situation, request)
        return await self._write(live, DEFERRED if request.deferred else live.window_ms, record, situation.action_ids)

    async def _add_later_slots(
        self, record: DecisionRecord, live: LivePlacement, situation: Situation, request: DecideEnvelope
    ) -> None:
        group_key = request.customer_id or record.event_id

        def pmf_of(left: Situation) -> Pmf:
            """Return the exact probability of each offer that is left."""
            # Once a policy has failed it is not asked again. What it drew before stays: drawing that anew would make
            # it more or less probable than its pmf says, wherever the failure depends on it.
            if record.mode == MODE_FALLBACK:
                return pmfs.uniform(len(left.actions))
            pmf, record.mode = self._pmf(live, left, group_key)
            return pmf

        def u_of(slot: int) -> float:
            """Return the uniform number in [0, 1) that a slot is drawn with."""
            return pmfs.unit_interval("draw", request.placement, record.event_id, str(slot))

        for drawn in slots.draws(situation, [record.chosen], request.slots, pmf_of, u_of):
            record.later_slots.append(SlotRecord(pmf=drawn.pmf, chosen=drawn.chosen))
            # Twenty slots of a thousand offers take long: other decisions get their turn in between.
            await asyncio.sleep(0)
        if record.mode == MODE_FALLBACK:
            record.policy_version = 0

    async def _write(
        self, live: LivePlacement, window_ms: int, record: DecisionRecord, offer_ids: Sequence[str]
    ) -> Decided:
        try:
            found = await self._journal.append(live.keys, window_ms, record.event_id, record.SerializeToString())
            if found is None:
                return Decided(record, offer_ids, logged=True)
            first = await self._decisions.found(live.keys, found)
        except StoreUnavailableError:
            if live.placement.store_failure == STORE_FAILURE_REFUSE:
                raise
            return Decided(record, offer_ids, logged=False)
        if first.request_digest != record.request_digest:
            raise AlreadyExistsError(
                f'event_id: expected an id that is new, or the request it was first used with, got "{record.event_id}" '
                "with a different request"
            )
        return Decided(first, [Offer.FromString(offer).id for offer in first.offers], logged=True)

    def _pmf(self, live: LivePlacement, situation: Situation, group_key: str) -> tuple[Pmf, Mode]:
        share = live.placement.control.share
        if share > 0.0 and pmfs.unit_interval("control", live.keys.name, group_key) < share:
            return live.control.pmf(situation), MODE_CONTROL
        if live.policy is not None:
            try:
                return live.policy.pmf(situation), MODE_LEARNED
            except PolicyError:
                _log.exception('placement "%s": version %d fails, drawing uniformly', live.keys.name, live.version)
        return pmfs.uniform(len(situation.actions)), MODE_FALLBACK


def new_event_id(now_ms: int, random: Random) -> str:
    """Return a UUIDv7 (RFC 9562, 2024): time-ordered, so that ids of one moment lie together in a store.

    Args:
        now_ms: Milliseconds since the epoch.
        random: Gives the 74 random bits.
    """
    digits = f"{now_ms:012x}7{random.getrandbits(12):03x}{0x8 | random.getrandbits(2):x}{random.getrandbits(60):015x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _digest(request: DecideEnvelope, situation: Situation) -> bytes:
    # Of what was asked, not of its bytes: the order of a map's entries may change from one sending to the next.
    excluded = sorted(set(request.excluded_offer_ids))
    asked: tuple[object, ...] = (request.customer_id, excluded, situation.context, situation.actions)
    # Only where they are asked for: digests of a former release stay what they are.
    if request.slots > 1:
        asked += (request.slots,)
    if request.deferred:
        asked += ("deferred",)
    return blake2b(repr(asked).encode(), digest_size=8).digest()
