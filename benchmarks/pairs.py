"""Two things compared on a machine whose speed changes from one second to the next.

The two are loaded in turn, half a second each, many times over. What slows the machine down for a while slows both of a
turn, so their ratio hardly notices; runs of seconds, with others in between, would meet other machines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.measure import Loaded, Throughput
from benchmarks.requirements import Requirement
from benchmarks.setting import Setting

_SLICE_S = 0.5
_WARM_UP_S = 0.2
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Pair:
    """What is asked of two things that are loaded in turn.

    Attributes:
        figure: What is measured.
        asked: What it has to be.
        is_least: Whether it has to be at least that, else at most.
        ours: What is measured against the other.
        other: The other.
        compare: Returns the figure of a turn.
    """

    figure: str
    asked: float
    is_least: bool
    ours: Loaded
    other: Loaded
    compare: Callable[[Throughput, Throughput], float]

    def measure(self, n_turns: int) -> Requirement:
        """Loads both in turn, each first in every other turn."""
        turns = [self._turn(is_ours_first=turn % 2 == 0) for turn in range(n_turns)]
        return Requirement(self.figure, self.asked, is_least=self.is_least, runs=turns)

    def _turn(self, *, is_ours_first: bool) -> float:
        if is_ours_first:
            ours, other = _slice(self.ours), _slice(self.other)
        else:
            other, ours = _slice(self.other), _slice(self.ours)
        return self.compare(ours, other)


def pairs(setting: Setting) -> Sequence[Pair]:
    """Returns all that is asked of two things, in the order in which it is asked."""
    few, many = min(setting.catalogue), max(setting.catalogue)
    plain = setting.catalogue[few]
    named = f"Decide, K = {few} catalogue"
    return [
        *(
            Pair(
                f"{name} / empty call, rate",
                asked=asked,
                is_least=True,
                ours=ours,
                other=setting.empty,
                compare=lambda mine, nothing: mine.rate / nothing.rate,
            )
            for name, asked, ours in ((named, 0.65, plain), ("Decide, K = 10 inline", 0.5, setting.inline))
        ),
        Pair(
            f"a further offer of the catalogue, {few} to {many:,}, server CPU us",
            asked=0.5,
            is_least=False,
            ours=setting.catalogue[many],
            other=plain,
            compare=lambda most, fewest: (most.server_us - fewest.server_us) / (many - few),
        ),
        *(
            Pair(
                f"DecideBatch, K = {size} / vw --daemon, decisions per CPU second of the server",
                asked=asked,
                is_least=True,
                ours=setting.batches[size],
                other=setting.daemons[size],
                compare=lambda batch, daemon: daemon.server_us / batch.server_us,
            )
            for size, asked in ((10, 1.0), (50, 1.6), (200, 2.3))
        ),
        Pair(
            f"{named}, with profile, caps and rules / without, server CPU",
            asked=1.35,
            is_least=False,
            ours=setting.customers,
            other=plain,
            compare=lambda known, unknown: known.server_us / unknown.server_us,
        ),
    ]


def _slice(loaded: Loaded) -> Throughput:
    return loaded.throughput(_SLICE_S, warm_up_s=_WARM_UP_S, pause_s=_PAUSE_S)
