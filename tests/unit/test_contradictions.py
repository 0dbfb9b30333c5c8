"""What nobody can meet is found, and whatever somebody can meet is never taken for that."""

from itertools import product
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.comparisons import Comparison, Operator, parse
from attune_models.conditions import AllOf, AnyOf, Condition, Negation, Reference, predicate_of
from attune_models.contradictions import contradiction
from attune_models.facts import Facts
from attune_models.types import FeatureSet, ValueList


def both(*tests: str) -> Condition:
    return AllOf(tuple(map(parse, tests)))


IMPOSSIBLE = [
    (both("x >= 30", "x < 10"), "`x >= 30` and `x < 10` never hold together"),
    (both("x > 1", "x < 1"), "`x > 1` and `x < 1` never hold together"),
    (both("x == 1", "x == 2"), "`x == 1` and `x == 2` never hold together"),
    (both("x in [1, 2]", "x not in [2, 1, 3]"), "`x in [1, 2]` and `x not in [2, 1, 3]` never hold together"),
    (both("x >= 1", "x is missing"), "`x >= 1` and `x is missing` never hold together"),
    (both("x == tr", "x != tr"), "`x == tr` and `x != tr` never hold together"),
    (both("x has a", "x not in [a, b]"), "`x has a` and `x not in [a, b]` never hold together"),
    (AllOf((parse("x exists"), Negation(parse("x exists")))), "`x exists` and not `x exists` never hold together"),
    (both("channel == email", "channel == push"), "`channel == email` and `channel == push` never hold together"),
    (both("customer.stage in [new, buyer]", "customer.stage == lapsing"), "never hold together"),
    (parse("time.hour >= 24"), "`time.hour >= 24` never holds"),
    (both("time.hour > 7", "time.hour < 8"), "never hold together"),  # there are whole hours only
    (parse("time.weekday == 0"), "`time.weekday == 0` never holds"),
    (both("time.date > 2026-12-24", "time.date < 2026-12-25"), "never hold together"),
    (parse("customer.purchase.count < 0"), "`customer.purchase.count < 0` never holds"),
    (parse("price > 2000000"), "`price > 2000000` never holds"),  # no feature may be as large
    # Only all three together.
    (both("x in [1, 2]", "x != 1", "x != 2"), "`x in [1, 2]`, `x != 1`, `x != 2` never hold together"),
    # Every branch has its own reason.
    (
        AllOf((parse("x > 5"), AnyOf((parse("x < 3"), both("y == 1", "y == 2"))))),
        "none of the ways to meet it is possible",
    ),
    # Under `not`, any is all, and all is any.
    (Negation(AnyOf((parse("x >= 1"), Negation(parse("x >= 1"))))), "never hold together"),
]

POSSIBLE = [
    both("x >= 10", "x <= 10"),
    both("x != tr", "x != de"),
    both("x has a", "x has b"),
    both("x > 1", "x == tr"),  # a number and a word of the same name
    both("x exists", "x != 1"),
    AllOf((Negation(parse("x >= 1")), Negation(parse("x < 1")))),  # it is missing
    AllOf((Negation(parse("x != tr")), Negation(parse("x == tr")))),
    AnyOf((both("x > 1", "x < 1"), parse("y exists"))),
    both("customer.purchase.amount.sum < 0"),  # money that was paid back
    both("customer.purchase.amount.sum > 2000000"),  # three times 900,000, which may be sent
    both("customer.page_view.count > 1000000", "customer.page_view.count < 1e300"),
    both("time.hour >= 7", "time.hour < 8"),
    both("time.date >= 2026-12-24", "time.date < 2026-12-25"),
    AllOf((Reference("loyal", lambda _: False), parse("x > 1"))),  # what is kept elsewhere may change
]


@pytest.mark.parametrize(("condition", "reason"), IMPOSSIBLE)
def test_what_nobody_can_meet_is_found_with_the_reason(condition: Condition, reason: str) -> None:
    said = contradiction(condition)
    assert said is not None
    assert said.startswith("nobody can meet it: ")
    assert said.endswith(reason)


@pytest.mark.parametrize("condition", POSSIBLE)
def test_what_somebody_can_meet_is_left_alone(condition: Condition) -> None:
    assert contradiction(condition) is None


def test_two_words_at_once_are_only_possible_for_tags() -> None:
    said = (
        "nobody can meet it unless tags are meant by country: `country == tr` and `country == de` never hold together"
    )
    assert contradiction(both("country == tr", "country == de")) == said


def test_what_has_too_many_branches_is_left_alone() -> None:
    """Of 3^30 x 4 ways none is possible: which is not found out within the bound, and so nothing is claimed."""
    choices = [AnyOf(tuple(parse(f"x{i} == {value}") for value in range(3))) for i in range(30)]
    hopeless = AnyOf(tuple(both(f"y > {i}", f"z < {i}") for i in range(1, 5)))
    assert contradiction(AllOf((*choices, hopeless, parse("y < 0")))) is None
    assert contradiction(AllOf((*choices[:3], hopeless, parse("y < 0")))) is not None


# --- against every world there is, where there are few

CONSTANTS = ("x < 1", "x >= 1", "x == 1", "x != 1", "x in [1, 2]", "x not in [1, 2]", "x > 2", "x exists")
WORDS = ("x == a", "x != a", "x in [a, b]", "x not in [a, b]", "x has a", "x has b", "x is missing", "y == a", "y > 0")
TREES: st.SearchStrategy[Condition] = st.recursive(
    st.sampled_from([parse(text) for text in (*CONSTANTS, *WORDS)]),
    lambda below: st.one_of(
        st.builds(Negation, below),
        st.lists(below, min_size=1, max_size=4).map(lambda parts: AllOf(tuple(parts))),
        st.lists(below, min_size=1, max_size=4).map(lambda parts: AnyOf(tuple(parts))),
    ),
    max_leaves=12,
)


def worlds() -> list[Facts]:
    """Return every context that the comparisons above can tell apart, and more."""
    numbers = [{}, *({"x": number} for number in (0.0, 1.0, 1.5, 2.0, 3.0))]
    words = [{}, {"x": "a"}, {"x": "b"}, {"x": "c"}]
    tags = [{}, *({"x": ValueList(values)} for values in ([], ["a"], ["b"], ["a", "b"]))]
    dense = [{}, {"x": ValueList([1.0])}]
    others = [({}, {}), ({"y": 1.0}, {"y": "a"}), ({"y": 1.0}, {}), ({}, {"y": "a"})]
    return [
        Facts(FeatureSet({**number, **y}, {**word, **z}, tag, vector))
        for number, word, tag, vector, (y, z) in product(numbers, words, tags, dense, others)
    ]


WORLDS = worlds()


@settings(max_examples=50)
@given(TREES)
def test_of_few_worlds_it_says_what_trying_all_of_them_says(condition: Condition) -> None:
    said = contradiction(condition)
    is_possible = any(map(predicate_of(condition), WORLDS))
    assert (said is None or "unless tags" in said) == is_possible


@settings(max_examples=50)
@given(TREES)
def test_what_only_tags_can_meet_no_word_meets(condition: Condition) -> None:
    said = contradiction(condition)
    if said is not None and "unless tags" in said:
        looked_into = {name for name in ("x", "y") if f"`{name} " in said or f" {name}" in said}
        plain = [facts for facts in WORLDS if not looked_into & facts.tags.keys()]
        assert not any(map(predicate_of(condition), plain))


def test_a_literal_of_its_own_operator_is_known() -> None:
    """Every operator is understood: what one alone asks for is possible."""
    for operator in Operator:
        values: tuple[float | str, ...] = ("1",) if operator is Operator.HAS else (1.0,)
        if operator in (Operator.EXISTS, Operator.MISSING):
            values = ()
        assert contradiction(Comparison("x", operator, values)) is None


def test_long_lists_are_looked_at_for_so_long() -> None:
    """A hundred lists of 180 words took minutes when every pair of them was looked at word by word."""
    words = ", ".join(f"w{i}" for i in range(180))
    lists = AllOf(tuple(parse(f"x in [{words}, z{i}]") for i in range(99)))
    began_s = process_time()
    assert contradiction(lists) is None
    # It takes less than 0.1 s of a processor of its own.
    assert process_time() - began_s < 2
