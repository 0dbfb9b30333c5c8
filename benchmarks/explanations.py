"""An explanation, and what explaining costs: `python -m benchmarks.explanations`. The figures of docs/explain.md.

The default policy plays Tom and Anna, where only the pair of user and time of day tells what is liked. The costs are
those of a whole explanation inside the process, without the store and the call; the first one of a version also reads
its weights. The best of several turns is printed, because the others measure who else was using the machine.
"""

import time
from random import Random

from tests.support.tom_and_anna import play

from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from attune_models.vw import VwPolicy, VwSpec

TURNS = 7
N_ROUNDS = 2000


def example() -> list[str]:
    """Returns what moves the score of politics for Tom in the morning, when he likes it."""
    policy = VwPolicy(VwSpec())
    play(policy, N_ROUNDS, seed=1, delay=0)
    context = FeatureSet(categorical={"user": "Tom", "time_of_day": "morning"})
    politics = PlainAction("politics", FeatureSet(categorical={"article": "politics"}))
    (explanation,) = policy.explain(situation(context, [politics]))
    lines = [f"politics for Tom in the morning: score {explanation.score:+.3f}"]
    for part in explanation.contributions:
        feature = f"{part.name} = {part.value}".removeprefix(" = ")
        lines.append(f"    {part.source.value:8}  {feature:22}  {part.amount:+.3f}")
    return lines


def make_situation(n_actions: int, n_context: int, n_features: int) -> Situation:
    """Returns a situation of words: so many in the context, and so many in each action besides its id."""
    context = FeatureSet(categorical={f"c{i}": f"v{i}" for i in range(n_context)})
    actions = [
        PlainAction(f"offer-{k}", FeatureSet(categorical={f"f{i}": f"{(7 * k + i) % 5}" for i in range(n_features)}))
        for k in range(n_actions)
    ]
    return situation(context, actions)


def cost(n_actions: int, n_context: int, n_features: int) -> str:
    """Returns the times of the first and of further explanations by the default policy, in milliseconds."""
    policy, random = VwPolicy(VwSpec()), Random(1)  # noqa: S311 - rewards, not secrets
    asked = make_situation(n_actions, n_context, n_features)
    firsts, others = [], []
    for _ in range(TURNS):
        policy.learn(Interaction(asked, random.randrange(n_actions), 0.5, random.random()))
        firsts.append(_timed_ms(policy, asked))
        others.append(_timed_ms(policy, asked))
    return (
        f"{n_actions:5} offers of {n_features:2} features, {n_context:2} in the context:"
        f"  first {min(firsts):6.1f} ms, then {min(others):6.1f} ms"
    )


def _timed_ms(policy: VwPolicy, asked: Situation) -> float:
    start = time.perf_counter()
    policy.explain(asked)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Prints the example and the costs."""
    print("\n".join(example()))
    for sizes in ((10, 5, 4), (50, 5, 4), (50, 10, 10), (1000, 5, 4)):
        print(cost(*sizes))


if __name__ == "__main__":
    main()
