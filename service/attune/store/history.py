"""Customers on the decision path: read with one script call each, and told what they were shown with another.

Both calls go over the journal's connection: what is read in one turn of the loop leaves together, and what is
added to a history leaves with the journal's call. So a decision waits twice for the store where it would have waited
once. Everything else about customers: `attune.store.customers`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.exceptions import ResponseError

from attune.errors import StoreUnavailableError
from attune.store.client import StoreRefusedError
from attune.store.customers import MOST_SEEN
from attune.store.keys import CustomerKeys
from attune.store.outages import Outages
from attune.store.pipe import Pipe, Sent

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
        self._pipe = pipe
        self._outages = outages
        self.kept_s = kept_s
        self._complained_s = -_COMPLAIN_S

    async def read(self, asked: Sequence[tuple[CustomerKeys, bool]]) -> list[Known | StoreUnavailableError]:
        """Read customers, all at the same time.

        Args:
            asked: Whom, and whether with the history.

        Returns:
            For each what is stored, or why that is not known.
        """
        calls = [
            self._call("customer_read", (keys.profile, keys.consent, keys.seen), (MOST_SEEN if whole else 0,))
            for keys, whole in asked
        ]
        try:
            return [await self._known(call) for call in calls]
        finally:
            for call in calls:
                call.drop()

    async def _known(self, call: "_Call") -> Known | StoreUnavailableError:
        try:
            profile, consent, seen, _ = await call.answer()
        except StoreUnavailableError as error:
            self._complain("customers are not read", error)
            return error
        return Known(profile, consent, seen)

    def add(self, keys: CustomerKeys, consent: bytes, entries: Sequence[bytes]) -> "Adding":
        """Prepare to add to a customer's history what is about to be shown.

        Args:
            keys: The customer's keys.
            consent: `Known.consent`: where it is another one by now, nothing is added.
            entries: Serialised storage.v1.SeenRecords, at least one.
        """
        args: list[str | bytes | int] = [consent, self.kept_s, MOST_SEEN, *entries]
        call = partial(self._call, "customer_seen", (keys.consent, keys.seen), args)
        back = partial(self._call, "customer_unseen", (keys.seen,), entries)
        return Adding(call, back, self._complain)

    def _call(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> "_Call":
        return _Call(self._pipe, self._outages, name, keys, args)

    def _complain(self, failing: str, error: StoreUnavailableError) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._complained_s > _COMPLAIN_S:
            self._complained_s = now_s
            _log.error("%s: %s", failing, error)


class _Call:
    """A script call, sent in the turn of the loop it is made in where that is possible."""

    def __init__(
        self, pipe: Pipe, outages: Outages, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]
    ) -> None:
        self._outages = outages
        self._key = keys[0]
        self._later: Callable[[], Awaitable[Any]] = partial(pipe.run, name, keys, args)
        self._sent: Sent | None = None
        self._error: StoreUnavailableError | None = None
        try:
            outages.check(self._key)
            if (link := pipe.link(self._key)) is not None:
                self._sent = pipe.send(link, name, keys, args, waits=True)
        except StoreUnavailableError as error:
            self._error = error

    async def answer(self) -> Any:
        """Return the script's answer.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        if self._error is not None:
            raise self._error
        try:
            if self._sent is None:
                return await self._later()
            try:
                # Not through the pipe: who stops waiting must not take the connection from everybody else.
                return await self._sent.answer
            except (OSError, ResponseError):
                return await self._sent.finish()
        except StoreUnavailableError as error:
            if not isinstance(error, StoreRefusedError):
                self._outages.begin(self._key, error)
            raise

    def drop(self) -> None:
        """Do not wait any more."""
        if self._sent is not None and not self._sent.answer.cancel() and not self._sent.answer.cancelled():
            self._sent.answer.exception()  # that it was looked at


class Adding:
    """What is being added to a history."""

    def __init__(
        self,
        call: Callable[[], _Call],
        back: Callable[[], _Call],
        complain: Callable[[str, StoreUnavailableError], None],
    ) -> None:
        """Take what sends it, and what undoes it."""
        self._call = call
        self._back = back
        self._complain = complain
        self._sent: _Call | None = None

    def send(self) -> None:
        """Let it leave, where it has not."""
        if self._sent is None:
            self._sent = self._call()

    async def done(self) -> None:
        """Wait until it is in the store. A store that does not answer is complained of: the decision stands."""
        self.send()
        if self._sent is not None:
            await self._answered(self._sent)

    async def take_back(self) -> None:
        """Wait until it is in the store no more: it is not shown after all."""
        if self._sent is not None:
            await self._answered(self._sent)
            await self._answered(self._back())

    async def _answered(self, call: _Call) -> None:
        try:
            await call.answer()
        except StoreUnavailableError as error:
            self._complain("histories are not written", error)
