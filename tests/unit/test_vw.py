"""Vowpal Wabbit's probabilities are exact, its state is whole, and nothing a caller sends can damage it.

What `attune_models.vw` does below the library's wrapper is pinned here: same bits as through the wrapper, as many
actions as were sent, no memory left behind.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, PolicyError, Situation, ValueList
from attune_models.vw import MAX_PAIRED, Crossings, Epsilon, Exploration, Softmax, SquareCb, VwPolicy, VwSpec
from tom_and_anna import play

EXPLORATIONS: list[Exploration] = [SquareCb(), Epsilon(), Softmax()]
every_exploration = pytest.mark.parametrize("exploration", EXPLORATIONS, ids=["squarecb", "epsilon", "softmax"])
# Vowpal Wabbit computes in float32.
FLOAT32 = 2e-6
SMALL = 10
DEVICES = ("mobile", "desktop")


def offer(number: int) -> PlainAction:
    features = FeatureSet(
        numeric={"price": float(number)},
        categorical={"topic": f"topic {number % 3}"},
        tags={"t": ValueList(["x", "y"])},
    )
    return PlainAction(f"offer {number}", features)


def situation_for(user: str, n_actions: int = 4) -> Situation:
    """Return a situation with a pair of categorical context features; the first says nothing new about the user."""
    known = FeatureSet(categorical={"device": DEVICES[int(user) % 2], "user": user})
    return situation(known, map(offer, range(n_actions)))


def shared_line(asked: Situation) -> str:
    """Return the first line of an example in Vowpal Wabbit's text format."""
    return f"shared |c {asked.context} |p {asked.context.replace(' ', '~')}"


def interactions(n_rounds: int, seed: int = 1, n_users: int = 5) -> Iterator[Interaction]:
    """Yield a log of uniform draws in which user i likes offer i modulo 4, most of the time."""
    random = Random(seed)
    for _ in range(n_rounds):
        user, chosen = random.randrange(n_users), random.randrange(4)
        reward = float(random.random() < (0.8 if chosen == user % 4 else 0.1))
        yield Interaction(situation_for(str(user)), chosen, 0.25, reward)


def trained(spec: VwSpec, n_rounds: int = 200, seed: int = 1) -> VwPolicy:
    policy = VwPolicy(spec)
    for interaction in interactions(n_rounds, seed):
        policy.learn(interaction)
    return policy


def bits_of(policy: VwPolicy, n_situations: int = 200) -> list[Pmf]:
    """Return the pmf of many situations; two such lists are equal if and only if they are so bit for bit."""
    sizes = [1 + i % 7 for i in range(n_situations)]
    return [policy.pmf(situation_for(f"{i % 9}", size)) for i, size in enumerate(sizes)]


def best_of(pmf: Pmf) -> int:
    """Return the position of the most probable action."""
    return pmf.index(max(pmf))


def gaps(policy: VwPolicy) -> np.ndarray:
    """Return how far each action's predicted reward is below the best, as softmax with lambda 1 states it."""
    scores = np.log(policy.pmf(situation_for("1")))
    return np.asarray(scores.max() - scores)


# --- probabilities


@every_exploration
@pytest.mark.parametrize("n_actions", [1, 2, 7, 1000])
def test_before_anything_is_learned_the_draw_is_uniform(exploration: Exploration, n_actions: int) -> None:
    pmf = VwPolicy(VwSpec(exploration)).pmf(situation_for("1", n_actions))
    assert pmf == pytest.approx([1 / n_actions] * n_actions, rel=2e-2 if n_actions == 1000 else FLOAT32)
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)
    assert {type(probability) for probability in pmf} == {float}


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.5, 1.0])
def test_epsilon_gives_the_best_action_all_but_its_share(epsilon: float) -> None:
    pmf = trained(VwSpec(Epsilon(epsilon))).pmf(situation_for("1"))
    expected = [epsilon / 4] * 4
    expected[1] += 1 - epsilon
    assert pmf == pytest.approx(expected, abs=FLOAT32)


@pytest.mark.parametrize("inverse_temperature", [0.0, 0.5, 10.0])
def test_softmax_is_exponential_in_the_predicted_reward(inverse_temperature: float) -> None:
    """Exploration does not change what is learned, so the predictions are those of softmax with lambda 1."""
    pmf = trained(VwSpec(Softmax(inverse_temperature))).pmf(situation_for("1"))
    raw = np.exp(-inverse_temperature * gaps(trained(VwSpec(Softmax(1.0)))))
    assert pmf == pytest.approx(raw / raw.sum(), abs=1e-4)


@pytest.mark.parametrize(("scale", "exponent"), [(10.0, 0.5), (2.0, 0.25), (100.0, 0.0)])
def test_squarecb_is_inverse_in_the_gap(scale: float, exponent: float) -> None:
    """`p(a) = 1 / (K + gamma gap(a))`, the best gets the rest; predictions as those of softmax on weights of 1."""
    n_rounds = 200
    squarecb, softmax = VwPolicy(VwSpec(SquareCb(scale, exponent))), VwPolicy(VwSpec(Softmax(1.0)))
    for interaction in interactions(n_rounds):
        unweighted = Interaction(interaction.situation, interaction.chosen, 1.0, interaction.reward)
        squarecb.learn(unweighted)
        softmax.learn(unweighted)
    expected = 1 / (4 + scale * n_rounds**exponent * gaps(softmax))
    best = int(gaps(softmax).argmin())
    expected[best] = 1 - (expected.sum() - expected[best])
    assert squarecb.pmf(situation_for("1")) == pytest.approx(expected, rel=1e-3)


@every_exploration
def test_taste_depends_on_the_context_with_crossings_and_only_with_them(exploration: Exploration) -> None:
    """Most probable action of two users: their own, or the same one."""

    def best(crossings: Crossings) -> list[int]:
        policy = trained(VwSpec(exploration, crossings), 600)
        return [best_of(policy.pmf(situation_for(user))) for user in ("1", "2")]

    assert best(Crossings.CONTEXT_PAIRS_ACTION) == [1, 2]
    assert best(Crossings.CONTEXT_ACTION) == [1, 2]
    assert len(set(best(Crossings.NONE))) == 1


@every_exploration
def test_an_action_counts_the_same_wherever_it_stands_in_the_list(exploration: Exploration) -> None:
    first, last = VwPolicy(VwSpec(exploration, bits=SMALL)), VwPolicy(VwSpec(exploration, bits=SMALL))
    forward = situation_for("1")
    backward = Situation(forward.context, forward.action_ids[::-1], forward.actions[::-1])
    for _ in range(5):
        first.learn(Interaction(forward, 0, 0.05, 1.0))
        last.learn(Interaction(backward, 3, 0.05, 1.0))
    assert last.pmf(forward) == pytest.approx(first.pmf(forward), abs=1e-12)


@pytest.mark.parametrize("exploration", [SquareCb(), SquareCb(2.0, 0.0)], ids=["default", "constant gamma"])
def test_under_squarecb_every_interaction_weighs_the_same(exploration: Exploration) -> None:
    """Whatever the propensity, and wherever the action stands: Vowpal Wabbit forgets the last one of the list."""
    policies = [VwPolicy(VwSpec(exploration, bits=SMALL)) for _ in range(3)]
    for interaction in interactions(60):
        for policy, propensity in zip(policies, (1.0, 0.25, 1e-12), strict=True):
            policy.learn(Interaction(interaction.situation, interaction.chosen, propensity, interaction.reward))
    first, *others = [policy.dumps() for policy in policies]
    assert others == [first, first]


@pytest.mark.parametrize("exploration", [Epsilon(), Softmax()], ids=["epsilon", "softmax"])
@pytest.mark.parametrize("chosen", [0, 3], ids=["first", "last"])
def test_under_other_explorations_what_was_improbable_weighs_more(exploration: Exploration, chosen: int) -> None:
    improbable, probable = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for policy, propensity in ((improbable, 0.01), (probable, 1.0)):
        policy.learn(Interaction(situation_for("1"), 0, 1.0, 0.5))
        policy.learn(Interaction(situation_for("1"), chosen, propensity, 1.0))
    assert improbable.dumps() != probable.dumps()


@every_exploration
def test_rewards_raise_and_punishments_lower_the_probability(exploration: Exploration) -> None:
    rewarded, punished = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for _ in range(20):
        rewarded.learn(Interaction(situation_for("1"), 2, 0.25, 1.0))
        punished.learn(Interaction(situation_for("1"), 2, 0.25, -1.0))
    assert best_of(rewarded.pmf(situation_for("1"))) == 2
    assert punished.pmf(situation_for("1"))[2] < 0.25


@pytest.mark.parametrize(
    ("reward", "propensity"),
    [
        (math.nan, 0.5),  # no reward
        (math.inf, 0.5),  # one such cost makes every later prediction NaN
        (-math.inf, 0.5),  # the same
        (math.nextafter(1e6, math.inf), 0.5),  # just beyond the limit
        (math.nextafter(-1e6, -math.inf), 0.5),  # just beyond the limit
        (1e39, 0.5),  # infinite in float32
        (-1e300, 0.5),  # infinite in float32
        (1.0, 0.0),  # what has probability 0 is not drawn
        (1.0, -0.1),  # no probability
        (1.0, 1.5),  # no probability
        (1.0, math.nan),  # no probability
    ],
)
def test_what_cannot_be_learned_from_is_refused(reward: float, propensity: float) -> None:
    policy = VwPolicy(VwSpec(bits=SMALL))
    with pytest.raises(ValueError, match=r"expected a reward between -1e6 and 1e6 and a propensity in \(0, 1\], got "):
        policy.learn(Interaction(situation_for("1"), 0, propensity, reward))
    assert policy.dumps() == VwPolicy(VwSpec(bits=SMALL)).dumps()


# --- pairs


def test_what_depends_on_two_features_together_is_learned_with_pairs_and_not_without() -> None:
    """Tom and Anna, learning 300 rounds behind: click rates of the last 1,000 of 5,000 rounds, seeds 1 to 3.

    `python -m benchmarks.tom_and_anna` prints these and more. Pairs have to reach .95; the rest stays below.
    """

    def rates(crossings: Crossings) -> list[float]:
        played = [play(VwPolicy(VwSpec(crossings=crossings)), 5000, seed, 300) for seed in (1, 2, 3)]
        return [sum(clicks[-1000:]) / 1000 for clicks in played]

    assert min(rates(Crossings.CONTEXT_PAIRS_ACTION)) >= 0.95
    assert max(rates(Crossings.CONTEXT_ACTION)) < 0.95


def learned_alike(context: FeatureSet, crossings: Crossings) -> list[Pmf]:
    """Return what is predicted while learning in one context and in none; the most probable action is rewarded."""
    policy = VwPolicy(VwSpec(crossings=crossings, bits=SMALL))
    seen, empty = (situation(known, map(offer, range(4))) for known in (context, FeatureSet()))
    predicted: list[Pmf] = []
    for i in range(20):
        policy.learn(Interaction((seen, empty)[i % 2], i % 4, 0.25, float(i % 4 == 1)))
        predicted += [policy.pmf(seen), policy.pmf(empty)]
    return predicted


def categorical(n_features: int) -> FeatureSet:
    return FeatureSet(categorical={f"name {i}": f"value {i}" for i in range(n_features)})


@pytest.mark.parametrize(
    ("context", "paired"),
    [
        (FeatureSet(), False),  # nothing to pair
        (categorical(1), False),  # nobody to pair with
        (categorical(2), True),  # a pair
        (categorical(MAX_PAIRED), True),  # as many as are paired
        (categorical(MAX_PAIRED + 1), False),  # one more
        (
            FeatureSet({"x": 1.0, "y": 2.0}, {"c": "v"}, {"t": ValueList(["a", "b"])}, {"e": ValueList([1.0, 2.0])}),
            False,
        ),
        (FeatureSet({f"x{i}": 1.0 for i in range(50)}, {"c": "v", "d": ""}), True),  # others do not count
        (FeatureSet(categorical={"a=b": "c~d", "e f": "|:"}), True),  # whatever they are called
        (FeatureSet(tags={"a=b": ValueList(["c=d", "="])}, numeric={"=": 1.0}), False),  # looks like one, and is not
    ],
    ids=["none", "1", "2", "most", "more", "other kinds", "among others", "separators", "look-alikes"],
)
def test_categorical_context_features_are_paired_and_no_others(context: FeatureSet, *, paired: bool) -> None:
    with_pairs, without = (
        learned_alike(context, crossings) for crossings in (Crossings.CONTEXT_PAIRS_ACTION, Crossings.CONTEXT_ACTION)
    )
    assert (with_pairs != without) is paired


def test_every_pair_stands_once_in_the_line() -> None:
    """Of MAX_PAIRED features there are 45; their order is that of the tokens, which is canonical."""
    asked = situation(categorical(MAX_PAIRED), [PlainAction("a")])
    line = VwPolicy(VwSpec(bits=SMALL))._model._shared(asked.context)  # noqa: SLF001 - the line that is parsed
    pairs = line.partition(" |p ")[2].split(" ")
    assert pairs == [f"{one}~{other}" for one, other in combinations(asked.context.split(" "), 2)]
    assert len(set(pairs)) == 45


# --- state


@every_exploration
def test_a_recovered_policy_is_bit_equal_to_an_uninterrupted_one(exploration: Exploration) -> None:
    spec, log = VwSpec(exploration), list(interactions(2000))
    before, recovered, uninterrupted = VwPolicy(spec), VwPolicy(spec), VwPolicy(spec)
    for interaction in log[:1000]:
        before.learn(interaction)
    recovered.loads(before.dumps())
    assert bits_of(recovered) == bits_of(before)
    for interaction in log[1000:]:
        recovered.learn(interaction)
    for interaction in log:
        uninterrupted.learn(interaction)
    assert bits_of(recovered) == bits_of(uninterrupted)


@every_exploration
def test_identical_runs_give_identical_bytes_interrupted_or_not(exploration: Exploration) -> None:
    spec = VwSpec(exploration)
    recovered = VwPolicy(spec)
    recovered.loads(trained(spec, 100).dumps())
    for interaction in list(interactions(200))[100:]:
        recovered.learn(interaction)
    assert trained(spec).dumps() == trained(spec).dumps() == recovered.dumps()


@every_exploration
def test_predicting_changes_nothing_that_is_predicted(exploration: Exploration) -> None:
    spec = VwSpec(exploration)
    asked, silent = VwPolicy(spec), VwPolicy(spec)
    for interaction in interactions(100):
        asked.pmf(interaction.situation)
        asked.learn(interaction)
        silent.learn(interaction)
    assert bits_of(asked) == bits_of(silent)


@every_exploration
def test_kept_actions_predict_the_same_bits_as_actions_parsed_anew(exploration: Exploration) -> None:
    policy = trained(VwSpec(exploration))
    state, first = policy.dumps(), bits_of(policy)
    anew = VwPolicy(VwSpec(exploration))
    for i in range(10):
        anew.loads(state)
        assert anew.pmf(situation_for(f"{i}", 7)) == policy.pmf(situation_for(f"{i}", 7))
    assert bits_of(policy) == first


def test_kept_actions_follow_what_is_learned_later() -> None:
    """The weights are looked up when predicting, not when parsing."""
    asked, silent = VwPolicy(VwSpec()), VwPolicy(VwSpec())
    before = bits_of(asked)
    for interaction in interactions(100):
        asked.learn(interaction)
        silent.learn(interaction)
    assert bits_of(asked) == bits_of(silent) != before


def test_no_more_than_so_many_actions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = trained(VwSpec())
    expected = bits_of(policy)
    monkeypatch.setattr("attune_models.vw._MAX_KEPT_ACTIONS", 3)
    for _ in range(3):
        assert bits_of(policy) == expected
    assert len(policy._model._kept) <= 3 + 7  # noqa: SLF001 - the largest situation is added to a full store


@every_exploration
def test_below_the_wrapper_the_bits_are_those_of_the_wrapper(exploration: Exploration) -> None:
    """The private names that the module uses do what the public ones do."""
    policy = trained(VwSpec(exploration))
    for i in range(20):
        asked = situation_for(f"{i % 7}", 1 + i % 5)
        lines = [shared_line(asked), *(f"|o {action}" for action in asked.actions)]
        public = policy._model.workspace.predict(lines)  # noqa: SLF001 - the wrapper itself
        assert policy.pmf(asked) == pmfs.normalised(public)


@every_exploration
def test_learning_below_the_wrapper_changes_the_bits_as_through_it(exploration: Exploration) -> None:
    below, through = VwPolicy(VwSpec(exploration)), VwPolicy(VwSpec(exploration))
    for each in interactions(50):
        unweighted = Interaction(each.situation, each.chosen, 1.0, each.reward)
        below.learn(unweighted)
        lines = [f"|o {action}" for action in each.situation.actions]
        lines[each.chosen] = f"0:{-each.reward}:1.0 {lines[each.chosen]}"
        through._model.workspace.learn([shared_line(each.situation), *lines])  # noqa: SLF001 - the wrapper
    assert bits_of(below) == bits_of(through)


# --- damaged states


@pytest.mark.parametrize(
    "state",
    [
        b"",  # nothing
        b"garbage" * 100,  # not a model
        trained(VwSpec(bits=SMALL), 20).dumps()[:10],  # less than the header
        trained(VwSpec(bits=12), 20).dumps(),  # another size
        trained(VwSpec(Softmax(), bits=SMALL), 20).dumps(),  # another exploration
    ],
    ids=["empty", "garbage", "header", "bits", "softmax"],
)
def test_a_file_that_is_no_such_model_is_refused_and_the_model_stays(state: bytes) -> None:
    policy = trained(VwSpec(bits=SMALL), 50)
    predicted = bits_of(policy)
    with pytest.raises(
        PolicyError, match=r"Vowpal Wabbit refuses the model: |expected a model file of whole weights, got "
    ):
        policy.loads(state)
    assert bits_of(policy) == predicted


def test_a_file_without_some_weights_loads_which_is_why_length_and_checksum_are_checked_before() -> None:
    """Vowpal Wabbit reads as many weights as there are; `attune.store.versions` lets no such file come this far."""
    state = trained(VwSpec()).dumps()
    shortened = VwPolicy(VwSpec())
    shortened.loads(state[: -16 * 10])
    assert math.fsum(shortened.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n_bytes", [1, 4, 15, 17])
def test_a_file_that_ends_within_a_weight_is_refused(n_bytes: int) -> None:
    with pytest.raises(PolicyError, match="expected a model file of whole weights, got "):
        VwPolicy(VwSpec()).loads(trained(VwSpec()).dumps()[:-n_bytes])


def test_a_file_of_another_learning_rate_loads_which_is_why_callers_compare_specs_before() -> None:
    other = trained(VwSpec(learning_rate=2.5))
    policy = VwPolicy(VwSpec(learning_rate=0.5))
    policy.loads(other.dumps())
    assert bits_of(policy) == bits_of(other)


def poisoned(state: bytes, poison: float, which: int = 0) -> bytes:
    """Return a model file in which one number is replaced.

    Weights stand at the end of the file: index, weight, sum of squared gradients, scale; four bytes each.
    """
    index, *numbers = struct.unpack("<Ifff", state[-16:])
    numbers[which] = poison
    return state[:-16] + struct.pack("<Ifff", index, *numbers)


# Which number, and what it is replaced by; an endless sum of squared gradients is no damage (see test_vw_file.py).
DAMAGE = [(which, poison) for which in range(3) for poison in (math.nan, math.inf, -math.inf)]
DAMAGE.remove((1, math.inf))


@pytest.mark.parametrize(("which", "poison"), DAMAGE)
def test_a_number_that_is_not_finite_is_refused_when_loaded(poison: float, which: int) -> None:
    policy = trained(VwSpec())
    state, predicted = policy.dumps(), bits_of(policy)
    with pytest.raises(PolicyError, match="expected finite weights"):
        policy.loads(poisoned(state, poison, which))
    assert bits_of(policy) == predicted


@pytest.mark.parametrize(("which", "poison"), DAMAGE)
def test_a_number_that_is_not_finite_is_not_dumped(poison: float, which: int) -> None:
    policy = trained(VwSpec())
    (index,) = struct.unpack("<I", policy.dumps()[-16:-12])
    policy._model.workspace.set_weight(index, which, poison)  # noqa: SLF001 - no interaction can do this
    with pytest.raises(PolicyError, match="expected finite weights"):
        policy.dumps()


def test_a_replaced_weight_that_is_finite_is_loaded() -> None:
    """The poison is what is refused in the tests above, not the way in which it came there."""
    policy = VwPolicy(VwSpec())
    policy.loads(poisoned(trained(VwSpec()).dumps(), 0.5))
    assert math.fsum(policy.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


# --- extremes


@every_exploration
@pytest.mark.parametrize("n_features", [1, 200])
@pytest.mark.parametrize("magnitude", [1e6, -1e6, 1e-9, 1e-30])
@pytest.mark.parametrize(("reward", "propensity"), [(1e6, 1e-12), (-1e6, 1.0)])
def test_extremes_keep_the_weights_finite(
    exploration: Exploration, n_features: int, magnitude: float, reward: float, propensity: float
) -> None:
    """The largest reward, features and crossings that the contract lets through, and propensities far below."""
    features = FeatureSet(numeric={f"f{i}": magnitude for i in range(n_features)})
    extreme = situation(features, [PlainAction("a", features), PlainAction("b", features), PlainAction("c")])
    policy = VwPolicy(VwSpec(exploration, bits=SMALL))
    for i in range(6):
        policy.learn(Interaction(extreme, i % 3, propensity, reward))
    assert np.isfinite(weights_of(policy)).all()
    for asked in (extreme, situation_for("1")):
        pmf = policy.pmf(asked)
        assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)
        assert min(pmf) >= 0.0


def weights_of(policy: VwPolicy) -> np.ndarray:
    """Return every weight; float64, shape (2^bits,)."""
    workspace = policy._model.workspace  # noqa: SLF001 - the library's own view
    return np.array([workspace.get_weight(i, 0) for i in range(workspace.num_weights())])


# Vowpal Wabbit's own reader of numbers takes the first four for infinity, and the last two for -2.98 and 509076.
TINY = [
    2e-150,
    7.930472470100853e-122,
    -3.6256137521404134e-218,
    5e-324,
    -2.98e-256,
    -2.9824461186856404e-256,
    5.090764015703879e-251,
    math.nextafter(1e-30, 0.0),
]


@pytest.mark.parametrize("exploration", [SquareCb(), Softmax()], ids=["squarecb", "softmax"])
@pytest.mark.parametrize("tiny", TINY)
def test_a_tiny_number_predicts_the_same_bits_as_0(exploration: Exploration, tiny: float) -> None:
    """In the context and in an offer, measured and in a vector; the weights of those features are not 0.

    Where predictions differ, probabilities do, except under epsilon: there they only tell which action is best.
    """

    def asked(number: float) -> Situation:
        features = FeatureSet(numeric={"x": number}, dense={"e": ValueList([number, 1.0])})
        return situation(features, [PlainAction("a", features), PlainAction("b")])

    policy = VwPolicy(VwSpec(exploration, bits=SMALL))
    for i in range(20):
        policy.learn(Interaction(asked(1.0), i % 2, 0.5, float(i % 2)))
    pmf = policy.pmf(asked(tiny))
    assert pmf == policy.pmf(asked(0.0))
    assert pmf != policy.pmf(asked(1.0))
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("tiny", TINY)
def test_learning_from_a_tiny_number_is_learning_from_none(tiny: float) -> None:
    with_it, without = VwPolicy(VwSpec(bits=SMALL)), VwPolicy(VwSpec(bits=SMALL))
    for policy, features in ((with_it, FeatureSet(numeric={"x": tiny})), (without, FeatureSet())):
        for i in range(4):
            asked = situation(features, [PlainAction("a", features), PlainAction("b")])
            policy.learn(Interaction(asked, i % 2, 0.5, float(i % 2)))
    asked = situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])
    assert with_it.pmf(asked) == pytest.approx(without.pmf(asked), abs=FLOAT32)
    assert np.array_equal(weights_of(with_it), weights_of(without))
    assert np.isfinite(weights_of(with_it)).all()


@pytest.mark.parametrize("tiny", TINY)
def test_a_tiny_reward_is_as_good_as_none(tiny: float) -> None:
    tiny_rewarded, unrewarded = VwPolicy(VwSpec(bits=SMALL)), VwPolicy(VwSpec(bits=SMALL))
    tiny_rewarded.learn(Interaction(situation_for("1"), 0, 0.5, tiny))
    unrewarded.learn(Interaction(situation_for("1"), 0, 0.5, 0.0))
    assert tiny_rewarded.dumps() == unrewarded.dumps()


@settings(deadline=None, max_examples=40)
@given(number=st.floats(-1e6, 1e6), reward=st.floats(-1e6, 1e6))
def test_no_number_within_the_limits_makes_weights_infinite(number: float, reward: float) -> None:
    features = FeatureSet(numeric={"x": number}, dense={"e": ValueList([number, -number])})
    asked = situation(features, [PlainAction("a", features), PlainAction("b")])
    policy = VwPolicy(VwSpec(bits=SMALL))
    for chosen in (0, 1, 0):
        policy.learn(Interaction(asked, chosen, 0.5, reward))
    assert np.isfinite(weights_of(policy)).all()
    assert math.fsum(policy.pmf(asked)) == pytest.approx(1.0, abs=1e-12)


@every_exploration
def test_a_thousand_actions_and_ten_thousand_features_are_learned(exploration: Exploration) -> None:
    policy = VwPolicy(VwSpec(exploration))
    actions = [
        PlainAction(f"{i}", FeatureSet(categorical={f"f{10 * i + j}": "x" for j in range(10)})) for i in range(1000)
    ]
    wide = situation(FeatureSet(categorical={"user": "1"}), actions)
    for chosen in (0, 999, 500, 500, 500):
        policy.learn(Interaction(wide, chosen, 0.001, float(chosen == 500)))
    pmf = policy.pmf(wide)
    assert len(pmf) == 1000
    assert best_of(pmf) == 500
    assert np.isfinite(weights_of(policy)).all()


@every_exploration
def test_a_single_action_is_certain(exploration: Exploration) -> None:
    policy = VwPolicy(VwSpec(exploration))
    for reward in (1.0, -5.0, 0.0):
        policy.learn(Interaction(situation_for("1", 1), 0, 1.0, reward))
        assert policy.pmf(situation_for("1", 1)) == [1.0]


def test_a_propensity_counts_as_one_in_a_million_at_least() -> None:
    tiny, least = VwPolicy(VwSpec(Epsilon())), VwPolicy(VwSpec(Epsilon()))
    tiny.learn(Interaction(situation_for("1"), 0, 1e-12, 1.0))
    least.learn(Interaction(situation_for("1"), 0, 1e-6, 1.0))
    assert tiny.dumps() == least.dumps()


# --- text

TRICKY = (" ", "|", ":", "\n", "\r", "\t", "\0", "=", "~", "@", "%", "_", "'", "^", "#", "\x85", "\u2028", "\u00a0")
texts = st.one_of(
    st.text(max_size=12),
    st.lists(st.sampled_from([*TRICKY, "shared", "|o", "_multi", "_label", "0:1:0.5", "é", "😀"]), max_size=6).map(
        "".join
    ),
)
names = texts.filter(bool)
numbers = st.floats(-1e6, 1e6, width=32, allow_subnormal=False)
feature_sets = st.builds(
    FeatureSet,
    numeric=st.dictionaries(names, numbers, max_size=3),
    categorical=st.dictionaries(names, texts, max_size=3),
    tags=st.dictionaries(names, st.lists(texts, max_size=3).map(ValueList), max_size=2),
    dense=st.dictionaries(names, st.lists(numbers, max_size=3).map(ValueList), max_size=2),
)
actions = st.lists(st.builds(PlainAction, names, feature_sets), min_size=1, max_size=4, unique_by=lambda each: each.id)
situations = st.builds(situation, feature_sets, actions)


@pytest.fixture(scope="module")
def text_policy() -> VwPolicy:
    return VwPolicy(VwSpec())


@settings(deadline=None, max_examples=50)
@given(asked=situations, data=st.data())
def test_no_text_changes_the_number_of_actions(text_policy: VwPolicy, asked: Situation, data: st.DataObject) -> None:
    n_actions = len(asked.actions)
    assert len(text_policy.pmf(asked)) == n_actions
    chosen = data.draw(st.integers(0, n_actions - 1))
    text_policy.learn(Interaction(asked, chosen, 1 / n_actions, 1.0))
    pmf = text_policy.pmf(asked)
    assert len(pmf) == n_actions
    assert math.fsum(pmf) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "text", [*TRICKY, "a b", "|o", "x |o y", "shared", "0:1:0.5 |o", "😀", "7", "_multi", "_label"]
)
def test_actions_that_differ_in_one_text_are_told_apart(text: str) -> None:
    """What looks like syntax is learned like any other word, in names, values and ids."""
    actions = [
        PlainAction(text),
        PlainAction("a", FeatureSet(categorical={text: "v"})),
        PlainAction("b", FeatureSet(categorical={"n": text})),
        PlainAction("c", FeatureSet(numeric={text: 1.0})),
        PlainAction("d", FeatureSet(tags={text: ValueList([text])})),
    ]
    asked = situation(FeatureSet(categorical={text: text}), actions)
    for liked in range(5):
        policy = VwPolicy(VwSpec(Epsilon(0.0)))
        for i in range(25):
            policy.learn(Interaction(asked, i % 5, 0.2, float(i % 5 == liked)))
        assert policy.pmf(asked) == pmfs.one_hot(5, liked)


# --- memory


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc says it")
def test_replacing_a_model_gives_its_memory_back() -> None:
    """Each model keeps 20 parsed actions of 30 kB: left behind, 200 models would take 120 MB more."""
    policy, asked = trained(VwSpec(bits=SMALL), 5), situation_for("1", 20)
    state = policy.dumps()

    def cycle(times: int) -> int:
        for _ in range(times):
            policy.loads(state)
            policy.pmf(asked)
        return resident_bytes()

    before = cycle(50)
    assert cycle(200) - before < 10e6


@pytest.mark.parametrize("context_alone", [False, True])
def test_a_context_that_is_neither_crossed_nor_alone_is_not_learned(context_alone: bool) -> None:  # noqa: FBT001
    """Then users are all the same to it, bit for bit; with weights of their own they are not."""
    spec = VwSpec(Softmax(), Crossings.NONE, context_alone=context_alone, bits=SMALL)
    knowing, blind = VwPolicy(spec), VwPolicy(spec)
    for interaction in interactions(200):
        knowing.learn(interaction)
        blind.learn(replace(interaction, situation=replace(interaction.situation, context="")))
    asked = situation_for("1")
    assert (knowing.pmf(asked) == blind.pmf(replace(asked, context=""))) is not context_alone


@pytest.mark.parametrize("context", [FeatureSet(), categorical(1), categorical(2)], ids=["none", "one", "a pair"])
def test_crossed_context_features_are_learned_without_weights_of_their_own(context: FeatureSet) -> None:
    policy = VwPolicy(VwSpec(Softmax(), context_alone=False, bits=SMALL))
    asked = situation(context, [PlainAction("good"), PlainAction("bad")])
    for i in range(100):
        policy.learn(Interaction(asked, i % 2, 0.5, float(i % 2 == 0)))
    assert policy.pmf(asked)[0] > 0.99


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is measured where /proc says it")
def test_deciding_and_learning_give_their_memory_back() -> None:
    """An example that is not finished takes 30 kB: 2,000 rounds of one would take 60 MB."""
    policy, asked = trained(VwSpec(bits=SMALL), 5), situation_for("1", 5)

    def play(times: int) -> int:
        for _ in range(times):
            policy.learn(Interaction(asked, 0, 0.2, float(policy.pmf(asked)[0] > 0)))
        return resident_bytes()

    before = play(200)
    assert play(2000) - before < 10e6
