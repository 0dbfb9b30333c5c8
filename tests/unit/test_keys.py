"""The store's keys."""

import pytest

from attune.api.validation import MAX_WINDOW_S
from attune.errors import NotFoundError
from attune.store.keys import (
    CATALOG_CHANGES,
    CATALOG_DELETED,
    CATALOG_HEAD,
    CATALOG_OFFERS,
    CATALOG_REVISIONS,
    DEFERRED_TTL_S,
    OFFER_SETS_KEPT_S,
    OFFER_SETS_NOTED_S,
    TOMBSTONE_TTL_S,
    PlacementKeys,
)


def test_every_key_of_a_placement_carries_its_hash_tag() -> None:
    keys = PlacementKeys("home_hero")
    made = [keys.spec, keys.due, keys.event("e"), keys.outcomes("e"), keys.interactions, keys.snapshot(1)]
    made += [
        keys.schema,
        keys.exported,
        keys.challengers,
        keys.pattern,
        keys.offers,
        keys.offersets,
        keys.offersets_used,
    ]
    assert all(key.startswith("attune:{home_hero}:") for key in made)


# What would make a key that belongs to something else, or that a glob would take for more than itself.
@pytest.mark.parametrize("name", ["", "a}:event:b", "{a", "a:b", "*", "a b", "A", "a\n", "x" * 65])
def test_no_key_is_made_from_what_is_no_name(name: str) -> None:
    with pytest.raises(NotFoundError, match="expected the name of an applied placement"):
        PlacementKeys(name)


def test_the_catalogue_s_keys_are_in_one_cluster_slot_that_no_placement_can_name() -> None:
    made = [CATALOG_OFFERS, CATALOG_CHANGES, CATALOG_DELETED, CATALOG_HEAD, CATALOG_REVISIONS]
    assert len(set(made)) == 5
    assert all(key.startswith("attune:{:catalog}:") for key in made)
    with pytest.raises(NotFoundError):
        PlacementKeys(":catalog")


def test_offers_stay_longer_than_any_decision_that_can_name_them() -> None:
    assert OFFER_SETS_KEPT_S > MAX_WINDOW_S + DEFERRED_TTL_S + TOMBSTONE_TTL_S + 2 * OFFER_SETS_NOTED_S
