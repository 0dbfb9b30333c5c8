"""Every key attune keeps in Redis, on one screen.

`{p}` is a placement's name as a hash tag: all keys of a placement live in one Cluster slot, so that a script may touch
several. No key is made from anything that is not a placement's name, so nothing a caller sends can point to the key of
something else.
"""

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class PlacementKeys:
    """The keys of one placement."""

    name: str

    def __post_init__(self) -> None:
        """Refuse what no placement can be called.

        Raises:
            NotFoundError: It is no name of a placement.
        """
        if not PLACEMENT_NAME.fullmatch(self.name):
            raise unknown_placement(self.name)

    def _key(self, suffix: str) -> str:
        return f"attune:{{{self.name}}}:{suffix}"

    @property
    def spec(self) -> str:
        """String: storage.v1.PlacementRecord. No expiry. While it is missing, nothing else is written."""
        return self._key("spec")

    @property
    def deleting(self) -> str:
        """String: who deletes the placement. Exists from the end of the spec to the end of the last other key."""
        return self._key("deleting")

    def event(self, event_id: str) -> str:
        """String: storage.v1.DecisionRecord until its window closes, then `@<stream id>` for TOMBSTONE_TTL_S.

        A deferred decision is not in `due` and lives for DEFERRED_TTL_S, until it is activated.
        """
        return self._key(f"event:{event_id}")

    def outcomes(self, event_id: str) -> str:
        """Hash: outcome_id -> `<received ms>:` + storage.v1.OutcomeRecord; `L<stream id in late>:` when it came late.

        Exists only once an outcome came; lives until TOMBSTONE_TTL_S after the window.
        """
        return self._key(f"outcomes:{event_id}")

    @property
    def due(self) -> str:
        """Sorted set: event_id by the time its window closes, ms since the epoch by Redis TIME. No expiry."""
        return self._key("due")

    @property
    def interactions(self) -> str:
        """Stream, the training log: `d` = DecisionRecord, `o<outcome_id>` = a value of `outcomes`. No expiry.

        A revision has `r`, too: the stream id of the entry that late outcomes have given another reward.
        """
        return self._key("interactions")

    @property
    def late(self) -> str:
        """Stream: `e` = event_id, `i` = outcome_id, `o` = storage.v1.OutcomeRecord, `p` = stream id in `interactions`.

        `p` is empty when the decision was not logged yet: then its entry of the log has the outcome. No expiry.
        """
        return self._key("late")

    @property
    def offers(self) -> str:
        """Hash: digest -> attune.v1.Offer, serialised: offers of the catalogue as decisions drew from them.

        No expiry; what no decision can name any more goes with `attune export --trim`. So it is with `offersets`.
        """
        return self._key("offers")

    @property
    def offersets(self) -> str:
        """Hash: digest -> storage.v1.OfferSetRecord: which of `offers` decisions drew from, and parts of such sets."""
        return self._key("offersets")

    @property
    def offersets_used(self) -> str:
        """Sorted set: the fields of `offers` and `offersets`, by until when they were in use, ms by Redis TIME.

        Of a set, at most OFFER_SETS_NOTED_S before its last use. What it consists of is never earlier in it. No expiry.
        """
        return self._key("offersets:used")

    @property
    def exported(self) -> str:
        """Hash: last exported position of the streams `interactions` and `late`; `trimmed`, the last removed position.

        No expiry. Only what is behind `interactions` in it may be trimmed.
        """
        return self._key("exported")

    def snapshot(self, version: int) -> str:
        """String: the weights of a version, or of a challenger. UNCOMMITTED_TTL_S until committed, then no expiry."""
        return self._key(f"snapshot:{version}")

    @property
    def versions(self) -> str:
        """Hash: version -> storage.v1.VersionRecord, the ones that are kept. No expiry."""
        return self._key("versions")

    @property
    def challengers(self) -> str:
        """Hash: name -> storage.v1.ChallengerRecord, of the placement's challengers. No expiry."""
        return self._key("challengers")

    @property
    def head(self) -> str:
        """Hash: newest `version`, `promoted` if another serves, `epoch` of the last lease, highest `reserved` version.

        `training`: interactions that a policy has learned from which is to replace the newest one. `measurings`: how
        often a challenger began to be measured. No expiry.
        """
        return self._key("head")

    @property
    def counts(self) -> str:
        """Hash: `decisions`, `outcomes`, `late`, `interactions`, `revisions`. No expiry."""
        return self._key("counts")

    @property
    def lease(self) -> str:
        """String: who learns, as `host:pid`. Expires with the lease."""
        return self._key("lease")

    @property
    def schema(self) -> str:
        """Hash: `state` of the schema guard (JSON), `findings` = storage.v1.FindingsRecord. No expiry."""
        return self._key("schema")

    @property
    def pattern(self) -> str:
        """Glob that matches every key of the placement: names have no character that is special in a glob."""
        return self._key("*")


def unknown_placement(name: str) -> NotFoundError:
    """Return the error for a placement that is not applied."""
    return NotFoundError(f'placement: expected the name of an applied placement, got "{name[:80]}"')
