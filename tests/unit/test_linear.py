"""The linear policies: hashed features, regressions that equal their closed form, exact probabilities, whole states."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models import gaussian_argmax
from attune_models import pmf as pmfs
from attune_models.features import situation, with_slot
from attune_models.hashing import action_sketches, context_sketch, hashed, products
from attune_models.linear import LinearThompsonPolicy, LinearThompsonSpec, LinearUcbPolicy, LinearUcbSpec
from attune_models.linear_model import LinearModel, LinearSpec
from attune_models.policy import Policy, PolicySpec, build
from attune_models.ridge import RidgeBank
from attune_models.state import unpack
from attune_models.types import FeatureSet, Interaction, PlainAction, PolicyError, Situation, ValueList
from tom_and_anna import ARTICLES, LIKED, Visit, is_clicked, visits

SPECS = {
    "ucb": LinearUcbSpec(bits=7, offer_bits=5),
    "thompson": LinearThompsonSpec(bits=7, offer_bits=5),
    "forgetful ucb": LinearUcbSpec(bits=7, offer_bits=5, half_life=800.0, max_actions=6),
    "forgetful thompson": LinearThompsonSpec(bits=7, offer_bits=5, half_life=800.0, max_actions=6),
}
every_spec = pytest.mark.parametrize(
    "spec",
    [pytest.param(spec, id=name, marks=[] if name == "ucb" else [pytest.mark.long]) for name, spec in SPECS.items()],
)


def offer(number: int) -> PlainAction:
    topic = f"topic {number % 3}"
    return PlainAction(f"{number}", FeatureSet(numeric={"price": float(number % 5)}, categorical={"topic": topic}))


def asked(user: int, first: int = 0, n_actions: int = 4) -> Situation:
    features = FeatureSet(categorical={"user": f"{user}"}, tags={"seen": ValueList(["x", f"{user % 2}"])})
    return situation(features, map(offer, range(first, first + n_actions)))


def log(n_rounds: int, seed: int = 1) -> list[Interaction]:
    """Return interactions of 5 users, each with a taste, and 12 offers, four at a time."""
    rng = np.random.default_rng(seed)
    users, firsts, chosen = (
        rng.integers(5, size=n_rounds),
        rng.integers(9, size=n_rounds),
        rng.integers(4, size=n_rounds),
    )
    likes = (firsts + chosen) % 3 == users % 3
    rewards = (rng.random(n_rounds) < np.where(likes, 0.8, 0.1)).astype(float)
    situations = [[asked(user, first) for first in range(9)] for user in range(5)]
    return [
        Interaction(situations[user][first], int(at), 0.25, float(reward))
        for user, first, at, reward in zip(users, firsts, chosen, rewards, strict=True)
    ]


def new(spec: LinearSpec) -> Policy:
    assert isinstance(spec, LinearUcbSpec | LinearThompsonSpec)
    return build(PolicySpec(spec))


def learned(spec: LinearSpec, interactions: list[Interaction]) -> Policy:
    policy = new(spec)
    for interaction in interactions:
        policy.learn(interaction)
    return policy


# --- hashing


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("device=mobile", (2110398642, -1.0)),  # categorical
        ("interests~run", (2660984849, 1.0)),  # tag
        ("price:", (913672031, 1.0)),  # numeric: the name and the colon
        ("embedding@0:", (3407564105, 1.0)),  # component of a vector
        ("=free_shipping", (3831275391, 1.0)),  # id of an action
        ("name=J%C3%BCrgen \u00fc", (1344844435, 1.0)),  # a pair with letters beyond ASCII
    ],
)
def test_names_go_where_they_always_went(name: str, expected: tuple[int, float]) -> None:
    """Golden: a stored state means something only as long as these numbers stay."""
    assert hashed(name) == expected


def test_a_context_is_its_tokens_the_constant_and_its_pairs() -> None:
    encoded = "age:3.0 device=mobile user=Tom"
    sketch = context_sketch(encoded, pairs=True)
    names = ["age:", "device=mobile", "user=Tom", "device=mobile user=Tom"]
    places, signs = zip(*map(hashed, names), strict=True)
    assert sketch.hashes.tolist() == [0, *places]
    expected = np.array([1.0, signs[0] * np.arcsinh(3.0), *signs[1:]]) / np.sqrt(5)
    assert sketch.values == pytest.approx(expected, rel=1e-15)
    assert context_sketch(encoded, pairs=False).hashes.tolist() == [0, *places[:-1]]


def test_too_many_categorical_features_are_not_paired() -> None:
    def n_tokens(n_features: int) -> int:
        return len(context_sketch(" ".join(f"f{i}=x" for i in range(n_features)), pairs=True).hashes)

    assert [n_tokens(0), n_tokens(10), n_tokens(11)] == [1, 1 + 10 + 45, 1 + 11]


def test_the_slot_is_paired_and_does_not_count_among_the_most() -> None:
    def n_tokens(n_features: int) -> int:
        context = with_slot(" ".join(f"f{i}=x" for i in range(n_features)), 1)
        return len(context_sketch(context, pairs=True).hashes)

    assert [n_tokens(0), n_tokens(10), n_tokens(11)] == [1 + 1, 1 + 11 + 55, 1 + 12]


@pytest.mark.parametrize("n_context", [0, 3, 150])
def test_products_are_those_of_every_pair_of_tokens(n_context: int) -> None:
    """Also where there are so many that they are computed as a convolution: 150 x 100 x 100."""
    context = context_sketch(" ".join(f"c{i}:{i}.5" for i in range(n_context)), pairs=True)
    actions = action_sketches(tuple("=a " + " ".join(f"f{i}{a}=x" for i in range(99)) for a in range(100)))
    expected = np.zeros((100, 64))
    sketch = actions.sketch
    for place, value in zip(context.hashes, context.values, strict=True):
        np.add.at(expected, (actions.rows, (place + sketch.hashes) % 64), value * sketch.values)
    assert products(context, actions, 6) == pytest.approx(expected, abs=1e-12)


# --- regression


def examples(n_examples: int, n_dims: int, seed: int = 1) -> Iterator[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_dims)
    for _ in range(n_examples):
        features = rng.normal(size=n_dims) * (rng.random(n_dims) < 0.5)
        yield features, float(features @ truth + 0.1 * rng.normal())


def test_rank_one_updates_are_ridge_regression() -> None:
    """Weights `(Z^T Z + ridge I)^-1 Z^T y` and variances `z^T (Z^T Z + ridge I)^-1 z`, to rounding."""
    bank = RidgeBank(8, 0.3)
    position, pairs = bank.add(), list(examples(500, 8))
    errors = [bank.learn(position, *pair).error for pair in pairs]
    rows, targets = np.array([row for row, _ in pairs]), np.array([target for _, target in pairs])
    precision = rows.T @ rows + 0.3 * np.eye(8)
    assert bank.weights[position] == pytest.approx(np.linalg.solve(precision, rows.T @ targets), abs=1e-10)
    variances = np.array([row @ np.linalg.solve(precision, row) for row in rows])
    assert bank.variances(position, rows) == pytest.approx(variances, rel=1e-9)
    one = [bank.each(np.array([position, bank.prior]), row) for row in rows[:5]]
    assert [each[1].tolist() for each in one] == [
        pytest.approx([variance, row @ row / 0.3], rel=1e-9)
        for variance, row in zip(variances[:5], rows[:5], strict=True)
    ]
    assert errors[0] == targets[0]


def test_refreshing_without_a_discount_changes_nothing_but_rounding() -> None:
    bank = RidgeBank(8, 0.3)
    position = bank.add()
    for pair in examples(300, 8):
        bank.learn(position, *pair)
    before = {name: array.copy() for name, array in bank.arrays().items()}
    bank.refresh(1.0)
    for name, array in bank.arrays().items():
        assert array == pytest.approx(before[name], rel=1e-9, abs=1e-12)


def test_a_discount_keeps_the_prior() -> None:
    """Discounting for ever leads back to the prior: no variance exceeds it."""
    bank = RidgeBank(4, 2.0)
    position = bank.add()
    for pair in examples(50, 4):
        bank.learn(position, *pair)
    trace = []
    for _ in range(200):
        bank.refresh(0.7)
        trace.append(float(bank.variances(position, np.eye(4)).max()))
    assert trace == sorted(trace)
    assert trace[-1] == pytest.approx(0.5, rel=1e-12)
    assert bank.weights[position] == pytest.approx(np.zeros(4), abs=1e-12)


def test_features_of_very_different_size_stay_invertible() -> None:
    """Also where two of them are the same feature twice."""
    bank, rng = RidgeBank(4, 1e-3), np.random.default_rng(1)
    position = bank.add()
    for i in range(2000):
        small = rng.normal()
        bank.learn(position, np.array([1e-3 * small, 400.0, 400.0, 20.0 * rng.normal()]), small)
        if i % 100 == 0:
            bank.refresh(1.0)
    assert bank.weights[position][0] == pytest.approx(1e3 * 2e-3 / (2e-3 + 1e-3), rel=0.1)
    assert (bank.arrays()["inverse"][0, [0, 4, 7, 9]] > 0.0).all()


# --- what is learned


@pytest.mark.parametrize(
    ("kind", "policy"), [(LinearUcbSpec(), LinearUcbPolicy), (LinearThompsonSpec(), LinearThompsonPolicy)]
)
def test_each_spec_builds_its_policy(kind: LinearUcbSpec | LinearThompsonSpec, policy: type) -> None:
    assert type(build(PolicySpec(kind))) is policy


def test_before_anything_is_learned_the_draw_is_uniform() -> None:
    """But for features that make one action less certain than another."""
    alike = situation(FeatureSet(categorical={"user": "1"}), [PlainAction(f"{i}") for i in range(4)])
    assert LinearUcbPolicy(LinearUcbSpec()).pmf(alike) == pytest.approx([0.25] * 4, rel=1e-9)
    assert LinearThompsonPolicy(LinearThompsonSpec()).pmf(alike) == pytest.approx([0.25] * 4, rel=0.2)


@every_spec
def test_taste_is_learned_by_context(spec: LinearSpec) -> None:
    policy = learned(spec, log(2000))
    for user in range(5):
        best = int(np.argmax(policy.pmf(asked(user, n_actions=3))))
        assert best % 3 == user % 3


@every_spec
def test_a_new_offer_is_judged_by_its_features_at_once(spec: LinearSpec) -> None:
    """Offers 30 to 32 were never seen, their topics were: each user's topic is the most probable one."""
    policy = learned(spec, log(2000))
    for user in range(3):
        assert int(np.argmax(policy.pmf(asked(user, first=30, n_actions=3)))) == user


def test_what_features_cannot_tell_is_learned_for_each_offer() -> None:
    """30 offers without features and a shared regression of 16 weights: only their own tell them apart."""
    policy = LinearThompsonPolicy(LinearThompsonSpec(bits=4, offer_bits=4))
    wide = situation(FeatureSet(), [PlainAction(f"{i}") for i in range(30)])
    rng = np.random.default_rng(1)
    for i in range(3000):
        policy.learn(Interaction(wide, i % 30, 1 / 30, float(i % 30 == 7) + 0.1 * rng.normal()))
    assert policy.pmf(wide)[7] > 0.99


@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e6])
@every_spec
def test_rewards_may_have_any_unit(spec: LinearSpec, unit: float) -> None:
    interactions = log(300)
    scaled = [Interaction(i.situation, i.chosen, i.propensity, unit * i.reward) for i in interactions]
    expected = learned(spec, interactions).pmf(asked(1))
    assert learned(spec, scaled).pmf(asked(1)) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@every_spec
def test_the_propensity_does_not_matter(spec: LinearSpec) -> None:
    interactions = log(50)
    others = [Interaction(i.situation, i.chosen, 1e-9, i.reward) for i in interactions]
    assert learned(spec, others).dumps() == learned(spec, interactions).dumps()


@pytest.mark.long
@pytest.mark.parametrize("name", ["thompson", "ucb"])
def test_tom_and_anna_get_what_they_like(name: str) -> None:
    """With the defaults, at least 90 % of the last 1,000 of 5,000 rounds are clicked on."""
    policy: Policy = build(PolicySpec({"thompson": LinearThompsonSpec(), "ucb": LinearUcbSpec()}[name]))
    offers = [PlainAction(article, FeatureSet(categorical={"article": article})) for article in ARTICLES]
    situations = {visit: situation(reader(visit), offers) for visit in LIKED}
    rng, clicks = np.random.default_rng(1), []
    for visit in visits(5000, seed=1):
        pmf = policy.pmf(situations[visit])
        chosen = pmfs.draw(pmf, float(rng.random()))
        clicks.append(is_clicked(visit, ARTICLES[chosen]))
        policy.learn(Interaction(situations[visit], chosen, pmf[chosen], float(clicks[-1])))
    assert np.mean(clicks[-1000:]) >= 0.9


def reader(visit: Visit) -> FeatureSet:
    return FeatureSet(categorical={"user": visit.user, "time_of_day": visit.time_of_day})


# --- probabilities


def test_ucb_is_inverse_in_the_gap_of_the_upper_bounds() -> None:
    """`p(a) = 1 / (K + gamma gap / sigma)`, `gamma = 3 x 200^0.4`, `u = m + 0.7 s`."""
    spec = LinearUcbSpec(exploration=0.7, gamma_scale=3.0, gamma_exponent=0.4)
    policy, model = LinearUcbPolicy(spec), LinearModel(spec)
    for interaction in log(200):
        policy.learn(interaction)
        model.learn(interaction)
    means, deviations = model.estimates(asked(1))
    bounds = means + 0.7 * deviations
    expected = 1 / (4 + 3.0 * 200**0.4 * (bounds.max() - bounds) / model.noise.sigma)
    best = int(bounds.argmax())
    expected[best] = 1 - (expected.sum() - expected[best])
    assert policy.pmf(asked(1)) == pytest.approx(expected.tolist(), rel=1e-12)


def test_thompson_is_the_probability_of_being_the_largest() -> None:
    spec = LinearThompsonSpec(exploration=0.7)
    policy, model = LinearThompsonPolicy(spec), LinearModel(spec)
    for interaction in log(200):
        policy.learn(interaction)
        model.learn(interaction)
    means, deviations = model.estimates(asked(1))
    assert policy.pmf(asked(1)) == gaussian_argmax.probabilities(means, 0.7 * deviations).tolist()


@every_spec
@pytest.mark.parametrize("n_actions", [1, 2, 7, 1000])
def test_any_number_of_actions_gets_probabilities(spec: LinearSpec, n_actions: int) -> None:
    policy = learned(spec, log(300))
    pmf = policy.pmf(asked(1, n_actions=n_actions))
    assert len(pmf) == n_actions
    assert sum(pmf) == pytest.approx(1.0, abs=1e-12)
    assert min(pmf) > 0.0 if isinstance(spec, LinearUcbSpec) else min(pmf) >= 0.0


# --- coming, going, forgetting


def actions_in(policy: Policy) -> list[str]:
    facts, _ = unpack("linear 1", policy.dumps())
    return [action_id for action_id, _, _ in facts["actions"]]


@pytest.mark.parametrize("spec", [LinearUcbSpec(max_actions=2), LinearThompsonSpec(max_actions=2)])
def test_the_offer_learned_from_longest_ago_is_dropped(spec: LinearSpec) -> None:
    policy = new(spec)
    for chosen in (0, 1, 0, 2):
        policy.learn(Interaction(asked(1), chosen, 0.25, 1.0))
    assert actions_in(policy) == ["0", "2"]


def test_a_dropped_offer_starts_anew() -> None:
    """What is left of it is what the shared regression knows: its own one has the prior's variance."""
    model = LinearModel(LinearSpec(max_actions=1))
    for chosen in (0, 0, 0, 1):
        model.learn(Interaction(asked(1), chosen, 0.25, 1.0))
    fresh = LinearModel(LinearSpec(max_actions=1))
    fresh.loads(model.dumps())
    renamed = Situation(asked(1).context, ["never seen", "1", "2", "3"], asked(1).actions)
    for of_dropped, of_new in zip(model.estimates(asked(1)), fresh.estimates(renamed), strict=True):
        assert of_dropped[0] == of_new[0]


def test_an_offer_gone_for_twenty_half_lives_takes_no_memory() -> None:
    policy = new(LinearUcbSpec(half_life=2.0))
    policy.learn(Interaction(asked(1), 3, 0.25, 1.0))
    for _ in range(41):
        policy.learn(Interaction(asked(1), 0, 0.25, 1.0))
        policy.learn(Interaction(asked(1), 2, 0.25, 0.0))
    assert actions_in(policy) == ["0", "2"]


@pytest.mark.parametrize("spec", [LinearUcbSpec(half_life=100.0), LinearThompsonSpec(half_life=100.0)])
def test_with_a_half_life_a_change_of_taste_is_followed(spec: LinearSpec) -> None:
    policy = new(spec)
    for liked in (0, 1):
        for i in range(400):
            policy.learn(Interaction(asked(1), i % 4, 0.25, float(i % 4 == liked)))
        assert policy.pmf(asked(1))[liked] > 0.9


# --- state


@every_spec
def test_put_away_and_taken_up_it_goes_on_bit_by_bit(spec: LinearSpec) -> None:
    """5,000 interactions, dumped, loaded, 5,000 more: the same as 10,000, also the bytes."""
    interactions = log(10_000)
    whole, first, second = learned(spec, interactions), learned(spec, interactions[:5000]), new(spec)
    second.loads(first.dumps())
    for interaction in interactions[5000:]:
        second.learn(interaction)
    assert second.dumps() == whole.dumps()
    situations = [asked(i % 7, i % 11, 1 + i % 6) for i in range(200)]
    assert [second.pmf(each) for each in situations] == [whole.pmf(each) for each in situations]


@every_spec
def test_what_is_decided_does_not_change_the_state(spec: LinearSpec) -> None:
    policy = learned(spec, log(30))
    before = policy.dumps()
    policy.pmf(asked(9, 20, 8))
    assert policy.dumps() == before


def damaged(state: bytes) -> Iterator[bytes]:
    yield b""
    yield b"\0" * len(state)
    yield state[: len(state) // 2]
    yield state + b"\0" * 8
    yield state[:1000] + bytes([state[1000] ^ 1]) + state[1001:]
    yield new(LinearUcbSpec(bits=6, offer_bits=5)).dumps()
    yield learned(LinearUcbSpec(bits=7, offer_bits=4), log(3)).dumps()
    yield learned(LinearUcbSpec(bits=7, offer_bits=5), log(200)).dumps()


def test_a_damaged_state_is_refused_and_changes_nothing() -> None:
    """The last ones are whole, but of other specs: another size of either regression, more actions."""
    policy = learned(LinearUcbSpec(bits=7, offer_bits=5, max_actions=6), log(30))
    before = policy.dumps()
    for state in damaged(before):
        with pytest.raises(PolicyError):
            policy.loads(state)
    assert policy.dumps() == before


def test_a_variance_below_0_is_refused() -> None:
    bank = RidgeBank(4, 1.0)
    bank.learn(bank.add(), np.ones(4), 1.0)
    arrays = bank.arrays()
    arrays["inverse"][0, 0] = -1.0
    with pytest.raises(PolicyError, match="expected positive variances"):
        RidgeBank(4, 1.0).restore(arrays, 1)


# --- whatever comes

numbers = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([0.0, 1e6, -1e6, 1e-30]))


@every_spec
@settings(deadline=None, max_examples=40)
@given(rounds=st.lists(st.tuples(numbers, numbers, numbers, st.integers(0, 2)), min_size=1, max_size=12))
def test_no_legal_number_breaks_it(spec: LinearSpec, rounds: list[tuple[float, float, float, int]]) -> None:
    policy = new(spec)
    for context, feature, reward, chosen in rounds:
        features = FeatureSet(numeric={"x": context}, dense={"e": ValueList([feature, -context])})
        actions = [PlainAction("a", FeatureSet(numeric={"x": feature})), PlainAction("b", features), PlainAction("c")]
        each = situation(features, actions)
        policy.learn(Interaction(each, chosen, 1 / 3, reward))
        pmf = policy.pmf(each)
        assert sum(pmf) == pytest.approx(1.0, abs=1e-9)
        assert min(pmf) >= 0.0
    policy.loads(policy.dumps())


@every_spec
def test_huge_numbers_for_long_do_not_break_it(spec: LinearSpec) -> None:
    """3,000 rounds of features and rewards up to 1e6, through several refreshes."""
    policy, rng = new(spec), np.random.default_rng(1)
    for i in range(3000):
        x = [float(number) for number in rng.choice([-1e6, -1.0, 0.0, 1e-6, 1.0, 1e6], 4)]
        features = FeatureSet(numeric={"x": x[0]}, dense={"e": ValueList(x[1:])})
        each = situation(features, [PlainAction("a", features), PlainAction("b")])
        policy.learn(Interaction(each, i % 2, 0.5, x[i % 4]))
    assert sum(policy.pmf(each)) == pytest.approx(1.0, abs=1e-9)
    policy.loads(policy.dumps())


@every_spec
@pytest.mark.parametrize("reward", [float("nan"), float("inf"), -1.1e6])
def test_an_impossible_reward_is_refused(spec: LinearSpec, reward: float) -> None:
    policy = new(spec)
    before = policy.dumps()
    with pytest.raises(ValueError, match="expected a reward between"):
        policy.learn(Interaction(asked(1), 0, 0.25, reward))
    assert policy.dumps() == before


@every_spec
def test_a_thousand_actions_and_ten_thousand_features_are_learned(spec: LinearSpec) -> None:
    policy = new(spec)
    actions = [
        PlainAction(f"{i}", FeatureSet(categorical={f"f{10 * i + j}": "x" for j in range(10)})) for i in range(1000)
    ]
    wide = situation(FeatureSet(categorical={"user": "1"}), actions)
    for chosen in (0, 999, *[500] * 20):
        policy.learn(Interaction(wide, chosen, 0.001, float(chosen == 500)))
    pmf = policy.pmf(wide)
    assert sum(pmf) == pytest.approx(1.0, abs=1e-9)
    if isinstance(spec, LinearUcbSpec):
        assert min(pmf) > 0.0
