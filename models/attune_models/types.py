"""The values that policies speak: features, actions, situations, interactions.

`Features` and `Action` are protocols, not classes: a protobuf message of the same shape is one already, so the service
hands its messages over without copying them. `FeatureSet` and `PlainAction` are for everybody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeAlias

from attune_models.contexts import Context, JoinedContext, names_and_numbers

Pmf: TypeAlias = list[float]
"""Probability of each action, in their order: finite, not negative, sums to 1 up to rounding."""


class PolicyError(Exception):
    """A policy's state is damaged: it does not load, or does not give a probability distribution."""


class Values(Protocol):
    """Anything with a sequence of values: the tags or the vector of a feature."""

    @property
    def values(self) -> Sequence[Any]:
        """Strings for tags, floats for a vector."""
        ...


class Features(Protocol):
    """Named features, by kind. The same name in two kinds is two features."""

    @property
    def numeric(self) -> Mapping[str, float]:
        """Measured quantities."""
        ...

    @property
    def categorical(self) -> Mapping[str, str]:
        """One value out of several."""
        ...

    @property
    def tags(self) -> Mapping[str, Values]:
        """Sets of values."""
        ...

    @property
    def dense(self) -> Mapping[str, Values]:
        """Vectors of fixed meaning and length."""
        ...


class Action(Protocol):
    """Something that can be chosen."""

    @property
    def id(self) -> str:
        """Identifies the action among the others of its situation."""
        ...

    @property
    def features(self) -> Features:
        """What is known about it."""
        ...


@dataclass(frozen=True, slots=True)
class ValueList:
    """The plain form of `Values`."""

    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """The plain form of `Features`."""

    numeric: Mapping[str, float] = field(default_factory=dict)
    categorical: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, ValueList] = field(default_factory=dict)
    dense: Mapping[str, ValueList] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlainAction:
    """The plain form of `Action`."""

    id: str
    features: FeatureSet = field(default_factory=FeatureSet)


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class ActionSet:
    """Actions that many situations draw from: a policy may prepare itself for them, once.

    Equal to itself alone, so that what was prepared is found by looking at one object.

    Attributes:
        action_ids: Ids of the actions, unique; at least one.
        actions: Encoded features of each action, its id among them; same order.
    """

    action_ids: Sequence[str]
    actions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Situation:
    """What a policy chooses in: a context and the actions that may be drawn, both encoded.

    Attributes:
        context: Encoded context features, see `attune_models.features.encode`.
        action_ids: Ids of the actions, unique, in the caller's order; at least one.
        actions: Encoded features of each action, its id among them; same order.
        known: The set that the actions are of, where they are of one. It changes what a pmf costs, not what it means.
        positions: Where they are in `known`, zero-based; None where they are all of it, in its order.
        recurs: Whether its names and its actions are going to be asked about again, if in other company: a policy may
            keep what it works out of them. It changes what a pmf costs, not what it means.
    """

    recurs: ClassVar[bool] = False

    context: str
    action_ids: Sequence[str]
    actions: Sequence[str]
    known: ActionSet | None = None
    positions: Sequence[int] | None = None

    @property
    def read(self) -> Context | JoinedContext:
        """The context in its two parts."""
        return names_and_numbers(self.context)


class ReadSituation(Situation):
    """A situation whose context was read in two parts: it is written as text only where somebody asks for that.

    That is how they come to whoever serves, again and again.

    Attributes:
        read: The context.
    """

    __slots__ = ("read",)
    recurs: ClassVar[bool] = True

    read: Context | JoinedContext

    def __init__(
        self,
        read: Context | JoinedContext,
        action_ids: Sequence[str],
        actions: Sequence[str],
        known: ActionSet | None = None,
        positions: Sequence[int] | None = None,
    ) -> None:
        """Take what a `Situation` is made of, with the context in two parts."""
        # Made once for each decision: what is frozen for everybody else is set three times as slowly.
        self.read, self.known, self.positions = read, known, positions  # type: ignore[misc]
        self.action_ids, self.actions = action_ids, actions  # type: ignore[misc]

    __setattr__ = object.__setattr__

    def __eq__(self, other: object) -> bool:
        """Tell whether another situation says the same, whichever way its context came."""
        if not isinstance(other, Situation):
            return NotImplemented
        return _said(self) == _said(other)

    __hash__ = Situation.__hash__

    @property
    def context(self) -> str:
        """The encoded context."""
        return self.read.text


def _said(situation: Situation) -> tuple[object, ...]:
    known, positions = situation.known, situation.positions
    return situation.context, situation.action_ids, situation.actions, known, positions


@dataclass(frozen=True, slots=True)
class Interaction:
    """A decision and what came of it: the unit that policies learn from.

    Attributes:
        situation: What the decision was made in.
        chosen: Position of the chosen action, zero-based.
        propensity: Probability with which it was drawn, greater than 0, at most 1.
        reward: What it earned; finite.
    """

    situation: Situation
    chosen: int
    propensity: float
    reward: float
