"""Deferred decisions that are shown: their reward windows open, and their customers' histories have them from now on.

A cap counts what was shown, not what was decided: of deferred decisions under way, all may be shown.
"""

import time
from collections.abc import Callable

from attune.serving.impressions import impressions_of
from attune.serving.live import LivePlacement
from attune.serving.live_offers import LiveOffers
from attune.serving.visitors import Visitors
from attune.store.decisions import Decisions


class Activator:
    """Activates decisions."""

    def __init__(
        self,
        offers: Callable[[LivePlacement], LiveOffers | None],
        decisions: Decisions,
        visitors: Visitors | None = None,
    ) -> None:
        """Take what is needed for it.

        Args:
            offers: Returns what a placement may draw from the catalogue now; None when there is nothing.
            decisions: Where decisions are.
            visitors: Knows customers; None where nothing is kept of them.
        """
        self._offers = offers
        self._decisions = decisions
        self._visitors = visitors

    async def activate(self, live: LivePlacement, event_id: str) -> bool:
        """Say that a deferred decision is being shown; doing it again changes nothing.

        Args:
            live: Its placement.
            event_id: The decision's id.

        Returns:
            Whether this call activated it.

        Raises:
            NotFoundError: There is no decision with this id, or it was forgotten; or the placement is gone.
            StoreUnavailableError: The store did not answer in time; it may or may not have been activated.
        """
        if self._visitors is None:
            return await self._decisions.activate(live.keys, live.window_ms, event_id)
        record = (await self._decisions.get(live.keys, event_id)).record
        is_new = await self._decisions.activate(live.keys, live.window_ms, event_id)
        # Also where it is not new: whoever activated it first may have been killed before this.
        if record.customer:
            now_ms = time.time_ns() // 1_000_000
            if shown := impressions_of(record, live.keys.name, self._offers(live), now_ms):
                await self._visitors.remember(record.customer, shown)
        return is_new
