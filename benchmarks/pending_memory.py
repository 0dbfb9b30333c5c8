"""What a pending decision takes in the store: `python -m benchmarks.pending_memory`, and a section of `make bench`.

Ten thousand decisions are journaled as the service does it; what counts is by how much the memory of an embedded store
grew for each. Of the catalogue, a decision names its offers; inline, it holds them with the features of
`benchmarks.situations`. Event ids are UUIDs; the context has a number and two words.
"""

import asyncio
import tempfile
from random import Random
from uuid import UUID

from attune.serving.specs import with_defaults
from attune.storage.v1.records_pb2 import DecisionRecord
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.set_records import DIGEST_BYTES
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune.v1.features_pb2 import Features, Offer
from attune.v1.placement_pb2 import Placement
from attune_models.types import FeatureSet
from benchmarks.situations import CONTEXT, make_actions

CASES = ((10, True), (10, False), (50, False), (200, False))
"""How many offers, and whether they are inline."""
N_DECISIONS = 10_000
AT_ONCE = 500
KEYS = PlacementKeys("home")
WINDOW_MS = 3_600_000


def message(features: FeatureSet) -> Features:
    """Returns numbers and words as the contract has them."""
    return Features(numeric=dict(features.numeric), categorical=dict(features.categorical))


def records(n_offers: int, *, inline: bool) -> list[DecisionRecord]:
    """Returns decisions as they are journaled."""
    random = Random(1)  # noqa: S311 - ids and probabilities, not secrets
    offers = [Offer(id=each.id, features=message(each.features)) for each in make_actions(n_offers)]
    serialised = [offer.SerializeToString() for offer in offers]
    return [
        DecisionRecord(
            event_id=str(UUID(int=random.getrandbits(128))),
            decided_at_ms=1_700_000_000_000 + i,
            context=message(CONTEXT).SerializeToString(),
            offers=serialised if inline else [],
            offer_set=b"" if inline else bytes(DIGEST_BYTES),
            pmf=[random.random() for _ in range(n_offers)],
            chosen=i % n_offers,
            policy_version=100,
            mode=MODE_LEARNED,
            request_digest=bytes(8),
        )
        for i in range(N_DECISIONS)
    ]


async def bytes_per_decision(url: str, decisions: list[DecisionRecord]) -> float:
    """Returns by how many bytes the store grows for each decision."""
    store, pipe = Store(url, timeout_s=10), Pipe(url, timeout_s=10)
    await Placements(store).apply(with_defaults(Placement(name=KEYS.name)), now_ms=0)
    journal = Journal(pipe)
    before = await _used(store)
    for first in range(0, len(decisions), AT_ONCE):
        batch = decisions[first : first + AT_ONCE]
        await asyncio.gather(
            *(journal.append(KEYS, WINDOW_MS, each.event_id, each.SerializeToString()) for each in batch)
        )
    grown = await _used(store) - before
    await journal.close()
    pipe.close()
    await store.close()
    return grown / len(decisions)


async def _used(store: Store) -> int:
    [memory] = await store.info("memory")
    return int(memory["used_memory"])


def measure() -> dict[str, float]:
    """Returns bytes for a pending decision, by what it draws from; takes some ten seconds."""
    measured = {}
    for n_offers, inline in CASES:
        with tempfile.TemporaryDirectory(prefix="at-") as directory:
            server = EmbeddedStore(directory)
            url = server.start()
            try:
                used = asyncio.run(bytes_per_decision(url, records(n_offers, inline=inline)))
            finally:
                server.stop()
        measured[f"{n_offers} offers, {'4 features each, inline' if inline else 'of the catalogue'}"] = used
    return measured


if __name__ == "__main__":
    for name, used in measure().items():
        print(f"{name}: {used:.0f} bytes for a pending decision")
