"""Pairs of categorical context features: which are made, and what only they can learn."""

from dataclasses import replace
from itertools import combinations

import pytest

from attune_models.features import encode, situation, with_slot
from attune_models.hashing import paired
from attune_models.types import FeatureSet, Interaction, PlainAction, Pmf, ValueList
from attune_models.vw import MAX_PAIRED, Crossings, Softmax, VwPolicy, VwSpec
from attune_models.vw_places import pairs_of
from paired_users import SMALL, interactions, offer, situation_for
from tom_and_anna import play


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
        (FeatureSet(categorical={f"customer.x.f{i}": "v" for i in range(5)}), False),  # what is known of a customer
        (FeatureSet(categorical={"said.size": "L", "said.style": "plain"}), False),  # and what one has said
        (FeatureSet(categorical={"customer.stage": "new", "device": "mobile"}), True),  # but for how far one has come
        (FeatureSet(tags={"a=b": ValueList(["c=d", "="])}, numeric={"=": 1.0}), False),  # looks like one, and is not
    ],
    ids=[
        "none",
        "1",
        "2",
        "most",
        "more",
        "other kinds",
        "among others",
        "separators",
        "customer",
        "said",
        "stage",
        "look-alikes",
    ],
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


def test_the_slot_is_paired_and_does_not_count_among_the_most() -> None:
    policy = VwPolicy(VwSpec(bits=SMALL))
    line = {n: encode(categorical(n)) for n in (MAX_PAIRED, MAX_PAIRED + 1)}
    marked = {n: with_slot(context, 1) for n, context in line.items()}
    pairs = policy._model._shared(marked[MAX_PAIRED]).partition(" |p ")[2].split(" ")  # noqa: SLF001 - see above
    assert pairs == [f"{one}~{other}" for one, other in combinations(marked[MAX_PAIRED].split(" "), 2)]
    assert " |p " not in policy._model._shared(marked[MAX_PAIRED + 1])  # noqa: SLF001 - see above


# --- the context alone


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


def test_what_is_known_of_a_customer_takes_no_pairs_from_anybody() -> None:
    own = [f"f{i}=v" for i in range(MAX_PAIRED)]
    known = [*(f"customer.buy.f{i}=v" for i in range(9)), *(f"said.f{i}=v" for i in range(9))]
    tokens = sorted([*own, *known, "customer.stage=buyer"])
    expected = {f"{one}~{other}" for one, other in combinations(sorted([*own, "customer.stage=buyer"]), 2)}
    assert set(pairs_of(tokens)) == expected
    assert {f"{tokens[one]}~{tokens[other]}" for one, other in paired(tokens)} == expected
