"""What one prediction costs by the way in which Vowpal Wabbit is called: `python -m benchmarks.vw_calls`.

The figures of `docs/decisions/0004-below-the-vw-wrapper.md`. Every way predicts the same bits, which is checked; the
best of several turns is printed, because the others measure who else was using the machine. The last line says what a
kept action takes in memory.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vowpalwabbit.pyvw import pylibvw

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import VwPolicy, VwSpec

N_ACTIONS = (10, 100)
TURNS = 15
CALLS = 400


def make_situation(n_actions: int) -> Situation:
    """Returns a situation with 3 context features and `n_actions` actions of 4 features each, ids not counted."""
    context = FeatureSet({"hour": 14.0}, {"device": "mobile", "segment": "new"})
    return situation(context, [PlainAction(f"offer-{i}", _features(i)) for i in range(n_actions)])


def _features(i: int) -> FeatureSet:
    return FeatureSet(
        {"price": i * 1.5, "discount": i % 3 / 10}, {"category": f"category-{i % 4}", "brand": f"{i % 7}"}
    )


def ways(policy: VwPolicy, asked: Situation) -> dict[str, Callable[[], Any]]:
    """Returns functions that predict, by the way in which they do it."""
    model = policy._model  # noqa: SLF001 - what is measured lies below the policy
    workspace = model.workspace
    # With the pair of the two categorical features, as the policy itself writes it.
    shared, lines = model._shared(asked.context), [f"|o {action}" for action in asked.actions]  # noqa: SLF001
    wrapped = workspace.parse(lines)
    bare = [pylibvw.vw._parse(workspace, line)[0] for line in lines]  # noqa: SLF001

    def text() -> Any:
        return workspace.predict([shared, *lines])

    def kept_through_wrapper() -> Any:
        first = workspace.parse([shared])
        scores = workspace.predict(first + wrapped)
        workspace.finish_example(first)
        return scores

    def kept_below_wrapper() -> Any:
        first = pylibvw.vw._parse(workspace, shared)  # noqa: SLF001
        pylibvw.vw.predict_multi(workspace, first + bare)
        scores = first[0].get_action_scores()
        pylibvw.vw._finish_example_multi_ex(workspace, first)  # noqa: SLF001
        return scores

    return {
        "text through the wrapper": text,
        "kept examples through the wrapper": kept_through_wrapper,
        "kept examples below the wrapper": kept_below_wrapper,
    }


def microseconds(predict: Callable[[], Any]) -> float:
    """Returns the time of one call, microseconds, in the best of `TURNS` turns of `CALLS` calls."""
    best = float("inf")
    for _ in range(TURNS):
        start = time.perf_counter()
        for _ in range(CALLS):
            predict()
        best = min(best, time.perf_counter() - start)
    return best / CALLS * 1e6


def kept_bytes(n_actions: int) -> float:
    """Returns by how many bytes the process grows for each action that a policy keeps; Linux only."""
    policy = VwPolicy(VwSpec())
    policy.pmf(make_situation(1))
    before = _resident_bytes()
    policy.pmf(make_situation(n_actions))
    return (_resident_bytes() - before) / n_actions


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Prints a line for each number of actions and way of calling, and one for the memory."""
    for n_actions in N_ACTIONS:
        policy, asked = VwPolicy(VwSpec()), make_situation(n_actions)
        for i in range(200):
            policy.learn(Interaction(asked, i % n_actions, 1 / n_actions, float(i % 3 == 0)))
        for name, predict in ways(policy, asked).items():
            same = "same bits" if pmfs.normalised(predict()) == policy.pmf(asked) else "OTHER BITS"
            print(f"K = {n_actions:3}   {name:34} {microseconds(predict):6.1f} us   {same}")
        print(f"K = {n_actions:3}   {'VwPolicy.pmf':34} {microseconds(lambda: policy.pmf(asked)):6.1f} us")  # noqa: B023
    print(f"a kept action takes {kept_bytes(5000) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
