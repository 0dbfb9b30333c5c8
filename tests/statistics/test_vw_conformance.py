"""Vowpal Wabbit's own contextual-bandit tests: the installed wheel gives its reference losses and predictions.

Those that our own wrapper can express are played through it as well: what it does below the library's wrapper must not
change a number. The data are third-party and not part of the project: they are looked for beside it, or where
ATTUNE_REFERENCE_DATA says.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import vowpalwabbit

from attune_models.vw import _Model

REFERENCE = Path(os.environ.get("ATTUNE_REFERENCE_DATA", Path(__file__).parents[3] / "shared/data")) / "vw_conformance"
TOLERANCE = 2e-4
# Test -> why the wheel's wrapper cannot run it.
NOT_RUNNABLE = {
    **dict.fromkeys((238, 242, 244), "--flatbuffer: the wheel is built without it"),
    **dict.fromkeys((322, 323, 324), "--onethread: the wheel does not know it"),
    398: "files without -d: the wrapper reads none of them",
    274: "--help: prints and ends the process",
}
# Test -> arguments for our wrapper. Without namespaces of its own, or with the two that are crossed; no option that
# is about files, other formats or other reductions.
EXPRESSIBLE = {
    126: "--cb_explore_adf --epsilon 0.1 --noconstant",
    127: "--cb_explore_adf --softmax --lambda 1 --noconstant",
    128: "--cb_explore_adf --bag 3 --noconstant",
    129: "--cb_explore_adf --first 2 --noconstant",
    136: "--cb_explore_adf --cover 3 --noconstant",
    137: "--cb_explore_adf --cover 3 --cb_type dr --noconstant",
    198: "--cb_explore_adf --softmax --lambda 100000 --noconstant",
    253: "--cb_explore_adf --synthcover --epsilon 0.01 --noconstant",
    428: "--cb_explore_adf --squarecb --epsilon 0.2 --interactions co",
    631: "--cb_explore_adf --regcb --noconstant",
}
# The others are not: other reductions than --cb_explore_adf, other formats than text, files besides the data, passes,
# spin-offs, or (209, 632: --rnd) noise that depends on the names of the namespaces, which are ours.


@dataclass(frozen=True, slots=True)
class Case:
    """One of the tests.

    Attributes:
        number: Its id.
        command: Its arguments.
        loss: Reference, or None.
        prediction: The file of predictions and its reference, or None.
    """

    number: int
    command: str
    loss: float | None
    prediction: tuple[str, str] | None


def cases() -> list[Case]:
    if not REFERENCE.is_dir():
        return []
    results = {each["id"]: each for each in json.loads((REFERENCE / "results_9.11.9.json").read_text())}
    return [_case(test, results[test["id"]]) for test in json.loads((REFERENCE / "tests.json").read_text())]


def _case(test: dict[str, Any], result: dict[str, Any]) -> Case:
    loss = None if result["ref_loss"] in (None, "n.a.") or result["got_loss"] is None else float(result["ref_loss"])
    compared = result["max_pred_diff"] is not None
    return Case(test["id"], test["vw_command"], loss, (result["pred"], result["pred_ref"]) if compared else None)


CASES = cases()
needs_data = pytest.mark.skipif(not CASES, reason=f"the reference data are not at {REFERENCE}")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the commands find their inputs, and may write beside them."""
    place = tmp_path_factory.mktemp("vw")
    for source in (REFERENCE / "test").rglob("*"):
        target = place / source.relative_to(REFERENCE / "test")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            target.symlink_to(source)
    (place / "models").mkdir()
    return place


def average_loss(log: str) -> float | None:
    (said,) = [line.partition("=")[2].split()[0] for line in log.splitlines() if line.startswith("average loss =")][-1:]
    return None if said == "n.a." else float(said)


def numbers(text: str) -> list[float]:
    """Return every number of a file of predictions."""
    return [float(word) for word in re.findall(r"-?[0-9]+\.?[0-9]*(?:e[-+]?[0-9]+)?", text)]


@needs_data
@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=[str(case.number) for case in CASES])
def test_the_wheel_gives_the_reference(
    case: Case, workplace: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the order of their numbers: some go on where an earlier one stopped."""
    if case.number in NOT_RUNNABLE:
        pytest.skip(NOT_RUNNABLE[case.number])
    monkeypatch.chdir(workplace)
    vowpalwabbit.Workspace(case.command).finish()
    # The loss is said nowhere else: the library's own count of examples takes those without a label, too.
    said = capfd.readouterr().err
    if case.loss is not None:
        assert average_loss(said) == pytest.approx(case.loss, abs=TOLERANCE)
    if case.prediction is not None:
        found, expected = (Path(name).read_text() for name in case.prediction)
        assert numbers(found) == pytest.approx(numbers(expected), abs=TOLERANCE)


# --- through our own wrapper


@dataclass(frozen=True, slots=True)
class Round:
    """A situation in a text file: the context's tokens, the actions' tokens, and a label or None."""

    context: str
    actions: list[str]
    chosen: int
    label: str | None


def rounds(path: Path) -> list[Round]:
    return [_round(block.splitlines()) for block in path.read_text().strip().split("\n\n")]


def _round(lines: list[str]) -> Round:
    parts = [line.partition("|") for line in lines]
    shared = [_tokens(rest) for head, _, rest in parts if head.strip() == "shared"]
    actions = [(head.strip(), _tokens(rest)) for head, _, rest in parts if head.strip() != "shared"]
    labelled = [i for i, (label, _) in enumerate(actions) if label]
    chosen = labelled[0] if labelled else 0
    label = actions[chosen][0] or None
    return Round(shared[0] if shared else "", [tokens for _, tokens in actions], chosen, label)


def _tokens(rest: str) -> str:
    # A name that follows the bar at once is that of a namespace.
    return rest.partition(" ")[2].strip()


def expected_predictions(case: Case) -> list[list[float]]:
    """Return probabilities by action of each round; files have the most probable action first."""
    assert case.prediction is not None
    lines = [line for line in (REFERENCE / "test" / case.prediction[1]).read_text().splitlines() if line]
    pairs = [dict(pair.split(":") for pair in line.split(",")) for line in lines]
    return [[float(by_action[str(i)]) for i in range(len(by_action))] for by_action in pairs]


@needs_data
@pytest.mark.parametrize("number", EXPRESSIBLE)
def test_our_wrapper_gives_the_reference(number: int) -> None:
    """Predictions before each step of learning, and the progressive loss: the cost of the draw, by its probability."""
    (case,) = [case for case in CASES if case.number == number]
    model = _Model(EXPRESSIBLE[number], pairs=False)
    predictions = []
    path = REFERENCE / "test" / case.command.split("-d ")[1].split()[0]
    for each in rounds(path):
        predictions.append(model.action_scores(each.context, each.actions))
        if each.label is not None:
            model.learn(each.context, each.actions, each.chosen, each.label)
    if case.prediction is not None:
        expected = expected_predictions(case)
        assert [len(each) for each in predictions] == [len(each) for each in expected]
        for found, reference in zip(predictions, expected, strict=True):
            assert found == pytest.approx(reference, abs=TOLERANCE)
    if case.loss is not None:
        n_labelled = sum(each.label is not None for each in rounds(path))
        assert model.workspace.get_sum_loss() / n_labelled == pytest.approx(case.loss, abs=TOLERANCE)
