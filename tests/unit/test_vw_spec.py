"""A spec becomes arguments: the same ones for ever, and nothing but numbers and words of ours."""

import re

import pytest

from attune_models.vw import (
    Bag,
    CbType,
    Cover,
    Crossing,
    Crossings,
    Epsilon,
    First,
    Listed,
    RegCb,
    Rnd,
    Softmax,
    SquareCb,
    SynthCover,
    VwSpec,
)
from attune_models.vw_spec import arguments, has_several_regressions
from vw_policies import SPECS, TUNED_SPECS

START = "--cb_explore_adf --cb_type mtr --hash all --bit_precision 18 --learning_rate 1.5"
SMALL_STEPS = START.replace("1.5", "0.5")
BY_ITSELF = "--ignore_linear c --ignore_linear p"
LETTERS = "--ignore_linear A --ignore_linear B --ignore_linear a"
END = "--interactions co --interactions po"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # What stored models were trained with: their headers are compared with those of these arguments.
        (VwSpec(), f"{START} --squarecb --gamma_scale 10.0 --gamma_exponent 0.5 {BY_ITSELF} {END}"),
        (VwSpec(Epsilon()), f"{START} --epsilon 0.1 {BY_ITSELF} {END}"),
        (VwSpec(Softmax()), f"{START} --softmax --lambda 10.0 {BY_ITSELF} {END}"),
        (VwSpec(Epsilon(), Crossings.NONE), f"{START} --epsilon 0.1 {BY_ITSELF}"),
        (VwSpec(Epsilon(), Crossings.CONTEXT_ACTION), f"{START} --epsilon 0.1 {BY_ITSELF} --interactions co"),
        # Several regressions keep the sums of each.
        (VwSpec(Bag()), f"{START} --bag 5 --epsilon 0.05 --per_model_save_load {BY_ITSELF} {END}"),
        (VwSpec(Cover()), f"{START} --cover 3 --psi 1.0 --epsilon 0.05 --per_model_save_load {BY_ITSELF} {END}"),
        (VwSpec(Rnd()), f"{START} --rnd 3 --rnd_alpha 0.1 --epsilon 0.05 --per_model_save_load {BY_ITSELF} {END}"),
        # Costs are rewards with the other sign; the epsilon is not Vowpal Wabbit's.
        (
            VwSpec(RegCb(min_reward=-2.0, max_reward=3.0)),
            f"{SMALL_STEPS} --regcb --mellowness 0.1 --cb_min_cost -3.0 --cb_max_cost 2.0 {BY_ITSELF} {END}",
        ),
        (
            VwSpec(RegCb(optimistic=True)),
            f"{SMALL_STEPS} --regcb --regcbopt --mellowness 0.1 --cb_min_cost -1.0 --cb_max_cost 0.0 {BY_ITSELF} "
            + END,
        ),
        (
            VwSpec(SynthCover()),
            f"{START} --synthcover --synthcoversize 100 --synthcoverpsi 0.1 --epsilon 0.05 {BY_ITSELF} {END}",
        ),
        (VwSpec(First()), f"{START} --first 1000 --epsilon 0.05 {BY_ITSELF} {END}"),
        # What is not at its default is said.
        (VwSpec(Epsilon(), power_t=0.0), f"{START} --epsilon 0.1 {BY_ITSELF} --power_t 0.0 {END}"),
        (VwSpec(Epsilon(), l1=1e-5, l2=0.5), f"{START} --epsilon 0.1 {BY_ITSELF} --l1 1e-05 --l2 0.5 {END}"),
        # A list of crossings: a letter for each set of features, in the order of the list, and no name.
        (
            VwSpec(Epsilon(), Listed((Crossing(("device",), ("price", "topic")), Crossing(("device", "--audit"))))),
            f"{START} --epsilon 0.1 {BY_ITSELF} {LETTERS} --interactions Aa --interactions Bo",
        ),
        (
            VwSpec(Epsilon(), Listed((Crossing(("b", "a"), ("",)), Crossing(("a", "b")))), context_alone=True),
            f"{START} --epsilon 0.1 --ignore_linear A --ignore_linear a --interactions Aa --interactions Ao",
        ),
        # With a half-life, gamma is made to grow by us.
        (VwSpec(half_life=1000.0), f"{START} --squarecb --gamma_scale 10.0 --gamma_exponent 0.0 {BY_ITSELF} {END}"),
        (VwSpec(Epsilon(), half_life=1000.0), f"{START} --epsilon 0.1 {BY_ITSELF} {END}"),
        # Both namespaces of the context are ignored by themselves, unless they are wanted; never in products. Wanted,
        # and with the steps of then, is also what was stored before either could be said.
        (
            VwSpec(Epsilon(), context_alone=True, learning_rate=0.5),
            f"{SMALL_STEPS} --epsilon 0.1 {END}",
        ),
    ],
)
def test_a_spec_has_these_arguments_for_ever(spec: VwSpec, expected: str) -> None:
    assert arguments(spec) == expected


def test_cost_types_and_sizes_are_said() -> None:
    said = arguments(VwSpec(Softmax(), learning_rate=2.0, bits=10, cb_type=CbType.DR))
    assert said.startswith("--cb_explore_adf --cb_type dr --hash all --bit_precision 10 --learning_rate 2.0 ")
    assert "--per_model_save_load" in said


@pytest.mark.parametrize("spec", (SPECS | TUNED_SPECS).values(), ids=SPECS | TUNED_SPECS)
def test_no_argument_names_a_file_or_a_port(spec: VwSpec) -> None:
    word = r"(--[a-z_0-9]+|mtr|ips|dr|all|c|p|co|po|[A-T]|[a-w]|[A-T][a-w]|-?[0-9.e-]+)"
    assert re.fullmatch(f"{word}( {word})*", arguments(spec))


@pytest.mark.parametrize(
    ("spec", "several"),
    [
        (VwSpec(SquareCb()), False),
        (VwSpec(Softmax(), cb_type=CbType.IPS), False),
        (VwSpec(Softmax(), cb_type=CbType.DR), True),  # costs are predicted by a second one
        (VwSpec(Bag()), True),
    ],
)
def test_several_regressions_are_recognised(spec: VwSpec, several: bool) -> None:  # noqa: FBT001 - expected value
    assert has_several_regressions(spec) is several
