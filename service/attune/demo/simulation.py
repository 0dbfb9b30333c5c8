"""The simulated shop: who comes, what they like, and what they do with the offer they are shown.

Pure and seeded: the random generator is passed in, there is no clock. The click probability of every customer and
every offer is known, so the best possible reward and the regret are exact expectations, not samples. The numbers are
chosen so that there is something to learn in seconds; `docs/demo.md` says how that differs from a real shop.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DEVICES = ("mobile", "desktop", "tablet")
TENURES = ("new", "regular", "loyal")
INTERESTS = ("running", "yoga", "cooking", "gaming", "travel", "garden")

DEVICE_SHARES = (0.6, 0.3, 0.1)
TENURE_SHARES = (0.35, 0.35, 0.3)
SECOND_INTEREST_SHARE = 0.5

# What a customer with this interest looks for, before and after the change of taste. Outdoor people move indoors and
# back, so that after the change all that was learned about interests is wrong.
TASTE_BEFORE = (0, 1, 2, 3, 4, 5)
TASTE_AFTER = (3, 4, 5, 0, 1, 2)

LOWEST_CLICK_PROBABILITY = 0.03
CLICK_PROBABILITY_RANGE = 0.57
SECOND_INTEREST_APPEAL = 0.5
# How well an offer at [full price, a discount] suits a new, a regular and a loyal customer.
PRICE_APPEAL = ((0.4, 1.0), (0.7, 0.7), (1.0, 0.4))
DEVICE_APPEAL = (0.9, 1.0, 1.0)

CONVERSION_PROBABILITY = 0.15
CLICK_REWARD = 1.0
CONVERSION_REWARD = 2.0
# Mean of the exponential delay from the decision to the click, and from the click to the conversion.
MEAN_DELAY_S = 0.3

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ShopOffer:
    """Something the shop can show.

    Attributes:
        offer_id: Its name.
        category: One of `INTERESTS`.
        price: In euros.
        discount: Share of the price that is taken off, 0 to 1.
    """

    offer_id: str
    category: str
    price: float
    discount: float


OFFERS = (
    ShopOffer("trail-shoes", "running", 129.0, 0.0),
    ShopOffer("running-shirt-sale", "running", 39.0, 0.3),
    ShopOffer("cork-mat", "yoga", 89.0, 0.0),
    ShopOffer("yoga-block-sale", "yoga", 19.0, 0.3),
    ShopOffer("cast-iron-pan", "cooking", 79.0, 0.0),
    ShopOffer("knife-sale", "cooking", 49.0, 0.4),
    ShopOffer("controller", "gaming", 69.0, 0.0),
    ShopOffer("headset-sale", "gaming", 59.0, 0.3),
    ShopOffer("cabin-trolley", "travel", 149.0, 0.0),
    ShopOffer("backpack-sale", "travel", 45.0, 0.4),
    ShopOffer("robot-mower", "garden", 399.0, 0.0),
    ShopOffer("pruner-sale", "garden", 25.0, 0.3),
)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Customers, in the order in which they come. All arrays have shape (n_customers,).

    Attributes:
        device: int64, position in `DEVICES`.
        tenure: int64, position in `TENURES`.
        interest: int64, position in `INTERESTS` of what matters most to the customer.
        second_interest: int64, position in `INTERESTS` of what matters, too; -1 where there is nothing.
        changed: bool, whether the customer comes after the change of taste.
    """

    device: IntArray
    tenure: IntArray
    interest: IntArray
    second_interest: IntArray
    changed: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self.device)


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a customer does with the offer that was shown.

    Attributes:
        click_delay_s: Seconds from the decision to the click; None where there is none.
        conversion_delay_s: Seconds from the decision to the conversion; None where there is none.
    """

    click_delay_s: float | None
    conversion_delay_s: float | None


@dataclass(frozen=True, slots=True)
class Temper:
    """The luck of each customer, drawn beforehand: the same seed gives the same customers, whatever they are shown.

    All arrays are float64 of shape (n_customers,).

    Attributes:
        click: Uniform in [0, 1); the customer clicks if it is below the click probability of what is shown.
        conversion: Uniform in [0, 1); a customer who clicked converts if it is below `CONVERSION_PROBABILITY`.
        click_delay_s: Seconds from the decision to the click, if there is one.
        conversion_delay_s: Seconds from the click to the conversion, if there is one.
    """

    click: FloatArray
    conversion: FloatArray
    click_delay_s: FloatArray
    conversion_delay_s: FloatArray

    def react(self, customer: int, click_probability: float) -> Reaction:
        """Return what a customer does with an offer.

        Args:
            customer: Position of the customer.
            click_probability: Of this customer for the offer that is shown.
        """
        if self.click[customer] >= click_probability:
            return Reaction(None, None)
        click_delay_s = float(self.click_delay_s[customer])
        if self.conversion[customer] >= CONVERSION_PROBABILITY:
            return Reaction(click_delay_s, None)
        return Reaction(click_delay_s, click_delay_s + float(self.conversion_delay_s[customer]))


def draw_crowd(rng: np.random.Generator, size: int, change_at: int) -> Crowd:
    """Draw customers.

    Args:
        rng: Source of randomness.
        size: How many.
        change_at: Position of the first customer who comes after the change of taste.
    """
    interest = rng.integers(len(INTERESTS), size=size)
    another = (interest + rng.integers(1, len(INTERESTS), size=size)) % len(INTERESTS)
    has_second = rng.random(size) < SECOND_INTEREST_SHARE
    return Crowd(
        device=rng.choice(len(DEVICES), size=size, p=DEVICE_SHARES),
        tenure=rng.choice(len(TENURES), size=size, p=TENURE_SHARES),
        interest=interest,
        second_interest=np.where(has_second, another, -1),
        changed=np.arange(size) >= change_at,
    )


def draw_temper(rng: np.random.Generator, size: int) -> Temper:
    """Draw the luck of `size` customers from `rng`."""
    return Temper(
        click=rng.random(size),
        conversion=rng.random(size),
        click_delay_s=rng.exponential(MEAN_DELAY_S, size),
        conversion_delay_s=rng.exponential(MEAN_DELAY_S, size),
    )


def click_probabilities(crowd: Crowd) -> FloatArray:
    """Return how likely each customer is to click on each offer: float64, shape (n_customers, n_offers).

    It is .03 + .57 x (does the category match an interest?) x (does the price suit the tenure?) x (device).
    """
    categories = np.array([INTERESTS.index(offer.category) for offer in OFFERS])
    discounted = np.array([int(offer.discount > 0) for offer in OFFERS])
    appeal = _category_appeal(crowd)[:, categories]
    appeal *= np.array(PRICE_APPEAL)[crowd.tenure][:, discounted]
    appeal *= np.array(DEVICE_APPEAL)[crowd.device][:, np.newaxis]
    return LOWEST_CLICK_PROBABILITY + CLICK_PROBABILITY_RANGE * appeal


def _category_appeal(crowd: Crowd) -> FloatArray:
    """Return how well each category matches each customer's taste: float64, shape (n_customers, n_interests)."""
    rows = np.arange(len(crowd))
    taste = np.where(crowd.changed[:, np.newaxis], TASTE_AFTER, TASTE_BEFORE)
    appeal = np.zeros((len(crowd), len(INTERESTS)))
    has_second = crowd.second_interest >= 0
    second = taste[rows, crowd.second_interest]
    appeal[rows[has_second], second[has_second]] = SECOND_INTEREST_APPEAL
    appeal[rows, taste[rows, crowd.interest]] = 1.0
    return appeal


def expected_reward_per_click(window_s: float) -> float:
    """Return the expected reward of a click: its own, plus that of a conversion, where they come within the window.

    The delay to a click is exponential, the delay to a conversion the sum of two such delays (Erlang, shape 2).

    Args:
        window_s: Length of the reward window in seconds.
    """
    elapsed = window_s / MEAN_DELAY_S
    click_in_time = 1.0 - math.exp(-elapsed)
    conversion_in_time = 1.0 - math.exp(-elapsed) * (1.0 + elapsed)
    return CLICK_REWARD * click_in_time + CONVERSION_REWARD * CONVERSION_PROBABILITY * conversion_in_time


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that is true about the customers of one run; the service is told only their features.

    Attributes:
        crowd: Who comes.
        temper: Their luck.
        click_probability: float64, shape (n_customers, n_offers).
        expected_reward: Of showing an offer to a customer: float64, shape (n_customers, n_offers).
    """

    crowd: Crowd
    temper: Temper
    click_probability: FloatArray
    expected_reward: FloatArray


def simulate(rng: np.random.Generator, size: int, change_at: int, window_s: float) -> Simulation:
    """Draw the customers of a run and work out what each offer is worth for each of them.

    Args:
        rng: Source of randomness.
        size: How many customers.
        change_at: Position of the first customer who comes after the change of taste.
        window_s: Length of the reward window in seconds.
    """
    crowd = draw_crowd(rng, size, change_at)
    probability = click_probabilities(crowd)
    return Simulation(crowd, draw_temper(rng, size), probability, probability * expected_reward_per_click(window_s))
