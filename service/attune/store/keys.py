"""Every key attune keeps in Redis, on one screen.

`{p}` is a placement's name as a hash tag: all keys of a placement live in one Cluster slot, so that a script may touch
several. No key is made from anything that is not a placement's name, so nothing a caller sends can point to the key of
something else.
"""

import re
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from attune.errors import NotFoundError

PLACEMENT_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")

PLACEMENTS = "attune:placements"
"""Set: names of the applied placements. No expiry."""

LEARNERS = "attune:learners"
"""Sorted set: learners, as `host:pid`, by the time they are forgotten unless they are heard of, ms by Redis TIME."""

CATALOG_OFFERS = "attune:{:catalog}:offers"
"""Hash: offer id -> storage.v1.CatalogRecord. No expiry. No placement can have the name in the hash tag."""

CATALOG_CHANGES = "attune:{:catalog}:changes"
"""Sorted set: id of every offer by the catalogue's revision that changed it last. No expiry."""

CATALOG_DELETED = "attune:{:catalog}:deleted"
"""Sorted set: ids of offers that were deleted, by the revision that did; only so many of the latest. No expiry."""

CATALOG_HEAD = "attune:{:catalog}:head"
"""Hash: `revision` of the catalogue, `forgotten`: up to which revision deletions are forgotten, `bytes` of all offers.

No expiry.
"""

CATALOG_REVISIONS = "attune:{:catalog}:revisions"
"""Sorted set: the latest revisions, as member and score. Others are not known here, or were lost. No expiry."""

SEGMENTS = "attune:segments"
"""Hash: `revision` of the segments, `record` = storage.v1.SegmentsRecord. No expiry."""

ERASURES_OPEN = "attune:{:erasures}:open"
"""Hash: id of the receipt -> storage.v1.ErasureRecord, of what is to be erased. Empty when all is done. No expiry."""

ERASURES_DONE = "attune:{:erasures}:done"
"""Hash: id of the receipt -> storage.v1.ErasureRecord, which has nothing but the receipt. No expiry."""

ERASURES_LEASE = "attune:{:erasures}:lease"
"""String: who erases, as `host:pid`. Expires with the lease."""

BUDGET_TTL_S = 4 * 24 * 3600
"""How long what was used of the budgets of a day is kept after it was used: the day is over everywhere by then."""

TOMBSTONE_TTL_S = 30 * 24 * 3600
"""How long a closed decision can still be asked for, and how long its outcomes are told apart from unknown ones."""

DEFERRED_TTL_S = 7 * 24 * 3600
"""How long a deferred decision waits to be activated."""

OFFER_SETS_KEPT_S = 130 * 24 * 3600
"""How long offers that decisions drew from stay after that, and after the oldest entry of the log that may name them.

Longer than the longest reward window, DEFERRED_TTL_S and TOMBSTONE_TTL_S together: a decision may have been deferred,
then pending, and an entry that revises it is as much younger.
"""

OFFER_SETS_NOTED_S = 3600
"""How long it takes at most until a use of a set of offers is noted again."""

UNCOMMITTED_TTL_S = 600
"""How long weights are kept that were written but, because their learner died, never committed."""


def _held(suffix: str) -> Any:
    """Declare a key that is made with the object."""
    return field(init=False, repr=False, compare=False, metadata={"suffix": suffix})


@dataclass(frozen=True, slots=True)
class PlacementKeys:
    """The keys of one placement.

    Those that do not depend on anything else are made once: each decision needs several.
    """

    name: str

    spec: str = _held("spec")
    """String: storage.v1.PlacementRecord. No expiry. While it is missing, nothing else is written."""

    deleting: str = _held("deleting")
    """String: who deletes the placement. Exists from the end of the spec to the end of the last other key."""

    due: str = _held("due")
    """Sorted set: event_id by the time its window closes, ms since the epoch by Redis TIME. No expiry."""

    interactions: str = _held("interactions")
    """Stream, the training log: `d` = DecisionRecord, `o<outcome_id>` = a value of `outcomes`. No expiry.

    A revision has `r`, too: the stream id of the entry that late outcomes have given another reward.
    """

    late: str = _held("late")
    """Stream: `e` = event_id, `i` = outcome_id, `o` = storage.v1.OutcomeRecord, `p` = stream id in `interactions`.

    `p` is empty when the decision was not logged yet: then its entry of the log has the outcome. No expiry.
    """

    offers: str = _held("offers")
    """Hash: digest -> attune.v1.Offer, serialised: offers of the catalogue as decisions drew from them.

    No expiry; what no decision can name any more goes with `attune export --trim`. So it is with `offersets`.
    """

    offersets: str = _held("offersets")
    """Hash: digest -> storage.v1.OfferSetRecord: which of `offers` decisions drew from, and parts of such sets."""

    offersets_used: str = _held("offersets:used")
    """Sorted set: the fields of `offers` and `offersets`, by until when they were in use, ms by Redis TIME.

    Of a set, at most OFFER_SETS_NOTED_S before its last use. What it consists of is never earlier in it. No expiry.
    """

    exported: str = _held("exported")
    """Hash: last exported position of the streams `interactions` and `late`; `trimmed`, the last removed position.

    `erased` and `erased:late`: the last position of each that was removed because a customer was erased.

    No expiry. Only what is behind `interactions` in it may be trimmed.
    """

    versions: str = _held("versions")
    """Hash: version -> storage.v1.VersionRecord, the ones that are kept. No expiry."""

    challengers: str = _held("challengers")
    """Hash: name -> storage.v1.ChallengerRecord, of the placement's challengers. No expiry."""

    baseline: str = _held("baseline")
    """String: storage.v1.VersionRecord of the baseline of the control group, where that learns. No expiry."""

    head: str = _held("head")
    """Hash: newest `version`, `promoted` if another serves, `epoch` of the last lease, highest `reserved` version.

    `training`: interactions that a policy has learned from which is to replace the newest one. `measurings`: how
    often a challenger began to be measured. `baseline`: the number that its weights are stored under. No expiry.
    """

    counts: str = _held("counts")
    """Hash: `decisions`, `outcomes`, `late`, `interactions`, `revisions`. No expiry."""

    lease: str = _held("lease")
    """String: who learns, as `host:pid`. Expires with the lease."""

    erasing: str = _held("erasing")
    """Hash: what was removed of whom, and what is to be trained anew because of that, see `store/erasing.py`.

    Exists while customers are erased. No expiry. So it is with `erased`.
    """

    erased: str = _held("erased")
    """Set: ids of decisions that were removed: what came late of them goes, too."""

    copy: str = _held("copy")
    """Stream: a copy of `interactions` or `late` in the making, that takes its place. Exists as `erasing` does."""

    schema: str = _held("schema")
    """Hash: `state` of the schema guard (JSON), `findings` = storage.v1.FindingsRecord. No expiry."""

    pattern: str = _held("*")
    """Glob that matches every key of the placement: names have no character that is special in a glob."""

    events: str = _held("event:")
    """What the names of all `event` begin with."""

    def __post_init__(self) -> None:
        """Refuse what no placement can be called.

        Raises:
            NotFoundError: It is no name of a placement.
        """
        if not PLACEMENT_NAME.fullmatch(self.name):
            raise unknown_placement(self.name)
        for attribute, suffix in _suffixes():
            object.__setattr__(self, attribute, self._key(suffix))

    def _key(self, suffix: str) -> str:
        return f"attune:{{{self.name}}}:{suffix}"

    def event(self, event_id: str) -> str:
        """String: storage.v1.DecisionRecord until its window closes, then `@<stream id>` for TOMBSTONE_TTL_S.

        A deferred decision is not in `due` and lives for DEFERRED_TTL_S, until it is activated.
        """
        return self.events + event_id

    def outcomes(self, event_id: str) -> str:
        """Hash: outcome_id -> `<received ms>:` + storage.v1.OutcomeRecord; `L<stream id in late>:` when it came late.

        Exists only once an outcome came; lives until TOMBSTONE_TTL_S after the window.
        """
        return self._key(f"outcomes:{event_id}")

    @property
    def snapshots(self) -> str:
        """Glob that matches every `snapshot`."""
        return self._key("snapshot:*")

    def snapshot(self, version: int) -> str:
        """String: the weights of a version, a challenger, or a baseline that learns.

        UNCOMMITTED_TTL_S until committed, then no expiry.
        """
        return self._key(f"snapshot:{version}")


CUSTOMER_MOVED_TTL_S = 130 * 24 * 3600
"""How long it is known where a customer was moved: by then, no outcome of a decision of before is taken any more."""

CUSTOMER_KEY_BYTES = 16
"""Length of the keyed hash that stands for a customer."""


@dataclass(frozen=True, slots=True)
class CustomerKeys:
    """The keys of one customer: all in one Cluster slot, and never among those of a placement.

    Attributes:
        customer: The keyed hash of the customer's id, CUSTOMER_KEY_BYTES.
    """

    customer: bytes

    @property
    def profile(self) -> str:
        """String: storage.v1.CustomerRecord without consents. Expires so long after it was last changed."""
        return self._key("profile")

    @property
    def consent(self) -> str:
        """String: storage.v1.CustomerRecord with nothing but consents. What was refused does not expire.

        Where nothing was, it expires as `profile` does. The two strings one after the other are the whole record.
        """
        return self._key("consent")

    @property
    def seen(self) -> str:
        """List: storage.v1.SeenRecord, the newest last, so many at most. Expires so long after the last."""
        return self._key("seen")

    @property
    def activities(self) -> str:
        """Sorted set: digests of the ids of activities in the profile, by when they came, ms. Expires after a week."""
        return self._key("activities")

    @property
    def every(self) -> tuple[str, str, str, str]:
        """All that something is stored under."""
        return self.profile, self.consent, self.seen, self.activities

    @property
    def moved(self) -> str:
        """String: the keyed hash under the next key, CUSTOMER_KEY_BYTES, where all of it was moved.

        For decisions that were made before and name this one. Expires CUSTOMER_MOVED_TTL_S after that.
        """
        return self._key("moved")

    @property
    def read_by_decisions(self) -> tuple[str, str, str]:
        """The first three of them."""
        prefix = self._key("")
        return prefix + "profile", prefix + "consent", prefix + "seen"

    def _key(self, suffix: str) -> str:
        return f"attune:{{:c:{self.customer.hex()}}}:{suffix}"


def budgets_key(day: str) -> str:
    """Hash: `i<offer id>`, impressions, and `s<offer id>`, spend in millionths, of the budgets of a day.

    Those of all days are in one Cluster slot. BUDGET_TTL_S after the last use.

    Args:
        day: As in a calendar, where the budget is: `2026-11-22`.
    """
    return f"attune:{{:budgets}}:{day}"


@cache
def _suffixes() -> tuple[tuple[str, str], ...]:
    """Return the attributes that hold keys, each with what follows the placement's name in its key."""
    return tuple((each.name, each.metadata["suffix"]) for each in fields(PlacementKeys) if each.metadata)


def unknown_placement(name: str) -> NotFoundError:
    """Return the error for a placement that is not applied."""
    return NotFoundError(f'placement: expected the name of an applied placement, got "{name[:80]}"')
