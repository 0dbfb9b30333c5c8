"""The learning table in markdown, made from plays: a pure function, so that it can be tested."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.learning.baselines import CONSTANT, UNIFORM
from benchmarks.learning.policies import DEFAULT
from benchmarks.learning.runner import Play

_COST = """
CPU microseconds to state probabilities and to learn, the median of the seeds, on a machine that did other work, too.

"""

_READING = f"""
A cell is the mean reward of a round, over all rounds from the first on, each counted before it was learned from: what
it cost to learn is in it. After ± stands the standard error over the seeds. Larger is better. For digits and mushrooms
the error is 1 minus the cell.

**{UNIFORM}** and **{CONSTANT}** are what needs no learning: a policy below the
second would better be an offer that never changes. **Supervised** hears the reward of every action, with the features
and the regression of the default policy: what a policy falls short of it is the price of hearing about one action only.
It is not a ceiling for policies with another regression. All parameters are those of `policies.py`, the same in every
column. Two of the default's were chosen by looking at these environments; the rows named after what was there before
show what they changed. **Steps 0.5** is the default with a `learning_rate` of 0.5 instead of 1.5. **Context alone**
gives context features weights by themselves, too (`VwSpec.context_alone`): such a weight adds the same to the score of
every action; it cannot change which is the best, but takes its part of every step.

Rows differ by less than they seem to where standard errors are as large as the difference. Seeds shuffle rows, draw
readers and answers, and draw actions. Learning follows each decision at once; in the service it lags behind by the
reward window.
"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds and its standard error."""

    mean: float
    standard_error: float

    def __str__(self) -> str:
        """Write both with 4 decimals."""
        return f"{self.mean:.4f} ± {self.standard_error:.4f}"


@dataclass(frozen=True, slots=True)
class Requirement:
    """What one and the same default policy has to reach.

    Attributes:
        environment: Where.
        text: What is required, in words.
        figure: What is judged, out of the plays, of a policy.
        is_met: Judges it.
    """

    environment: str
    text: str
    figure: Callable[[Sequence[Play], str], Estimate]
    is_met: Callable[[Estimate], bool]


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of one value a seed; the standard error needs two seeds, and is NaN with one."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Estimate(float(np.mean(values)), spread / len(values) ** 0.5)


def reward(plays: Sequence[Play], environment: str, policy: str) -> Estimate:
    """Return the mean reward of a policy in an environment."""
    return estimate(list(_by_seed(plays, environment, policy).values()))


def lead(plays: Sequence[Play], environment: str, policy: str, baseline: str) -> Estimate:
    """Return by how much a policy earns more than a baseline in the same rounds."""
    ours, theirs = _by_seed(plays, environment, policy), _by_seed(plays, environment, baseline)
    return estimate([ours[seed] - theirs[seed] for seed in ours])


def _by_seed(plays: Sequence[Play], environment: str, policy: str) -> dict[int, float]:
    return {play.seed: play.reward for play in plays if (play.environment, play.policy) == (environment, policy)}


def _at_least(environment: str, least: float) -> Requirement:
    return Requirement(
        environment,
        f"mean reward at least {least}",
        lambda plays, policy: reward(plays, environment, policy),
        lambda figure: figure.mean >= least,
    )


def _error_at_most(environment: str, most: float) -> Requirement:
    def error(plays: Sequence[Play], policy: str) -> Estimate:
        """Return the error of a policy."""
        right = reward(plays, environment, policy)
        return Estimate(1.0 - right.mean, right.standard_error)

    return Requirement(environment, f"error at most {most}", error, lambda figure: figure.mean <= most)


def _ahead_of(environment: str, baseline: str) -> Requirement:
    return Requirement(
        environment,
        f"ahead of {baseline} by more than 3 standard errors",
        lambda plays, policy: lead(plays, environment, policy, baseline),
        lambda figure: figure.mean > 3 * figure.standard_error,
    )


REQUIREMENTS = (
    _at_least("Tom and Anna", 0.93),
    _at_least("drift 1", 0.88),
    _at_least("drift 2", 0.88),
    _error_at_most("digits", 0.31),
    _error_at_most("mushroom", 0.012),
    _ahead_of("coupon", UNIFORM),
    _ahead_of("coupon", CONSTANT),
)


def markdown(
    plays: Sequence[Play], environments: Mapping[str, str], left_out: Sequence[str], machine: Mapping[str, str]
) -> str:
    """Write the whole page.

    Args:
        plays: All of them.
        environments: A line about each column, by its name.
        left_out: Environments that could not be played.
        machine: Descriptions by name.
    """
    seeds = len({play.seed for play in plays})
    parts = ["# What each policy learns\n\nWritten by `make bench-learning`, and by nothing else.\n"]
    parts += [f"\n## Mean reward, {seeds} seeds\n\n", _rewards(plays, list(environments))]
    parts += ["\n## What one and the same default has to reach\n\n", _requirements(plays, list(environments))]
    parts += [
        "\n## How to read it\n",
        _READING,
        "\n",
        *(f"- **{name}**: {line}\n" for name, line in environments.items()),
    ]
    parts += [
        f"\n{name} was left out: its data is in neither `../shared/data` nor `ATTUNE_REFERENCE_DATA`.\n"
        for name in left_out
    ]
    parts += ["\n## What a round costs\n", _COST, _costs(plays, list(environments))]
    parts += ["\n## Machine\n\n", *(f"- {name}: {value}\n" for name, value in machine.items())]
    return "".join(parts)


def _rewards(plays: Sequence[Play], environments: Sequence[str]) -> str:
    rows = [[policy, *(str(reward(plays, name, policy)) for name in environments)] for policy in _policies(plays)]
    return _table(["policy", *environments], rows)


def _requirements(plays: Sequence[Play], environments: Sequence[str]) -> str:
    judged = [policy for policy in (DEFAULT,) if policy in _policies(plays)]
    rows = []
    for requirement in REQUIREMENTS if judged else ():
        if requirement.environment in environments:
            figures = [requirement.figure(plays, policy) for policy in judged]
            cells = [f"{figure}, {_yes_or_no(requirement.is_met(figure))}" for figure in figures]
            rows.append([requirement.environment, requirement.text, *cells])
    return _table(["environment", "required", *judged], rows)


def _costs(plays: Sequence[Play], environments: Sequence[str]) -> str:
    def cost(environment: str, policy: str) -> str:
        """Return a cell."""
        times = [play.round_us for play in plays if (play.environment, play.policy) == (environment, policy)]
        return f"{np.median(times):.0f}"

    timed = [policy for policy in _policies(plays) if any(play.round_us for play in plays if play.policy == policy)]
    return _table(
        ["policy", *environments], [[policy, *(cost(name, policy) for name in environments)] for policy in timed]
    )


def _policies(plays: Sequence[Play]) -> list[str]:
    return list(dict.fromkeys(play.policy for play in plays))


def _yes_or_no(reached: bool) -> str:  # noqa: FBT001 - a word for a truth value
    return "yes" if reached else "**no**"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *rows))
