"""What is predicted for actions that come along with requests is what Vowpal Wabbit predicts, in whatever company.

The reference is the library itself: the same policy, asked about a situation that is not said to come again.
"""

from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest

from attune_models import vw_offered
from attune_models.contexts import names_and_numbers
from attune_models.features import encode, encode_action, situation
from attune_models.types import (
    ActionSet,
    FeatureSet,
    Interaction,
    PlainAction,
    PolicyError,
    ReadSituation,
    Situation,
    ValueList,
)
from attune_models.vw import Bag, Crossing, Crossings, Epsilon, First, Listed, Softmax, VwPolicy, VwSpec
from vw_policies import BITS

N_ACTIONS = 40
# The library computes with 24 bits: scores of magnitude 1 are off by some 1e-7 each, and so are probabilities.
ALIKE = {"rel": 0.0, "abs": 1e-6}
LISTED = Listed((Crossing(("user",), ("topic",)), Crossing(("age", "likes"), ("price",)), Crossing(("age", "hour"))))
SPECS = {
    "squarecb": VwSpec(bits=BITS),
    "alone": VwSpec(Softmax(), context_alone=True, bits=BITS),
    "without pairs": VwSpec(Epsilon(), Crossings.CONTEXT_ACTION, bits=BITS),
    "not crossed": VwSpec(Softmax(), Crossings.NONE, bits=BITS),
    "listed": VwSpec(Softmax(), LISTED, bits=BITS),
    "first": VwSpec(First(5), bits=BITS),
    "half-life": VwSpec(bits=BITS, half_life=20),
    "several regressions": VwSpec(Bag(), bits=BITS),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def action(number: int) -> str:
    """Return an encoded action with features of every kind; only some have all of them."""
    known = FeatureSet(
        numeric={"price": number / 3},
        categorical={"topic": f"topic {number % 3}"} | ({"rare": "x"} if number % 4 == 0 else {}),
        tags={"t": ValueList(["x", f"y{number}"])} if number % 2 else {},
        dense={"e": ValueList([0.1, -0.25, 2.0])},
    )
    return encode_action(PlainAction(f"offer {number}", known))


ACTIONS = [action(number) for number in range(N_ACTIONS)]


def context(random: Random) -> str:
    """Return an encoded context: names come again, numbers do not; some have one number, some three."""
    likes = {"likes": ValueList(random.sample(["run", "yoga"], 1))} if random.random() < 0.5 else {}
    hour = {"hour": random.uniform(0, 24)} if random.random() < 0.7 else {}
    return encode(FeatureSet({"age": random.uniform(0, 3)} | hour, {"user": f"u {random.randrange(3)}"}, likes))


def plain(encoded: str, actions: Sequence[str]) -> Situation:
    return Situation(encoded, list(map(str, range(len(actions)))), actions)


def offered(encoded: str, actions: Sequence[str]) -> Situation:
    return ReadSituation(names_and_numbers(encoded), list(map(str, range(len(actions)))), actions)


def taken_up(spec: VwSpec) -> VwPolicy:
    """Return a policy that has learned and was then loaded, as one that serves."""
    random, learned, policy = Random(1), VwPolicy(spec), VwPolicy(spec)
    for _ in range(60):
        chosen = random.randrange(N_ACTIONS)
        learned.learn(Interaction(plain(context(random), ACTIONS), chosen, 0.1, float(chosen % 3 == 0)))
    policy.loads(learned.dumps())
    return policy


@every_spec
def test_probabilities_are_the_librarys_for_whatever_actions_come_along(spec: VwSpec) -> None:
    policy, random = taken_up(spec), Random(2)
    for _ in range(12):
        encoded, actions = context(random), random.sample(ACTIONS, random.randint(2, 12))
        assert policy.pmf(offered(encoded, actions)) == pytest.approx(policy.pmf(plain(encoded, actions)), **ALIKE)


@every_spec
def test_bits_do_not_depend_on_the_company_nor_on_what_was_asked_before(spec: VwSpec) -> None:
    policy, random = taken_up(spec), Random(3)
    asked = [(context(random), random.sample(ACTIONS, random.randint(1, 12))) for _ in range(30)]
    expected = [policy.pmf(offered(*each)) for each in asked]
    assert [policy.pmf(offered(*each)) for each in asked] == expected
    fresh = taken_up(spec)
    assert [fresh.pmf(offered(*each)) for each in reversed(asked)] == expected[::-1]


def test_scores_have_the_bits_of_a_known_set() -> None:
    """One by one, or all at once: what is found for a single action is added in the same order."""
    for name in ("squarecb", "listed", "alone"):
        policy, encoded = taken_up(SPECS[name]), context(Random(4))
        known = ActionSet(list(map(str, range(N_ACTIONS))), ACTIONS)
        of_set = ReadSituation(names_and_numbers(encoded), known.action_ids, ACTIONS, known)
        expected = policy.scores(of_set).tolist()
        scorer = policy._reading().offered  # noqa: SLF001 - what is looked at lies below the policy
        assert [scorer.scores(of_set.read, [each])[0] for each in ACTIONS] == expected
        assert scorer.scores(of_set.read, ACTIONS) == expected


def test_the_library_is_not_asked() -> None:
    policy = taken_up(SPECS["squarecb"])
    policy._model.action_scores = None  # type: ignore[method-assign,assignment]  # noqa: SLF001 - fails if asked
    assert sum(policy.pmf(offered(context(Random(5)), ACTIONS))) == pytest.approx(1.0, abs=1e-9)


def test_a_policy_that_has_learned_asks_the_library() -> None:
    policy, encoded = taken_up(SPECS["squarecb"]), context(Random(6))
    policy.learn(Interaction(plain(encoded, ACTIONS), 0, 0.5, 1.0))
    assert policy.pmf(offered(encoded, ACTIONS)) == policy.pmf(plain(encoded, ACTIONS))


def test_a_context_without_features_and_one_with_very_long_names_are_the_librarys() -> None:
    policy = taken_up(SPECS["squarecb"])
    for n_words in (0, 1, 200):
        encoded = situation(FeatureSet(categorical={f"word number {i}": "x" * 10 for i in range(n_words)}), []).context
        for actions in (ACTIONS[:3], ACTIONS[2:5]):
            assert policy.pmf(offered(encoded, actions)) == pytest.approx(policy.pmf(plain(encoded, actions)), **ALIKE)


def test_a_number_that_makes_no_sense_has_no_pmf_and_spoils_nothing() -> None:
    policy, encoded = taken_up(SPECS["squarecb"]), context(Random(7))
    expected = policy.pmf(offered(encoded, ACTIONS))
    with pytest.raises(PolicyError, match="expected finite scores"):
        policy.pmf(offered(f"{encoded} z:nan", ACTIONS))
    assert policy.pmf(offered(encoded, ACTIONS)) == expected


def test_what_is_kept_is_bounded_and_forgetting_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's id as a word of the context: names never come again."""
    policy = taken_up(SPECS["squarecb"])
    asked = [(f"age:{i}.5 user=u{i}", ACTIONS[i % 30 :][:10]) for i in range(60)]
    expected = [policy.pmf(offered(*each)) for each in asked]
    monkeypatch.setattr(vw_offered, "_MOST_NUMBERS", 2000)
    monkeypatch.setattr(vw_offered, "_LEAST_SIDE", 2)
    monkeypatch.setattr(vw_offered, "_KEPT_BYTES", 100_000)
    policy = taken_up(SPECS["squarecb"])
    kept, sizes, n_names = policy._reading().offered, [], []  # noqa: SLF001 - what is looked at lies below the policy
    for each, pmf in zip(asked, expected, strict=True):
        assert policy.pmf(offered(*each)) == pmf
        sizes.append((len(kept._rows) + 1) * len(kept._columns))  # noqa: SLF001 - see above
        n_names.append(len(kept._known))  # noqa: SLF001 - see above
        assert kept._table.size <= 4 * 2000  # noqa: SLF001 - each side may be twice as long as it has to be
    assert 1000 < max(sizes) <= 2000
    assert 15 < max(n_names) < 30
    assert all(any(later < sooner for sooner, later in pairwise(each)) for each in (sizes, n_names))


@pytest.mark.parametrize(("bound", "kept_by"), [("_MOST_FACTORS", "_rows"), ("_MOST_ACTIONS", "_columns")])
def test_there_are_not_too_many_factors_or_actions(bound: str, kept_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = taken_up(SPECS["squarecb"])
    asked = [(f"age:{i}.5 user=u{i}", ACTIONS[i % 30 :][:10]) for i in range(60)]
    expected = [policy.pmf(offered(*each)) for each in asked]
    monkeypatch.setattr(vw_offered, bound, 20)
    policy = taken_up(SPECS["squarecb"])
    kept, sizes = policy._reading().offered, []  # noqa: SLF001 - what is looked at lies below the policy
    for each, pmf in zip(asked, expected, strict=True):
        assert policy.pmf(offered(*each)) == pmf
        sizes.append(len(getattr(kept, kept_by)))
    assert 18 < max(sizes) <= 20
    assert any(later < sooner for sooner, later in pairwise(sizes))


def test_what_is_too_long_or_too_much_is_predicted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    policy, encoded = taken_up(SPECS["squarecb"]), context(Random(8))
    expected = policy.pmf(offered(encoded, ACTIONS))
    for bound in ("_MOST_ACTIONS", "_MOST_CHARACTERS"):
        monkeypatch.setattr(vw_offered, bound, N_ACTIONS - 1)
        fresh = taken_up(SPECS["squarecb"])
        assert fresh.pmf(offered(encoded, ACTIONS)) == expected
        assert not fresh._reading().offered._columns  # noqa: SLF001 - what is looked at lies below the policy
        monkeypatch.undo()
