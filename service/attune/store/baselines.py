"""Baselines of control groups that learn, as they are stored: one state of each placement, fenced as versions are.

No version of the placement's policy: nobody can promote it, or return to an older one.
"""

from attune.errors import FencedError
from attune.storage.v1.records_pb2 import VersionRecord
from attune.store.client import Store
from attune.store.keys import PlacementKeys
from attune.store.versions import Lease, Versions, sign


class Baselines:
    """Writes the baselines of control groups; `Versions` reads them."""

    def __init__(self, store: Store) -> None:
        """Work through this client."""
        self._store = store
        self._versions = Versions(store)

    async def commit(self, lease: Lease, record: VersionRecord, weights: bytes) -> int:
        """Write where it stands, in place of where it stood.

        Args:
            lease: The right to do so.
            record: What belongs to the weights; `version` is the number of those to replace, 0 for none. The new
                number, `sha256` and `size_bytes` are filled in here.
            weights: What `Policy.dumps` returned.

        Returns:
            The number that the weights are stored under.

        Raises:
            FencedError: Another learner has taken over, another server has, or the placement is gone; what was written
                before is as it was.
            StoreUnavailableError: The store did not answer in time; the former state is there, or the new one.
        """
        keys, former = lease.keys, record.version
        number = await self._versions.write(lease, weights)
        committed = bool(number)
        if number:
            sign(record, number, weights)
            touched = [keys.spec, keys.head, keys.baseline, keys.snapshot(number)]
            touched += [keys.snapshot(former)] if former else []
            args: list[str | bytes | int] = [lease.epoch, number, record.SerializeToString()]
            committed = bool(await self._store.run("baseline", touched, args))
        if not committed:
            raise _fenced(keys, "a commit of the control group's baseline")
        return number

    async def forget(self, lease: Lease, number: int) -> None:
        """Remove it.

        Args:
            lease: The right to do so.
            number: The number that its weights are stored under.

        Raises:
            FencedError: Another learner has taken over, or the placement is gone.
        """
        keys = lease.keys
        touched = [keys.spec, keys.head, keys.baseline, keys.snapshot(number)]
        if not await self._store.run("baseline_forget", touched, [lease.epoch]):
            raise _fenced(keys, "forgetting the control group's baseline")


def _fenced(keys: PlacementKeys, what: str) -> FencedError:
    reason = "another learner has taken over, or the store was restarted or replaced"
    return FencedError(f'placement "{keys.name}": {what} was refused, {reason}')
