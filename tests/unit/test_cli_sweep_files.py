"""Sweep files: what is understood, and that every mistake is shown with its line and field."""

from pathlib import Path

import pytest

from attune.cli import sweep_files
from attune.errors import InvalidInputError

EXAMPLE = """
policy:
  vw: {}
grid:
  vw.exploration:
    - squarecb: {gamma_scale: 10}
    - softmax: {lambda: 5}
  minProbability: [0.01, 0.05]
random:
  vw.learning_rate: {from: 0.1, to: 10, scale: log}
  vw.bits: {from: 14, to: 18}
draws: 3
seed: 7
"""


def write(directory: Path, text: str) -> Path:
    file = directory / "sweep.yaml"
    file.write_text(text)
    return file


def mistakes(directory: Path, text: str) -> list[str]:
    """Return what is said about a file, without its directory."""
    with pytest.raises(InvalidInputError) as refused:
        sweep_files.expand(write(directory, text))
    return [str(violation).removeprefix(f"{directory}/") for violation in refused.value.violations]


def test_a_file_is_expanded_to_policies_with_names(tmp_path: Path) -> None:
    found = sweep_files.expand(write(tmp_path, EXAMPLE))
    assert len(found) == 2 * 2 * 3
    assert found[0].name.startswith("exploration=squarecb(gamma_scale=10) minProbability=0.01 learning_rate=")
    policies = [candidate.policy for candidate in found]
    assert {policy.vw.WhichOneof("exploration") for policy in policies} == {"squarecb", "softmax"}
    assert {policy.min_probability for policy in policies} == {0.01, 0.05}
    assert all(0.1 <= policy.vw.learning_rate <= 10 and 14 <= policy.vw.bits <= 18 for policy in policies)


def test_the_example_in_the_docstring_is_a_sweep_file(tmp_path: Path) -> None:
    lines = (sweep_files.__doc__ or "").split("\n")
    text = "\n".join(line.removeprefix("    ") for line in lines if line.startswith("    "))
    assert len(sweep_files.expand(write(tmp_path, text))) == 2 * 2 * 20


def test_kinds_of_policies_are_tried_against_each_other(tmp_path: Path) -> None:
    text = "grid: {kind: [vw: {}, linear_ucb: {exploration: 2}, popularity: {}]}"
    kinds = [candidate.policy.WhichOneof("kind") for candidate in sweep_files.expand(write(tmp_path, text))]
    assert kinds == ["vw", "linear_ucb", "popularity"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Nothing at all, and nothing to try.
        ("", ["sweep.yaml:1: expected fields (policy, grid, random, draws, seed)"]),
        ("policy: {vw: {}}", ["sweep.yaml:1: expected lists of values under grid, or lists and ranges under random"]),
        # No YAML.
        ("grid: [", ["sweep.yaml:1: not valid YAML: expected the node content, but found '<stream end>'"]),
        # Unknown parts, fields and values.
        ("gird: {}\ngrid: {min_probability: [1]}", ["sweep.yaml:1: unknown field"]),
        ("grid:\n  vw.learning_rat: [1]", ["sweep.yaml:2: grid.vw.learning_rat: unknown field, did"]),
        ("grid:\n  vw.bits:\n  - 16\n  - many", ["sweep.yaml:4: grid.vw.bits: expected a whole number"]),
        ("grid:\n  vw.exploration: [{squarecp: {}}]", ["sweep.yaml:2: grid.vw.squarecp: unknown"]),
        # No list, an empty one, the same twice.
        ("grid: {min_probability: 0.1}", ["sweep.yaml:1: grid.min_probability: expected a list of values"]),
        ("grid: {min_probability: []}", ["sweep.yaml:1: grid.min_probability: expected a list of values"]),
        ("grid: {half_life: [10], half_life: [20]}", ["sweep.yaml:1: grid.half_life: expected each field once"]),
        # Ranges.
        ("random: {half_life: {from: 1}}\ndraws: 1", ["sweep.yaml:1: random.half_life: expected from and to"]),
        ("random: {half_life: {from: 2, to: 1}}\ndraws: 1", ["sweep.yaml:1: random.half_life: expected from to be"]),
        ("random: {half_life: {from: 0, to: 1, scale: log}}\ndraws: 1", ["sweep.yaml:1: random.half_life: expected"]),
        ("random: {half_life: {from: 1, to: 2, scale: cubic}}\ndraws: 1", ["sweep.yaml:1: random.half_life.scale:"]),
        ("random: {half_life: {from: 1, to: 2}}", ["sweep.yaml:1: draws: expected how many times to draw"]),
        ("random: {half_life: {from: 1, to: 2}}\ndraws: 0", ["sweep.yaml:2: draws: expected a whole number from 1"]),
        # What only shows when it is expanded.
        (
            "grid: {vw.squarecb.gamma_scale: [1], vw.exploration: [softmax: {}]}",
            ["sweep.yaml: vw.squarecb.gamma_scale: expected to stay as it is set, but another field undoes it"],
        ),
    ],
)
def test_mistakes_are_named_with_their_line(tmp_path: Path, text: str, expected: list[str]) -> None:
    found = mistakes(tmp_path, text)
    assert len(found) == len(expected)
    assert all(said.startswith(start) for said, start in zip(found, expected, strict=True)), found


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read: No such file"):
        sweep_files.expand(tmp_path / "none.yaml")
