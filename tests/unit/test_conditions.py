"""Whether a condition holds, against a second reading of the rules, written as plainly as they are stated."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.comparisons import Comparison, Operator, parse
from attune_models.conditions import (
    ALWAYS,
    NEVER,
    AllOf,
    AnyOf,
    Condition,
    Negation,
    Reference,
    predicate_of,
)
from attune_models.facts import Facts
from attune_models.types import FeatureSet, ValueList

# 2026-12-25 was a Friday.
CHRISTMAS = datetime(2026, 12, 25, 22, 30, tzinfo=UTC)
CONTEXT = FeatureSet(
    numeric={"tenure_days": 30.0, "both": 1.0},
    categorical={"country": "tr", "both": "one", "empty": ""},
    tags={"interests": ValueList(["running", "yoga"]), "nothing": ValueList([]), "both": ValueList(["two"])},
    dense={"embedding": ValueList([0.5])},
)
OFFER = FeatureSet(numeric={"price": 9.5}, categorical={"brand": "acme"}, tags={"sizes": ValueList(["42"])})
FACTS = Facts(CONTEXT, channel="email", clock=lambda: CHRISTMAS).of_offer(OFFER)

HOLD = [
    "tenure_days >= 30",
    "tenure_days <= 30",
    "tenure_days == 30",
    "tenure_days != 29",
    "tenure_days in [29, 30]",
    "tenure_days not in [29, 31]",
    "tenure_days exists",
    "country == tr",
    "country != de",
    "country in [de, tr]",
    "country not in [de, fr]",
    'empty == ""',
    "empty exists",
    "interests has running",
    "interests == yoga",  # one of the tags
    "interests != golf",
    "nothing exists",
    "nothing != running",  # tags without any
    "embedding exists",
    "absent is missing",
    # Of one name, each kind by itself.
    "both == 1",
    "both == one",
    "both == two",
    "both has two",
    "offer.price < 10",
    "offer.brand == acme",
    "offer.sizes has 42",
    "offer.color is missing",
    "channel == email",
    "channel exists",
    "time.hour == 22",
    "time.weekday == 5",
    "time.date == 2026-12-25",
    "time.date >= 2026-12-25",
    "time.date < 2027-01-01",
    "time.date exists",
]
DO_NOT = [
    "tenure_days > 30",
    "tenure_days < 30",
    "tenure_days == '30'",  # a number is no word
    "country == TR",  # words are what they are
    "country has tr",  # a word is no tag
    "country > 3",
    "interests != yoga",
    "interests not in [golf, yoga]",
    "nothing == running",
    "both has one",
    "tenure_days is missing",
    # What is absent meets no comparison.
    "absent == 1",
    "absent != 1",
    "absent != tr",
    "absent not in [1]",
    "absent < 1",
    "absent has a",
    "absent exists",
    "embedding == 0.5",  # a vector is only there, or not
    "price < 10",  # the offer's, not the context's
    "offer.tenure_days exists",
    "channel == push",
    "channel is missing",
    "time.hour < 22",
    "time.date > 2026-12-25",
]


def holds(text: str, facts: Facts = FACTS) -> bool:
    return predicate_of(parse(text))(facts)


@pytest.mark.parametrize("text", HOLD)
def test_a_comparison_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize("text", DO_NOT)
def test_a_comparison_does_not_hold(text: str) -> None:
    assert not holds(text)


def test_without_a_channel_it_is_the_context_s_word() -> None:
    assert holds("channel == push", Facts(FeatureSet(categorical={"channel": "push"})))
    assert holds("channel == email", Facts(FeatureSet(categorical={"channel": "push"}), channel="email"))
    assert holds("channel is missing", Facts(FeatureSet()))


def test_a_channel_may_come_with_the_offer() -> None:
    assert holds("channel == push", Facts(CONTEXT, channel="email").of_offer(OFFER, "push"))
    assert holds("channel == email", Facts(CONTEXT, channel="email").of_offer(OFFER))


@pytest.mark.parametrize("text", ["time.hour >= 0", "time.weekday >= 1", "time.date != 2026-01-01"])
def test_without_a_clock_there_is_no_time(text: str) -> None:
    assert not holds(text, Facts(CONTEXT))
    assert holds(f"{parse(text).feature} is missing", Facts(CONTEXT))


# --- a second reading

NUMBERS, WORDS = (0.0, 1.0, 2.0), ("a", "b", "c")
NAMES = ("x", "y", "offer.x")
COMPARISONS = st.one_of(
    st.builds(Comparison, st.sampled_from(NAMES), st.sampled_from([Operator.EXISTS, Operator.MISSING])),
    st.builds(
        Comparison,
        st.sampled_from(NAMES),
        st.sampled_from([Operator.LESS, Operator.AT_MOST, Operator.MORE, Operator.AT_LEAST]),
        st.tuples(st.sampled_from(NUMBERS)),
    ),
    st.builds(
        Comparison,
        st.sampled_from(NAMES),
        st.sampled_from([Operator.EQUAL, Operator.UNEQUAL]),
        st.tuples(st.sampled_from([*NUMBERS, *WORDS])),
    ),
    st.builds(
        Comparison,
        st.sampled_from(NAMES),
        st.sampled_from([Operator.AMONG, Operator.NOT_AMONG]),
        st.one_of(
            st.lists(st.sampled_from(NUMBERS), min_size=1).map(tuple),
            st.lists(st.sampled_from(WORDS), min_size=1).map(tuple),
        ),
    ),
    st.builds(Comparison, st.sampled_from(NAMES), st.just(Operator.HAS), st.tuples(st.sampled_from(WORDS))),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    COMPARISONS,
    lambda below: st.one_of(
        st.builds(Negation, below),
        st.lists(below, min_size=1, max_size=3).map(lambda parts: AllOf(tuple(parts))),
        st.lists(below, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=8,
)
FEATURES = st.builds(
    FeatureSet,
    st.dictionaries(st.sampled_from("xy"), st.sampled_from(NUMBERS)),
    st.dictionaries(st.sampled_from("xy"), st.sampled_from(WORDS)),
    st.dictionaries(st.sampled_from("xy"), st.lists(st.sampled_from(WORDS)).map(ValueList)),
    st.dictionaries(st.sampled_from("xy"), st.just(ValueList([1.0]))),
)


def naive(condition: Condition, context: FeatureSet, offer: FeatureSet) -> bool:
    match condition:
        case AllOf(parts):
            return all(naive(part, context, offer) for part in parts)
        case AnyOf(parts):
            return any(naive(part, context, offer) for part in parts)
        case Negation(part):
            return not naive(part, context, offer)
        case Comparison(feature, operator, values):
            source, name = (offer, feature[6:]) if feature.startswith("offer.") else (context, feature)
            return naive_comparison(source, name, operator.value, values)
        case _:
            raise AssertionError(condition)


def naive_comparison(source: FeatureSet, name: str, operator: str, values: tuple[Any, ...]) -> bool:
    kinds: list[dict[str, Any]] = [*map(dict, [source.numeric, source.categorical, source.tags, source.dense])]
    if operator in ("exists", "is missing"):
        return any(name in kind for kind in kinds) == (operator == "exists")
    if operator == "has":
        return name in source.tags and values[0] in source.tags[name].values
    found = set[Any]()
    if isinstance(values[0], float):
        is_there = name in source.numeric
        found |= {source.numeric[name]} if is_there else set()
    else:
        is_there = name in source.categorical or name in source.tags
        found |= {source.categorical[name]} if name in source.categorical else set()
        found |= set(source.tags[name].values) if name in source.tags else set()
    if operator in ("==", "in"):
        return bool(found & set(values))
    if operator in ("!=", "not in"):
        return is_there and not found & set(values)
    return is_there and eval(f"{source.numeric[name]} {operator} {values[0]}")


@settings(max_examples=50)
@given(CONDITIONS, FEATURES, FEATURES)
def test_a_predicate_says_what_the_plain_reading_says(
    condition: Condition, context: FeatureSet, offer: FeatureSet
) -> None:
    predicate = predicate_of(condition)
    expected = naive(condition, context, offer)
    assert predicate(Facts(context).of_offer(offer)) is expected
    # The same, with the offer known before; and what is left asks for no offer any more.
    left = predicate.given_offer(offer)
    assert left(Facts(context)) is expected
    assert not left.needs_offer


# --- predicates


def test_a_predicate_tells_what_it_needs() -> None:
    of_context, of_offer = predicate_of(parse("x > 1")), predicate_of(Negation(parse("offer.price > 1")))
    of_channel = predicate_of(AnyOf((parse("x > 1"), parse("channel == email"))))
    assert [each.needs_offer for each in (of_context, of_offer, of_channel)] == [False, True, False]
    assert [each.needs_channel for each in (of_context, of_offer, of_channel)] == [False, False, True]


def test_what_is_kept_elsewhere_may_look_at_the_channel() -> None:
    elsewhere = Reference("loyal", lambda facts: facts.channel == "email")
    predicate = predicate_of(AllOf((elsewhere, parse("tenure_days > 1"))))
    assert predicate.needs_channel
    assert predicate(FACTS)
    assert not predicate(Facts(CONTEXT, channel="push"))


def test_offers_that_make_no_difference_leave_the_same_question() -> None:
    predicate = predicate_of(AllOf((parse("offer.price < 10"), parse("country == tr"))))
    left = {predicate.given_offer(FeatureSet(numeric={"price": price})) for price in (1.0, 5.0, 9.0, 10.0, 11.0)}
    assert left == {predicate_of(parse("country == tr")), predicate_of(NEVER)}
    assert {each.verdict for each in left} == {None, False}


def test_what_the_offer_decides_alone_is_decided() -> None:
    predicate = predicate_of(AnyOf((Negation(parse("offer.price < 10")), parse("country == tr"))))
    assert predicate.given_offer(FeatureSet(numeric={"price": 20.0})).verdict is True
    assert predicate.given_offer(FeatureSet()).verdict is True  # it has no price, so it is not below 10
    assert predicate.given_offer(OFFER) == predicate_of(parse("country == tr"))


def test_a_condition_of_no_parts_holds_everywhere_or_nowhere() -> None:
    assert predicate_of(ALWAYS)(FACTS)
    assert not predicate_of(NEVER)(FACTS)
