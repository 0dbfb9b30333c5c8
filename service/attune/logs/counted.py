"""The samples of a log, and an account of what is none: the one place that decides what becomes of a bad row.

    source --found--> counted --samples--> targets, diagnostics

A row that something is wrong with ends the reading, unless the caller has asked to skip such rows: then each is counted
by what was wrong with it. Estimates from what is left are estimates about what is left.
"""

import re
from collections import Counter
from collections.abc import Iterator

from attune.errors import BadLogError
from attune.logs.readings import LeftOut, Refused
from attune.logs.samples import Sample, SampleSource

PROBLEMS_KEPT = 100

_MOST_FIELDS = 100
_OTHER = "other"
_POSITION = re.compile(r"\[[^\]]*\]")


class CountedSamples:
    """The samples of a source; can be gone through again, and counts anew each time.

    Attributes:
        samples: How many there were so far.
        left_out: How many rows were left out although nothing is wrong with them, by reason.
        refused: How many rows were skipped because something is wrong with them.
        refused_fields: Those, by the first field that was wrong, positions left away: `propensity`, `pmf`.
        problems: The first `PROBLEMS_KEPT` of those.
    """

    def __init__(self, source: SampleSource, *, skip_bad: bool) -> None:
        """Count the samples of a source.

        Args:
            source: The log.
            skip_bad: Whether to skip rows that something is wrong with.
        """
        self._source = source
        self._skip_bad = skip_bad
        self._begin()

    def _begin(self) -> None:
        self.samples = 0
        self.left_out: Counter[str] = Counter()
        self.refused = 0
        self.refused_fields: Counter[str] = Counter()
        self.problems: list[Refused] = []

    def __iter__(self) -> Iterator[Sample]:
        """Yield the samples from the beginning.

        Raises:
            BadLogError: Something is wrong with a row, and such rows are not to be skipped; or there is no sample.
            SettingError: The log cannot be read at all.
        """
        self._begin()
        for found in self._source.read():
            if isinstance(found, Sample):
                self.samples += 1
                yield found
            elif isinstance(found, LeftOut):
                self.left_out[found.reason.value] += 1
            else:
                self._refuse(found)
        if not self.samples:
            raise BadLogError(f"{self._source.name}: expected at least one decision, got {self._instead()}")

    def _refuse(self, refused: Refused) -> None:
        if not self._skip_bad:
            raise BadLogError(f"{refused} (--skip-bad counts such rows and goes on)")
        self.refused += 1
        self.refused_fields[self._field(refused)] += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(refused)

    def _field(self, refused: Refused) -> str:
        # Names of features come from the log: there may be any number of them.
        field, colon, _ = refused.problem.partition(": ")
        field = _POSITION.sub("", field) if colon else _OTHER
        return field if field in self.refused_fields or len(self.refused_fields) < _MOST_FIELDS else _OTHER

    def _instead(self) -> str:
        counts = {"left out": self.left_out.total(), "refused": self.refused}
        return ", ".join(f"{n:,} rows {what}" for what, n in counts.items() if n) or "an empty log"
