"""The training log: decisions move into it when their reward window closes, learners read it in order."""

from attune.store.client import Store
from attune.store.keys import TOMBSTONE_TTL_S, PlacementKeys
from attune.store.log_entries import LoggedInteraction, logged
from attune.store.offer_sets import OfferSets

BEGINNING = "0-0"
"""The position before the first entry."""

_PORTION_BYTES = 1 << 20


def order(position: str) -> tuple[int, int]:
    """Return what positions are compared by: as text, 10-0 comes before 9-0."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence)


class Interactions:
    """Joins decisions with their outcomes, and reads what was joined."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        self._offer_sets = OfferSets(store)

    async def join(self, keys: PlacementKeys, most: int, *, revise: bool = False) -> int:
        """Move decisions whose window has closed into the training log, the earliest first.

        Safe to call from several processes, and again after a crash: each decision moves once, atomically.

        Args:
            keys: The placement's keys.
            most: How many to move at most.
            revise: Whether outcomes that came late, but before this, count at once.

        Returns:
            How many were moved.

        Raises:
            StoreUnavailableError: The store did not answer in time; some may have been moved.
        """
        joined = 0
        due = [event_id.decode() for event_id in await self._store.run("due", [keys.due], [most])]
        while due:
            touched = [keys.spec, keys.due, keys.counts, keys.interactions]
            for event_id in due:
                touched += (keys.event(event_id), keys.outcomes(event_id))
            args = [TOMBSTONE_TTL_S, int(revise), _PORTION_BYTES, *due]
            seen, moved = await self._store.run("join", touched, args)
            joined += moved
            due = due[seen:]
        return joined

    async def after(self, keys: PlacementKeys, position: str, most: int) -> list[LoggedInteraction]:
        """Read entries in order.

        Args:
            keys: The placement's keys.
            position: Stream id of the last entry that is known; `BEGINNING` for none.
            most: How many to read at most.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        async with self._store.reaching():
            entries = await self._store.redis.xrange(keys.interactions, f"({position}", "+", count=most)
        return await logged(self._offer_sets, keys, entries)
