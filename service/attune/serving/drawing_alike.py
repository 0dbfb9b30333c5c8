"""Draws many decisions: a policy is asked once about those that are alike. Part of `attune.serving.decider`."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from attune.serving.drawing import Draft
from attune_models.policy import Policy
from attune_models.types import ActionSet, Pmf, PolicyError


def draw_all(drafts: Iterable[Draft], now_ms: int) -> None:
    """Draw the first slot of many decisions: as one by one, but a policy is asked once about those that are alike.

    Args:
        drafts: The decisions.
        now_ms: When they are made, milliseconds since the epoch.
    """
    alike: defaultdict[tuple[Policy | None, ActionSet | None], list[Draft]] = defaultdict(list)
    for each in drafts:
        situation = each.eligible.situation
        alike[each.policy, situation.known if situation.positions is None else None].append(each)
    for (policy, known), group in alike.items():
        for each, pmf in zip(group, _pmfs(policy, known, group), strict=True):
            each.draw(pmf, now_ms)


def _pmfs(policy: Policy | None, known: ActionSet | None, group: Sequence[Draft]) -> list[Pmf]:
    if policy is not None and known is not None:
        try:
            return policy.pmfs([each.eligible.situation for each in group])
        except PolicyError:
            pass  # one by one, those that are sound are decided by it all the same
    return [each.pmf_of(each.eligible.situation) for each in group]
