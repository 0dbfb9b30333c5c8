"""What about a store's settings would break a promise, looked at once when a process starts.

A store that evicts keys when it is full would drop decisions, outcomes and weights without a word; one that keeps no
log on its disk loses everything with a restart. Neither is refused: whoever runs it may know better.
"""

from collections.abc import Mapping
from typing import Any

from attune.store.client import Store, StoreRefusedError


async def hazards(store: Store) -> list[str]:
    """Say what should be set otherwise.

    Returns:
        Sentences for the log; none where nothing is wrong, or where the store does not let us ask.

    Raises:
        StoreUnavailableError: The store did not answer in time.
    """
    try:
        servers = await store.info("memory"), await store.info("persistence")
    except StoreRefusedError:  # managed services keep INFO to themselves
        return []
    found = {sentence for memory, persistence in zip(*servers, strict=False) for sentence in _of(memory, persistence)}
    return sorted(found)


def _of(memory: Mapping[str, Any], persistence: Mapping[str, Any]) -> list[str]:
    found = []
    policy = memory.get("maxmemory_policy", "noeviction")
    if memory.get("maxmemory", 0) and policy != "noeviction":
        found.append(
            f"the store's maxmemory-policy is {policy}: when it is full it drops decisions, outcomes and models; "
            "set maxmemory-policy noeviction"
        )
    if persistence.get("aof_enabled") == 0:
        found.append(
            "the store's appendonly is off: it loses what came after its last snapshot when it is restarted; "
            "set appendonly yes"
        )
    return found
