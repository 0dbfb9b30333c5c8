"""What a policy does about many situations at once when it knows nothing better: one after the other."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from attune_models.types import Pmf, Situation


class OneByOne(ABC):
    """The half of a policy that answers many situations at once; see `attune_models.policy.Policy`."""

    @abstractmethod
    def pmf(self, situation: Situation) -> Pmf:
        """Return the exact probability of each action; sums to 1."""

    def pmfs(self, situations: Sequence[Situation]) -> list[Pmf]:
        """Return what `pmf` returns of each situation, to the last bit; raises what it raises of any."""
        return [self.pmf(situation) for situation in situations]
