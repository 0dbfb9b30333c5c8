"""A model file is accepted when a real policy wrote it, and refused when a single number in it is damaged."""

import math
import struct
from dataclasses import replace

import numpy as np
import pytest

from attune_models.types import Interaction, PolicyError
from attune_models.vw import Crossings, Epsilon, First, VwPolicy, VwSpec
from attune_models.vw_file import read_count
from vw_policies import bits_of, every_spec, interactions, situation_for, trained

RECORD = 16
GRADIENTS = 1


def with_number(state: bytes, number: float, which: int, record: int = -1) -> bytes:
    """Return a model file in which one number is replaced.

    Weights stand at the end of the file: index, weight, sum of squared gradients, scale; four bytes each.
    """
    start = len(state) + RECORD * record
    numbers = list(struct.unpack("<Ifff", state[start : start + RECORD]))
    numbers[1 + which] = number
    return state[:start] + struct.pack("<Ifff", *numbers) + state[start + RECORD :]


@every_spec
@pytest.mark.parametrize("n_rounds", [0, 1, 37, 400])
def test_what_a_policy_writes_is_read(spec: VwSpec, n_rounds: int) -> None:
    policy, taken_up = trained(spec, n_rounds), VwPolicy(spec)
    taken_up.loads(policy.dumps())
    assert bits_of(taken_up, 20) == bits_of(policy, 20)


@every_spec
def test_the_records_at_the_end_are_the_weights(spec: VwSpec) -> None:
    """Their positions grow, and squares and scales are not negative: no byte is taken for something else."""
    state = trained(spec).dumps()
    weights_bytes = len(state) - len(VwPolicy(spec).dumps())
    # A random state in the header takes up to three records more.
    n_records = weights_bytes // RECORD - 3
    records = np.frombuffer(state[-n_records * RECORD :], "<u4,<f4,<f4,<f4")
    assert len(records) > 30
    assert (np.diff(records["f0"].astype(np.int64)) > 0).all()
    assert (records["f2"] >= 0).all()
    assert (records["f3"] >= 0).all()
    assert np.abs(records["f1"]).max() < 100


@every_spec
@pytest.mark.parametrize(
    ("poison", "record"),
    [
        # Each kind of number at each place at once; each at the other place, too, in the long run.
        (math.nan, -30),
        (-math.inf, -1),
        pytest.param(math.nan, -1, marks=pytest.mark.long),
        pytest.param(-math.inf, -30, marks=pytest.mark.long),
    ],
)
def test_a_number_that_is_not_one_is_refused(spec: VwSpec, poison: float, record: int) -> None:
    """Be it a weight, the sum of its squared gradients, or its scale."""
    policy = trained(spec)
    state, predicted = policy.dumps(), bits_of(policy, 20)
    for which in range(3):
        with pytest.raises(PolicyError, match="expected finite weights"):
            policy.loads(with_number(state, poison, which, record))
        assert bits_of(policy, 20) == predicted, which
    for which in range(3):
        policy.loads(with_number(state, 0.5, which, record))


@pytest.mark.parametrize("which", [0, 2], ids=["weight", "scale"])
def test_an_infinite_weight_or_scale_is_refused(which: int) -> None:
    policy = trained(VwSpec())
    with pytest.raises(PolicyError, match="expected finite weights"):
        policy.loads(with_number(policy.dumps(), math.inf, which))


def test_an_endless_sum_of_squared_gradients_is_no_damage() -> None:
    """Rewards and features at the limits of the contract add up to it; the weight of it does not move any more."""
    spec = VwSpec(Epsilon(), bits=12)
    policy, taken_up = VwPolicy(spec), VwPolicy(spec)
    policy.loads(with_number(trained(spec).dumps(), math.inf, GRADIENTS))
    for interaction in interactions(50):
        policy.learn(interaction)
    taken_up.loads(policy.dumps())
    assert bits_of(taken_up) == bits_of(policy)
    assert math.fsum(policy.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


@every_spec
def test_a_file_that_ends_within_a_weight_is_refused(spec: VwSpec) -> None:
    state = trained(spec, 50).dumps()
    for n_bytes in (1, 4, 15, 17):
        with pytest.raises(PolicyError, match="expected a model file of whole weights, got "):
            VwPolicy(spec).loads(state[:-n_bytes])


@every_spec
def test_less_than_a_header_is_refused(spec: VwSpec) -> None:
    for state in (b"", b"garbage" * 9, VwPolicy(spec).dumps()[:100]):
        with pytest.raises(PolicyError, match="expected a model file of whole weights, got "):
            VwPolicy(spec).loads(state)


@every_spec
def test_a_policy_goes_on_after_a_damaged_file(spec: VwSpec) -> None:
    policy = trained(spec, 50)
    with pytest.raises(PolicyError):
        policy.loads(with_number(policy.dumps(), math.nan, 0))
    policy.learn(Interaction(situation_for("1"), 0, 0.5, 1.0))
    assert math.fsum(policy.pmf(situation_for("1"))) == pytest.approx(1.0, abs=1e-12)


# --- what an exploration counts


@pytest.mark.parametrize("n_rounds", [0, 1, 37, 300])
@pytest.mark.parametrize("spec", [VwSpec(), VwSpec(bits=10, power_t=0.25, l1=1e-6), VwSpec(crossings=Crossings.NONE)])
def test_interactions_are_counted_in_the_header(spec: VwSpec, n_rounds: int) -> None:
    """By SquareCB those learned from; by First those that are still to be uniform, down to none."""
    assert count_of(spec, n_rounds) == n_rounds
    assert count_of(replace(spec, exploration=First(100)), n_rounds) == max(0, 100 - n_rounds)


def count_of(spec: VwSpec, n_rounds: int) -> int:
    return read_count(trained(spec, n_rounds).dumps(), len(VwPolicy(spec).dumps()))


@pytest.mark.parametrize("state", [b"", b"garbage" * 100, b" --options", b"\xff\xff\xff\xff --options" + bytes(400)])
def test_a_header_without_a_count_is_refused(state: bytes) -> None:
    with pytest.raises(PolicyError, match="expected "):
        read_count(state, 417)
