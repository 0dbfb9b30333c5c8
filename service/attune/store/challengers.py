"""Challengers as they are stored: where each stands, fenced as versions are, and the step that puts one in charge.

Weights, cursor and estimates of a challenger change together, in one script: whoever goes on from them weighs and
learns every interaction exactly once.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import DecodeError

from attune.errors import FencedError
from attune.storage.v1.records_pb2 import ChallengerRecord, PlacementRecord, VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.versions import Lease, Versions, sign

_log = logging.getLogger(__name__)


class Replaced(Enum):
    """What became of a promotion; the values are what `replace.lua` answers."""

    DONE = 1
    CHANGED = -1
    PINNED = -2


@dataclass(frozen=True, slots=True)
class Promotion:
    """A challenger that is to take the place of the placement's policy.

    Attributes:
        name: Of the challenger.
        record: The version that it becomes, whole: its weights are written, and not committed yet.
        shadow: The number that the weights of the challenger are stored under; 0 for none.
        before: The placement as it was stored when the decision was made.
        after: The placement as it is to be.
    """

    name: str
    record: VersionRecord
    shadow: int
    before: bytes
    after: PlacementRecord


class Challengers:
    """Reads and writes the challengers of a placement."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        self._versions = Versions(store)

    async def records(self, keys: PlacementKeys) -> dict[str, ChallengerRecord]:
        """Return what is stored, by name; the placement may not name all of them any more, or with other specs.

        One that cannot be read is left out, and logged.
        """
        async with self._store.reaching():
            found = await self._store.redis.hgetall(keys.challengers)
        records: dict[str, ChallengerRecord] = {}
        for name, value in found.items():
            try:
                records[name.decode()] = ChallengerRecord.FromString(value)
            except (DecodeError, UnicodeDecodeError):
                _log.error('placement "%s": %d bytes in the store are no challenger, %r', keys.name, len(value), name)
        return records

    async def measurings(self, keys: PlacementKeys) -> int:
        """Return how often a challenger of the placement began to be measured."""
        async with self._store.reaching():
            return int(await self._store.redis.hget(keys.head, "measurings") or 0)

    async def commit(self, lease: Lease, name: str, record: ChallengerRecord, weights: bytes) -> int:
        """Write where a challenger stands, in place of where it stood.

        Args:
            lease: The right to do so.
            name: Of the challenger.
            record: What is known of it; `training.version` is the number of the weights to replace, 0 for none. The
                new number, `sha256` and `size_bytes` are filled in here.
            weights: What `Policy.dumps` returned.

        Returns:
            The number that the weights are stored under.

        Raises:
            FencedError: Another learner has taken over, another server has, or the placement is gone; what was written
                before is as it was.
            StoreUnavailableError: The store did not answer in time; the former state is there, or the new one.
        """
        keys, former = lease.keys, record.training.version
        number = await self._versions.write(lease, weights)
        committed = bool(number)
        if number:
            sign(record.training, number, weights)
            touched = [keys.spec, keys.head, keys.challengers, keys.snapshot(number)]
            touched += [keys.snapshot(former)] if former else []
            args: list[str | bytes | int] = [lease.epoch, name, record.SerializeToString(), record.measuring.ordinal]
            committed = bool(await self._store.run("challenger", touched, args))
        if not committed:
            raise _fenced(keys, f'challenger "{name}"')
        return number

    async def forget(self, lease: Lease, gone: Iterable[tuple[str, int]]) -> None:
        """Remove challengers that are not named any more.

        Args:
            lease: The right to do so.
            gone: The name of each, and the number that its weights are stored under.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
        """
        keys, listed = lease.keys, list(gone)
        if not listed:
            return
        touched = [keys.spec, keys.head, keys.challengers, *(keys.snapshot(number) for _, number in listed)]
        if not await self._store.run("forget", touched, [lease.epoch, *(name for name, _ in listed)]):
            raise _fenced(keys, "forgetting a challenger")

    async def replace(self, lease: Lease, promotion: Promotion) -> Replaced:
        """Put a challenger in the place of the placement's policy, unless the placement was changed, or is pinned.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone; everything is as it was.
            StoreUnavailableError: The store did not answer in time; it was done, or everything is as it was.
        """
        keys, version = lease.keys, promotion.record.version
        touched = [keys.spec, keys.head, keys.versions, keys.challengers, keys.snapshot(version)]
        touched += [keys.snapshot(promotion.shadow)] if promotion.shadow else []
        specs = [promotion.before, promotion.after.SerializeToString()]
        args: list[str | bytes | int] = [
            lease.epoch,
            *specs,
            version,
            promotion.record.SerializeToString(),
            promotion.name,
        ]
        answer = await self._store.run("replace", touched, args)
        if not answer:
            raise _fenced(keys, f'the promotion of challenger "{promotion.name}"')
        return Replaced(answer)


def _fenced(keys: PlacementKeys, what: str) -> FencedError:
    reason = "another learner has taken over, or the store was restarted or replaced"
    return FencedError(f'placement "{keys.name}": {what} was refused, {reason}')
