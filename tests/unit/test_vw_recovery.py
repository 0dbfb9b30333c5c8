"""A policy that is put away and taken up again goes on as if nothing had happened, bit for bit.

The pmf of an epsilon-greedy policy says little about its weights, so the model files are compared, too.
"""

from dataclasses import replace

import pytest

from attune_models.types import Interaction
from attune_models.vw import VwPolicy, VwSpec
from attune_models.vw_spec import arguments
from vw_policies import EXPLORATIONS, SPECS, bits_of, every_spec, interactions, situation_for

LONGEST = 5_000
LOG = list(interactions(2 * LONGEST))
SEVERAL_REGRESSIONS = ["bag mtr", "bag ips", "bag dr", "cover mtr", "rnd mtr", "softmax dr"]


def learned(policy: VwPolicy, log: list[Interaction]) -> VwPolicy:
    for interaction in log:
        policy.learn(interaction)
    return policy


@every_spec
@pytest.mark.parametrize("half", [1_000, pytest.param(LONGEST, marks=pytest.mark.long)])
def test_a_recovered_policy_is_bit_equal_to_an_uninterrupted_one(spec: VwSpec, half: int) -> None:
    uninterrupted, recovered = VwPolicy(spec), VwPolicy(spec)
    learned(uninterrupted, LOG[:half])
    recovered.loads(uninterrupted.dumps())
    assert recovered.dumps() == uninterrupted.dumps()
    assert bits_of(recovered) == bits_of(uninterrupted)
    learned(uninterrupted, LOG[half : 2 * half])
    # What is decided in between changes nothing.
    for interaction in LOG[half : 2 * half]:
        recovered.pmf(interaction.situation)
        recovered.learn(interaction)
    assert bits_of(recovered) == bits_of(uninterrupted)
    assert weights(recovered) == weights(uninterrupted)


def weights(policy: VwPolicy) -> bytes:
    """Return the end of the model file: predicting moves a counter in its header."""
    return policy.dumps()[-16 * 50 :]


@every_spec
def test_identical_runs_give_identical_bytes_interrupted_or_not(spec: VwSpec) -> None:
    first, second, interrupted = VwPolicy(spec), VwPolicy(spec), VwPolicy(spec)
    learned(first, LOG[:200])
    interrupted.loads(learned(second, LOG[:77]).dumps())
    learned(second, LOG[77:200])
    learned(interrupted, LOG[77:200])
    assert first.dumps() == second.dumps() == interrupted.dumps()


@pytest.mark.parametrize("cut", [1, 99, 100, 101])
def test_the_uniform_phase_of_first_is_not_begun_anew(cut: int) -> None:
    spec = VwSpec(EXPLORATIONS["first"], bits=12)
    uninterrupted, recovered = learned(VwPolicy(spec), LOG[:cut]), VwPolicy(spec)
    recovered.loads(uninterrupted.dumps())
    for interaction in LOG[cut:110]:
        assert recovered.pmf(interaction.situation) == uninterrupted.pmf(interaction.situation)
        recovered.learn(interaction)
        uninterrupted.learn(interaction)


@every_spec
def test_a_policy_that_forgets_is_recovered_at_any_cut(spec: VwSpec) -> None:
    """Between two discounts, just before, at and just after one; a period is 50 interactions here."""
    spec = replace(spec, half_life=100.0)
    uninterrupted = VwPolicy(spec)
    states = {}
    for n_learned, interaction in enumerate(LOG[:130], start=1):
        uninterrupted.learn(interaction)
        states[n_learned] = uninterrupted.dumps() if n_learned in {49, 50, 51, 77} else b""
    expected, predicted = uninterrupted.dumps(), bits_of(uninterrupted, 30)
    for cut in filter(states.get, states):
        recovered = VwPolicy(spec)
        recovered.loads(states[cut])
        assert recovered.dumps() == states[cut]
        learned(recovered, LOG[cut:130])
        assert recovered.dumps() == expected
        assert bits_of(recovered, 30) == predicted


# --- why it is so, and what is not offered


@pytest.mark.parametrize("name", SEVERAL_REGRESSIONS)
def test_without_the_sums_of_each_regression_a_recovered_policy_goes_astray(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason for `--per_model_save_load`: Vowpal Wabbit writes the sums of the first regression only."""
    spec = SPECS[name]
    assert "--per_model_save_load" in arguments(spec)
    monkeypatch.setattr("attune_models.vw.arguments", lambda spec: arguments(spec).replace("--per_model_save_load", ""))
    uninterrupted, recovered = VwPolicy(spec), VwPolicy(spec)
    recovered.loads(learned(uninterrupted, LOG[:300]).dumps())
    assert recovered.dumps() == uninterrupted.dumps(), "all that is written is read"
    learned(uninterrupted, LOG[300:600])
    learned(recovered, LOG[300:600])
    assert weights(recovered) != weights(uninterrupted)


@pytest.fixture
def shortlisting(monkeypatch: pytest.MonkeyPatch) -> VwPolicy:
    """A trained policy with `--large_action_space`, which explores among a shortlist of 3 actions."""
    option = "--large_action_space --max_actions 3"
    monkeypatch.setattr("attune_models.vw.arguments", lambda spec: f"{arguments(spec)} {option}")
    return learned(VwPolicy(VwSpec(EXPLORATIONS["epsilon"], bits=12)), LOG[:200])


def test_a_large_action_space_is_not_offered_because_most_offers_get_probability_0(shortlisting: VwPolicy) -> None:
    """Nothing is ever learned about them, and importance weighting has a bias."""
    assert shortlisting.pmf(situation_for("1", 1000)).count(0.0) >= 990


def test_a_large_action_space_is_not_offered_because_it_answers_differently_each_time(shortlisting: VwPolicy) -> None:
    """The shortlist comes from a decomposition whose rounding depends on where the numbers lie in memory."""
    answers = set()
    for _ in range(12):
        answers.add(tuple(shortlisting.pmf(situation_for("1", 1000))))
        shortlisting.pmf(situation_for("2", 1000))
        shortlisting.pmf(situation_for("1", 5))
    if len(answers) == 1:
        pytest.skip("on this machine, this once, the answers are the same")
    assert len(answers) > 1
