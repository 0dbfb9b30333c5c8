"""One decision, from the request to the journal.

    eligible offers -> encoded situation -> who decides -> pmf -> draw -> record -> journal

The record holds the pmf that was drawn from, to the last bit. The draw is seeded by the placement and the event_id, so
that a request that is repeated while the store is away gets the same offer again from the same policy version; in the
store, the first record of an event_id wins.
"""

import logging
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from attune.errors import AlreadyExistsError, InvalidInputError, StoreUnavailableError, Violation
from attune.serving.live import LivePlacement, LivePlacements
from attune.serving.situation import situation_of
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.decisions import Decisions
from attune.store.journal import Journal
from attune.v1.decision_service_pb2 import MODE_CONTROL, MODE_FALLBACK, MODE_LEARNED, DecideRequest, Mode
from attune.v1.features_pb2 import Offer
from attune.v1.placement_pb2 import STORE_FAILURE_REFUSE
from attune_models import pmf as pmfs
from attune_models.types import FloatArray, PolicyError, Situation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and whether it is in the store."""

    record: DecisionRecord
    logged: bool


class Decider:
    """Decides."""

    def __init__(self, live: LivePlacements, journal: Journal, decisions: Decisions) -> None:
        """Decide with these placements, write to this journal, and find repeated decisions here."""
        self._live = live
        self._journal = journal
        self._decisions = decisions

    async def decide(self, request: DecideRequest) -> Decided:
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
        offers = [offer.SerializeToString() for offer in eligible(request)]
        situation = situation_of(request.context, offers)
        event_id = request.event_id or new_event_id()
        pmf, mode = self._pmf(live, situation, request.customer_id or event_id)
        chosen = pmfs.draw(pmf, pmfs.unit_interval("draw", request.placement, event_id))
        record = DecisionRecord(
            event_id=event_id,
            decided_at_ms=time.time_ns() // 1_000_000,
            context=request.context.SerializeToString(),
            offers=offers,
            pmf=pmf.tolist(),
            chosen=chosen,
            policy_version=live.version if mode == MODE_LEARNED else 0,
            mode=mode,
            request_digest=_digest(request) if request.event_id else b"",
        )
        return await self._write(live, record)

    async def _write(self, live: LivePlacement, record: DecisionRecord) -> Decided:
        try:
            found = await self._journal.append(live.keys, live.window_ms, record.event_id, record.SerializeToString())
            if found is None:
                return Decided(record, logged=True)
            first = await self._decisions.found(live.keys, found)
        except StoreUnavailableError:
            if live.placement.store_failure == STORE_FAILURE_REFUSE:
                raise
            return Decided(record, logged=False)
        if first.request_digest != record.request_digest:
            raise AlreadyExistsError(
                f'event_id: expected an id that is new, or the request it was first used with, got "{record.event_id}" '
                "with a different request"
            )
        return Decided(first, logged=True)

    def _pmf(self, live: LivePlacement, situation: Situation, group_key: str) -> tuple[FloatArray, Mode]:
        share = live.placement.control.share
        if share > 0.0 and pmfs.unit_interval("control", live.keys.name, group_key) < share:
            return live.control.pmf(situation), MODE_CONTROL
        if live.policy is not None:
            try:
                return live.policy.pmf(situation), MODE_LEARNED
            except PolicyError:
                _log.exception('placement "%s": version %d fails, drawing uniformly', live.keys.name, live.version)
        return pmfs.uniform(len(situation.actions)), MODE_FALLBACK


def eligible(request: DecideRequest) -> Sequence[Offer]:
    """Return the offers that may be drawn, in the caller's order.

    Raises:
        InvalidInputError: None is left.
    """
    if not request.excluded_offer_ids:
        return request.offers
    excluded = set(request.excluded_offer_ids)
    offers = [offer for offer in request.offers if offer.id not in excluded]
    if not offers:
        raise InvalidInputError(
            Violation(
                "excluded_offer_ids", f"expected at least one of {len(request.offers)} offers to remain, got none"
            )
        )
    return offers


def new_event_id() -> str:
    """Return a UUIDv7 (RFC 9562, 2024): time-ordered, so that ids of one moment lie together in a store."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _digest(request: DecideRequest) -> bytes:
    return blake2b(request.SerializeToString(deterministic=True), digest_size=8).digest()
