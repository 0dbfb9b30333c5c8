"""The simulated shop states its own truth exactly: probabilities, expectations and delays."""

import math

import numpy as np
import pytest

from attune.demo.simulation import (
    CLICK_REWARD,
    CONVERSION_PROBABILITY,
    CONVERSION_REWARD,
    INTERESTS,
    OFFERS,
    Crowd,
    click_probabilities,
    draw_crowd,
    draw_temper,
    expected_reward_per_click,
)


def one_customer(*, tenure: int, interest: int, second_interest: int = -1, changed: bool = False) -> Crowd:
    """Return a crowd of one, on a desktop."""
    return Crowd(
        device=np.array([1]),
        tenure=np.array([tenure]),
        interest=np.array([interest]),
        second_interest=np.array([second_interest]),
        changed=np.array([changed]),
    )


def probability_of(offer_id: str, crowd: Crowd) -> float:
    position = next(i for i, offer in enumerate(OFFERS) if offer.offer_id == offer_id)
    return float(click_probabilities(crowd)[0, position])


@pytest.mark.parametrize(
    ("offer_id", "expected"),
    [
        ("running-shirt-sale", 0.60),  # the first interest, and a new customer likes a discount
        ("trail-shoes", 0.258),  # the first interest at full price: .03 + .57 x .4
        ("yoga-block-sale", 0.315),  # the second interest: .03 + .57 x .5
        ("cork-mat", 0.144),  # the second interest at full price: .03 + .57 x .5 x .4
        ("pruner-sale", 0.03),  # no interest at all
    ],
)
def test_a_new_customer_clicks_by_interest_and_price(offer_id: str, expected: float) -> None:
    crowd = one_customer(tenure=0, interest=INTERESTS.index("running"), second_interest=INTERESTS.index("yoga"))
    assert probability_of(offer_id, crowd) == pytest.approx(expected)


def test_the_change_of_taste_moves_every_interest_to_another_category() -> None:
    for interest, name in enumerate(INTERESTS):
        before = click_probabilities(one_customer(tenure=2, interest=interest))[0].argmax()
        after = click_probabilities(one_customer(tenure=2, interest=interest, changed=True))[0].argmax()
        assert OFFERS[before].category == name
        assert OFFERS[after].category != name


def test_the_best_offer_depends_on_the_customer_and_every_offer_is_best_for_somebody() -> None:
    crowd = draw_crowd(np.random.default_rng(0), 2000, change_at=1000)
    probabilities = click_probabilities(crowd)
    assert probabilities.min() >= 0.03
    assert probabilities.max() <= 0.60 + 1e-12
    assert set(probabilities[:1000].argmax(axis=1)) == set(range(len(OFFERS)))
    assert set(probabilities[1000:].argmax(axis=1)) == set(range(len(OFFERS)))


def test_the_change_of_taste_leaves_the_best_possible_click_rate_as_it_was() -> None:
    """Only what is liked changes, not how much: the same customers have the same best probability before and after."""
    before = draw_crowd(np.random.default_rng(1), 500, change_at=500)
    after = draw_crowd(np.random.default_rng(1), 500, change_at=0)
    np.testing.assert_array_equal(click_probabilities(before).max(axis=1), click_probabilities(after).max(axis=1))


def test_the_same_seed_gives_the_same_customers() -> None:
    first, second = (draw_crowd(np.random.default_rng(3), 100, change_at=50) for _ in range(2))
    np.testing.assert_array_equal(first.second_interest, second.second_interest)
    np.testing.assert_array_equal(first.device, second.device)


def test_a_second_interest_is_never_the_first_one() -> None:
    crowd = draw_crowd(np.random.default_rng(4), 1000, change_at=0)
    assert not np.any(crowd.interest == crowd.second_interest)


def test_the_mean_reward_of_what_customers_do_is_the_expected_reward() -> None:
    """200,000 reactions; the bound is four standard errors of their mean reward."""
    size, probability, window_s = 200_000, 0.4, 1.0
    temper = draw_temper(np.random.default_rng(5), size)
    rewards = np.zeros(size)
    for customer in range(size):
        reaction = temper.react(customer, probability)
        if reaction.click_delay_s is not None and reaction.click_delay_s <= window_s:
            rewards[customer] += CLICK_REWARD
        if reaction.conversion_delay_s is not None and reaction.conversion_delay_s <= window_s:
            rewards[customer] += CONVERSION_REWARD
    standard_error = rewards.std(ddof=1) / math.sqrt(size)
    assert rewards.mean() == pytest.approx(probability * expected_reward_per_click(window_s), abs=4 * standard_error)


def test_without_an_end_to_the_window_a_click_is_worth_itself_and_its_conversions() -> None:
    expected = CLICK_REWARD + CONVERSION_REWARD * CONVERSION_PROBABILITY
    assert expected_reward_per_click(1e3) == pytest.approx(expected)


def test_nobody_converts_without_a_click() -> None:
    temper = draw_temper(np.random.default_rng(6), 1000)
    reactions = [temper.react(customer, 0.5) for customer in range(1000)]
    for reaction in reactions:
        if reaction.conversion_delay_s is not None:
            assert reaction.click_delay_s is not None
            assert reaction.click_delay_s <= reaction.conversion_delay_s
