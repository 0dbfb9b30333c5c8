"""Grids of policies: what is tried, what it is called, and that draws are within their range and can be repeated."""

from collections import Counter

import numpy as np
import pytest

from attune.errors import InvalidInputError
from attune.evaluation.grid import Axis, Grid, Range, candidates
from attune.v1.placement_pb2 import PolicySpec, VwSpec

SCALE = Axis("vw.squarecb.gamma_scale", ["vw", "squarecb", "gamma_scale"], [1, 10.5])
FLOOR = Axis("min_probability", ["min_probability"], [0.0, 0.05])
EXPLORATION = Axis("vw.exploration", ["vw"], [{"squarecb": {}}, {"softmax": {"lambda": 5}}])


def grid(*axes: Axis, base: PolicySpec | None = None) -> Grid:
    return Grid(base or PolicySpec(), axes, (), 1, 1)


def test_a_grid_is_every_combination_with_what_was_set_as_its_name() -> None:
    found = candidates(grid(SCALE, FLOOR))
    assert [candidate.name for candidate in found] == [
        "gamma_scale=1 min_probability=0.0",
        "gamma_scale=1 min_probability=0.05",
        "gamma_scale=10.5 min_probability=0.0",
        "gamma_scale=10.5 min_probability=0.05",
    ]
    assert found[3].policy.vw.squarecb.gamma_scale == 10.5
    assert found[3].policy.min_probability == 0.05


def test_what_the_base_says_besides_stays_and_zero_is_a_value() -> None:
    base = PolicySpec(vw=VwSpec(bits=14), min_probability=0.3)
    first = candidates(grid(SCALE, FLOOR, base=base))[0].policy
    assert (first.vw.bits, first.min_probability) == (14, 0.0)


def test_of_a_kind_the_last_one_set_takes_the_place_of_the_others() -> None:
    base = PolicySpec()
    base.vw.epsilon.epsilon = 0.2
    found = candidates(grid(EXPLORATION, base=base))
    assert [candidate.name for candidate in found] == ["exploration=squarecb", "exploration=softmax(lambda=5)"]
    assert [candidate.policy.vw.WhichOneof("exploration") for candidate in found] == ["squarecb", "softmax"]


def test_a_field_that_another_one_undoes_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="gamma_scale: expected to stay as it is set"):
        candidates(grid(SCALE, EXPLORATION))


def test_the_same_policy_is_tried_once_and_names_are_unique() -> None:
    twice = Axis("min_probability", ["min_probability"], [0.05, 0.05])
    beliefs = Axis("beliefs", ["beliefs"], [[{"offer": {"id": "a"}}], [{"offer": {"id": "b"}}]])
    assert [candidate.name for candidate in candidates(grid(twice))] == ["min_probability=0.05"]
    assert [candidate.name for candidate in candidates(grid(beliefs))] == ["beliefs=[1]", "beliefs=[1] #2"]


def test_fields_that_end_alike_keep_their_whole_name() -> None:
    other = Axis("linear_ucb.gamma_scale", ["linear_ucb", "gamma_scale"], [3])
    with pytest.raises(InvalidInputError):
        candidates(grid(SCALE, other))  # one policy is not of two kinds
    exponent = Axis("vw.squarecb.gamma_exponent", ["vw", "squarecb", "gamma_exponent"], [0.5])
    assert candidates(grid(SCALE, exponent))[0].name == "gamma_scale=1 gamma_exponent=0.5"


def test_draws_repeat_with_their_seed_and_are_combined_with_the_grid() -> None:
    rate = Axis("vw.learning_rate", ["vw", "learning_rate"], Range(0.1, 10, log=True, whole=False))
    bits = Axis("vw.bits", ["vw", "bits"], [16, 18])
    both = Grid(PolicySpec(), [FLOOR], [rate, bits], 5, 3)
    found = candidates(both)
    assert len(found) == both.combinations == 10
    assert found == candidates(both)
    drawn = [(candidate.policy.vw.learning_rate, candidate.policy.vw.bits) for candidate in found]
    assert drawn[:5] == drawn[5:]
    assert drawn != [
        (candidate.policy.vw.learning_rate, candidate.policy.vw.bits)
        for candidate in candidates(Grid(PolicySpec(), [FLOOR], [rate, bits], 5, 4))
    ]


def test_a_logarithmic_range_is_drawn_evenly_over_its_powers() -> None:
    rng = np.random.default_rng(1)
    drawn = [Range(0.01, 100, log=True, whole=False).draw(rng) for _ in range(4000)]
    assert min(drawn) >= 0.01
    assert max(drawn) <= 100
    # Four powers of ten, a quarter each: 4 standard errors of a count of 1,000 in 4,000 are 4 sqrt(750) = 110.
    counts = Counter(int(np.floor(np.log10(value))) for value in drawn)
    assert all(abs(counts[power] - 1000) < 110 for power in (-2, -1, 0, 1))


def test_whole_numbers_are_drawn_whole_with_both_ends() -> None:
    rng = np.random.default_rng(1)
    assert {Range(2, 4, log=False, whole=True).draw(rng) for _ in range(100)} == {2, 3, 4}


@pytest.mark.parametrize("axes", [(), (Axis("min_probability", ["min_probability"], list(range(10_001))),)])
def test_too_much_is_refused_before_anything_is_made(axes: tuple[Axis, ...]) -> None:
    if axes:
        with pytest.raises(InvalidInputError, match="expected 1 to 10,000 combinations, got 10,001"):
            candidates(grid(*axes))
    else:
        assert [candidate.name for candidate in candidates(grid())] == ["base"]
