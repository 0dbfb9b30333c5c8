"""Which offers a rule or a cap is about."""

from typing import Any

import pytest

from attune.serving.guard_checks.selector import Selector
from attune.serving.terms import OfferTerms
from attune.storage.v1.records_pb2 import SeenRecord
from attune.v1.placement_pb2 import OfferSelector


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"offer_ids": ["boots", "caps"]}, True),
        ({"offer_ids": ["caps"]}, False),
        ({"tags": ["sale", "winter"]}, True),
        ({"tags": ["summer"]}, False),
        ({"categories": ["shoes"]}, True),
        ({"categories": [""]}, False),
        ({"channels": ["push", "email"]}, True),
        ({"channels": ["push"]}, False),
        # every field that is set has to be met
        ({"offer_ids": ["boots"], "tags": ["winter"], "categories": ["shoes"], "channels": ["email"]}, True),
        ({"offer_ids": ["boots"], "tags": ["winter"], "categories": ["hats"]}, False),
    ],
)
def test_an_offer_is_selected_where_it_meets_every_field_that_is_set(selector: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    selects = Selector(OfferSelector(**selector))
    terms = OfferTerms("boots", category="shoes", tags=frozenset({"winter", "new"}))
    seen = SeenRecord(offer_id="boots", category="shoes", channel="email", placement="home", tags=["winter", "new"])
    assert [selects.takes(terms, "email"), selects.takes(seen, "email")] == [expected, expected]
    assert selects.takes_all == (not selector)
