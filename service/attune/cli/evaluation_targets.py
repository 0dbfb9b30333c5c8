"""What was typed after `--target`, as target policies."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from attune.api.validation import check_placement
from attune.cli import placement_files, sweep_files
from attune.errors import InvalidInputError, SettingError, Violation
from attune.evaluation import targets
from attune.evaluation.evaluator import LOGGED
from attune.evaluation.grid import Candidate
from attune.evaluation.spec_text import policy_yaml
from attune.evaluation.stored_versions import version_target
from attune.evaluation.targets import Target
from attune.settings import Settings
from attune.store.client import Store
from attune.v1.placement_pb2 import Placement, RewardSpec

FORMS = "uniform, fixed:OFFER, version:NUMBER, or a YAML file of placements or of a sweep"
_VERSION = re.compile(r"version:(\d{1,18})(?:@(.+))?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where stored versions come from.

    Attributes:
        settings: With the store's URL; None where no version is asked for.
        placement: The placement whose log is evaluated; empty for files.
        seen: Whether decisions count that a version has learned from.
    """

    settings: Settings | None
    placement: str
    seen: bool


def parsed(words: Sequence[str], origin: Origin, reward: RewardSpec | None) -> list[Target]:
    """Return the targets that were named, each with a name of its own.

    Args:
        words: What was typed, one after each `--target`.
        origin: Where stored versions come from.
        reward: How the log's outcomes become rewards, for what specs believe; None where nobody knows.

    Raises:
        SettingError: Something was typed that is no target, or two have the same name.
        InvalidInputError: Something is wrong in a file; the violations name file, line and field.
        NotFoundError: There is no such placement or version.
        UnusableVersionError: A version's weights are damaged.
        StoreUnavailableError: The store did not answer in time.
    """
    found = [target for word in words for target in _of(word, origin, reward)]
    names = [LOGGED, *(target.name for target in found)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SettingError(f"--target: expected targets with names of their own, got {', '.join(twice)} more than once")
    return found


def _of(word: str, origin: Origin, reward: RewardSpec | None) -> Iterator[Target]:
    if word == targets.UNIFORM:
        yield targets.uniform()
    elif word.startswith(targets.FIXED) and word != targets.FIXED:
        yield targets.FixedTarget(word.removeprefix(targets.FIXED))
    elif version := _VERSION.fullmatch(word):
        yield _stored(word, int(version[1]), version[2] or origin.placement, origin)
    elif Path(word).is_file():
        yield from _of_sweep(Path(word), reward) if _is_sweep(Path(word)) else _of_placements(Path(word))
    else:
        raise SettingError(f"--target: expected {FORMS}, got {word!r}")


def _stored(word: str, version: int, placement: str, origin: Origin) -> Target:
    if not placement:
        raise SettingError(f"--target: {word}: expected version:NUMBER@PLACEMENT where the log is read from files")
    assert origin.settings is not None  # the command looks for a store as soon as a version is asked for
    return asyncio.run(_read(origin.settings, placement, version, word, seen=origin.seen))


async def _read(settings: Settings, placement: str, version: int, name: str, *, seen: bool) -> Target:
    store = Store(settings.store.url, settings.store.timeout_ms / 1000)
    try:
        return await version_target(store, placement, version, name, seen=seen)
    finally:
        await store.close()


def _is_sweep(path: Path) -> bool:
    """Tell a sweep from placements; whatever is wrong with a file, its reader says so better."""
    try:
        said = next(yaml.safe_load_all(path.read_text(encoding="utf-8-sig")), None)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(said, dict) and bool({"grid", "random"} & said.keys())


def _of_sweep(path: Path, reward: RewardSpec | None) -> Iterator[Target]:
    for candidate in sweep_files.expand(path):
        check_candidate(path, candidate, reward)
        yield of_candidate(candidate, reward)


def check_candidate(path: Path, candidate: Candidate, reward: RewardSpec | None) -> None:
    """Check a candidate of a sweep file as if it were applied.

    Raises:
        InvalidInputError: It could not be; the violations name the file and the candidate.
    """
    try:
        check_placement(_placement(candidate, reward))
    except InvalidInputError as error:
        where = f"{path}: {candidate.name}"
        said = [Violation(f"{where}: {each.field}", each.description) for each in error.violations]
        raise InvalidInputError(*said) from error


def of_candidate(candidate: Candidate, reward: RewardSpec | None) -> Target:
    """Return a candidate that was checked as a target, begun anew."""
    return _begun(candidate.name, _placement(candidate, reward))


def _placement(candidate: Candidate, reward: RewardSpec | None) -> Placement:
    return Placement(name="candidate", policy=candidate.policy, reward=reward)


def _of_placements(path: Path) -> Iterator[Target]:
    for document in placement_files.read([path]):
        try:
            yield _begun(document.placement.name, document.placement)
        except InvalidInputError as error:
            raise InvalidInputError(*map(document.located, error.violations)) from error


def _begun(name: str, placement: Placement) -> Target:
    check_placement(placement)
    return targets.from_placement(name, placement, policy_yaml(placement.policy))
