"""Parquet and DSJSON files as a source of samples: what `attune export` wrote, or another service logged."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from attune.errors import InvalidInputError
from attune.logs import checks, dsjson_reader, sources
from attune.logs.late_files import LateFiles
from attune.logs.ordered import in_order
from attune.logs.readings import Candidate, LateReading, LeftOut, Reason, Refused
from attune.logs.samples import Found
from attune.logs.sampling import sample_of
from attune.logs.sizes import about_rows
from attune.store.log_entries import LoggedInteraction
from attune_models.rewards import RewardSpec

_UNNAMED = "reward"


class FileSource:
    """The decisions in files, with final rewards: late outcomes of an export count.

    Late outcomes are in memory only in part, see `late_files`. Observations that others have logged on lines of their
    own are in memory.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        form: str | None = None,
        reward: RewardSpec | None = None,
        *,
        any_order: bool = False,
    ) -> None:
        """Find the files.

        Args:
            paths: Files, or directories, which are searched for files with known endings.
            form: `parquet` or `dsjson`; None tells it from their endings.
            reward: How outcomes become rewards; None for the default. A reward without a name, as others have logged
                it, is an outcome of its first rule.
            any_order: Whether samples may go back in time.

        Raises:
            SettingError: There is no such file, none in a directory, or its ending says nothing.
        """
        self.name = ", ".join(map(str, paths))
        self._files = sources.found(paths, form)
        self._reward = RewardSpec() if reward is None else reward
        self._outcome = next(iter(self._reward.rules), _UNNAMED)
        self._any_order = any_order

    @cached_property
    def size_hint(self) -> int:
        """About how many samples there are; rows of later slots and late outcomes count as well."""
        return sum(about_rows(file) for file in self._files)

    def read(self) -> Iterator[Found]:
        """Read the samples: files in the order of their positions or names, each from its beginning."""
        found = self._found()
        yield from found if self._any_order else in_order(found)

    def _found(self) -> Iterator[Found]:
        lines = [file.path for file in self._files if file.format == "dsjson"]
        observed, refused = dsjson_reader.dangling(lines)
        yield from refused
        with LateFiles() as late:
            for file in self._files:
                late.add(reading for reading in sources.late(file) if _is_sound(reading))
            for file in self._files:
                for reading in sources.read_one(file, self._outcome, observed):
                    yield from self._sampled(reading, late)
            yield from (LeftOut(Reason.UNMATCHED) for _ in range(late.unmatched()))
        yield from (LeftOut(Reason.UNMATCHED) for _ in dsjson_reader.left_over(self._outcome, observed))

    def _sampled(self, reading: Candidate | LateReading | LeftOut | Refused, late: LateFiles) -> Iterator[Found]:
        if isinstance(reading, Candidate):
            yield self._sample(reading, late)
        elif not isinstance(reading, LateReading):
            yield reading
        elif not _is_sound(reading):
            yield Refused(reading.where, _problem(reading))

    def _sample(self, candidate: Candidate, late: LateFiles) -> Found:
        decision = candidate.decision
        outcomes = late.final(decision.event_id, decision.decided_at_ms, candidate.outcomes)
        entry = LoggedInteraction(candidate.position, decision, outcomes)
        return sample_of(candidate.where, entry, self._reward)


def _is_sound(late: LateReading) -> bool:
    return not _problem(late)


def _problem(late: LateReading) -> str:
    try:
        checks.check_late(late)
    except InvalidInputError as error:
        return str(error)
    return ""
