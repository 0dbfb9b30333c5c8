"""What policies are compared with: baselines that are told the rewards of all actions, which no policy is."""

from collections.abc import Mapping

from attune_models.types import Interaction
from attune_models.vw import Epsilon, VwPolicy, VwSpec
from benchmarks.learning.environments import Rounds

UNIFORM = "every action alike, in expectation"
CONSTANT = "best constant, in hindsight"
SUPERVISED = "supervised, told every reward"


def measure(rounds: Rounds) -> Mapping[str, float]:
    """Return the mean reward of each baseline, by its name."""
    return {
        UNIFORM: float(rounds.rewards.mean()),
        CONSTANT: float(rounds.rewards.mean(axis=0).max()),
        SUPERVISED: supervised(rounds),
    }


def supervised(rounds: Rounds) -> float:
    """Play the regression of the default policy with full information: greedy, and told the reward of every action.

    Features, crossings and steps are those of `VwSpec()`, so that what a policy falls short of it is the price of
    hearing about one action only.

    Returns:
        The mean reward, each round counted before it was learned from.
    """
    policy, total = VwPolicy(VwSpec(Epsilon(0.0))), 0.0
    for situation, rewards in zip(rounds.situations, rounds.rewards.tolist(), strict=True):
        pmf = policy.pmf(situation)
        total += rewards[pmf.index(max(pmf))]
        for action, reward in enumerate(rewards):
            policy.learn(Interaction(situation, action, 1.0, reward))
    return total / len(rounds)
