"""Samples: decisions of a log, wherever it is from, as evaluation looks at them.

    running placement | Parquet | DSJSON | CSV --sources--> samples --targets, reward model--> rounds --> report

A sample is a decision that can be counted; of what cannot, `Refused` says why.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from attune.logs.readings import LeftOut, Refused
from attune.v1.features_pb2 import Features
from attune_models.types import Interaction, Pmf


@dataclass(frozen=True, slots=True)
class Sample:
    """A decision and what came of it.

    Attributes:
        where: File and row, or `position` and a position of the training log, for messages.
        event_id: The decision's id; what is there twice is counted by it.
        decided_at_ms: Milliseconds since the epoch; 0 where the log does not say.
        mode: Who decided: `learned`, `control` or `fallback`; empty where the log does not say, or
            where it was imported: then nobody was put into a group here.
        position: Position in the training log, a Redis stream id; empty where the log is not ours.
        context: What was known, for segments.
        slots: One interaction for each slot: its situation has what the slots before left, its propensity is given what
            they drew.
        pmfs: For each slot, the probability of each of its actions when it was logged; empty where the log has only
            the propensity.
        customer: The keyed hash of the customer, hexadecimal; empty where the log does not know.
    """

    where: str
    event_id: str
    decided_at_ms: int
    mode: str
    position: str
    context: Features
    slots: Sequence[Interaction]
    pmfs: Sequence[Pmf]
    customer: str = ""


Found: TypeAlias = Sample | LeftOut | Refused


class SampleSource(Protocol):
    """A log that can be read more than once, in the same order: reward models are fitted in a pass of their own."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    @property
    def size_hint(self) -> int:
        """About how many samples there are, for a progress bar; 0 where nobody knows."""
        ...

    def read(self) -> Iterator[Found]:
        """Read it from the beginning, in the order of decisions, holding a bounded number of samples.

        Raises:
            SettingError: It cannot be read at all: there is no such file, a column is missing.
        """
        ...
