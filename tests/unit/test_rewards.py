"""Outcomes fold into one number: what each rule is worth, in which order, within which bounds."""

from itertools import permutations

import pytest

from attune_models.rewards import Aggregation, Outcome, OutcomeRule, RewardSpec, clip, earned, fold

CLICK_AND_REVENUE = RewardSpec(
    {"click": OutcomeRule(), "revenue": OutcomeRule(0.01, Aggregation.SUM), "dismissed": OutcomeRule(-0.5)}
)


def outcomes(*pairs: tuple[str, float]) -> list[Outcome]:
    return [Outcome(name, value) for name, value in pairs]


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([], 0.0),  # nothing came: the default reward
        ([("click", 1.0)], 1.0),  # weight 1
        ([("click", 1.0), ("click", 5.0)], 1.0),  # FIRST: the earliest counts
        ([("click", 5.0), ("click", 1.0)], 5.0),  # FIRST: in the order they are given, not the smallest
        ([("click", 0.0)], 0.0),  # a value of 0 is a value
        ([("revenue", 40.0), ("revenue", 60.0)], 1.0),  # SUM, then the weight
        ([("revenue", 100.0), ("revenue", -40.0)], 0.6),  # a refund
        ([("dismissed", 1.0)], -0.5),  # what is not wanted
        ([("click", 1.0), ("revenue", 100.0), ("dismissed", 1.0)], 1.5),  # names add up
        ([("hover", 9.0)], 0.0),  # a name without a rule counts nothing
        ([("hover", 9.0), ("click", 1.0)], 1.0),  # ... beside one that has a rule
        ([("Click", 1.0)], 0.0),  # names are exact
    ],
)
def test_outcomes_fold_by_their_rules(heard: list[tuple[str, float]], expected: float) -> None:
    assert fold(CLICK_AND_REVENUE, outcomes(*heard)) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("aggregation", "values", "expected"),
    [
        (Aggregation.FIRST, [3.0, 1.0, 2.0], 3.0),  # the earliest
        (Aggregation.LAST, [3.0, 1.0, 2.0], 2.0),  # the latest
        (Aggregation.LAST, [3.0, 0.0], 0.0),  # ... also when it is 0
        (Aggregation.SUM, [3.0, 1.0, 2.0], 6.0),  # all
        (Aggregation.SUM, [0.1] * 10, 1.0),  # exact, unlike adding one after the other
        (Aggregation.MAX, [-3.0, -1.0, -2.0], -1.0),  # of negative values only: not 0
        (Aggregation.MIN, [3.0, 1.0, 2.0], 1.0),  # of positive values only: not 0
        (Aggregation.MEAN, [3.0, 1.0, 2.0], 2.0),  # of all
        (Aggregation.MEAN, [4.0, 0.0], 2.0),  # 0 is a value
        (Aggregation.COUNT, [3.0, 1.0, 2.0], 3.0),  # how many
        (Aggregation.COUNT, [0.0, -5.0], 2.0),  # ... whatever they are
    ],
)
def test_several_outcomes_of_a_name_become_one_value(
    aggregation: Aggregation, values: list[float], expected: float
) -> None:
    spec = RewardSpec({"score": OutcomeRule(1.0, aggregation)})
    assert fold(spec, [Outcome("score", value) for value in values]) == expected


@pytest.mark.parametrize("aggregation", Aggregation)
def test_one_outcome_is_its_own_aggregate(aggregation: Aggregation) -> None:
    expected = 1.0 if aggregation is Aggregation.COUNT else -7.5
    assert fold(RewardSpec({"score": OutcomeRule(1.0, aggregation)}), outcomes(("score", -7.5))) == expected


@pytest.mark.parametrize("aggregation", [Aggregation.SUM, Aggregation.MAX, Aggregation.MIN, Aggregation.MEAN])
def test_what_does_not_depend_on_the_order_does_not_in_a_single_bit(aggregation: Aggregation) -> None:
    spec = RewardSpec({"score": OutcomeRule(0.3, aggregation)})
    heard = [Outcome("score", value) for value in (1e9, 0.1, -1e9, 0.3)]
    assert len({fold(spec, order) for order in permutations(heard)}) == 1


@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        ([], -0.1),  # nothing came
        ([("hover", 9.0)], -0.1),  # nothing that has a rule came
        ([("click", 0.0)], 0.0),  # something came: the default is not added
        ([("click", 1.0)], 1.0),  # the same
    ],
)
def test_the_default_reward_stands_for_no_outcome(heard: list[tuple[str, float]], expected: float) -> None:
    assert fold(RewardSpec(default_reward=-0.1), outcomes(*heard)) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, 0.5),  # within
        (2.0, 2.0),  # on the border
        (2.1, 2.0),  # above
        (1e9, 2.0),  # far above
        (-1.0, -1.0),  # on the border
        (-1e9, -1.0),  # far below
    ],
)
def test_a_reward_is_clipped(value: float, expected: float) -> None:
    assert fold(RewardSpec(min=-1.0, max=2.0), outcomes(("click", value))) == expected


def test_what_was_earned_is_known_before_it_is_clipped() -> None:
    spec = RewardSpec(min=-1.0, max=2.0)
    assert earned(spec, outcomes(("click", 2.1))) == 2.1
    assert earned(RewardSpec(default_reward=9.0), []) == 9.0
    assert [clip(spec, reward) for reward in (-1.5, 0.5, 2.1)] == [-1.0, 0.5, 2.0]


def test_the_sum_is_clipped_not_its_terms() -> None:
    spec = RewardSpec({"a": OutcomeRule(), "b": OutcomeRule()}, min=-1.0, max=2.0)
    assert fold(spec, outcomes(("a", 100.0), ("b", -99.0))) == 1.0


@pytest.mark.parametrize(("default", "expected"), [(5.0, 2.0), (-5.0, -1.0)])
def test_the_default_reward_is_clipped_too(default: float, expected: float) -> None:
    assert fold(RewardSpec(default_reward=default, min=-1.0, max=2.0), []) == expected


def test_without_bounds_of_its_own_a_reward_stays_within_1000() -> None:
    spec = RewardSpec()
    assert [fold(spec, outcomes(("click", value))) for value in (1e9, -1e9)] == [1000.0, -1000.0]


def test_a_click_is_worth_1_by_default() -> None:
    assert RewardSpec().rules == {"click": OutcomeRule(1.0, Aggregation.FIRST)}


def test_names_are_summed_in_the_order_of_the_rules() -> None:
    """Floating-point sums depend on their order: outcomes of different names may come in any."""
    spec = RewardSpec({"a": OutcomeRule(), "b": OutcomeRule(), "c": OutcomeRule()})
    heard = outcomes(("a", 0.1), ("b", 0.2), ("c", 0.3))
    assert {fold(spec, order) for order in permutations(heard)} == {0.1 + 0.2 + 0.3}
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1


def test_outcomes_beyond_every_number_do_not_cancel_to_none() -> None:
    """Infinity less infinity is no number: a term counts as 1e300 at most."""
    both = RewardSpec({"a": OutcomeRule(2.0), "b": OutcomeRule(-2.0)})
    assert fold(both, outcomes(("a", 1.7e308), ("b", 1.7e308))) == 0.0
    assert fold(both, outcomes(("a", 1.7e308), ("b", 1.0))) == both.max
