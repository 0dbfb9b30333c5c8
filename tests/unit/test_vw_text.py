"""No text changes what Vowpal Wabbit sees: as many actions as were sent, each told apart from the others."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune_models import pmf as pmfs
from attune_models.features import situation
from attune_models.types import FeatureSet, Interaction, PlainAction, Situation, ValueList
from attune_models.vw import Epsilon, VwPolicy, VwSpec

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
