"""Vowpal Wabbit's state is whole: recovered bit by bit, and refused when it is damaged."""

import math
import struct

import pytest

from attune_models.types import PolicyError
from attune_models.vw import Exploration, Softmax, VwPolicy, VwSpec
from paired_users import (
    SMALL,
    bits_of,
    every_exploration,
    interactions,
    situation_for,
    trained,
)


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
