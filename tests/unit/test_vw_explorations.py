"""What every exploration gives: exact probabilities, in the caller's order, that follow what was learned.

The three that `test_vw.py` is about are here, too, with every cost type.
"""

import contextlib
import math
from dataclasses import replace
from itertools import product

import pytest

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, PolicyError, Situation
from attune_models.vw import (
    Bag,
    CbType,
    Cover,
    Crossings,
    Exploration,
    First,
    RegCb,
    Rnd,
    SquareCb,
    SynthCover,
    VwPolicy,
    VwSpec,
)
from vw_policies import EXPLORATIONS, SPECS, bits_of, every_spec, interactions, situation_for, trained

# Vowpal Wabbit computes in float32.
FLOAT32 = 2e-6
with_epsilon = pytest.mark.parametrize(
    "exploration",
    [
        Bag(epsilon=0.2),
        Cover(epsilon=0.2),
        Rnd(epsilon=0.2),
        RegCb(epsilon=0.2),
        RegCb(optimistic=True, epsilon=0.2),
        SynthCover(epsilon=0.2),
        First(20, epsilon=0.2),
    ],
    ids=["bag", "cover", "rnd", "regcb", "regcbopt", "synthcover", "first"],
)


def best_of(pmf: Pmf) -> int:
    return pmf.index(max(pmf))


def decided(spec: VwSpec) -> VwSpec:
    """Return the same spec, with ranges that are narrow after few interactions where there are ranges."""
    return VwSpec(RegCb(mellowness=0.001), bits=12) if isinstance(spec.exploration, RegCb) else spec


@every_spec
def test_probabilities_are_exact_before_and_after_learning(spec: VwSpec) -> None:
    for policy, n_actions in product((VwPolicy(spec), trained(spec, 150)), (1, 2, 7, 1000)):
        pmf = policy.pmf(situation_for("1", n_actions))
        assert len(pmf) == n_actions
        assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)
        assert min(pmf) >= 0.0


@every_spec
def test_before_anything_is_learned_the_draw_is_uniform(spec: VwSpec) -> None:
    if isinstance(spec.exploration, Rnd):
        pytest.skip("what is random about its noise differs between actions, learned or not")
    assert VwPolicy(spec).pmf(situation_for("1")) == pytest.approx([0.25] * 4, rel=1e-4)


@every_spec
def test_the_order_of_the_probabilities_is_that_of_the_actions(spec: VwSpec) -> None:
    """Whatever was kept before, and from where in the list."""
    policy = trained(decided(spec), 600)
    forward = situation_for("1")
    backward = Situation(forward.context, forward.action_ids[::-1], forward.actions[::-1])
    if isinstance(spec.exploration, First | SquareCb) or spec.exploration == EXPLORATIONS["softmax"]:
        assert policy.pmf(backward)[::-1] == pytest.approx(policy.pmf(forward), abs=FLOAT32)
    assert 3 - best_of(policy.pmf(backward)) == best_of(policy.pmf(forward)) == 1


@every_spec
def test_a_taste_is_learned(spec: VwSpec) -> None:
    policy = trained(decided(spec), 600)
    assert [best_of(policy.pmf(situation_for(user))) for user in ("1", "2")] == [1, 2]


@with_epsilon
def test_the_share_of_uniform_draws_is_a_floor(exploration: Exploration) -> None:
    pmf = trained(VwSpec(exploration, bits=12), 400).pmf(situation_for("1"))
    assert 0.25 > min(pmf) >= 0.2 / 4 - FLOAT32


@every_spec
def test_a_single_action_is_certain(spec: VwSpec) -> None:
    policy = VwPolicy(spec)
    for reward in (1.0, -5.0, 0.0):
        policy.learn(Interaction(situation_for("1", 1), 0, 1.0, reward))
        assert policy.pmf(situation_for("1", 1)) == [1.0]


@every_spec
def test_predicting_changes_nothing_that_is_predicted(spec: VwSpec) -> None:
    asked, silent = VwPolicy(spec), VwPolicy(spec)
    for interaction in interactions(150):
        asked.pmf(interaction.situation)
        asked.learn(interaction)
        silent.learn(interaction)
    assert bits_of(asked) == bits_of(silent)


@every_spec
def test_below_the_wrapper_the_bits_are_those_of_the_wrapper(spec: VwSpec) -> None:
    """With kept actions, in whatever order they were kept; RegCB's epsilon is ours."""
    policy = trained(spec)
    bits_of(policy, 10)
    for i in range(20):
        asked = situation_for(f"{i % 7}", 1 + i % 5)
        model = policy._model  # noqa: SLF001 - the wrapper itself
        lines = [model._shared(asked.context), *map(model._line, asked.actions)]  # noqa: SLF001
        pmf = pmfs.normalised(model.workspace.predict(lines))
        epsilon = spec.exploration.epsilon if isinstance(spec.exploration, RegCb) else 0.0
        assert policy.pmf(asked) == (pmfs.floored(pmf, epsilon / len(pmf)) if epsilon else pmf)


# --- propensities


@pytest.mark.parametrize("optimistic", [False, True], ids=["regcb", "regcbopt"])
def test_under_regcb_every_interaction_weighs_the_same(optimistic: bool) -> None:  # noqa: FBT001 - a parameter
    """Whatever the propensity, and wherever the action stands: Vowpal Wabbit forgets the last one of the list."""
    policies = [VwPolicy(VwSpec(RegCb(optimistic=optimistic), bits=12)) for _ in range(3)]
    for interaction in interactions(60):
        for policy, propensity in zip(policies, (1.0, 0.25, 1e-12), strict=True):
            policy.learn(Interaction(interaction.situation, interaction.chosen, propensity, interaction.reward))
    assert policies[0].dumps() == policies[1].dumps() == policies[2].dumps()


@every_spec
def test_elsewhere_a_rare_draw_weighs_more_wherever_its_action_stands(spec: VwSpec) -> None:
    if isinstance(spec.exploration, SquareCb | RegCb):
        pytest.skip("there each interaction weighs the same")
    for chosen in range(4):
        often, rarely = VwPolicy(spec), VwPolicy(spec)
        for policy, propensity in ((often, 1.0), (rarely, 0.1)):
            policy.learn(Interaction(situation_for("1"), chosen, propensity, 1.0))
        assert often.dumps() != rarely.dumps()


@pytest.mark.parametrize("name", [name for name in SPECS if name.endswith("mtr")])
def test_an_action_counts_the_same_wherever_it_stands_in_the_list(name: str) -> None:
    """With mtr only: ips and dr regress every action of the list, one after the other, and cover adds costs to each."""
    spec = SPECS[name]
    if isinstance(spec.exploration, Cover):
        pytest.skip("its later regressions learn about every action of the list, one after the other")
    first, last = VwPolicy(spec), VwPolicy(spec)
    forward = situation_for("1")
    backward = Situation(forward.context, forward.action_ids[::-1], forward.actions[::-1])
    for _ in range(5):
        first.learn(Interaction(forward, 0, 0.05, 1.0))
        last.learn(Interaction(backward, 3, 0.05, 1.0))
    assert last.pmf(forward) == pytest.approx(first.pmf(forward), abs=1e-12)


# --- one by one


def test_first_is_uniform_until_so_many_interactions_are_learned_however_often_it_is_asked() -> None:
    policy = VwPolicy(VwSpec(First(20, 0.05), bits=12))
    for interaction in interactions(20):
        for _ in range(3):
            assert policy.pmf(interaction.situation) == pytest.approx([0.25] * 4, abs=FLOAT32)
        policy.learn(interaction)
    assert sorted(policy.pmf(situation_for("1"))) == pytest.approx([0.0125] * 3 + [0.9625], abs=FLOAT32)


@pytest.mark.parametrize("policies", [2, 4, 8])
def test_bag_gives_each_action_its_share_of_the_votes(policies: int) -> None:
    """One vote from each policy; it is divided evenly when up to four actions are equally good to it."""
    pmf = trained(VwSpec(Bag(policies, 0.2), bits=12), 200).pmf(situation_for("1"))
    twelfths = [(probability - 0.2 / 4) / 0.8 * policies * 12 for probability in pmf]
    assert twelfths == pytest.approx([round(votes) for votes in twelfths], abs=1e-3)


def test_regcb_is_uniform_over_what_could_be_the_best_and_keeps_a_share_for_the_rest() -> None:
    pmf = trained(VwSpec(RegCb(mellowness=0.01, epsilon=0.1), bits=12), 300).pmf(situation_for("1"))
    plausible = [probability for probability in pmf if probability > 0.1 / 4 + 1e-9]
    assert 1 <= len(plausible) < 4
    assert plausible == pytest.approx([0.9 / len(plausible) + 0.1 / 4] * len(plausible), abs=FLOAT32)


def test_optimistic_regcb_shares_among_ties() -> None:
    """Vowpal Wabbit gives each of them probability 1."""
    policy = VwPolicy(VwSpec(RegCb(optimistic=True, epsilon=0.1), bits=12))
    assert policy.pmf(situation_for("1")) == pytest.approx([0.25] * 4, abs=FLOAT32)


def test_regcb_explores_less_when_it_is_told_the_range_of_rewards() -> None:
    wide, narrow = (trained(VwSpec(RegCb(min_reward=0.0, max_reward=top), bits=12), 300) for top in (1000.0, 1.0))
    asked = situation_for("1")
    assert max(narrow.pmf(asked)) >= max(wide.pmf(asked))


@pytest.mark.parametrize("optimistic", [False, True], ids=["regcb", "regcbopt"])
def test_regcb_survives_numbers_beyond_its_arithmetic(optimistic: bool) -> None:  # noqa: FBT001 - a parameter
    policy, huge = (
        VwPolicy(VwSpec(RegCb(optimistic=optimistic), bits=12)),
        FeatureSet(numeric={f"f{i}": 1e6 for i in range(200)}),
    )
    asked = situation(huge, [PlainAction("a", huge), PlainAction("b", huge), PlainAction("c")])
    for i in range(6):
        policy.learn(Interaction(asked, i % 3, 1.0, -1e6))
    for each in (asked, situation_for("1")):
        assert math.fsum(policy.pmf(each)) == pytest.approx(1.0, abs=1e-12)
    if not optimistic:
        assert policy.pmf(asked) == pytest.approx([1 / 3] * 3)


def test_cost_types_learn_differently() -> None:
    learned = {cb_type: trained(VwSpec(EXPLORATIONS["softmax"], bits=12, cb_type=cb_type)) for cb_type in CbType}
    assert len({tuple(policy.pmf(situation_for("1"))) for policy in learned.values()}) == 3


def test_without_crossings_every_context_gets_the_same_ranking() -> None:
    policy = trained(VwSpec(Rnd(), Crossings.NONE, bits=12), 400)
    assert len({best_of(policy.pmf(situation_for(f"{user}"))) for user in range(5)}) == 1


# --- damage

EXTREMES = [
    (1, 1e6, 1e6, 1e-12),  # the largest numbers, and a propensity far below
    (200, 1e6, -1e6, 1.0),  # as many of them as there may be
    (200, -1e6, 1e6, 1e-12),
    (200, 1e-9, 1e6, 1e-12),  # steps scaled by sizes become large where sizes are small
    (1, 1e-30, -1e6, 1.0),  # the smallest numbers
]


@every_spec
@pytest.mark.parametrize(("learning_rate", "power_t"), [(0.5, 0.5), (100.0, 0.0)], ids=["default", "largest steps"])
def test_extremes_keep_the_weights_finite_and_the_model_storable(
    spec: VwSpec, learning_rate: float, power_t: float
) -> None:
    """The largest reward and features that the contract lets through, and propensities far below."""
    spec = replace(spec, learning_rate=learning_rate, power_t=power_t, bits=10)
    for n_features, magnitude, reward, propensity in EXTREMES:
        features = FeatureSet(numeric={f"f{i}": magnitude for i in range(n_features)})
        extreme = situation(features, [PlainAction("a", features), PlainAction("b")])
        policy, taken_up = VwPolicy(spec), VwPolicy(spec)
        for i in range(4):
            policy.learn(Interaction(extreme, i % 2, propensity, reward))
        taken_up.loads(policy.dumps())
        # Rnd squares its predictions: where that is too much, the service falls back on a uniform draw, and says so.
        with contextlib.suppress(*[PolicyError] if isinstance(spec.exploration, Rnd) else []):
            for asked in (extreme, situation_for("1")):
                assert math.fsum(policy.pmf(asked)) == pytest.approx(1.0, abs=1e-12)
                assert taken_up.pmf(asked) == policy.pmf(asked)


@every_spec
def test_kept_actions_can_be_given_back_after_learning(spec: VwSpec) -> None:
    """What is forgotten is parsed again; neither the loss nor what is learned later notices."""
    policy = trained(spec, 150)
    bits_of(policy, 20)
    for interaction in interactions(5):
        policy.learn(interaction)
    model, expected = policy._model, trained(spec, 150)  # noqa: SLF001 - what is looked at lies below the policy
    loss = model.workspace.get_sum_loss()
    assert model._kept  # noqa: SLF001
    model._kept.clear()  # noqa: SLF001
    assert model.workspace.get_sum_loss() == loss
    for interaction in interactions(5):
        expected.learn(interaction)
    assert bits_of(policy) == bits_of(expected)
