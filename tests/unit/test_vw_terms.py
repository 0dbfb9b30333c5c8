"""The terms of a Vowpal Wabbit policy sum to the library's own predictions, for every kind of policy.

The library keeps the last prediction that it made of each example: that of the only regression, of the last one of a
bag or a cover, and of the one that predicts the reward in random network distillation. Of all others it tells the
weights when it is asked to (`--audit`), on its standard output.
"""

from pathlib import Path
from random import Random

import numpy as np
import pytest
import vowpalwabbit

from attune_models.explanation import Explanation, Source
from attune_models.features import situation, with_slot
from attune_models.hashing import MAX_PAIRED
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation, ValueList
from attune_models.vw import (
    Bag,
    CbType,
    Cover,
    Crossing,
    Crossings,
    Epsilon,
    Listed,
    Rnd,
    Softmax,
    VwPolicy,
    VwSpec,
)
from attune_models.vw_model import _finish, _parse, _predict
from vw_policies import BITS, EXPLORATIONS, SPECS, TUNED_SPECS, cb_types


def name_of(crossings: Crossings | Listed) -> str:
    return crossings.name if isinstance(crossings, Crossings) else "LISTED"


N_ACTIONS = 4
# Vowpal Wabbit sums hundreds of terms of magnitude 1 in float32, where a prediction may be near 0.
FLOAT32 = {"rel": 1e-5, "abs": 1e-6}
# The library prints 6 digits of a weight, and numbers up to 1000 are multiplied with them.
PRINTED = {"rel": 1e-5, "abs": 1e-5}
SIZES = {
    "bag of 2": VwSpec(Bag(2), bits=BITS),
    "bag of 20, dr": VwSpec(Bag(20), bits=14, cb_type=CbType.DR),
    "cover of 2": VwSpec(Cover(2), bits=BITS),
    "cover of 4, ips": VwSpec(Cover(4), bits=BITS, cb_type=CbType.IPS),
    "cover of 7, dr": VwSpec(Cover(7), bits=BITS, cb_type=CbType.DR),
    "rnd of 1": VwSpec(Rnd(1), bits=BITS),
    "rnd of 20, dr": VwSpec(Rnd(20), bits=14, cb_type=CbType.DR),
}
# One feature, two and three; words, numbers, tags and vectors; by itself, with the id, and with names to escape.
LISTED = Listed(
    (
        Crossing(("user",), ("topic",)),
        Crossing(("user", "device"), ("ü|", "a:b")),
        Crossing(("age", "v", "likes"), ("e",)),
        Crossing(("user", "tiny"), ("", "price")),
        Crossing(("likes",)),
    )
)
CROSSED = {
    f"{name_of(crossings)} {name} {bits} bits": VwSpec(EXPLORATIONS[name], crossings, bits=bits, cb_type=cb_type)
    for crossings in [*Crossings, LISTED]
    for name, bits, cb_type in (("squarecb", 10, CbType.MTR), ("bag", 10, CbType.DR), ("softmax", 18, CbType.IPS))
}
ALL = SPECS | TUNED_SPECS | SIZES | CROSSED
every_spec = pytest.mark.parametrize("spec", ALL.values(), ids=ALL)


def offer(number: int) -> PlainAction:
    """Return an action with features of every kind, and a name that has to be escaped."""
    known = FeatureSet(
        numeric={"price": number / 3, "a:b": -1.5e-3, "nothing": 0.0},
        categorical={"topic": f"topic {number % 3}", "ü|": "%"},
        tags={"t": ValueList(["x", f"y{number}"])},
        dense={"e": ValueList([0.1, -0.25, 1e3])},
    )
    return PlainAction(f"offer {number}", known)


def situation_for(user: int) -> Situation:
    known = FeatureSet(
        numeric={"age": 30.5 + user, "tiny": 1e-7},
        categorical={"user": f"u {user}", "device": ("mobile", "desktop")[user % 2], "x": ""},
        tags={"likes": ValueList(["run", f"{user}"])},
        dense={"v": ValueList([1.0 / 3.0, 2.0])},
    )
    return situation(known, map(offer, range(N_ACTIONS)))


SITUATIONS = [situation_for(user) for user in range(4)]


def learn(policy: VwPolicy, n_rounds: int = 30, seed: int = 1) -> VwPolicy:
    random = Random(seed)
    for _ in range(n_rounds):
        user, chosen = random.randrange(len(SITUATIONS)), random.randrange(N_ACTIONS)
        reward = float(random.random() < (0.8 if chosen == user else 0.1))
        policy.learn(Interaction(SITUATIONS[user], chosen, random.choice((0.1, 0.25, 0.5)), reward))
    return policy


def predicted(policy: VwPolicy, asked: Situation) -> list[float]:
    """Return the last prediction that the library made of each action, as a reward."""
    model = policy._model  # noqa: SLF001 - what is checked lies below the policy
    lines = [model._shared(asked.context), *map(model._line, asked.actions)]  # noqa: SLF001
    examples = _parse(model.workspace, "\n".join(lines))
    _predict(model.workspace, examples)
    costs = [example.get_partial_prediction() for example in examples[1:]]
    _finish(model.workspace, examples)
    return [-cost for cost in costs]


def by_regression(policy: VwPolicy, asked: Situation, regression: int) -> list[float]:
    """Return the scores of one regression."""
    terms = policy._reading().terms  # noqa: SLF001 - see above
    explained, terms.weights.regressions = terms.weights.regressions, [regression]
    scores = [explanation.score for explanation in terms.explain(asked)]
    terms.weights.regressions = explained
    return scores


def last_regression(spec: VwSpec) -> int:
    """Return which regression the library asks last."""
    apart = 2 if spec.cb_type is CbType.DR else 1
    match spec.exploration:
        case Bag(policies=policies):
            return (policies - 1) * apart
        case Cover(policies=policies):
            return policies
    return 0


def scores_of(explanations: list[Explanation]) -> list[float]:
    return [explanation.score for explanation in explanations]


@every_spec
def test_the_terms_sum_to_what_is_predicted_and_so_do_the_contributions(spec: VwSpec) -> None:
    policy = learn(VwPolicy(spec))
    for asked in SITUATIONS:
        expected = predicted(policy, asked)
        assert by_regression(policy, asked, last_regression(spec)) == pytest.approx(expected, **FLOAT32)
        assert len(set(expected)) == N_ACTIONS, "a policy that knows nothing would show nothing"
    for explanation in policy.explain(SITUATIONS[1]):
        amounts = [each.amount for each in explanation.contributions]
        assert sum(amounts) == pytest.approx(explanation.score, rel=1e-9, abs=1e-9)
        assert amounts == sorted(amounts, key=abs, reverse=True)
        assert all(amounts)


def audited(
    policy: VwPolicy, asked: Situation, directory: Path, capfd: pytest.CaptureFixture[str]
) -> list[list[float]]:
    """Return the reward that each regression predicts of each action, by the terms that the library itself prints."""
    path = directory / "model"
    path.write_bytes(policy.dumps())
    arguments = f"{policy._arguments} --quiet --preserve_performance_counters --audit"  # noqa: SLF001 - see above
    workspace = vowpalwabbit.Workspace(f"{arguments} --initial_regressor {path}")
    model = policy._model  # noqa: SLF001 - see above
    capfd.readouterr()
    workspace.predict([model._shared(asked.context), *map(model._line, asked.actions)])  # noqa: SLF001
    printed = [line for line in capfd.readouterr().out.splitlines() if line.startswith("\t")]
    workspace.finish()
    rewards = [printed_reward(line, context_alone=policy._spec.context_alone) for line in printed]  # noqa: SLF001
    return [rewards[i : i + N_ACTIONS] for i in range(0, len(rewards), N_ACTIONS)]


def printed_reward(line: str, *, context_alone: bool) -> float:
    """Return what terms sum to; each is `name:place:number:weight@...`.

    Terms of the context by itself are printed even where they do not count.
    """
    terms = [term.rpartition("@")[0].rsplit(":", 2) for term in line.split("\t") if term]
    counted = [term for term in terms if context_alone or "*" in term[0] or not term[0].startswith(("c^", "p^"))]
    return -sum(float(number) * float(weight) for _, number, weight in counted)


@pytest.mark.parametrize("name", ["bag mtr", "bag ips", "bag dr", "bag of 20, dr"])
def test_a_bag_is_explained_by_the_mean_of_all_that_vote(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    policy = learn(VwPolicy(ALL[name]))
    rewards = audited(policy, SITUATIONS[2], tmp_path, capfd)
    assert len(rewards) == ALL[name].exploration.policies
    assert scores_of(policy.explain(SITUATIONS[2])) == pytest.approx(np.mean(rewards, axis=0), **PRINTED)


@pytest.mark.parametrize("name", ["cover mtr", "cover ips", "cover dr", "cover of 4, ips", "cover of 7, dr"])
def test_a_cover_is_explained_by_its_first_regression(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The only one that is not rewarded for covering."""
    policy = learn(VwPolicy(ALL[name]))
    rewards = audited(policy, SITUATIONS[2], tmp_path, capfd)
    assert len(rewards) == ALL[name].exploration.policies
    assert scores_of(policy.explain(SITUATIONS[2])) == pytest.approx(rewards[0], **PRINTED)


@pytest.mark.parametrize("name", ["rnd mtr", "rnd dr", "epsilon dr", "regcb mtr", "l1", "l2"])
def test_of_all_others_what_predicts_the_reward_is_explained(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    policy = learn(VwPolicy(ALL[name]))
    rewards = audited(policy, SITUATIONS[2], tmp_path, capfd)
    assert scores_of(policy.explain(SITUATIONS[2])) == pytest.approx(rewards[-1], **PRINTED)


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("n_categorical", [1, 2, MAX_PAIRED, MAX_PAIRED + 1])
def test_pairs_count_as_long_as_they_are_made(n_categorical: int, slot: int) -> None:
    known = FeatureSet(categorical={f"c{i}": "x" for i in range(n_categorical)})
    decided = situation(known, [offer(0), offer(1)])
    asked = Situation(with_slot(decided.context, slot), decided.action_ids, decided.actions)
    policy = VwPolicy(VwSpec(Softmax(), bits=10))
    for i in range(20):
        policy.learn(Interaction(asked, i % 2, 0.5, float(i % 2)))
    assert scores_of(policy.explain(asked)) == pytest.approx(predicted(policy, asked), **FLOAT32)


@pytest.mark.parametrize("number", [1e6, -1e6, 123456.789, 0.1 + 0.2, 1e-30, -3e-9, 5e-324])
def test_numbers_are_read_as_the_library_reads_them(number: float) -> None:
    asked = situation(FeatureSet(numeric={"n": number}), [PlainAction("a"), PlainAction("b")])
    policy = VwPolicy(VwSpec(Epsilon()))
    for i in range(10):
        policy.learn(Interaction(asked, i % 2, 0.5, float(i % 2)))
    assert scores_of(policy.explain(asked)) == pytest.approx(predicted(policy, asked), **FLOAT32)


def test_a_situation_without_context_and_an_untrained_policy_are_explained() -> None:
    asked = situation(FeatureSet(), [PlainAction("a"), PlainAction("b")])
    policy = VwPolicy(VwSpec())
    assert policy.explain(asked) == [Explanation(0.0, [])] * 2
    policy.learn(Interaction(asked, 0, 0.5, 1.0))
    first, _ = policy.explain(asked)
    assert {(each.source, each.name, each.value) for each in first.contributions} == {
        (Source.CONSTANT, "", ""),
        (Source.ACTION, "", "a"),
    }


@pytest.mark.parametrize("name", EXPLORATIONS)
def test_explaining_changes_nothing(name: str) -> None:
    """Neither what is predicted, nor what is kept of it, nor the bytes of the model."""
    for cb_type in cb_types(EXPLORATIONS[name]):
        spec = VwSpec(EXPLORATIONS[name], bits=BITS, cb_type=cb_type)
        explained, other = learn(VwPolicy(spec), 10), learn(VwPolicy(spec), 10)
        for policy in (explained, other):
            policy.pmf(SITUATIONS[0])
        for asked in SITUATIONS:
            explained.explain(asked)
        assert explained.dumps() == other.dumps()
        assert learn(explained, 10).dumps() == learn(other, 10).dumps()
        assert [explained.pmf(asked) for asked in SITUATIONS] == [other.pmf(asked) for asked in SITUATIONS]


def test_what_is_learned_or_loaded_is_explained_at_once() -> None:
    policy, taken_up = VwPolicy(VwSpec()), VwPolicy(VwSpec())
    asked = SITUATIONS[0]
    for n_rounds in (5, 5):
        learn(policy, n_rounds)
        assert scores_of(policy.explain(asked)) == pytest.approx(predicted(policy, asked), **FLOAT32)
        taken_up.loads(policy.dumps())
        assert taken_up.explain(asked) == policy.explain(asked)


def test_an_action_is_explained_the_same_whatever_the_others_are() -> None:
    policy, asked = learn(VwPolicy(VwSpec())), SITUATIONS[0]
    alone = Situation(asked.context, asked.action_ids[2:3], asked.actions[2:3])
    assert policy.explain(alone) == policy.explain(asked)[2:3]
