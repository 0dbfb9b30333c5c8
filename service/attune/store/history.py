"""Customers on the decision path: read with one script call, and told what they were shown with another.

Both calls go over the journal's connection, each for all customers of whom something is asked at the time
(`attune.store.shared_calls`); what is added to histories leaves with the journal's call. So a decision waits twice for
the store where it would have waited once. Everything else about customers: `attune.store.customers`.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from attune.errors import StoreUnavailableError
from attune.store.customers import MOST_SEEN
from attune.store.keys import CustomerKeys
from attune.store.outages import Outages
from attune.store.pipe import Pipe
from attune.store.shared_calls import Asked, SharedCalls

_COMPLAIN_S = 1.0

_log = logging.getLogger(__name__)


class Known(NamedTuple):
    """What is stored of a customer.

    Attributes:
        profile: A storage.v1.CustomerRecord without consents, serialised; empty where there is none.
        consent: A storage.v1.CustomerRecord with nothing but consents; empty where there is none.
        seen: Serialised storage.v1.SeenRecords, the newest last.
    """

    profile: bytes
    consent: bytes
    seen: Sequence[bytes]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is stored."""
        return not (self.profile or self.consent or self.seen)


class History:
    """Reads customers, and adds to what they have seen.

    Attributes:
        kept_s: For how many seconds a history is kept after it was last added to.
    """

    def __init__(self, pipe: Pipe, outages: Outages, kept_s: int) -> None:
        """Work over a connection.

        Args:
            pipe: The journal's.
            outages: The journal's: who cannot be read does not make a decision wait twice.
            kept_s: For how many seconds a history is kept after it was last added to.
        """
        self.kept_s = kept_s
        self._reads = SharedCalls(pipe, outages, "customers_read")
        self._adds = SharedCalls(pipe, outages, "customers_seen", (kept_s, MOST_SEEN))
        self._backs = SharedCalls(pipe, outages, "customer_unseen")
        self._complained_s = -_COMPLAIN_S

    async def read(self, asked: Sequence[tuple[CustomerKeys, bool]]) -> list[Known | StoreUnavailableError]:
        """Read customers, all at the same time.

        Args:
            asked: Whom, and whether with the history.

        Returns:
            For each what is stored, or why that is not known.
        """
        reading = [self._reading(keys, whole=whole) for keys, whole in asked]
        try:
            return [self._known(await each.answer) for each in reading]
        finally:
            for each in reading:
                each.answer.cancel()  # does nothing to those that are there

    async def read_one(self, keys: CustomerKeys, *, whole: bool) -> Known | StoreUnavailableError:
        """Read a customer, with the history or without; as `read`."""
        reading = self._reading(keys, whole=whole)
        return self._known(await reading.answer)

    def _reading(self, keys: CustomerKeys, *, whole: bool) -> Asked:
        reading = Asked(keys.read_by_decisions, (MOST_SEEN if whole else 0,))
        self._reads.ask(reading)
        return reading

    def _known(self, answer: Sequence[Any] | StoreUnavailableError) -> Known | StoreUnavailableError:
        if isinstance(answer, StoreUnavailableError):
            self._complain("customers are not read", answer)
            return answer
        return Known._make(answer)

    def add(self, keys: CustomerKeys, consent: bytes, entries: Sequence[bytes]) -> "Adding":
        """Prepare to add to a customer's history what is about to be shown.

        Args:
            keys: The customer's keys.
            consent: `Known.consent`: where it is another one by now, nothing is added.
            entries: Serialised storage.v1.SeenRecords, at least one.
        """
        asked = Asked(keys.read_by_decisions[1:], (consent, len(entries), *entries))
        return Adding(self._adds, asked, self._backs, self._complain)

    def _complain(self, failing: str, error: StoreUnavailableError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("%s: %s", failing, error)


class Adding:
    """What is being added to a history."""

    def __init__(
        self,
        adds: SharedCalls,
        asked: Asked,
        backs: SharedCalls,
        complain: Callable[[str, StoreUnavailableError], None],
    ) -> None:
        """Take what it is, what sends it, and what undoes it."""
        self._adds, self._asked, self._backs = adds, asked, backs
        self._complain = complain
        self._has_left = False

    def send(self, together: "Sequence[Adding]") -> None:
        """Let some leave, this one among them, before what is sent next; as far as they have not left."""
        leaving = [each for each in together if not each._has_left]  # noqa: SLF001 - they are of this class
        for each in leaving:
            each._has_left = True  # noqa: SLF001 - the same
        self._adds.send([each._asked for each in leaving])  # noqa: SLF001 - the same

    async def done(self) -> None:
        """Wait until it is in the store. A store that does not answer is complained of: the decision stands."""
        if not self._has_left:
            self.send([self])
        await self._answered(self._asked)

    async def take_back(self) -> None:
        """Wait until it is in the store no more: it is not shown after all."""
        if self._has_left:
            await self._answered(self._asked)
            keys, (_, _, *entries) = self._asked.keys, self._asked.args
            back = Asked((keys[1],), entries)
            self._backs.send([back])
            await self._answered(back)

    async def _answered(self, asked: Asked) -> None:
        answer = await asked.answer
        if isinstance(answer, StoreUnavailableError):
            self._complain("histories are not written", answer)
