"""Confidence sequences: right under heavy tails, narrow where they can be, and the same in whatever batches."""

from collections.abc import Callable, Iterator
from itertools import product
from math import comb

import numpy as np
import pytest
from numpy.typing import NDArray

from attune_models.confidence_sequences import DifferenceSequence, ValueSequence
from attune_models.state import pack
from attune_models.types import PolicyError

Floats = NDArray[np.float64]
MAX_WEIGHTS = (None, 10.0)


def click_log(n: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Return weights of mean 1, at most 9, and clicks with probability .15 under a weight of 9, else .05."""
    rng = np.random.default_rng(seed)
    weight = np.where(rng.random(n) < 0.1, 9.0, 1.0 / 9.0)
    return weight, (rng.random(n) < np.where(weight > 1.0, 0.15, 0.05)).astype(np.float64)


def sequences() -> Iterator[tuple[Callable[[], ValueSequence | DifferenceSequence], list[Floats]]]:
    """Yield what makes each kind of sequence, and 300 rounds for it."""
    weight, reward = click_log(300)
    for largest in MAX_WEIGHTS:
        yield lambda largest=largest: ValueSequence(-1.0, 3.0, max_weight=largest), [weight, reward]
        yield lambda largest=largest: DifferenceSequence(-1.0, 3.0, max_weight=largest), [weight, weight[::-1], reward]


def bounds(sequence: ValueSequence | DifferenceSequence) -> tuple[float, float]:
    interval = sequence.interval()
    return interval.low, interval.high


def test_batches_do_not_matter() -> None:
    """Row by row, in pieces, and all at once: the same bytes."""
    for make, columns in sequences():
        whole, pieces, rows = make(), make(), make()
        whole.update(*columns)
        for piece in (slice(0, 1), slice(1, 1), slice(1, 130), slice(130, None)):
            pieces.update(*(column[piece] for column in columns))
        for row in zip(*(column.tolist() for column in columns), strict=True):
            rows.update(*row)
        assert whole.dumps() == pieces.dumps() == rows.dumps()
        assert whole.n_rounds == rows.n_rounds == 300


def test_what_is_put_away_goes_on_as_if_it_had_not_been() -> None:
    for make, columns in sequences():
        whole, first, second = make(), make(), make()
        whole.update(*columns)
        first.update(*(column[:99] for column in columns))
        second.loads(first.dumps())
        second.update(*(column[99:] for column in columns))
        assert (second.dumps(), second.interval()) == (whole.dumps(), whole.interval())


def test_a_state_for_other_arguments_is_refused() -> None:
    state = ValueSequence(0.0, 1.0).dumps()
    for other in (ValueSequence(0.0, 2.0), ValueSequence(0.0, 1.0, 0.9), DifferenceSequence(0.0, 1.0)):
        with pytest.raises(PolicyError, match="expected"):
            other.loads(state)
    with pytest.raises(PolicyError, match="expected arrays"):
        ValueSequence(0.0, 1.0, max_weight=2.0).loads(state)
    with pytest.raises(PolicyError, match="expected a whole state"):
        ValueSequence(0.0, 1.0).loads(state[:-1])


def test_a_state_that_is_refused_changes_nothing() -> None:
    value = ValueSequence(0, 1)
    value.update(*click_log(50))
    before = value.dumps()
    sums = np.array([[1.0, 2.0, 0.0], [1.0, -2.0, 0.0]])
    bad = pack("value-sequence-1", {"for": [0.0, 1.0, 0.95, None], "n_rounds": 2}, {"sums": sums})
    with pytest.raises(PolicyError, match="variance: expected"):
        value.loads(bad)
    assert value.dumps() == before


def test_whole_numbers_are_as_good_as_others() -> None:
    assert ValueSequence(0, 1).dumps() == ValueSequence(0.0, 1.0).dumps()


def test_without_rounds_anything_is_possible() -> None:
    assert bounds(ValueSequence(-1.0, 3.0)) == (-1.0, 3.0)
    assert bounds(DifferenceSequence(-1.0, 3.0)) == (-4.0, 4.0)
    empty = ValueSequence(-1.0, 3.0)
    empty.update([], [])
    assert bounds(empty) == (-1.0, 3.0)


def test_the_width_shrinks_and_a_known_largest_weight_shrinks_it_further() -> None:
    widths = {}
    for n, largest in product((1000, 10_000, 100_000), MAX_WEIGHTS):
        value = ValueSequence(0.0, 1.0, max_weight=largest)
        value.update(*click_log(n))
        low, high = bounds(value)
        # The true value: .9 of the target's mass is where a weight is 9.
        assert low < 0.9 * 0.15 + 0.1 * 0.05 < high
        widths[n, largest] = high - low
    for largest in MAX_WEIGHTS:
        assert widths[1000, largest] > 2 * widths[10_000, largest] > 4 * widths[100_000, largest]
    assert 0.75 * widths[100_000, None] > widths[100_000, 10.0]


def test_what_was_logged_is_bounded_as_closely_as_it_can_be() -> None:
    """With weights of 1, V is n times the variance of the reward: as for a sequence over the rewards themselves."""
    reward = (np.arange(100_000) % 20 == 0).astype(np.float64)
    value = ValueSequence(0.0, 1.0)
    value.update(np.ones_like(reward), reward)
    low, high = bounds(value)
    # 3.4 deviations for a V of 4,750; sqrt(.05 * .95 / 100,000) = .00069.
    assert low == pytest.approx(0.05 - 3.4 * 0.00069, abs=0.0002)
    assert high == pytest.approx(0.05 + 3.4 * 0.00069, abs=0.0002)


def test_a_target_that_is_what_was_logged_differs_by_nothing() -> None:
    ones, reward = np.ones(10_000), click_log(10_000)[1]
    difference = DifferenceSequence(0.0, 1.0)
    difference.update(ones, ones, reward)
    low, high = bounds(difference)
    # No variance at all; what is left goes down as 1 / n.
    assert 0.0 < high == -low < 0.002


def test_a_lift_is_proved() -> None:
    weight, reward = click_log(20_000)
    difference = DifferenceSequence(0.0, 1.0)
    difference.update(weight, np.ones_like(weight), reward)
    assert bounds(difference)[0] > 0.0


def test_the_difference_the_other_way_round_is_the_opposite() -> None:
    weight, reward = click_log(5000)
    for largest in MAX_WEIGHTS:
        there, back = (DifferenceSequence(0.0, 1.0, max_weight=largest) for _ in range(2))
        there.update(weight, weight[::-1], reward)
        back.update(weight[::-1], weight, reward)
        (low, high), (opposite_low, opposite_high) = bounds(there), bounds(back)
        assert (low, high) == (-opposite_high, -opposite_low)


def test_rewards_of_any_range_are_rewards_scaled_to_one() -> None:
    weight, reward = click_log(5000)
    unit, wide = ValueSequence(0.0, 1.0), ValueSequence(-5.0, 3.0)
    unit.update(weight, reward)
    wide.update(weight, -5.0 + 8.0 * reward)
    assert bounds(wide) == pytest.approx([-5.0 + 8.0 * bound for bound in bounds(unit)], abs=1e-12)


@pytest.mark.parametrize("rewarded", [True, False])
def test_a_rare_huge_weight_does_not_break_it(*, rewarded: bool) -> None:
    """Half of the target's mass is seen once in 2,000 rounds, with a weight of 1,000.

    Most logs of 1,000 rounds never see it, and plain intervals are sure of half the truth. Of 100 logs, looked at after
    every 50 rounds, few may miss the truth at any time: more have a probability of 1 % if two sequences miss 5 % each.
    """
    rng = np.random.default_rng(5)
    p_rare, misses = 0.0005, 0
    for _ in range(100):
        rare = rng.random(1000) < p_rare
        weight = np.where(rare, 1000.0, 0.5 / (1.0 - p_rare))
        reward = np.where(rare, float(rewarded), rng.random(1000) < 0.5).astype(np.float64)
        truth = 0.5 * rewarded + 0.5 * 0.5
        value, difference = ValueSequence(0.0, 1.0), DifferenceSequence(0.0, 1.0)
        logged_value = p_rare * rewarded + (1.0 - p_rare) * 0.5
        covered = True
        for start in range(0, 1000, 50):
            rows = slice(start, start + 50)
            value.update(weight[rows], reward[rows])
            difference.update(weight[rows], np.ones(50), reward[rows])
            covered &= value.contains(truth) and difference.contains(truth - logged_value)
        misses += not covered
    assert misses <= most_misses(100, 0.1)


def most_misses(logs: int, probability: float) -> int:
    """Return the least number that misses exceed with a probability of at most 1 %."""
    total = 0.0
    for misses in range(logs + 1):
        total += comb(logs, misses) * probability**misses * (1.0 - probability) ** (logs - misses)
        if total >= 0.99:
            return misses
    raise AssertionError(logs)


def test_what_is_contained_is_what_the_interval_covers() -> None:
    for make, columns in sequences():
        sequence = make()
        sequence.update(*columns)
        low, high = bounds(sequence)
        for inside, value in ((False, low - 1e-9), (True, low + 1e-9), (True, high - 1e-9), (False, high + 1e-9)):
            assert sequence.contains(value) == inside


def test_weights_that_cannot_average_to_one_leave_everything_possible() -> None:
    """Both bounds would be ruled out: that says that the propensities are wrong, and nothing about the value."""
    value = ValueSequence(0.0, 1.0)
    value.update(np.full(5000, 2.0), np.tile([0.0, 1.0], 2500))
    assert bounds(value) == (0.0, 1.0)
    assert value.contains(0.99)


def test_targets_that_the_log_does_not_cover_are_not_overrated() -> None:
    """Where half of what the target would do is never logged, its reward there may be anything from 0 to 1."""
    reward = click_log(20_000)[1]
    value, difference = ValueSequence(0.0, 1.0), DifferenceSequence(0.0, 1.0)
    half = np.full_like(reward, 0.5)
    value.update(half, reward)
    difference.update(half, np.ones_like(reward), reward)
    mean = float(reward.mean())
    assert bounds(value)[0] < 0.5 * mean < 0.5 * mean + 0.5 < bounds(value)[1]
    assert bounds(difference)[0] < -0.5 * mean < 0.5 - 0.5 * mean < bounds(difference)[1]


@pytest.mark.parametrize(
    ("weight", "reward", "said"),
    [
        # Outside, by however little.
        (1.0, 1.0001, "reward: expected numbers from 0 to 1, got 1.0001"),
        (-0.1, 0.5, "weight: expected numbers from 0 to 10, got -0.1"),
        (10.1, 0.5, "weight: expected numbers from 0 to 10, got 10.1"),
        # Not numbers.
        (float("nan"), 0.5, "weight: expected numbers"),
        (1.0, float("nan"), "reward: expected numbers"),
        # Shapes.
        ([1.0, 1.0], [0.5], "expected one number a round of each"),
        ([[1.0]], [[0.5]], "expected one number a round of each"),
    ],
)
def test_what_is_outside_is_refused_and_not_counted(weight: object, reward: object, said: str) -> None:
    value = ValueSequence(0.0, 1.0, max_weight=10.0)
    before = value.dumps()
    with pytest.raises(ValueError, match=said):
        value.update(weight, reward)  # type: ignore[arg-type]
    assert value.dumps() == before


def test_an_absurd_weight_rules_nothing_out() -> None:
    """Found in a log with a propensity of 1e-20: rounding must not be taken for evidence."""
    for huge in (1e15, 1e20, 1e40):
        value, difference = ValueSequence(0.0, 1.0), DifferenceSequence(0.0, 1.0)
        weight, reward = np.append(np.ones(1000), huge), np.append(click_log(1000)[1], 1.0)
        value.update(weight, reward)
        difference.update(weight, np.ones(1001), reward)
        assert value.contains(0.05)
        assert difference.contains(0.0)


def test_a_weight_above_its_bound_by_a_rounding_counts() -> None:
    ValueSequence(0.0, 1.0, max_weight=10.0).update(np.nextafter(10.0, 11.0), 1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        ((1.0, 1.0), {}, "reward_low, reward_high: expected"),
        ((0.0, float("inf")), {}, "reward_low, reward_high: expected"),
        ((0.0, 1.0, 1.0), {}, "confidence: expected"),
        ((0.0, 1.0, float("nan")), {}, "confidence: expected"),
        ((0.0, 1.0), {"max_weight": 0.5}, "max_weight: expected"),
        ((0.0, 1.0), {"max_weight": float("nan")}, "max_weight: expected"),
    ],
)
def test_impossible_arguments_are_refused(arguments: tuple[float, ...], options: dict[str, float], said: str) -> None:
    for kind in (ValueSequence, DifferenceSequence):
        with pytest.raises(ValueError, match=said):
            kind(*arguments, **options)  # type: ignore[arg-type]
