"""What a person writes about one feature becomes a value, or is refused with the place and a word of help."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.comparisons import Comparison, ComparisonError, Constant, Operator, parse

READ = [
    ("tenure_days >= 30", Comparison("tenure_days", Operator.AT_LEAST, (30.0,))),
    ("price<9.5", Comparison("price", Operator.LESS, (9.5,))),  # spaces are free
    ("x > -.5e-3", Comparison("x", Operator.MORE, (-0.0005,))),
    ("x <= +2", Comparison("x", Operator.AT_MOST, (2.0,))),
    ('country == "tr"', Comparison("country", Operator.EQUAL, ("tr",))),
    ("country != tr", Comparison("country", Operator.UNEQUAL, ("tr",))),
    ("zip == 34000", Comparison("zip", Operator.EQUAL, (34000.0,))),  # a number
    ("zip == '34000'", Comparison("zip", Operator.EQUAL, ("34000",))),  # a word
    ("seen == 30d", Comparison("seen", Operator.EQUAL, ("30d",))),  # begins like a number, and is none
    ("channel in [email, push]", Comparison("channel", Operator.AMONG, ("email", "push"))),
    ("size not in [ 1,2 ]", Comparison("size", Operator.NOT_AMONG, (1.0, 2.0))),
    ("interests has running", Comparison("interests", Operator.HAS, ("running",))),
    ("sizes has 42", Comparison("sizes", Operator.HAS, ("42",))),  # tags are words
    ("cart.value exists", Comparison("cart.value", Operator.EXISTS)),
    ("cart.value is missing", Comparison("cart.value", Operator.MISSING)),
    ("time.date >= 2026-12-25", Comparison("time.date", Operator.AT_LEAST, ("2026-12-25",))),
    ('"my feature" == "a \\"b\\""', Comparison("my feature", Operator.EQUAL, ('a "b"',))),
    ("straße == köln", Comparison("straße", Operator.EQUAL, ("köln",))),
    ("in in [in]", Comparison("in", Operator.AMONG, ("in",))),  # no word is reserved
    ("not not in [not]", Comparison("not", Operator.NOT_AMONG, ("not",))),
    ('x == ""', Comparison("x", Operator.EQUAL, ("",))),
]

OPERATORS = "==, !=, <, <=, >, >=, in, not in, has, exists or is missing"
REFUSED = [
    ("", 0, "expected the name of a feature, got the end"),
    (">= 3", 0, "expected the name of a feature, got `>=`"),
    ('"" == 3', 0, 'expected the name of a feature, got `""`'),
    ("x", 1, f"expected {OPERATORS}, got the end"),
    ("x = 3", 2, f"expected {OPERATORS}, got `=`; is it `==`?"),
    ("x is 3", 2, f"expected {OPERATORS}, got `is`; is it `is missing`?"),
    ("x contains a", 2, f"expected {OPERATORS}, got `contains`; is it `has`?"),
    ("x equals 3", 2, f"expected {OPERATORS}, got `equals`"),
    ("x >=", 4, "expected a number or a word, got the end"),
    ("x >= many", 5, "expected a number after `>=`, got `many`"),
    ('x < "3"', 4, 'expected a number after `<`, got `"3"`'),
    ("x == 1e999", 5, "expected a finite number, got `1e999`"),
    ("x == [1, 2]", 5, "expected a number or a word, got `[`; for one of several write `in`"),
    ("x in email", 5, "expected a list such as [email, push], got `email`"),
    ("x in []", 6, "expected a number or a word, got `]`"),
    ("x in [a, 1]", 9, "expected a list of numbers or a list of words, got both"),
    ("x in [a b]", 8, "expected `,` or `]`, got `b`"),
    ("x in [a", 7, "expected `,` or `]`, got the end"),
    ('x == "tr', 5, 'expected a number or a word, got `"`; the quote is not closed'),
    ("x > 1 and x < 3", 6, "expected the end, got `and`; several comparisons stand under `all` or `any`"),
    ("x exists 3", 9, "expected the end, got `3`"),
    ("x == new york", 9, "expected the end, got `york`"),
    (f"{'x' * 257} exists", 0, "expected at most 256 bytes of UTF-8, got 257"),
    (f"x in [{'a, ' * 400}a]", 0, "expected at most 1000 bytes of UTF-8, got 1208"),
]


@pytest.mark.parametrize(("text", "expected"), READ)
def test_a_comparison_is_read(text: str, expected: Comparison) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(("text", "position", "description"), REFUSED)
def test_what_is_none_is_refused_where_it_ceases_to_be_one(text: str, position: int, description: str) -> None:
    with pytest.raises(ComparisonError) as refused:
        parse(text)
    assert (refused.value.position, refused.value.description) == (position, description)
    assert str(refused.value) == f"at character {position + 1}: {description}"


WORDS = st.text(max_size=20).filter(lambda text: not any("\ud800" <= char <= "\udfff" for char in text))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = WORDS.filter(bool)
LISTS: st.SearchStrategy[list[Constant]] = st.one_of(
    st.lists(WORDS, min_size=1, max_size=4), st.lists(NUMBERS, min_size=1, max_size=4)
)
COMPARISONS = st.one_of(
    st.builds(Comparison, NAMES, st.sampled_from([Operator.EXISTS, Operator.MISSING])),
    st.builds(Comparison, NAMES, st.sampled_from([Operator.AMONG, Operator.NOT_AMONG]), LISTS.map(tuple)),
    st.builds(Comparison, NAMES, st.just(Operator.HAS), st.tuples(WORDS)),
    st.builds(Comparison, NAMES, st.sampled_from([Operator.LESS, Operator.AT_LEAST]), st.tuples(NUMBERS)),
    st.builds(Comparison, NAMES, st.sampled_from([Operator.EQUAL, Operator.UNEQUAL]), st.tuples(WORDS | NUMBERS)),
)


@settings(max_examples=50)
@given(COMPARISONS)
def test_what_is_written_out_is_read_back(comparison: Comparison) -> None:
    assert parse(str(comparison)) == comparison


@settings(max_examples=50)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(ComparisonError):
        assert parse(str(parse(text))) == parse(text)
