"""A slip in a name that is known beforehand is noticed, with what was probably meant."""

import pytest

from attune_models.comparisons import ComparisonError, parse
from attune_models.known_names import Kinds, check_names, doubt, kinds_of

RIGHT = [
    "device == mobile",  # of the request: any name
    "customer.tenure_days > 3",
    "customer.stage == lapsing",
    "customer.on.email.days_since > 3",
    "customer.purchase.count >= 1",
    "customer.purchase.7d >= 1",
    "customer.purchase.0.5d >= 1",
    "customer.purchase.amount.sum > 100",
    "customer.page_view.category == shoes",
    "customer.page_view.category.often has shoes",
    "customer.page_view.category.often == shoes",
    "customer.purchase.count is missing",
    "said.interests has running",
    "said.size == 42",
    "said.size == '42'",
    "offer.price < 10",
    "time.date in [2026-12-25, 2026-12-26]",
    "channel in [email, push]",
]
WRONG = [
    ("time.hours > 3", "unknown feature time.hours; did you mean time.hour?"),
    ("time.x > 3", "unknown feature time.x; known are time.hour, time.weekday, time.date"),
    ("customer.tenure > 3", "unknown feature customer.tenure; did you mean customer.tenure_days?"),
    (
        "customer.zzz > 3",
        (
            "unknown feature customer.zzz; known are customer.tenure_days, customer.stage, customer.days_since_seen, "
            "customer.last_channel, those of an activity, such as customer.purchase.count"
        ),
    ),
    ("customer..count > 3", "unknown feature customer..count; known are"),
    (
        "customer.cart.cuont >= 1",
        (
            "expected customer.cart.cuont to be compared as a word, got `customer.cart.cuont >= 1` for a number; "
            "did you mean customer.cart.count?"
        ),
    ),
    (
        "customer.purchase.amount > 100",
        (
            "expected customer.purchase.amount to be compared as a word, got `customer.purchase.amount > 100` for a "
            "number; is it customer.purchase.amount.sum?"
        ),
    ),
    (
        "customer.purchase.count == many",
        (
            "expected customer.purchase.count to be compared as a number, got `customer.purchase.count == many` for a "
            "word or tags"
        ),
    ),
    ("said.interests > 3", "expected said.interests to be compared as tags, got `said.interests > 3` for a number"),
    ("channel == 3", "expected channel to be compared as a word, got `channel == 3` for a number"),
    ("channel has email", "expected channel to be compared as a word, got `channel has email` for tags"),
    ("time.hour == noon", "expected time.hour to be compared as a number, got `time.hour == noon` for a word or tags"),
    ("time.date == 20261225", "expected time.date to be compared as a date such as 2026-12-25, got"),
    ("time.date == '20261225'", "expected a date such as 2026-12-25, got `20261225`"),
    ("time.date >= 2026-02-30", "expected a date such as 2026-12-25, got `2026-02-30`"),
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_can_be_there_is_accepted(text: str) -> None:
    check_names(parse(text))
    assert doubt(parse(text)) is None


@pytest.mark.parametrize(("text", "description"), WRONG)
def test_what_cannot_be_there_is_refused(text: str, description: str) -> None:
    with pytest.raises(ComparisonError) as refused:
        check_names(parse(text))
    assert refused.value.description.startswith(description)


def test_an_answer_that_is_nearly_a_preference_is_doubted() -> None:
    said = "said.intrests is the answer to a question of yours; did you mean said.interests?"
    assert doubt(parse("said.intrests has a")) == said
    assert doubt(parse("said.budget > 3")) is None


def test_a_stage_that_there_is_not_is_doubted() -> None:
    said = 'customer.stage is one of new, returning, engaged, buyer, established, lapsing, and never "loyal"'
    assert doubt(parse("customer.stage in [new, loyal]")) == said


def test_a_feature_that_no_offer_has_is_doubted_where_offers_are_known() -> None:
    known = {"offer.price", "offer.brand"}
    assert doubt(parse("offer.price > 1"), known) is None
    said = "no offer of the catalogue has offer.prize; did you mean offer.price?"
    assert doubt(parse("offer.prize > 1"), known) == said
    assert doubt(parse("offer.prize > 1")) is None


def test_a_kind_is_known_by_the_end_of_the_name() -> None:
    assert kinds_of("customer.cart.add.count") is Kinds.NUMBER  # an activity with a dot in its name
    assert kinds_of("customer.count") == Kinds(0)
    assert Kinds.VECTOR in kinds_of("embedding")
    assert Kinds.VECTOR not in kinds_of("said.embedding")
