"""Many policies from one file: what is tried, as a list of candidates with a name and a policy spec each.

    sweep file --cli/sweep_files--> Grid --candidates--> policy specs --sweeps--> report

Every combination of the lists is tried; where there are draws, each combination with each draw. A field is set as a
placement file would set it: what the base says besides stays, and what excludes each other takes each other's place.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from google.protobuf import json_format

from attune.errors import InvalidInputError, Violation
from attune.v1.placement_pb2 import PolicySpec

MAX_CANDIDATES = 10_000

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers to draw from.

    Attributes:
        low: The smallest.
        high: The largest; more than `low`.
        log: Whether each factor is as probable as each other, instead of each step; `low` is then more than 0.
        whole: Whether the field takes whole numbers only.
    """

    low: float
    high: float
    log: bool
    whole: bool

    def draw(self, rng: np.random.Generator) -> float | int:
        """Draw a number, with four significant digits: its name is then what has to be typed to have it again."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        drawn = rng.uniform(low, high)
        drawn = min(max(math.exp(drawn) if self.log else drawn, self.low), self.high)
        if self.whole:
            return round(drawn)
        short = float(f"{drawn:.{_DIGITS}g}")
        return short if self.low <= short <= self.high else drawn


@dataclass(frozen=True, slots=True)
class Axis:
    """A field and what it is set to.

    Attributes:
        label: The field as the file names it, for example `vw.squarecb.gamma_scale`.
        path: The fields of messages that lead to it, from the policy spec on. Of a choice between messages (`kind`,
            `vw.exploration`) those that lead to the message that has the choice: its values then name a field.
        values: JSON values to try, or numbers to draw from.
    """

    label: str
    path: Sequence[str]
    values: Sequence[Any] | Range

    def patch(self, value: Any) -> dict[str, Any]:
        """Return a value as JSON of a policy spec that has nothing else."""
        for name in reversed(self.path):
            value = {name: value}
        return dict(value)


@dataclass(frozen=True, slots=True)
class Grid:
    """What is tried.

    Attributes:
        base: What every candidate starts from.
        grid: Fields of which every combination is tried; each has a list of values.
        random: Fields that are drawn, from lists or ranges.
        draws: How many times; not looked at without `random`.
        seed: Of the draws: the same seed draws the same.
    """

    base: PolicySpec
    grid: Sequence[Axis]
    random: Sequence[Axis]
    draws: int
    seed: int

    @property
    def combinations(self) -> int:
        """How many candidates there are at most: some may be the same."""
        return math.prod(len(_listed(axis)) for axis in self.grid) * (self.draws if self.random else 1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy to try.

    Attributes:
        name: What was set, for example `gamma_scale=10 min_probability=0.01`; unique.
        policy: The policy, as a placement file would say it: without the defaults.
    """

    name: str
    policy: PolicySpec


def candidates(grid: Grid) -> list[Candidate]:
    """Return everything that is tried, in the order of the file; what is the same is there once.

    Raises:
        InvalidInputError: Nothing or too much would be tried, or a field undoes what another one has set.
    """
    if not 1 <= grid.combinations <= MAX_CANDIDATES:
        problem = f"expected 1 to {MAX_CANDIDATES:,} combinations, got {grid.combinations:,}"
        raise InvalidInputError(Violation("grid", problem))
    axes = [*grid.grid, *grid.random]
    labels = _short([axis.label for axis in axes])
    found: dict[bytes, Candidate] = {}
    taken: Counter[str] = Counter()
    for values in _combinations(grid):
        policy = _set(grid.base, axes, values)
        spec = policy.SerializeToString(deterministic=True)
        if spec not in found:
            words = [f"{label}={_shown(value)}" for label, value in zip(labels, values, strict=True)]
            name = " ".join(words) or "base"
            taken[name] += 1  # of lists, a name says only how long they are
            found[spec] = Candidate(name if taken[name] == 1 else f"{name} #{taken[name]}", policy)
    return list(found.values())


def _combinations(grid: Grid) -> Iterator[tuple[Any, ...]]:
    """Yield the values of all fields, those of the grid first."""
    rng = np.random.default_rng(grid.seed)
    draws = [tuple(_drawn(axis, rng) for axis in grid.random) for _ in range(grid.draws if grid.random else 1)]
    for listed in itertools.product(*(_listed(axis) for axis in grid.grid)):
        for drawn in draws:
            yield (*listed, *drawn)


def _listed(axis: Axis) -> Sequence[Any]:
    assert not isinstance(axis.values, Range)  # the reader refuses ranges in a grid
    return axis.values


def _drawn(axis: Axis, rng: np.random.Generator) -> Any:
    if isinstance(axis.values, Range):
        return axis.values.draw(rng)
    return axis.values[int(rng.integers(len(axis.values)))]


def _set(base: PolicySpec, axes: Sequence[Axis], values: Sequence[Any]) -> PolicySpec:
    """Return the base with every field set."""
    policy = PolicySpec()
    policy.CopyFrom(base)
    patches = [axis.patch(value) for axis, value in zip(axes, values, strict=True)]
    for patch in patches:
        json_format.ParseDict(patch, policy)
    for axis, patch in zip(axes, patches, strict=True):
        again = PolicySpec()
        again.CopyFrom(policy)
        # What is there already changes nothing when it is set again.
        if json_format.ParseDict(patch, again) != policy:
            raise InvalidInputError(Violation(axis.label, "expected to stay as it is set, but another field undoes it"))
    return policy


def _short(labels: Sequence[str]) -> list[str]:
    """Return the last word of each label, where no other label ends on it."""
    words = [label.rpartition(".")[2] for label in labels]
    return [word if words.count(word) == 1 else label for label, word in zip(labels, words, strict=True)]


def _shown(value: Any) -> str:
    """Return a value as it stands in a name: `10`, `true`, `softmax(lambda=5)`, and of lists only how long they are."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return ",".join(itertools.starmap(_shown_field, value.items()))
        case list():
            return f"[{len(value)}]"
        case _:
            return str(value)


def _shown_field(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{name}({_shown(value)})" if value else name
    return f"{name}={_shown(value)}"
