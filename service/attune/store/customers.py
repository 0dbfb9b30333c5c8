"""What is stored of customers: read in one round trip, changed by one writer after the other.

A profile is changed by code that knows what it means (`attune.serving.profile`), between a reading and a writing that
happens only where nobody else has written in between; else both are done again. In one process those who change the
same customer wait for each other, so that this is rare. Decisions read through the same class, over their own pipe.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha1
from random import uniform
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary

from google.protobuf.message import DecodeError

from attune.errors import StoreUnavailableError
from attune.storage.v1.records_pb2 import CustomerRecord, SeenRecord
from attune.store.client import StoreRefusedError
from attune.store.keys import CUSTOMER_MOVED_TTL_S, CustomerKeys

MOST_SEEN = 1000
"""Most entries of a customer's history."""
ACTIVITY_IDS_KEPT_S = 7 * 24 * 3600
MOST_ACTIVITY_IDS = 10_000
"""Most activities of a customer that are known by their ids."""

# Of several processes that change the same customer all the time, one succeeds each time. Those that do not wait for a
# while that is drawn anew each time, longer with each attempt: in step with each other, the same would always be first.
_ATTEMPTS = 64
_FIRST_WAIT_S = 0.002
_LONGEST_WAIT_S = 0.05
_DAY_S = 24 * 3600

T = TypeVar("T")


class Scripts(Protocol):
    """What runs scripts in the store: a `Pipe` or a `Store`."""

    async def run(self, name: str, keys: Sequence[str], args: Sequence[str | bytes | int]) -> Any:
        """Run one of the scripts in `store/scripts`."""


class Stored(NamedTuple):
    """A customer as stored.

    Attributes:
        record: Profile, preferences and consent; None where nothing is stored of them.
        seen: What was shown and how it was taken, earliest first.
    """

    record: CustomerRecord | None
    seen: list[SeenRecord]


@dataclass(frozen=True, slots=True)
class Retention:
    """How long things are kept after they were last added to.

    Attributes:
        profile_s: The profile, in seconds.
        history_s: The history, in seconds.
    """

    profile_s: int = 395 * _DAY_S
    history_s: int = 130 * _DAY_S


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What to do with a record that was read and perhaps changed.

    Attributes:
        result: What whoever asked for the change gets.
        writes: Whether to store the record as it is now.
        activity_ids: Ids of activities that are in the profile now.
        forgets: Whether to delete the history and the ids of activities.
    """

    result: T
    writes: bool = True
    activity_ids: Sequence[str] = ()
    forgets: bool = False


class Customers:
    """Reads and writes what is stored of customers."""

    def __init__(self, scripts: Scripts, retention: Retention | None = None) -> None:
        """Work through this client of the store."""
        self._scripts = scripts
        self.retention = retention or Retention()
        self._changing: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    async def read(self, customer: bytes, former: bytes | None = None, most_seen: int = MOST_SEEN) -> Stored:
        """Read a customer.

        Args:
            customer: The keyed hash of the id.
            former: The hash under the former key: who is found under it only is moved, before anything is returned.
            most_seen: How many of the newest entries of the history to read; 0 for none.

        Raises:
            StoreUnavailableError: The store did not answer in time, or has what is no record.
        """
        if former is None:
            return _stored(await self._read(customer, most_seen))
        found, formerly = await asyncio.gather(self._read(customer, most_seen), self._read(former, 1))
        if _is_empty(found) and not _is_empty(formerly):
            await self.move(former, customer)
            found = await self._read(customer, most_seen)
        return _stored(found)

    async def change(
        self,
        customer: bytes,
        change: Callable[[CustomerRecord, Sequence[bool]], Change[T]],
        *,
        former: bytes | None = None,
        activity_ids: Sequence[str] = (),
        now_ms: int = 0,
    ) -> T:
        """Change what is stored of a customer.

        Args:
            customer: The keyed hash of the id.
            change: Gets the record, empty where there is none, to be changed in place, and for each of `activity_ids`
                whether it is in the profile already. May be called several times; what it raises, the caller gets, and
                nothing is stored.
            former: As for `read`.
            activity_ids: Ids of activities, at most 1,000.
            now_ms: Milliseconds since the epoch: when those came.

        Returns:
            The result of the last call.

        Raises:
            StoreUnavailableError: The store did not answer in time: the change may or may not have happened. Or others
                have changed the customer all the time: it has not.
        """
        lock = self._changing.setdefault(customer, asyncio.Lock())
        async with lock:
            if former is not None:
                await self.read(customer, former, 1)
            for attempt in range(_ATTEMPTS):
                if attempt:
                    await asyncio.sleep(uniform(0.0, min(attempt * _FIRST_WAIT_S, _LONGEST_WAIT_S)))  # noqa: S311 - no secret
                read = await self._read(customer, 0, activity_ids)
                profile, consent, _, known = read
                record = _record(profile, consent) or CustomerRecord()
                changed = change(record, [at is not None for at in known])
                if not changed.writes or await self._write(customer, read, record, changed, now_ms):
                    return changed.result
        raise StoreUnavailableError("customer_id: others have changed the customer all the time; try again")

    async def move(self, former: bytes, customer: bytes) -> None:
        """Move what is stored under one key to another that has nothing.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        dumped = await self._scripts.run("customer_dump", CustomerKeys(former).every, [])
        await self._scripts.run("customer_move", CustomerKeys(customer).every, dumped)
        keys = CustomerKeys(former)
        await self._scripts.run("customer_moved", [*keys.every, keys.moved], [customer, CUSTOMER_MOVED_TTL_S])

    async def moved_to(self, customer: bytes) -> bytes | None:
        """Return where a customer is who was moved; None where that did not happen.

        Args:
            customer: The keyed hash under a former key, as decisions of that time have it.

        Raises:
            StoreUnavailableError: The store did not answer in time.
        """
        found: bytes | None = await self._scripts.run("customer_moved_to", [CustomerKeys(customer).moved], [])
        return found

    async def delete(self, customer: bytes) -> bool:
        """Delete all that is stored under a customer, and say whether there was anything.

        Raises:
            StoreUnavailableError: The store did not answer in time; it may have happened.
        """
        keys = CustomerKeys(customer)
        return bool(await self._scripts.run("customer_delete", [*keys.every, keys.moved], []))

    async def _read(self, customer: bytes, most_seen: int, activity_ids: Sequence[str] = ()) -> Any:
        digests = [_digest(activity_id) for activity_id in activity_ids]
        return await self._scripts.run("customer_read", CustomerKeys(customer).every, [most_seen, *digests])

    async def _write(
        self, customer: bytes, read: Sequence[Any], record: CustomerRecord, changed: Change[Any], now_ms: int
    ) -> bool:
        profile, consent, *_ = read
        consents = CustomerRecord(consents=record.consents)
        record.ClearField("consents")
        profile_s = self.retention.profile_s
        args: list[str | bytes | int] = [
            sha1(profile, usedforsecurity=False).hexdigest(),
            consent,
            record.SerializeToString(),
            consents.SerializeToString(),
            profile_s,
            profile_s if all(each.granted for each in consents.consents) else 0,
            int(changed.forgets),
            now_ms,
            ACTIVITY_IDS_KEPT_S,
            MOST_ACTIVITY_IDS,
            *map(_digest, changed.activity_ids),
        ]
        return bool(await self._scripts.run("customer_write", CustomerKeys(customer).every, args))


def _digest(activity_id: str) -> bytes:
    return blake2b(activity_id.encode(), digest_size=12).digest()


def _is_empty(reading: Sequence[Any]) -> bool:
    profile, consent, seen, _ = reading
    return not (profile or consent or seen)


def _stored(reading: Sequence[Any]) -> Stored:
    profile, consent, seen, _ = reading
    try:
        return Stored(_record(profile, consent), [SeenRecord.FromString(each) for each in seen])
    except DecodeError as error:
        raise StoreRefusedError("a customer: the history in the store is none") from error


def _record(profile: bytes, consent: bytes) -> CustomerRecord | None:
    try:
        # One message after the other is read as both merged: neither has a field of the other.
        return CustomerRecord.FromString(profile + consent) if profile or consent else None
    except DecodeError as error:
        raise StoreRefusedError(f"a customer: {len(profile + consent)} bytes in the store are none") from error
