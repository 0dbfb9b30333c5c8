"""How a log is split between control and policy, in bounded memory: customers count once, the others by decision.

    log --> LogDiagnostics --> Split --> SampleRatio

Who is in which group is drawn once for each customer. One who comes back a hundred times says no more about the draw
than one who came once; and a group that comes back more often is what a good policy is for, no sign of a broken log.
"""

from collections.abc import Sequence

from attune_models.duplicates import MOST_IDS, Duplicates
from attune_models.rounds import FloatArray

CONTROL, OTHERS = 0, 1


class Split:
    """Counts who was decided for by whom."""

    def __init__(self, most_customers: int = MOST_IDS) -> None:
        """Start.

        Args:
            most_customers: How many are remembered at most of each group; beyond that, an even sample of all is.
        """
        self._customers = [Duplicates(most_customers), Duplicates(most_customers)]
        self._unknown = [0, 0]

    def add(self, modes: Sequence[str], customers: Sequence[str]) -> None:
        """Count decisions.

        Args:
            modes: Who decided; empty where nobody says.
            customers: For whom, whatever tells them apart; empty where the log does not know. As many as `modes`.
        """
        pairs = [
            (CONTROL if mode == "control" else OTHERS, customer)
            for mode, customer in zip(modes, customers, strict=True)
            if mode
        ]
        for group in (CONTROL, OTHERS):
            ids = [customer for each, customer in pairs if each == group]
            self._customers[group].add(ids)
            self._unknown[group] += ids.count("")

    def counts(self) -> tuple[int, int]:
        """Return how many are in the control group, and how many are not; of a sample, where not all are remembered."""
        level = max(group.level for group in self._customers)
        control, others = (
            known.distinct(level) + (unknown >> level)
            for known, unknown in zip(self._customers, self._unknown, strict=True)
        )
        return control, others

    def facts(self) -> list[list[int]]:
        """Return the numbers that a state is made of."""
        return [self._unknown, [group.level for group in self._customers]]

    def arrays(self) -> dict[str, FloatArray]:
        """Return what is remembered of customers, as `Duplicates.array` has it."""
        return {"in_control": self._customers[CONTROL].array(), "in_others": self._customers[OTHERS].array()}

    @classmethod
    def of(cls, most_customers: int, facts: Sequence[Sequence[int]], arrays: Sequence[FloatArray]) -> "Split":
        """Return one that remembers what `facts` and `arrays` of another one say."""
        made = cls(most_customers)
        unknown, levels = facts
        made._unknown = [int(count) for count in unknown]
        made._customers = [Duplicates.of(most_customers, int(n), each) for n, each in zip(levels, arrays, strict=True)]
        return made
