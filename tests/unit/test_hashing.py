"""Features go where they always went: hashes, pairs, and products of context and action."""

import tracemalloc

import numpy as np
import pytest

from attune_models.features import with_slot
from attune_models.hashing import action_sketches, context_sketch, hashed, products


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("device=mobile", (2110398642, -1.0)),  # categorical
        ("interests~run", (2660984849, 1.0)),  # tag
        ("price:", (913672031, 1.0)),  # numeric: the name and the colon
        ("embedding@0:", (3407564105, 1.0)),  # component of a vector
        ("=free_shipping", (3831275391, 1.0)),  # id of an action
        ("name=J%C3%BCrgen \u00fc", (1344844435, 1.0)),  # a pair with letters beyond ASCII
    ],
)
def test_names_go_where_they_always_went(name: str, expected: tuple[int, float]) -> None:
    """Golden: a stored state means something only as long as these numbers stay."""
    assert hashed(name) == expected


def test_a_context_is_its_tokens_the_constant_and_its_pairs() -> None:
    encoded = "age:3.0 device=mobile user=Tom"
    sketch = context_sketch(encoded, pairs=True)
    names = ["age:", "device=mobile", "user=Tom", "device=mobile user=Tom"]
    places, signs = zip(*map(hashed, names), strict=True)
    assert sketch.hashes.tolist() == [0, *places]
    expected = np.array([1.0, signs[0] * np.arcsinh(3.0), *signs[1:]]) / np.sqrt(5)
    assert sketch.values == pytest.approx(expected, rel=1e-15)
    assert context_sketch(encoded, pairs=False).hashes.tolist() == [0, *places[:-1]]


def test_too_many_categorical_features_are_not_paired() -> None:
    def n_tokens(n_features: int) -> int:
        return len(context_sketch(" ".join(f"f{i}=x" for i in range(n_features)), pairs=True).hashes)

    assert [n_tokens(0), n_tokens(10), n_tokens(11)] == [1, 1 + 10 + 45, 1 + 11]


def test_the_slot_is_paired_and_does_not_count_among_the_most() -> None:
    def n_tokens(n_features: int) -> int:
        context = with_slot(" ".join(f"f{i}=x" for i in range(n_features)), 1)
        return len(context_sketch(context, pairs=True).hashes)

    assert [n_tokens(0), n_tokens(10), n_tokens(11)] == [1 + 1, 1 + 11 + 55, 1 + 12]


@pytest.mark.parametrize("n_context", [0, 3, 150])
def test_products_are_those_of_every_pair_of_tokens(n_context: int) -> None:
    """Also where there are so many that they are computed as a convolution: 150 x 100 x 100."""
    context = context_sketch(" ".join(f"c{i}:{i}.5" for i in range(n_context)), pairs=True)
    actions = action_sketches(tuple("=a " + " ".join(f"f{i}{a}=x" for i in range(99)) for a in range(100)))
    expected = np.zeros((100, 64))
    sketch = actions.sketch
    for place, value in zip(context.hashes, context.values, strict=True):
        np.add.at(expected, (actions.rows, (place + sketch.hashes) % 64), value * sketch.values)
    assert products(context, actions, 6) == pytest.approx(expected, abs=1e-12)


def test_what_is_kept_of_long_names_and_values_is_bounded() -> None:
    """Callers choose them: 200 new offers of 50 kB each must not stay in memory."""
    words = " ".join(f"f{i}={'x' * 1000}" for i in range(50))
    actions = [f"=a{i} {words}" for i in range(20)]
    context = " ".join(f"c{i}={'y' * 1000}" for i in range(2))
    products(context_sketch(context, pairs=True), action_sketches(tuple(actions)), 6)  # whatever is kept is kept now
    tracemalloc.start()
    try:
        for turn in range(10):
            new = tuple(f"{action}{turn}" for action in actions)
            products(context_sketch(f"{context}{turn}", pairs=True), action_sketches(new), 6)
        del new
        action_sketches.cache_clear()  # the last few lists, which are few
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000  # of 10 MB that were sent
