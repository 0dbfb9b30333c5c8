"""What a replay costs: `python -m benchmarks.replay`, and a section of `make bench`.

A log of 100,000 interactions, 10 actions each, is replayed to the default policy: predict, weigh, learn. Beside it run
bare loops over the same rows, ready-made in Vowpal Wabbit's text format: a prediction and a lesson of each row, and
nothing else, as anybody would write it. All start untrained and see all rows. They take turns of 1,000 rows, so that a
slow minute hits all; what counts is the ratio of the whole, and the spread of the ratios of neighbouring turns.

Every loop has to predict the same bits as the replay, which is checked at the end of each turn.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from random import Random
from statistics import median
from typing import TypeAlias

import vowpalwabbit

from attune_models import pmf as pmfs
from attune_models.features import encode, situation
from attune_models.policy import PolicySpec
from attune_models.replay import replay
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf
from attune_models.vw import VwPolicy, VwSpec
from attune_models.vw_places import pairs_of
from attune_models.vw_spec import arguments
from benchmarks.situations import CONTEXT, ever_new, recurring

N_INTERACTIONS = 100_000
ROWS_A_TURN = 1_000
N_ACTIONS = 10
FEEDS: dict[str, Callable[[], Iterator[list[PlainAction]]]] = {
    "come again": lambda: recurring(N_ACTIONS),
    "new each time": lambda: ever_new(N_ACTIONS, seed=1),
}


@dataclass(frozen=True, slots=True)
class Row:
    """An interaction, and the same as text.

    Attributes:
        interaction: For those who speak our values.
        lines: To predict from, in Vowpal Wabbit's text format.
        labelled: To learn from.
    """

    interaction: Interaction
    lines: list[str]
    labelled: list[str]


Loop: TypeAlias = Callable[[Sequence[Row]], Pmf]
"""Takes the next rows of the log, and returns what it predicted for the last of them."""


@dataclass(frozen=True, slots=True)
class LoopCost:
    """A bare loop beside the replay.

    Attributes:
        offers: `come again` or `new each time`.
        loop: What the loop does.
        replay_us: CPU microseconds per interaction of each turn of the replay.
        bare_us: The same of each turn of the loop.
    """

    offers: str
    loop: str
    replay_us: list[float]
    bare_us: list[float]

    @property
    def ratio(self) -> float:
        """Replay by bare loop, over all turns; below 1, the replay is faster."""
        return sum(self.replay_us) / sum(self.bare_us)

    @property
    def ratios(self) -> list[float]:
        """The same of each pair of neighbouring turns."""
        return [ours / bare for ours, bare in zip(self.replay_us, self.bare_us, strict=True)]


class Replayed:
    """Ours: one replay, which is given the rows turn by turn."""

    def __init__(self) -> None:
        """Begins the replay of a log that is still to come."""
        self._rows: Iterable[Row] = ()
        self._steps = replay(PolicySpec(), self._interactions())

    def __call__(self, rows: Sequence[Row]) -> Pmf:
        """Replays the next rows, and adds up the estimate as a user would."""
        self._rows, total = rows, 0.0
        for step in islice(self._steps, len(rows)):
            total += step.weight * step.reward
        return step.pmf

    def _interactions(self) -> Iterator[Interaction]:
        while True:
            for row in self._rows:
                yield row.interaction


class TextLoop:
    """Text to predict and text to learn, through the library's wrapper."""

    def __init__(self) -> None:
        """Starts untrained, with the arguments that ours has."""
        self._workspace = vowpalwabbit.Workspace(f"{arguments(VwSpec())} --quiet")

    def __call__(self, rows: Sequence[Row]) -> Pmf:
        """Predicts and learns."""
        workspace = self._workspace
        for row in rows:
            scores = workspace.predict(row.lines)
            workspace.learn(row.labelled)
        return pmfs.normalised(scores)


class ParsedLoop:
    """Each row parsed once, with its label; then the prediction and the lesson on the same examples."""

    def __init__(self) -> None:
        """Starts untrained, with the arguments that ours has."""
        self._workspace = vowpalwabbit.Workspace(f"{arguments(VwSpec())} --quiet")

    def __call__(self, rows: Sequence[Row]) -> Pmf:
        """Parses, predicts and learns."""
        workspace = self._workspace
        for row in rows:
            examples = workspace.parse(row.labelled)
            scores = workspace.predict(examples)
            workspace.learn(examples)
            workspace.finish_example(examples)
        return pmfs.normalised(scores)


class KeptLoop:
    """The calls below the wrapper that our policy itself makes, on actions that it keeps; nothing around them."""

    def __init__(self) -> None:
        """Starts untrained."""
        self._model = VwPolicy(VwSpec())._model  # noqa: SLF001 - what is measured lies below the policy

    def __call__(self, rows: Sequence[Row]) -> Pmf:
        """Predicts and learns."""
        model = self._model
        for row in rows:
            seen = row.interaction.situation
            scores = model.action_scores(seen.context, seen.actions)
            model.learn(seen.context, seen.actions, row.interaction.chosen, f"0:{-row.interaction.reward!r}:1.0")
        return pmfs.normalised(scores)


LOOPS: dict[str, Callable[[], Loop]] = {
    "each row parsed once, predict, learn": ParsedLoop,
    "text to predict, text to learn": TextLoop,
    "our policy's own calls, kept actions": KeptLoop,
}


def log(feed: Iterator[list[PlainAction]], seed: int) -> Iterator[Row]:
    """Yields interactions of uniform draws in ever other contexts, for ever; a tenth of the actions is liked."""
    random = Random(seed)  # noqa: S311 - no secret
    for actions in feed:
        numeric = {"hour": random.uniform(0.0, 24.0)}
        context = encode(FeatureSet(numeric, {**CONTEXT.categorical, "device": f"device-{random.randrange(5)}"}))
        seen = replace(situation(CONTEXT, actions), context=context)
        chosen = random.randrange(len(actions))
        yield _row(Interaction(seen, chosen, 1.0 / len(actions), float(random.random() < 0.1)))  # noqa: PLR2004


def _row(interaction: Interaction) -> Row:
    seen = interaction.situation
    lines = [
        f"shared |c {seen.context} |p {' '.join(pairs_of(seen.context.split()))}",
        *(f"|o {action}" for action in seen.actions),
    ]
    labelled = lines.copy()
    # A weight of 1, as our policy gives it: SquareCB's regression is a plain one.
    labelled[1 + interaction.chosen] = f"0:{-interaction.reward!r}:1.0 {lines[1 + interaction.chosen]}"
    return Row(interaction, lines, labelled)


def measure(n_interactions: int = N_INTERACTIONS) -> list[LoopCost]:
    """Times everything once; takes about two minutes.

    Args:
        n_interactions: Length of each log; a multiple of 1,000.
    """
    return [cost for offers in FEEDS for cost in _compared(offers, n_interactions // ROWS_A_TURN)]


def _compared(offers: str, turns: int) -> list[LoopCost]:
    rows = log(FEEDS[offers](), seed=1)
    ours, loops = Replayed(), [make() for make in LOOPS.values()]
    times: list[list[float]] = []
    for _ in range(turns):
        turn = list(islice(rows, ROWS_A_TURN))
        timed = [_timed(loop, turn) for loop in (ours, *loops)]
        if any(predicted != timed[0][0] for predicted, _ in timed):
            raise SystemExit("python -m benchmarks.replay: expected the same bits of every loop, got others")
        times.append([us for _, us in timed])
    ours_us, *bare_us = (list(each) for each in zip(*times, strict=True))
    return [LoopCost(offers, name, ours_us, us) for name, us in zip(LOOPS, bare_us, strict=True)]


def _timed(loop: Loop, rows: Sequence[Row]) -> tuple[Pmf, float]:
    """Returns the last prediction, and CPU microseconds per row."""
    start = time.process_time_ns()
    predicted = loop(rows)
    return predicted, (time.process_time_ns() - start) / len(rows) / 1e3


def markdown(costs: Sequence[LoopCost]) -> str:
    """Writes the section."""
    n_interactions = len(costs[0].replay_us) * ROWS_A_TURN
    rows = [
        f"| {each.offers} | {each.loop} | {median(each.replay_us):,.1f} | {median(each.bare_us):,.1f} | "
        f"**{each.ratio:.2f}** | {min(each.ratios):.2f} to {max(each.ratios):.2f} |"
        for each in costs
    ]
    lines = [
        "## Cost of a replay: CPU microseconds per interaction",
        "",
        f"{n_interactions:,} interactions of {N_ACTIONS} actions to the default policy: predict, weigh, learn.",
        f"Beside it bare loops on the same rows, in turns of {ROWS_A_TURN:,} rows. All predict the same bits.",
        "",
        "| offers | bare loop | replay | bare | replay / bare, whole | by turns, min to max |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(measure()))
