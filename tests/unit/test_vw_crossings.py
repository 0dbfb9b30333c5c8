"""A list of crossings: exactly those products are made, and only what depends on them is learned."""

import math
from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models.features import MAX_NUMBER, encode, encode_action, situation, with_slot
from attune_models.types import Features, FeatureSet, Interaction, PlainAction, Situation, ValueList
from attune_models.vw import Crossing, Crossings, Epsilon, Listed, Softmax, VwPolicy, VwSpec
from attune_models.vw_crossings import MAX_CROSSINGS, MAX_FACTORS, MAX_PRODUCTS, NAMELESS, Layout, product_token
from paired_users import SMALL, weights_of
from strategies import RESERVED, features

CONTEXT = FeatureSet(
    {"age": 30.5, "x": -2.0},
    {"device": "mobile", "device type": "a|b", "user": "Tom"},
    {"likes": ValueList(["run", "yoga"])},
    {"v": ValueList([0.5, 2.0])},
)
OFFER = PlainAction("hat", FeatureSet({"price": 9.5}, {"category": "wool"}, {"for": ValueList(["him", "her"])}))


def layout(*crossings: Crossing, context_alone: bool = False) -> Layout:
    return Layout(Listed(crossings), context_alone=context_alone)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("user",), "user=Tom"),  # a word
        (("age",), "age:30.5"),  # a number
        (("likes",), "likes~run likes~yoga"),  # every tag
        (("v",), "v@0:0.5 v@1:2.0"),  # every component
        (("user", "device"), "device=mobile~user=Tom"),  # the order of the names does not matter
        (("user", "age"), "age~user=Tom:30.5"),  # the number comes last
        (("x", "age"), "age~x:-61.0"),  # the product of both
        (("likes", "user"), "likes~run~user=Tom likes~yoga~user=Tom"),
        (("v", "likes"), "likes~run~v@0:0.5 likes~run~v@1:2.0 likes~yoga~v@0:0.5 likes~yoga~v@1:2.0"),
        (("age", "device", "user"), "age~device=mobile~user=Tom:30.5"),  # three
        (("device type",), "device%20type=a%7Cb"),  # what has a meaning is escaped
        (("dev",), ""),  # only the beginning of a name
        (("evice",), ""),  # only the end
        (("d.vice",), ""),  # not a pattern
        (("user", "absent"), ""),  # one of them is not there
        ((NAMELESS,), ""),  # the first slot is not marked
    ],
)
def test_the_products_of_a_context_are_these_tokens_for_ever(names: tuple[str, ...], expected: str) -> None:
    line = layout(Crossing(names)).shared_line(encode(CONTEXT))
    assert line == ("shared |c " + (f" |A {expected}" if expected else ""))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ""),  # all features: they stand in `o` anyway
        (("category",), " |a category=wool"),
        ((NAMELESS,), " |a =hat"),  # the id
        (("category", NAMELESS), " |a =hat~category=wool"),
        (("for", "price"), " |a for~her~price:9.5 for~him~price:9.5"),
        (("absent",), ""),
    ],
)
def test_the_products_of_an_action_are_these_tokens_for_ever(names: tuple[str, ...], expected: str) -> None:
    action = encode_action(OFFER)
    assert layout(Crossing(("user",), names)).action_line(action) == f"|o {action}{expected}"


def test_a_set_of_features_has_one_namespace_however_often_it_is_crossed() -> None:
    made = layout(
        Crossing(("device",), ("category",)),
        Crossing(("user",), ("category",)),
        Crossing(("device",)),
        Crossing(("user", "device"), ("price",)),
        context_alone=True,
    )
    context, action = encode(CONTEXT), encode_action(OFFER)
    assert made.crossed == [("A", "a"), ("B", "a"), ("A", "o"), ("C", "b")]
    assert made.shared_line(context) == f"shared |c {context} |A device=mobile |B user=Tom |C device=mobile~user=Tom"
    assert made.action_line(action) == f"|o {action} |a category=wool |b price:9.5"


def test_as_many_crossings_as_there_may_be_have_namespaces_of_their_own() -> None:
    made = layout(*(Crossing((f"c{i}",), (f"a{i}",)) for i in range(MAX_CROSSINGS)))
    letters = [letter for pair in made.crossed for letter in pair]
    assert len({*letters, "c", "p", "o"}) == 2 * MAX_CROSSINGS + 3


@pytest.mark.parametrize(
    "crossings",
    [
        (),  # none
        tuple(Crossing((f"c{i}",)) for i in range(MAX_CROSSINGS + 1)),  # too many
        (Crossing(("a", "b")), Crossing(("b", "a"))),  # the same twice
    ],
    ids=["none", "many", "twice"],
)
def test_a_list_that_cannot_be_is_refused(crossings: tuple[Crossing, ...]) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 20 different crossings, got {len(crossings)}"):
        Listed(crossings)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (["a:1e-20", "b:1e-20"], "a~b:0.0"),  # too small for a float32
        (["a:1000000.0", "b:-1000000.0", "c:2.0"], "a~b~c:-1000000.0"),  # too large for what is multiplied with it
        (["a:0.0", "b:1000000.0"], "a~b:0.0"),
        (["a:1e-30"], "a:1e-30"),  # by itself it is left alone
    ],
)
def test_a_product_of_numbers_stays_within_the_limits_of_a_number(tokens: list[str], expected: str) -> None:
    assert product_token(tokens) == expected


def test_a_crossing_is_left_out_where_its_products_are_too_many() -> None:
    """Only there, and those behind it that still have room are made."""
    n_others = 14
    crossings = [Crossing(("t", "others")), Crossing(("t", "word")), Crossing(("t",))]

    def made(n_tags: int) -> str:
        tags = {"t": ValueList(list(map(str, range(n_tags)))), "others": ValueList(list(map(str, range(n_others))))}
        context = encode(FeatureSet(tags=tags, categorical={"word": "x"}))
        return "".join(layout(*crossings).context.positions(context.split(" ")))

    assert MAX_PRODUCTS == 200
    assert made(15) == "BC", "15 x 14 are too many"
    assert made(14) == "AC", "14 x 14 leave room for 4"
    assert made(1) == "ABC"


@settings(max_examples=30)
@given(features(), st.sets(st.sampled_from([*RESERVED, NAMELESS]), min_size=1, max_size=3))
def test_what_is_explained_is_what_is_written(known: Features, names: set[str]) -> None:
    """Positions lead to the tokens of the line."""
    made = layout(Crossing(tuple(names))).context
    context = with_slot(encode(known), 1)
    tokens = context.split(" ")
    positions = made.positions(tokens)
    written = [" ".join(product_token([tokens[i] for i in each]) for each in found) for found in positions.values()]
    assert made.line(context) == "".join(f" |A {each}" for each in written)


# --- what is learned

DEVICES, TIMES, CATEGORIES = ("mobile", "desktop"), ("am", "pm"), ("hats", "bags")
DEVICE = Crossing(("device",), ("category",))
TIME = Crossing(("time",), ("category",))
BOTH = Crossing(("device", "time"), ("category",))


def asked(device: str, time: str) -> Situation:
    """Two offers of each category, which differ in what nobody cares for."""
    offers = [
        PlainAction(f"{category} {i}", FeatureSet({"price": float(i)}, {"category": category}))
        for category in CATEGORIES
        for i in range(2)
    ]
    return situation(FeatureSet(categorical={"device": device, "time": time, "ad": f"{device} {time}"}), offers)


SITUATIONS = {(device, time): asked(device, time) for device, time in product(DEVICES, TIMES)}


def learned(crossings: Crossings | Listed, *, both: bool, n_rounds: int = 1500) -> VwPolicy:
    """Return a policy that learned from uniform draws; tastes depend on the device, or on device xor time of day."""
    policy, random = VwPolicy(VwSpec(Softmax(), crossings, learning_rate=0.5)), Random(1)
    for _ in range(n_rounds):
        (device, time), seen = random.choice(list(SITUATIONS.items()))
        chosen = random.randrange(4)
        liked = (device == "mobile") != (both and time == "am")
        policy.learn(Interaction(seen, chosen, 0.25, float((chosen < 2) == liked)))
    return policy


def liked_hats(policy: VwPolicy) -> dict[tuple[str, str], float]:
    """Return with which probability each situation's offer is a hat; half by half is no taste at all."""
    return {known: math.fsum(policy.pmf(seen)[:2]) for known, seen in SITUATIONS.items()}


def names_the_taste(crossings: list[Crossing], *, both: bool) -> bool:
    """Tell whether hats are told from bags in the situations in which they are liked."""
    hats = liked_hats(learned(Listed(tuple(crossings)), both=both))
    liked = {known: (known[0] == "mobile") != (both and known[1] == "am") for known in hats}
    sure = [(hats[known] if liked[known] else 1.0 - hats[known]) > 0.9 for known in hats]
    unsure = [0.2 < hats[known] < 0.8 for known in hats]
    assert all(sure) or all(unsure), hats
    return all(sure)


@pytest.mark.parametrize(
    ("crossing", "learned"),
    [
        ([DEVICE], True),  # named
        ([Crossing(("device",))], True),  # with every feature of the offer
        ([TIME, DEVICE], True),  # among others
        ([TIME], False),  # another is named
        ([Crossing(("device",), ("price",))], False),  # with what nobody cares for
    ],
)
def test_a_taste_that_depends_on_the_device_is_learned_with_that_crossing_only(
    crossing: list[Crossing],
    learned: bool,  # noqa: FBT001 - expected value
) -> None:
    assert names_the_taste(crossing, both=False) is learned


@pytest.mark.parametrize(
    ("crossing", "learned"),
    [
        ([BOTH], True),  # named
        ([Crossing(("time", "device"), (NAMELESS,))], True),  # with the id
        ([DEVICE, TIME], False),  # each by itself is no pair
        ([Crossing(("device", "time"), ("price",))], False),  # with what nobody cares for
    ],
)
def test_a_taste_that_depends_on_device_and_time_together_is_learned_with_that_pair_only(
    crossing: list[Crossing],
    learned: bool,  # noqa: FBT001 - expected value
) -> None:
    assert names_the_taste(crossing, both=True) is learned


def test_what_no_crossing_names_changes_no_bit() -> None:
    policy = learned(Listed((DEVICE,)), both=False, n_rounds=200)
    am, pm = (policy.pmf(SITUATIONS["mobile", time]) for time in TIMES)
    assert am == pm != policy.pmf(SITUATIONS["desktop", "am"])


def test_a_slot_is_learned_where_it_is_crossed_and_only_there() -> None:
    def pmfs(crossing: Crossing) -> list[list[float]]:
        policy = VwPolicy(VwSpec(Softmax(), Listed((crossing,)), bits=SMALL))
        offers = [PlainAction("a"), PlainAction("b")]
        slots = [Situation(with_slot("", slot), ["a", "b"], list(map(encode_action, offers))) for slot in (0, 1)]
        for i in range(100):
            policy.learn(Interaction(slots[i % 2], i // 2 % 2, 0.5, float(i % 2 == i // 2 % 2)))
        return [policy.pmf(slot) for slot in slots]

    first, second = pmfs(Crossing((NAMELESS,)))
    assert first[0] > 0.6
    assert second[1] > 0.6
    first, second = pmfs(Crossing(("user",)))
    assert first == second


@pytest.mark.parametrize("magnitude", [MAX_NUMBER, -MAX_NUMBER, 1e-30])
def test_products_of_extreme_numbers_keep_the_weights_finite(magnitude: float) -> None:
    """As many and as large as there may be, with the largest reward."""
    names = [f"f{i}" for i in range(200)]
    known = FeatureSet(numeric=dict.fromkeys(names, magnitude))
    sets = [tuple(names[i : i + MAX_FACTORS]) for i in range(MAX_CROSSINGS)]
    extreme = situation(known, [PlainAction("a", known), PlainAction("b", known), PlainAction("c")])
    policy = VwPolicy(VwSpec(Epsilon(), Listed(tuple(Crossing(each, each) for each in sets)), bits=SMALL))
    for i in range(6):
        policy.learn(Interaction(extreme, i % 3, 1e-12, 1e6))
    assert np.isfinite(weights_of(policy)).all()
    assert math.fsum(policy.pmf(extreme)) == pytest.approx(1.0, abs=1e-12)
