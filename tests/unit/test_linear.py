"""The linear policies learn a taste by context, state exact probabilities, and forget what is gone."""

import numpy as np
import pytest

from attune_models import gaussian_argmax
from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.linear import LinearThompsonPolicy, LinearThompsonSpec, LinearUcbPolicy, LinearUcbSpec
from attune_models.linear_model import LinearModel, LinearSpec
from attune_models.policy import Policy, PolicySpec, build
from attune_models.state import unpack
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation
from linear_log import asked, every_spec, learned, log, new
from tom_and_anna import ARTICLES, LIKED, Visit, is_clicked, visits

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


@pytest.mark.parametrize(
    "spec", [LinearUcbSpec(half_life=100.0), pytest.param(LinearThompsonSpec(half_life=100.0), marks=pytest.mark.long)]
)
def test_with_a_half_life_a_change_of_taste_is_followed(spec: LinearSpec) -> None:
    policy = new(spec)
    for liked in (0, 1):
        for i in range(400):
            policy.learn(Interaction(asked(1), i % 4, 0.25, float(i % 4 == liked)))
        assert policy.pmf(asked(1))[liked] > 0.9
