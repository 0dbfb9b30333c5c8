"""Plays every policy in every environment, with several seeds, on several processes.

`play` is one policy in one environment: at every round the policy states its probabilities, an action is drawn from
them, its reward counts and is learned from at once. `run` plays them all; rounds are made and encoded once for each
environment and seed, and shared by all policies.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from attune_models import pmf as pmfs
from attune_models.policy import PolicySpec, build
from attune_models.types import Interaction
from benchmarks.learning import baselines
from benchmarks.learning.environments import Environment, Rounds


@dataclass(frozen=True, slots=True)
class Play:
    """What came of one policy, or baseline, in one environment with one seed.

    Attributes:
        environment: Its name.
        policy: Its name.
        seed: Of the rounds and of the draws.
        reward: Mean over all rounds, each counted before it was learned from.
        round_us: CPU microseconds for a round, pmf and learning; 0 for baselines.
    """

    environment: str
    policy: str
    seed: int
    reward: float
    round_us: float = 0.0


def play(spec: PolicySpec, rounds: Rounds, seed: int) -> float:
    """Return the mean of `rewards_of` a policy."""
    return float(rewards_of(spec, rounds, seed).mean())


def rewards_of(spec: PolicySpec, rounds: Rounds, seed: int) -> NDArray[np.float64]:
    """Let an untrained policy decide and learn.

    Args:
        spec: The policy.
        rounds: What it decides in.
        seed: Of the draws; the draws of two policies in the same round share their uniform number.

    Returns:
        The reward of what was drawn in each round, shape (n_rounds,).
    """
    policy, rewards = build(spec), np.empty(len(rounds))
    for i, situation in enumerate(rounds.situations):
        pmf = policy.pmf(situation)
        chosen = pmfs.draw(pmf, pmfs.unit_interval("draw", str(seed), str(i)))
        rewards[i] = rounds.rewards[i, chosen]
        policy.learn(Interaction(situation, chosen, pmf[chosen], float(rewards[i])))
    return rewards


def run(
    environments: Sequence[Environment], policies: Mapping[str, PolicySpec], seeds: Sequence[int], processes: int
) -> Iterator[Play]:
    """Play everything, and say on stderr what is done.

    Args:
        environments: Those that take longest first, so that no process is idle at the end.
        policies: By name.
        seeds: Of the rounds and of the draws.
        processes: How many work at the same time.

    Yields:
        Plays, in no order.
    """
    tasks = [(environment, seed) for environment in environments for seed in seeds]
    started = time.monotonic()
    # Spawned, because the libraries below may hold threads and locks that a fork would copy.
    with get_context("spawn").Pool(processes) as pool:
        done = pool.imap_unordered(partial(_play_all, dict(policies)), tasks)
        for i, plays in enumerate(done, start=1):
            yield from plays
            at = f"{time.monotonic() - started:4.0f} s"
            sys.stderr.write(f"{at}  {i} of {len(tasks)}: {plays[0].environment}, seed {plays[0].seed}\n")


def _play_all(policies: Mapping[str, PolicySpec], task: tuple[Environment, int]) -> list[Play]:
    environment, seed = task
    rounds = environment.rounds(seed)
    plays = [Play(environment.name, name, seed, reward) for name, reward in baselines.measure(rounds).items()]
    for name, spec in policies.items():
        before = time.process_time()
        reward = play(spec, rounds, seed)
        round_us = 1e6 * (time.process_time() - before) / len(rounds)
        plays.append(Play(environment.name, name, seed, reward, round_us))
    return plays
