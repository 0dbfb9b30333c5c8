"""The demo's policy, on the demo's customers, does what docs/demo.md says it does: learn, be wrong, learn again.

Without a service, so that the same seed gives the same figures: the policy learns from a customer when the reward
window has closed, as it does in the demo, and a version is taken over for every half second of traffic.
"""

import numpy as np
import pytest

from attune.demo.plan import CONTROL_SHARE, WINDOW_S, Plan, demo_placement
from attune.demo.simulation import CLICK_REWARD, CONVERSION_REWARD, Reaction, simulate
from attune.demo.traffic import customer_features, shop_offers
from attune.serving.situation import situation_of
from attune.serving.specs import policy_spec, with_defaults
from attune_models.pmf import uniform
from attune_models.policy import build
from attune_models.types import Interaction

PLAN = Plan(seed=7, seconds=40, rate=400)
VERSION_S = 0.5
# From the close of the window to the first decision with what was learned: reading, committing, swapping.
LEARNING_S = 1.0


class Learner:
    """A policy that decides with what was learned until its last version, and learns in the order of the log."""

    def __init__(self) -> None:
        """Start untrained."""
        spec = policy_spec(with_defaults(demo_placement()).policy)
        self._learning, self.serving = build(spec), build(spec)
        self.log: list[Interaction] = []
        self._learned = 0

    def commit(self, until: int) -> None:
        """Learn from the log up to a position, and serve what was learned."""
        for interaction in self.log[self._learned : until]:
            self._learning.learn(interaction)
        self._learned = max(until, self._learned)
        self.serving.loads(self._learning.dumps())


@pytest.fixture(scope="module")
def reached() -> np.ndarray:
    """Expected reward of the policy's choices as a share of the best possible, for every 4 s of the run."""
    simulation = simulate(np.random.default_rng(PLAN.seed), PLAN.customers, PLAN.first_changed, WINDOW_S)
    learner, rng = Learner(), np.random.default_rng(0)
    offers = [offer.SerializeToString() for offer in shop_offers()]
    chosen, by_policy = np.zeros(PLAN.customers, np.int64), rng.random(PLAN.customers) >= CONTROL_SHARE
    for customer in range(PLAN.customers):
        if customer % int(VERSION_S * PLAN.rate) == 0:
            learner.commit(until=max(0, customer - int((WINDOW_S + LEARNING_S) * PLAN.rate)))
        situation = situation_of(customer_features(simulation.crowd, customer), offers)
        pmf = learner.serving.pmf(situation) if by_policy[customer] else uniform(len(offers))
        offer = int(rng.choice(len(offers), p=pmf))
        reaction = simulation.temper.react(customer, float(simulation.click_probability[customer, offer]))
        learner.log.append(Interaction(situation, offer, pmf[offer], reward_of(reaction)))
        chosen[customer] = offer
    expected = simulation.expected_reward[np.arange(PLAN.customers), chosen]
    best = simulation.expected_reward.max(axis=1)
    shares: np.ndarray = sums_of_tenths(np.where(by_policy, expected, 0)) / sums_of_tenths(np.where(by_policy, best, 0))
    return shares


def sums_of_tenths(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.reshape(10, -1).sum(axis=1))


def reward_of(reaction: Reaction) -> float:
    clicked, converted = reaction.click_delay_s, reaction.conversion_delay_s
    reward = CLICK_REWARD if clicked is not None and clicked <= WINDOW_S else 0.0
    return reward + (CONVERSION_REWARD if converted is not None and converted <= WINDOW_S else 0.0)


CHANCE = 0.21
"""Share of the best possible that an offer drawn uniformly is expected to reach."""


def test_at_first_it_earns_what_chance_earns(reached: np.ndarray) -> None:
    assert reached[0] == pytest.approx(CHANCE, abs=0.05)


def test_it_clearly_beats_chance_within_eight_seconds(reached: np.ndarray) -> None:
    assert reached[1] > 2 * CHANCE


def test_it_reaches_seventy_percent_of_the_best_possible_before_the_change(reached: np.ndarray) -> None:
    assert reached[4] > 0.7


def test_just_after_the_change_it_earns_less_than_chance(reached: np.ndarray) -> None:
    assert reached[5] < CHANCE


def test_it_reaches_seventy_percent_again(reached: np.ndarray) -> None:
    assert reached[9] > 0.7
