"""The factors of a context are those of its tokens and their products, whether its names came before or not."""

from random import Random

import pytest

from attune_models import vw_contexts
from attune_models.contexts import names_and_numbers
from attune_models.explanation import tokens_of
from attune_models.features import encode
from attune_models.types import FeatureSet, ValueList
from attune_models.vw_contexts import ContextFactors, context_factors, product_numbers
from attune_models.vw_crossings import Crossing, Listed, product_token
from attune_models.vw_places import Crossed, split_numbers
from attune_models.vw_spec import Crossings, VwSpec

LISTED = Listed((Crossing(("age",)), Crossing(("age", "hour")), Crossing(("age", "user")), Crossing(("likes", "user"))))
SPECS = [VwSpec(crossings=each, context_alone=alone) for each in [*Crossings, LISTED] for alone in (False, True)]


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("", ("", [])),  # no feature
        ("a=x b~y", ("a=x b~y", [])),  # no number
        ("a:1.5", ("a: ", [1.5])),  # nothing but a number
        ("a=x b:-2e-05 c=y d@0:3.0 d@1:0.0", ("a=x b: c=y d@0: d@1: ", [-2e-05, 3.0, 0.0])),  # all kinds
    ],
)
def test_numbers_are_taken_out_of_a_context(context: str, expected: tuple[str, list[float]]) -> None:
    assert names_and_numbers(context) == expected


def a_context(random: Random) -> str:
    numeric = {name: random.choice([0.0, random.uniform(-9, 9), 1e6, -1e-20]) for name in ("age", "hour", "far")}
    some = random.sample(sorted(numeric), random.randint(0, 3))
    words = {"user": f"u{random.randrange(3)}", "device": "mobile", "%": "x:y"} if random.random() < 0.8 else {}
    tags = {"likes": ValueList(["run", "yoga"])} if random.random() < 0.5 else {}
    return encode(FeatureSet({name: numeric[name] for name in some}, words, tags))


def written(spec: VwSpec, context: str) -> dict[str, float]:
    """Return the number of each factor, from the tokens that an example of the library has."""
    crossed, tokens = Crossed(spec), tokens_of(context)
    factors = dict(zip(*split_numbers(tokens), strict=True)) if "c" in context_factors(spec).crossed else {}
    for space, products in crossed.context_products(tokens).items():
        names, numbers = split_numbers(product_token([tokens[i] for i in each]) for each in products)
        factors |= {f"{space} {name}": number for name, number in zip(names, numbers, strict=True)}
    return factors


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.crossings} {spec.context_alone}")
@pytest.mark.parametrize("longest", [0, vw_contexts.MAX_KEPT_CHARACTERS])
def test_factors_are_those_that_are_written(spec: VwSpec, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vw_contexts, "MAX_KEPT_CHARACTERS", longest)
    factors, random = ContextFactors(spec), Random(1)
    for _ in range(200):
        context = a_context(random)
        names, numbers = names_and_numbers(context)
        found = factors.of(names)
        if found.multiplied is not None:
            numbers = product_numbers(found.multiplied, numbers)
        numbered = dict(zip(found.numbered, numbers, strict=True))
        assert dict.fromkeys(found.keys, 1.0) | numbered == written(spec, context)
        assert len(found.keys) + len(found.numbered) == len(written(spec, context))
