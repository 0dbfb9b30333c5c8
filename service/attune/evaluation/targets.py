"""Target policies: what an evaluation asks about, whatever they are made of.

    uniform | fixed:OFFER | placement file | stored version --targets--> pmf of every slot --weighing--> rounds

A policy that learns is asked before it learns from the same sample: its estimate is progressive, that of the policy as
it would have been at each moment.
"""

from collections.abc import Sequence
from typing import Protocol

from attune.logs.samples import Sample
from attune.serving.specs import start_spec, with_defaults
from attune.store.interactions import order
from attune.v1.placement_pb2 import Placement
from attune_models.baselines import FixedPolicy, FixedSpec, UniformPolicy, UniformSpec
from attune_models.policy import Policy, started
from attune_models.types import Pmf

FIXED = "fixed:"
UNIFORM = "uniform"


class Target(Protocol):
    """A policy to be evaluated."""

    @property
    def name(self) -> str:
        """As the caller named it; its own among those of an evaluation."""
        ...

    @property
    def description(self) -> str:
        """What it is, in a few words."""
        ...

    @property
    def learns(self) -> bool:
        """Whether it learns from every sample after it was weighed."""
        ...

    @property
    def spec(self) -> str:
        """The policy as YAML; empty where there is no spec."""
        ...

    def counts(self, sample: Sample) -> bool:
        """Tell whether a sample says anything about it; asked once for every sample, in their order."""
        ...

    def pmfs(self, sample: Sample) -> list[Pmf]:
        """Return the probability of each action of each slot, given what the log drew for the slots before."""
        ...

    def learn(self, sample: Sample) -> None:
        """Learn from a sample, or do nothing."""
        ...

    def doubts(self) -> Sequence[str]:
        """Return why nobody should trust its estimate, a sentence each; asked for after the last sample."""
        ...

    def remarks(self) -> Sequence[str]:
        """Return what else a reader of its report has to know, a sentence each; asked for after the last sample."""
        ...


class PolicyTarget:
    """A policy that counts every sample, and of which nothing has to be remarked.

    Attributes:
        name: See `Target`.
        description: See `Target`.
        learns: See `Target`.
        spec: See `Target`.
    """

    def __init__(self, name: str, policy: Policy, description: str, *, learns: bool = False, spec: str = "") -> None:
        """Take a policy; nobody else may use it.

        Args:
            name: As the caller named it.
            policy: What is evaluated.
            description: What it is, in a few words.
            learns: Whether it is to learn from every sample after it was weighed.
            spec: The policy as YAML.
        """
        self.name, self.description, self.learns, self.spec = name, description, learns, spec
        self._policy = policy

    def counts(self, sample: Sample) -> bool:  # noqa: ARG002 - part of what a target is
        """Count every sample."""
        return True

    def pmfs(self, sample: Sample) -> list[Pmf]:
        """Return what the policy says, of all slots before it learns from any."""
        return [self._policy.pmf(interaction.situation) for interaction in sample.slots]

    def learn(self, sample: Sample) -> None:
        """Learn from every slot, in their order, as a learner does."""
        if self.learns:
            for interaction in sample.slots:
                self._policy.learn(interaction)

    def doubts(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    def remarks(self) -> Sequence[str]:
        """Return nothing."""
        return ()


def uniform() -> PolicyTarget:
    """Return the policy that draws every eligible offer with the same probability."""
    return PolicyTarget(UNIFORM, UniformPolicy(), "every eligible offer equally often")


def from_placement(name: str, placement: Placement, spec: str = "") -> PolicyTarget:
    """Return the policy of a placement, begun anew: it knows what the spec believes, and nothing of the log.

    Args:
        name: As the caller named it.
        placement: A valid placement.
        spec: The policy as YAML.
    """
    placement = with_defaults(placement)
    core = start_spec(placement)
    learns = not isinstance(core.kind, UniformSpec | FixedSpec)
    kind = (placement.policy.WhichOneof("kind") or "").replace("_", " ")
    description = f"{kind}, learning from every decision after it was weighed" if learns else kind
    return PolicyTarget(name, started(core), description, learns=learns, spec=spec)


class FixedTarget(PolicyTarget):
    """Always the same offer; where it is not eligible, the first one stands in for it, as it does when serving."""

    def __init__(self, offer_id: str) -> None:
        """Make it of an offer's id."""
        super().__init__(f"{FIXED}{offer_id}", FixedPolicy(FixedSpec(offer_id)), f"always offer {offer_id}")
        self._offer_id = offer_id
        self._samples = self._absent = 0

    def counts(self, sample: Sample) -> bool:
        """Count every sample, and how often the offer is not there."""
        self._samples += 1
        self._absent += self._offer_id not in sample.slots[0].situation.action_ids
        return True

    def doubts(self) -> Sequence[str]:
        """Say that the offer was never there: most often it is called otherwise."""
        if not self._absent or self._absent < self._samples:
            return ()
        return (f"{self._offer_id} was never eligible: the estimate is that of the first offer.",)

    def remarks(self) -> Sequence[str]:
        """Say how often another offer stood in."""
        if self._absent in (0, self._samples):
            return ()
        share = self._absent / self._samples
        return (f"In {share:.1%} of the decisions {self._offer_id} was not eligible: the first offer stood in for it.",)


class VersionTarget(PolicyTarget):
    """A version of a policy that was stored, as it is: it does not learn.

    It learned from the log up to its cursor. How well a policy does on what it knows already says nothing about how
    good it is, so only decisions behind the cursor count, unless somebody insists.
    """

    def __init__(
        self, name: str, policy: Policy, description: str, cursor: str, *, seen: bool = False, spec: str = ""
    ) -> None:
        """Take a loaded policy.

        Args:
            name: As the caller named it.
            policy: With its weights.
            description: What it is, in a few words.
            cursor: Position of the last entry of the log that it learned from.
            seen: Whether decisions count that it has learned from.
            spec: The policy as YAML.
        """
        super().__init__(name, policy, description, spec=spec)
        self._cursor, self._seen = cursor, seen
        self._known = self._unplaced = 0

    def counts(self, sample: Sample) -> bool:
        """Count what it has not learned from, as far as the log says."""
        if not sample.position:
            self._unplaced += 1
            return True
        known = order(sample.position) <= order(self._cursor)
        self._known += known
        return self._seen or not known

    def doubts(self) -> Sequence[str]:
        """Say what counts although it may have learned from it."""
        said = []
        if self._known and self._seen:
            said.append(f"It has learned from {self._known:,} of these decisions: the estimate is too good.")
        if self._unplaced:
            said.append(
                f"{self._unplaced:,} decisions have no position in a training log: it may have learned from them, and "
                "then the estimate is too good."
            )
        return said

    def remarks(self) -> Sequence[str]:
        """Say what was left out."""
        if self._seen or not self._known:
            return ()
        since = f"Only decisions after position {self._cursor} count"
        return [f"{since}, because it has learned from those before: {self._known:,} were left out."]
