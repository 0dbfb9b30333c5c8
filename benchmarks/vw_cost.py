"""What our wrapper costs beside a plain script: `python -m benchmarks.vw_cost`.

The plain script formats the same features as text and calls the library's own wrapper. Both do the same work; the best
of several turns is printed, because the others measure who else was using the machine.
"""

import time
from collections.abc import Callable, Sequence

import vowpalwabbit

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction
from attune_models.vw import VwPolicy, VwSpec
from attune_models.vw_spec import arguments

N_ACTIONS = (10, 100, 1000)
TURNS = 9
CONTEXT = FeatureSet({"hour": 14.0}, {"device": "mobile", "segment": "new"})


def make_actions(n_actions: int) -> list[PlainAction]:
    """Returns actions of 4 features each, ids not counted."""
    return [PlainAction(f"offer-{i}", _features(i)) for i in range(n_actions)]


def _features(i: int) -> FeatureSet:
    return FeatureSet(
        {"price": i * 1.5, "discount": i % 3 / 10}, {"category": f"category-{i % 4}", "brand": f"{i % 7}"}
    )


def plain_line(features: FeatureSet, start: str) -> str:
    """Returns a line of text as anybody would write it."""
    numbers = [f"{name}:{value}" for name, value in features.numeric.items()]
    words = [f"{name}={value}" for name, value in features.categorical.items()]
    return " ".join([start, *numbers, *words])


def plain_lines(actions: Sequence[PlainAction]) -> list[str]:
    """Returns a situation as text, with the same pair of words that ours makes."""
    shared = plain_line(CONTEXT, "shared |c") + " |p device=mobile~segment=new"
    return [shared, *(plain_line(action.features, f"|o ={action.id}") for action in actions)]


def ways(n_actions: int) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Returns pmf and learn by ours and by the plain script, each from features on."""
    actions, policy = make_actions(n_actions), VwPolicy(VwSpec())
    workspace = vowpalwabbit.Workspace(f"{arguments(VwSpec())} --quiet")

    def learn_plainly() -> None:
        lines = plain_lines(actions)
        lines[1] = f"0:-1.0:1.0 {lines[1]}"
        workspace.learn(lines)

    return {
        "ours": (
            lambda: policy.pmf(situation(CONTEXT, actions)),
            lambda: policy.learn(Interaction(situation(CONTEXT, actions), 0, 0.5, 1.0)),
        ),
        "plain script": (lambda: workspace.predict(plain_lines(actions)), learn_plainly),
    }


def microseconds(call: Callable[[], object], calls: int) -> float:
    """Returns the time of one call, microseconds, in the best of `TURNS` turns."""
    best = float("inf")
    for _ in range(TURNS):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        best = min(best, time.perf_counter() - start)
    return best / calls * 1e6


def main() -> None:
    """Prints a table."""
    print("| K | way | pmf, us | learn, us |")
    print("| --- | --- | --- | --- |")
    for n_actions in N_ACTIONS:
        for name, (predict, learn) in ways(n_actions).items():
            calls = max(20, 2000 // n_actions)
            print(f"| {n_actions} | {name} | {microseconds(predict, calls):.1f} | {microseconds(learn, calls):.1f} |")


if __name__ == "__main__":
    main()
