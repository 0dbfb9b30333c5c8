"""How fast the learner is: `python -m benchmarks.learner_speed`, and a section of `make bench`.

A store is given decisions whose windows have closed, a tenth of them with an outcome, and the learner of the placement
works them off as it always does: it joins them with their outcomes, reads the log, learns, and commits versions. Beside
it a bare loop hands the same examples, ready-made as text, to `vw.learn`. They take turns; each goes on from what it
learned before. In the end both have to have the same weights, bit for bit.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import median

import vowpalwabbit

from attune.learning.entries import lesson
from attune.learning.learner import PlacementLearner
from attune.metrics import LearningMetrics
from attune.serving.specs import reward_spec, with_defaults
from attune.settings import LearnerSettings
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.client import Store
from attune.store.embedded import EmbeddedStore
from attune.store.interactions import BEGINNING, Interactions
from attune.store.journal import Journal
from attune.store.keys import PlacementKeys
from attune.store.offer_sets import OfferSets, offer_digest, offer_set_of
from attune.store.outcomes import NewOutcome, Outcomes
from attune.store.pipe import Pipe
from attune.store.placements import Placements
from attune.store.versions import Versions
from attune.tasks import pause
from attune.v1.decision_service_pb2 import MODE_LEARNED
from attune_models.types import Interaction
from attune_models.vw import VwPolicy, VwSpec
from attune_models.vw_places import pairs_of
from attune_models.vw_spec import arguments
from benchmarks import workload

SIZES = (10, 50)
N_DECISIONS = 4_000
TURNS = 3
_AT_ONCE = 500
_WITH_OUTCOME = 10  # every tenth
_WINDOW_MS = 200
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class LearnerCost:
    """The learner beside the bare loop.

    Attributes:
        n_offers: Offers of a decision.
        learner_us: CPU microseconds per interaction, of each turn of the learner.
        learner_wall_us: The same on the wall: the learner waits for the store as well.
        bare_us: CPU microseconds per example, of each turn of the loop.
        bare_wall_us: The same on the wall.
    """

    n_offers: int
    learner_us: list[float]
    learner_wall_us: list[float]
    bare_us: list[float]
    bare_wall_us: list[float]

    @property
    def ratios(self) -> list[float]:
        """Interactions per second of the learner by those of the loop, of each pair of turns."""
        return [bare / ours for bare, ours in zip(self.bare_wall_us, self.learner_wall_us, strict=True)]

    @property
    def cpu_ratios(self) -> list[float]:
        """The same per second of CPU."""
        return [bare / ours for bare, ours in zip(self.bare_us, self.learner_us, strict=True)]


class Race:
    """A placement with a log, and a bare loop that learns the same."""

    def __init__(self, url: str, n_offers: int) -> None:
        """Takes a store that is empty."""
        self._store, self._pipe = Store(url, 10), Pipe(url, 10)
        self._journal, self._outcomes = Journal(self._pipe), Outcomes(self._store)
        self._placement = with_defaults(workload.placement(workload.by_catalogue(n_offers), 1))
        self._keys = PlacementKeys(self._placement.name)
        self._rng, self._made = Random(1), 0  # noqa: S311 - made-up traffic
        self._contexts, self._numbers = cycle(workload.contexts()), workload.days()
        offers = [offer.SerializeToString() for offer in workload.offers(n_offers)]
        self._set = offer_set_of(offers, list(map(offer_digest, offers)))
        self._bare = vowpalwabbit.Workspace(f"{arguments(VwSpec())} --quiet --preserve_performance_counters")
        self._read_to = BEGINNING

    async def begin(self) -> None:
        """Applies the placement, and puts in the offers that decisions name."""
        await Placements(self._store).apply(self._placement, now_ms=0)
        await OfferSets(self._store).register(self._keys, self._set)

    async def fill(self, n_decisions: int) -> None:
        """Makes decisions; returns when their windows have closed."""
        made = [self._record(self._made + i) for i in range(n_decisions)]
        self._made += n_decisions
        for first in range(0, n_decisions, _AT_ONCE):
            some = made[first : first + _AT_ONCE]
            serialised = [(each.event_id, each.SerializeToString()) for each in some]
            await asyncio.gather(*(self._journal.append(self._keys, _WINDOW_MS, *each) for each in serialised))
            clicks = [NewOutcome(each.event_id, "click", OutcomeRecord(name="click", value=1.0)) for each in some]
            await self._outcomes.record(self._keys, clicks[::_WITH_OUTCOME])
        await asyncio.sleep(2 * _WINDOW_MS / 1000)

    async def learner(self) -> tuple[float, float]:
        """Lets the learner work until a version has learned everything; returns seconds of CPU and on the wall."""
        learner = PlacementLearner(self._keys.name, "bench", LearnerSettings(), self._store, LearningMetrics())
        stopping, versions = asyncio.Event(), Versions(self._store)
        cpu, wall = time.process_time(), time.perf_counter()
        working = asyncio.create_task(learner.run(stopping))
        learned = 0
        while learned < self._made:
            await pause(stopping, _LOOK_S)
            head = await versions.head(self._keys)
            learned = head.interactions if head else 0
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        stopping.set()
        await working
        return cpu, wall

    async def bare(self) -> tuple[float, float]:
        """Learns the same with nothing around it; returns seconds of CPU and on the wall."""
        entries = await Interactions(self._store).after(self._keys, self._read_to, self._made)
        self._read_to = entries[-1].position
        rewards = reward_spec(self._placement.reward)
        rows = [_labelled(interaction) for entry in entries for interaction in lesson(entry, rewards).interactions]
        learn = self._bare.learn
        cpu, wall = time.process_time(), time.perf_counter()
        for row in rows:
            learn(row)
        return time.process_time() - cpu, time.perf_counter() - wall

    async def is_equal(self) -> bool:
        """Whether both have learned the same, to the last bit."""
        versions = Versions(self._store)
        head = await versions.head(self._keys)
        assert head is not None
        policies = [VwPolicy(VwSpec()), VwPolicy(VwSpec())]
        policies[0].loads(await versions.weights(self._keys, head))
        policies[1].loads(_saved(self._bare))
        return policies[0].dumps() == policies[1].dumps()

    def _record(self, number: int) -> DecisionRecord:
        context, n_offers = next(self._contexts), len(self._set.offers)
        context.numeric["tenure_days"] = next(self._numbers)
        return DecisionRecord(
            event_id=workload.event_id(number),
            decided_at_ms=time.time_ns() // 1_000_000,
            context=context.SerializeToString(),
            offer_set=self._set.digest,
            pmf=[1 / n_offers] * n_offers,
            chosen=self._rng.randrange(n_offers),
            policy_version=1,
            mode=MODE_LEARNED,
            request_digest=bytes(8),
        )

    async def end(self) -> None:
        """Lets go of the store."""
        await self._journal.close()
        self._pipe.close()
        await self._store.close()


def measure() -> list[LearnerCost]:
    """Times everything once; takes some twenty seconds."""
    return [asyncio.run(_measured(n_offers)) for n_offers in SIZES]


async def _measured(n_offers: int) -> LearnerCost:
    with tempfile.TemporaryDirectory(prefix="at-") as directory:
        server = EmbeddedStore(directory)
        race = Race(server.start(), n_offers)
        try:
            await race.begin()
            turns = [await _turn(race) for _ in range(TURNS)]
            if not await race.is_equal():
                raise RuntimeError("the learner and the bare loop learned the same examples, and differ")
        finally:
            await race.end()
            server.stop()
    columns = [[1e6 * each / N_DECISIONS for each in column] for column in zip(*turns, strict=True)]
    return LearnerCost(n_offers, *columns)


async def _turn(race: Race) -> tuple[float, float, float, float]:
    await race.fill(N_DECISIONS)
    return *await race.learner(), *await race.bare()


def _saved(workspace: vowpalwabbit.Workspace) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "model")
        workspace.save(str(file))
        return file.read_bytes()


def _labelled(interaction: Interaction) -> list[str]:
    seen = interaction.situation
    lines = [
        f"shared |c {seen.context} |p {' '.join(pairs_of(seen.context.split(' ')))}",
        *(f"|o {action}" for action in seen.actions),
    ]
    # A weight of 1, as our policy gives it: SquareCB's regression is a plain one.
    cost = -interaction.reward if interaction.reward else 0.0
    lines[1 + interaction.chosen] = f"0:{cost!r}:1.0 {lines[1 + interaction.chosen]}"
    return lines


def markdown(costs: Sequence[LearnerCost]) -> str:
    """Writes the section."""
    rows = [
        f"| {each.n_offers} | {1e6 / median(each.learner_wall_us):,.0f} | {1e6 / median(each.bare_wall_us):,.0f} | "
        f"**{median(each.ratios):.2f}** | {min(each.ratios):.2f} to {max(each.ratios):.2f} | "
        f"{median(each.learner_us):,.1f} | {median(each.bare_us):,.1f} | **{median(each.cpu_ratios):.2f}** |"
        for each in costs
    ]
    lines = [
        "## The learner, beside a bare loop of `vw.learn`",
        "",
        f"{TURNS} turns each in alternation, {N_DECISIONS:,} decisions a turn; both learn the same, bit for bit.",
        "The learner joins, reads, learns and commits; its rate is on the wall, waiting for the store included.",
        "",
        "| K | learner, per second | bare, per second | learner / bare | min to max | CPU us | bare CPU us | by CPU |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(measure()))
