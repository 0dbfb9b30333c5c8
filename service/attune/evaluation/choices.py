"""What is estimated with, and what a decision can earn, where nobody has said so."""

from collections.abc import Sequence
from typing import Any, TypeVar

from attune.errors import SettingError
from attune.evaluation.anytime import RewardRange
from attune.evaluation.tallies import Estimators
from attune_models import rewards
from attune_models.estimator import Estimator
from attune_models.estimators import default_estimators
from attune_models.rewards import RewardSpec
from attune_models.slot_estimators import default_slot_estimators
from attune_models.tally import MOST_CELLS

_FULL_TARGETS = 8
_SINGLE = ("dr", "snips")
_SLOTS = ("cascade-dr", "rips")
_T = TypeVar("_T")


def estimators(names: Sequence[str], *, model: bool) -> Estimators:
    """Choose estimators.

    Args:
        names: Those that are wanted, the main one first; of decisions of one slot and of several. Empty for all: then
            `dr` and `cascade-dr` come first, without a model `snips` and `rips`.
        model: Whether there may be a reward model.

    Raises:
        SettingError: There is none of this name, or it needs a model.
    """
    single, slots = default_estimators(), default_slot_estimators()
    both: list[Estimator[Any]] = [*single, *slots]
    known = {each.name: each.needs_model for each in both}
    for name in names:
        if name not in known:
            raise SettingError(f"--estimator: expected one of {', '.join(known)}, got {name!r}")
        if known[name] and not model:
            raise SettingError(f"--estimator: {name} needs a reward model, and --no-model says that there is none")
    return Estimators(_chosen(single, names, _SINGLE, model=model), _chosen(slots, names, _SLOTS, model=model))


def _chosen(
    known: Sequence[Estimator[_T]], names: Sequence[str], first: Sequence[str], *, model: bool
) -> list[Estimator[_T]]:
    by_name = {each.name: each for each in known if model or not each.needs_model}
    # What is wanted may all be of the other kind: then this kind has its own choice.
    wanted = [name for name in names if name in by_name] or [name for name in (*first, *by_name) if name in by_name]
    return [by_name[name] for name in dict.fromkeys(wanted)]


def reward_range(said: tuple[float, float] | None, spec: RewardSpec | None) -> RewardRange:
    """Return what a decision can earn: what was said, else the bounds of the reward spec, else 0 to 1.

    The default bounds of a spec only keep out nonsense; intervals would be of no use with them. Unless it was said, the
    range is that of a slot.

    Raises:
        SettingError: What was said is no range.
    """
    if said is not None:
        low, high = said
        if not (abs(low) <= rewards.DEFAULT_BOUND**2 >= abs(high) and low < high):
            raise SettingError(f"--reward-range: expected two numbers from -1e6 to 1e6, rising, got {low:g} {high:g}")
        return RewardRange(low, high)
    if spec is not None and -rewards.DEFAULT_BOUND < spec.min < spec.max < rewards.DEFAULT_BOUND:
        return RewardRange(spec.min, spec.max, of_slot=True)
    return RewardRange(0.0, 1.0, of_slot=True)


def cells(n_targets: int) -> int:
    """Return how many cells a tally may have, so that many targets do not take more memory than a few."""
    halvings = max(0, (n_targets - 1) // _FULL_TARGETS).bit_length()
    return max(2, MOST_CELLS >> halvings)
