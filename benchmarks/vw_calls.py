"""What one prediction costs by the way in which Vowpal Wabbit is called: `python -m benchmarks.vw_calls`.

The figures of `docs/decisions/0004-below-the-vw-wrapper.md`. Every way predicts the same bits, which is checked. CPU
time, median of turns that alternate. The last line says what a kept action takes in memory.
"""

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from vowpalwabbit.pyvw import pylibvw

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import Interaction, Situation
from attune_models.vw import VwPolicy, VwSpec
from benchmarks.situations import CONTEXT, make_actions
from benchmarks.stopwatch import interleaved_us

N_ACTIONS = (10, 100)
TURNS = 51


class Ways:
    """One situation, to be predicted in different ways on the weights of one policy."""

    def __init__(self, policy: VwPolicy, asked: Situation) -> None:
        """Parses the actions once for each way that keeps them."""
        model = policy._model  # noqa: SLF001 - what is measured lies below the policy
        self._workspace = model.workspace
        # With the pair of the two categorical features, as the policy itself writes it.
        self._shared = model._shared(asked.context)  # noqa: SLF001
        self._lines = [f"|o {action}" for action in asked.actions]
        self._wrapped = self._workspace.parse(self._lines)
        labels = pylibvw.vw.lContextualBandit
        self._bare = [pylibvw.example(self._workspace, labels, line) for line in self._lines]

    def all(self) -> dict[str, Callable[[], Any]]:
        """Returns the ways by their names."""
        return {
            "text through the wrapper": self.text,
            "kept examples through the wrapper": self.kept_through_wrapper,
            "kept examples below the wrapper": self.kept_below_wrapper,
        }

    def text(self) -> Any:
        """Predicts as the library's documentation does."""
        return self._workspace.predict([self._shared, *self._lines])

    def kept_through_wrapper(self) -> Any:
        """Predicts on examples of the workspace's pool, and gives back the one that is of this prediction alone."""
        first = self._workspace.parse([self._shared])
        scores = self._workspace.predict(first + self._wrapped)
        self._workspace.finish_example(first)
        return scores

    def kept_below_wrapper(self) -> Any:
        """Predicts on examples from outside of the pool, which finishing leaves alone."""
        first = pylibvw.vw._parse(self._workspace, self._shared)  # noqa: SLF001
        examples = first + self._bare
        pylibvw.vw.predict_multi(self._workspace, examples)
        scores = first[0].get_action_scores()
        pylibvw.vw._finish_example_multi_ex(self._workspace, examples)  # noqa: SLF001
        return scores


def kept_bytes(n_actions: int) -> float:
    """Returns by how many bytes the process grows for each action that a policy keeps; Linux only."""
    policy, asked = VwPolicy(VwSpec()), situation(CONTEXT, make_actions(n_actions))
    policy.pmf(asked)  # parsed in the pool, which is then as large as it will be
    before = _resident_bytes()
    policy.pmf(asked)
    return (_resident_bytes() - before) / n_actions


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def print_ways(n_actions: int) -> None:
    """Prints a line for each way of calling, and one for the policy."""
    policy, asked = VwPolicy(VwSpec()), situation(CONTEXT, make_actions(n_actions))
    for i in range(200):
        policy.learn(Interaction(asked, i % n_actions, 1 / n_actions, float(i % 3 == 0)))
    ways = Ways(policy, asked).all()
    same = {name: pmfs.normalised(predict()) == policy.pmf(asked) for name, predict in ways.items()}
    times = zip(*interleaved_us([*ways.values(), lambda: policy.pmf(asked)], TURNS), strict=True)
    for name, turns in zip([*ways, "VwPolicy.pmf"], times, strict=True):
        verdict = "same bits" if same.get(name, True) else "OTHER BITS"
        print(f"K = {n_actions:3}   {name:34} {median(turns):6.1f} us   {verdict}")


def main() -> None:
    """Prints everything."""
    for n_actions in N_ACTIONS:
        print_ways(n_actions)
    print(f"a kept action takes {kept_bytes(4000) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
