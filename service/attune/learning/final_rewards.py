"""Final rewards: a training from the log adds the late outcomes of each entry to those that came in time.

Late outcomes lie in a stream of their own, in the order they came. That stream is read once for each stretch of the
log, and only what belongs to the stretch is held: a stretch ends where more than `MOST_HELD` outcomes would have to be.
"""

from collections.abc import Sequence
from dataclasses import replace

from attune.learning.trainee import Start
from attune.store.interactions import BEGINNING, order
from attune.store.keys import PlacementKeys
from attune.store.late import LateOutcome, LateOutcomes
from attune.store.log_entries import LoggedInteraction

MOST_HELD = 100_000
"""Late outcomes in memory at a time."""

_PAGE = 2000

_NOWHERE = (-1, 0)


class FinalRewards:
    """Finds late outcomes for the entries of the log, for one training, in the log's order."""

    def __init__(self, late: LateOutcomes, keys: PlacementKeys, start: Start) -> None:
        """Read from here, as far as this training counts late outcomes."""
        self._late = late
        self._keys = keys
        self._end = start.late_cursor
        self._last = order(start.replayed_to)
        self._found: dict[tuple[int, int], list[LateOutcome]] = {}
        self._held = 0
        # The stretch of the log that is known, once the stream has been read to its end: (behind, until].
        self._behind = self._until = _NOWHERE
        self._read_to = ""

    async def add(self, entries: Sequence[LoggedInteraction]) -> Sequence[LoggedInteraction]:
        """Add late outcomes to entries.

        Args:
            entries: The next entries of the log.

        Returns:
            The first of them, with their late outcomes: perhaps none yet, while late outcomes are being read. Call
            again then; in between, the caller has the time to do something else.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        if not entries or order(entries[0].position) > self._last:
            self._found.clear()
            return entries  # what is late of them came after the training began, or they have it themselves
        first = order(entries[0].position)
        if not self._read_to and first > self._until:
            self._begin((first[0], first[1] - 1))
        if self._read_to:
            await self._read_on()
        if self._read_to:
            return []
        is_last = self._until == self._last
        return [self._added(entry) for entry in entries if is_last or order(entry.position) <= self._until]

    def _begin(self, behind: tuple[int, int]) -> None:
        self._found, self._held = {}, 0
        self._behind, self._until = behind, self._last
        self._read_to = BEGINNING

    async def _read_on(self) -> None:
        page, self._read_to = await self._late.between(self._keys, self._read_to, self._end, _PAGE)
        for outcome in page:
            of = order(outcome.of)
            if self._behind < of <= self._until:
                self._found.setdefault(of, []).append(outcome)
                self._held += 1
        if self._held > MOST_HELD:
            self._shorten()

    def _shorten(self) -> None:
        """End the stretch earlier, so that it takes half of the memory; it has one entry at least."""
        kept: dict[tuple[int, int], list[LateOutcome]] = {}
        held = 0
        for of in sorted(self._found):
            if held and held + len(self._found[of]) > MOST_HELD // 2:
                break
            kept[of] = self._found[of]
            held += len(kept[of])
            self._until = of
        self._found, self._held = kept, held

    def _added(self, entry: LoggedInteraction) -> LoggedInteraction:
        # Not taken out: the caller may have no time left to learn it, and ask for it again.
        found = self._found.get(order(entry.position), [])
        late = [outcome.decoded(entry.decision.decided_at_ms) for outcome in found]
        return replace(entry, late=[*entry.late, *late]) if late else entry
