"""A context of two parts is the same as one of all tokens, to whoever looks at it."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from attune_models import vw_rows
from attune_models.contexts import Context, JoinedContext, names_and_numbers, with_word
from attune_models.features import encode, encode_action
from attune_models.types import ActionSet, FeatureSet, Interaction, PlainAction, ReadSituation, Situation, ValueList
from attune_models.vw import Crossing, Crossings, Listed, Softmax, SquareCb, VwPolicy, VwSpec

ACTIONS = [
    PlainAction(f"o{i}", FeatureSet(numeric={"price": i / 3}, categorical={"topic": f"t{i % 3}"})) for i in range(40)
]
SPECS = {
    "pairs": VwSpec(bits=14),
    "alone": VwSpec(SquareCb(), Crossings.CONTEXT_PAIRS_ACTION, context_alone=True, bits=14),
    "no pairs": VwSpec(SquareCb(), Crossings.CONTEXT_ACTION, bits=14),
    "not multiplied": VwSpec(SquareCb(), Crossings.NONE, context_alone=True, bits=14),
    "not looked at": VwSpec(Softmax(), Crossings.NONE, bits=14),
    "listed": VwSpec(
        Softmax(), Listed((Crossing(("customer.page.count",), ("topic",)), Crossing(("said.a",)))), bits=14
    ),
}


def set_of(n_actions: int) -> ActionSet:
    return ActionSet([each.id for each in ACTIONS[:n_actions]], list(map(encode_action, ACTIONS[:n_actions])))


def parts(seed: int, n: int) -> Iterator[tuple[Context, JoinedContext]]:
    """Yield contexts as encoding gives them, and the same in two parts; of some there is little."""
    random = Random(seed)
    for i in range(n):
        numbers = {"age": random.random(), "hour": float(i)} if i % 3 else {}
        words = {"device": random.choice("abc"), "z": "y"} if i % 4 else {}
        more = {f"customer.{name}.count": 5 * random.random() for name in ("page", "cart", "zoo")} if i % 5 else {}
        said = {"said.a": random.choice("xy"), "customer.page.kind": f"k {i}"} if i % 2 else {}
        stage = {"customer.stage": random.choice(["new", "buyer"])} if i % 5 else {}
        tags = {"said.likes": ValueList([f"l{i % 3}", "run"])} if i % 2 else {}
        whole = names_and_numbers(encode(FeatureSet(numbers | more, words | said | stage, tags)))
        own = names_and_numbers(encode(FeatureSet(numbers, words)))
        if stage:
            own = with_word(own, f"customer.stage={stage['customer.stage']}")
        told = names_and_numbers(encode(FeatureSet(more, said, tags)))
        tokens = told.names.split()
        numbered = " ".join(token for token in tokens if token.endswith(":"))
        rest = " ".join(token for token in tokens if not token.endswith(":"))
        yield whole, JoinedContext(own, numbered, told.numbers, rest)


def learned(spec: VwSpec, known: ActionSet) -> VwPolicy:
    random, policy, serving = Random(1), VwPolicy(spec), VwPolicy(spec)
    for whole, _ in parts(2, 60):
        asked = Situation(whole.text, known.action_ids, known.actions)
        policy.learn(Interaction(asked, random.randrange(len(known.actions)), 0.25, random.random()))
    serving.loads(policy.dumps())
    return serving


def test_what_is_joined_is_what_encoding_all_of_it_gives() -> None:
    for whole, joined in parts(1, 40):
        assert (joined.whole, joined.text) == (whole, whole.text)


@pytest.mark.parametrize("n_actions", [1, 12, 40])
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_parts_are_scored_as_the_library_scores_the_whole(spec: VwSpec, n_actions: int) -> None:
    known = set_of(n_actions)
    policy, random = learned(spec, known), Random(3)
    for whole, joined in parts(4, 20):
        asked = Situation(whole.text, known.action_ids, known.actions)
        in_parts = ReadSituation(joined, known.action_ids, known.actions, known)
        assert policy.pmf(in_parts) == pytest.approx(policy.pmf(asked), rel=0.0, abs=1e-6)
        explained = [each.score for each in policy.explain(asked)]
        assert policy.scores(in_parts) == pytest.approx(explained, rel=1e-9, abs=1e-12)
        some = random.sample(range(n_actions), max(1, n_actions // 5))
        ids, actions = [known.action_ids[i] for i in some], [known.actions[i] for i in some]
        of_some = ReadSituation(joined, ids, actions, known, some)
        assert policy.scores(of_some).tolist() == policy.scores(in_parts)[some].tolist()


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_many_at_once_have_the_same_bits_as_one_by_one(spec: VwSpec) -> None:
    known = set_of(12)
    policy = learned(spec, known)
    asked: list[Situation] = []
    for whole, joined in parts(5, 12):
        asked.append(ReadSituation(joined, known.action_ids, known.actions, known))
        asked.append(replace(Situation(whole.text, known.action_ids, known.actions), known=known))
    assert policy.pmfs(asked) == [policy.pmf(each) for each in asked]


def test_what_is_kept_of_customers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was kept before has no part in the bits."""
    known, own = set_of(12), Context("device=a", [])
    policy = learned(SPECS["pairs"], known)

    def asked(i: int) -> Situation:
        numbered = f"customer.a{i}.count: customer.b.count:"
        joined = JoinedContext(own, numbered, [1.5, float(i)], f"said.x=u{i} said.y={'long' * i}")
        return ReadSituation(joined, known.action_ids, known.actions, known)

    expected = [policy.pmf(asked(i)) for i in range(300)]
    monkeypatch.setattr(vw_rows, "_KEPT_BYTES", 1 << 17)
    policy = learned(SPECS["pairs"], known)
    rows = policy._reading().scorer._rows_of(known)  # noqa: SLF001 - what is looked at lies below the policy
    for i in range(300):
        assert policy.pmf(asked(i)) == expected[i]
        assert rows._bytes_besides <= 1 << 17  # noqa: SLF001 - see above
