"""Replay: a policy that learns is led through a log, as if it had been there.

    log --interactions--> a clone of the policy: predict, weigh, learn --steps--> rounds --estimators--> what it earns

Two ways, which answer two questions. `replay` lets the clone learn from every interaction: what would a policy earn
that is trained on this log as the log grows? It needs few rows, but the data are those that the logging policy chose.
`rejection_replay` lets it learn only from what it could have drawn itself: what would the policy earn live, where it
learns from its own choices? That is exact, and takes as many rows for each round as the largest weight.

Neither changes what it is given: the clone is made before the first interaction is read, and nobody else has it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from sys import float_info

import numpy as np

from attune_models import pmf as pmfs
from attune_models.features import MAX_NUMBER, has_slot, slot_of
from attune_models.policy import Policy, PolicySpec, build, started
from attune_models.rounds import Rounds
from attune_models.types import Interaction, Pmf

_ROUNDING = 1e-9
"""By how much 1 / K and a bound on weights may be missed: more than rounding, less than any other propensity."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a policy says to an interaction that it has not learned from.

    Attributes:
        index: Of the interaction in the log, zero-based.
        pmf: Probability of each action of its situation, in their order; sums to 1.
        weight: Importance weight: probability of the logged action, divided by its propensity. At least 0, finite.
        reward: What the logged action earned.
        chosen: Position of the logged action, zero-based.
        slot: Slot of the decision, zero-based; the weight is given what the log drew for the slots before.
        accepted: Whether the interaction counts as one of the policy's own: always so, but in rejection replay.
    """

    index: int
    pmf: Pmf
    weight: float
    reward: float
    chosen: int
    slot: int = 0
    accepted: bool = True


def clone(spec: PolicySpec, policy: Policy | None = None) -> Policy:
    """Return a policy of one's own.

    Args:
        spec: How it chooses.
        policy: What it knows is copied, and it stays as it is; of an equal spec. By default only the beliefs of the
            spec are known.

    Raises:
        PolicyError: The state is not one of the spec, or is damaged.
    """
    if policy is None:
        return started(spec)
    cloned = build(spec)
    cloned.loads(policy.dumps())
    return cloned


def replay(
    spec: PolicySpec, interactions: Iterable[Interaction], *, policy: Policy | None = None, learns: bool = True
) -> Iterator[Step]:
    """Give every interaction of a log to a clone: predict, weigh, then learn.

    The mean of `weight * reward` over the steps is the progressive estimate of what a policy earns that learns from
    this log. It is unbiased for exactly that: each prediction depends on earlier rows only, whatever was learned from
    them. Source: A. Blum, A. Kalai, J. Langford, "Beating the Hold-Out: Bounds for K-fold and Progressive
    Cross-Validation", 1999. What the same policy earns live, where it learns from its own draws, is another number
    until both have learned all there is; for that one see `rejection_replay`. The estimate is noisy where weights are
    large.

    Slots of a decision come one after the other, as their contexts say. All of them are predicted before any is learned
    from, as live, where nobody knows a reward before the last slot is drawn.

    Args:
        spec: How the policy chooses.
        interactions: Read once, in order, each when its step is asked for; no more than one decision is held.
        policy: Where the clone starts; by default untrained, with the beliefs of the spec.
        learns: Whether it learns; a policy that does not stays what it is, and the estimate is the usual IPS.

    Yields:
        A step for each interaction.

    Raises:
        PolicyError: The policy's state is damaged.
        ValueError: An interaction cannot be weighed or learned from; its index, the field and what came are named.
    """
    return _replayed(clone(spec, policy), interactions, learns=learns)


def _replayed(policy: Policy, interactions: Iterable[Interaction], *, learns: bool) -> Iterator[Step]:
    decision: list[Interaction] = []
    last_slot = 0
    for index, interaction in enumerate(interactions):
        _check(index, interaction)
        context = interaction.situation.context
        slot = slot_of(context) if has_slot(context) else 0
        if slot <= last_slot:
            # The next decision. So far nothing of the last one was learned; after the end of a log nothing need be.
            _learn(policy, decision)
        last_slot = slot
        yield _step(policy, index, interaction, slot)
        if learns:
            decision.append(interaction)


def _learn(policy: Policy, decision: list[Interaction]) -> None:
    for interaction in decision:
        policy.learn(interaction)
    decision.clear()


def rejection_replay(
    spec: PolicySpec,
    interactions: Iterable[Interaction],
    *,
    seed: int,
    max_weight: float | None = None,
    policy: Policy | None = None,
    learns: bool = True,
) -> Iterator[Step]:
    """Replay a log so that what the clone learns from is what it would have met live.

    On a log of uniform draws: the clone draws, and the row is accepted where it drew what the log has. Source: L. Li,
    W. Chu, J. Langford, X. Wang, "Unbiased Offline Evaluation of Contextual-Bandit-Based News Article Recommendation
    Algorithms", 2011. On any other log, with a bound M on the weights: the row is accepted with probability
    `weight / M`. That is von Neumann's rejection sampling, and the first way with M = K where the log is uniform.
    Sources: M. Dudik, D. Erhan, J. Langford, L. Li, "Sample-efficient Nonstationary Policy Evaluation for Contextual
    Bandits", 2012, of which it is the case without bias (a constant multiplier, never cut off); T. Mandel, Y. Liu,
    E. Brunskill, Z. Popovic, "Offline Evaluation of Online Reinforcement Learning Algorithms", 2016. M is one number
    for the whole log: whatever is accepted in context x has probability 1 / M then, so contexts stay as frequent as
    they are. For the same reason a uniform log has to have the same number of actions everywhere.

    Accepted rows are distributed as the rounds of the live policy, and learned from as such: with the clone's own
    probability as their propensity. So the mean `reward` of the accepted steps is what it earns live in as many rounds,
    without bias as long as the rows of the log are drawn independently. Rejected rows are steps, too: how many there
    are tells what the answer rests on, and the self-normalised mean of `weight * reward` over all steps estimates the
    same with less noise where the policy leaves much to chance, and with more where it leaves nothing.

    Args:
        spec: How the policy chooses.
        interactions: Decisions of one slot each; read once, in order.
        seed: Of what is accepted; the same seed accepts the same rows.
        max_weight: The bound M on the weights, at least 1: one divided by the smallest propensity of the log always is
            one. About 1 / M of the rows is accepted. By default the log has to be uniform.
        policy: Where the clone starts; by default untrained, with the beliefs of the spec.
        learns: Whether it learns from what is accepted.

    Yields:
        A step for each interaction, accepted or not.

    Raises:
        PolicyError: The policy's state is damaged.
        ValueError: The bound is none; or an interaction cannot be weighed or learned from, is of a later slot, not of a
            uniform log, or outweighs the bound; its index, the field and what came are named.
    """
    if max_weight is not None and not (isfinite(max_weight) and max_weight >= 1.0):
        raise ValueError(f"max_weight: expected a finite number of at least 1, got {max_weight!r}")
    return _rejected(clone(spec, policy), interactions, seed, max_weight, learns=learns)


def _rejected(
    policy: Policy, interactions: Iterable[Interaction], seed: int, max_weight: float | None, *, learns: bool
) -> Iterator[Step]:
    n_actions = 0
    for index, interaction in enumerate(interactions):
        _check(index, interaction)
        _check_slot(index, interaction)
        if max_weight is None:
            n_actions = n_actions or len(interaction.situation.actions)
            _check_uniform(index, interaction, n_actions)
        step = _step(policy, index, interaction)
        accepted = _matches(step, seed) if max_weight is None else _outlives(step, seed, max_weight)
        if accepted and learns:
            # As live: the clone drew it, with its own probability. The propensity of the log is used up by now.
            policy.learn(replace(interaction, propensity=step.pmf[step.chosen]))
        yield step if accepted else replace(step, accepted=False)


def rounds(steps: Iterable[Step], seed: int) -> Rounds:
    """Return what estimators take, for those that need no reward model: its predictions are all 0.

    Args:
        steps: Of slot 0; kept in memory as a few numbers each.
        seed: Of the draws that are compared with the log; that of a rejection replay of uniform draws gives the same.
    """
    rows = np.array([(step.reward, step.weight, _matches(step, seed)) for step in steps], float).reshape(-1, 3)
    nothing = np.zeros(len(rows))
    return Rounds(rows[:, 0], rows[:, 1], rows[:, 2] > 0.0, nothing, nothing)


def _step(policy: Policy, index: int, interaction: Interaction, slot: int = 0) -> Step:
    pmf = policy.pmf(interaction.situation)
    chosen = interaction.chosen
    return Step(index, pmf, pmf[chosen] / interaction.propensity, interaction.reward, chosen, slot)


def _matches(step: Step, seed: int) -> bool:
    return pmfs.draw(step.pmf, _chance(step, seed)) == step.chosen


def _outlives(step: Step, seed: int, max_weight: float) -> bool:
    if step.weight > max_weight * (1.0 + _ROUNDING):
        raise ValueError(f"interaction {step.index}: expected a weight of at most {max_weight!r}, got {step.weight!r}")
    return _chance(step, seed) * max_weight < step.weight


def _chance(step: Step, seed: int) -> float:
    return pmfs.unit_interval("replay", str(seed), str(step.index))


def _check(index: int, interaction: Interaction) -> None:
    """Refuse what cannot be weighed or learned from, before anything is asked."""
    # NaN fails every comparison. What is smaller than every normal number divides to infinity.
    n_actions = len(interaction.situation.actions)
    if not 0 <= interaction.chosen < n_actions:
        raise ValueError(f"interaction {index}: chosen: expected 0 to {n_actions - 1}, got {interaction.chosen!r}")
    if not float_info.min <= interaction.propensity <= 1.0:
        raise ValueError(
            f"interaction {index}: propensity: expected more than 0 and at most 1, got {interaction.propensity!r}"
        )
    if not -MAX_NUMBER <= interaction.reward <= MAX_NUMBER:
        raise ValueError(f"interaction {index}: reward: expected between -1e6 and 1e6, got {interaction.reward!r}")


def _check_slot(index: int, interaction: Interaction) -> None:
    # A later slot is met in situations that the log's draws have made, not the clone's.
    if slot := slot_of(interaction.situation.context):
        raise ValueError(f"interaction {index}: slot: expected decisions of one slot, got slot {slot}")


def _check_uniform(index: int, interaction: Interaction, n_actions: int) -> None:
    if len(interaction.situation.actions) != n_actions:
        got = len(interaction.situation.actions)
        raise ValueError(f"interaction {index}: actions: expected {n_actions} as before, got {got}: give max_weight")
    if abs(interaction.propensity * n_actions - 1.0) > _ROUNDING:
        raise ValueError(
            f"interaction {index}: propensity: expected a uniform draw among {n_actions}, "
            f"got {interaction.propensity!r}: give max_weight"
        )
