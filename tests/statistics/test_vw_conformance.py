"""Vowpal Wabbit's own contextual-bandit tests: the installed wheel gives its reference losses and predictions.

Those that our own wrapper can express are played through it as well: what it does below the library's wrapper must not
change a number. Why it cannot express the others is said of each in `vw_not_expressible`. The data are third-party and
not part of the project: they are looked for beside it, or where ATTUNE_REFERENCE_DATA says.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import vowpalwabbit

from attune_models.types import Pmf
from attune_models.vw_model import VwModel
from vw_not_expressible import NOT_EXPRESSIBLE

REFERENCE = Path(os.environ.get("ATTUNE_REFERENCE_DATA", Path(__file__).parents[3] / "shared/data")) / "vw_conformance"
TOLERANCE = 2e-4
# Test -> why the wheel's wrapper cannot run it.
NOT_RUNNABLE = {
    **dict.fromkeys((238, 242, 244), "--flatbuffer: the wheel is built without it"),
    **dict.fromkeys((322, 323, 324), "--onethread: the wheel does not know it"),
    398: "files without -d: the wrapper reads none of them",
    274: "--help: prints and ends the process",
}
# Test -> arguments for our wrapper. What is left out says where to read and what to print.
EXPRESSIBLE = {
    126: "--cb_explore_adf --epsilon 0.1 --noconstant",
    127: "--cb_explore_adf --softmax --lambda 1 --noconstant",
    128: "--cb_explore_adf --bag 3 --noconstant",
    129: "--cb_explore_adf --first 2 --noconstant",
    133: "--cb_explore_adf --epsilon 0.05",
    136: "--cb_explore_adf --cover 3 --noconstant",
    137: "--cb_explore_adf --cover 3 --cb_type dr --noconstant",
    198: "--cb_explore_adf --softmax --lambda 100000 --noconstant",
    249: "--cb_explore_adf --cover 3 --noconstant",
    251: "--cb_explore_adf --cover 3 --epsilon 0.5",
    253: "--cb_explore_adf --synthcover --epsilon 0.01 --noconstant",
    301: "--cb_explore_adf --epsilon 0.1 --noconstant",
    305: "--cb_explore_adf",
    312: "--cb_explore_adf --squarecb --interactions co",
    318: "--cb_explore_adf --first 130 --interactions co",
    320: "--cb_explore_adf --regcb --mellowness .001 --interactions co",
    376: "--cb_explore_adf --noconstant",
    428: "--cb_explore_adf --squarecb --epsilon 0.2 --interactions co",
    502: "--cb_explore_adf --cover 3 --noconstant",
    533: "--cb_explore_adf --epsilon 0.2 --noconstant --bit_precision 7",
    606: "--cb_explore_adf --cover 3",
    607: "--cb_explore_adf --synthcover",
    628: "--cb_explore_adf --bag 3 --noconstant",
    631: "--cb_explore_adf --regcb --noconstant",
    634: "--cb_explore_adf --cover 3 --cb_type dr --noconstant",
    635: "--cb_explore_adf --cover 3 --cb_type ips --noconstant",
    637: "--cb_explore_adf --cover 3 --noconstant",
}
# Test -> the one that leaves the model behind, which is only asked here (-t).
RESUMED = {250: 249, 252: 251, 313: 312, 319: 318, 321: 320, 638: 637}


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
    parts = [line.partition("|") for line in lines if line.strip()]
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


def case_of(number: int) -> Case:
    """Return the test with this id."""
    (case,) = [case for case in CASES if case.number == number]
    return case


def rounds_of(case: Case) -> list[Round]:
    """Return the data of a test."""
    return rounds(REFERENCE / "test" / case.command.split("-d ")[1].split()[0])


def played(model: VwModel, data: list[Round], *, learning: bool) -> list[Pmf]:
    """Return the predictions of each round before it is learned from, if it is."""
    predictions = []
    for each in data:
        predictions.append(model.action_scores(each.context, each.actions))
        if learning and each.label is not None:
            model.learn(each.context, each.actions, each.chosen, each.label)
    return predictions


def progressive_loss(data: list[Round], predictions: list[Pmf]) -> float:
    """Return the mean cost of the draws by importance weighting: `cost / propensity x p(chosen)`."""
    losses = []
    for each, pmf in zip(data, predictions, strict=True):
        if each.label is not None:
            _, cost, propensity = map(float, each.label.split(":"))
            losses.append(cost / propensity * pmf[each.chosen])
    return sum(losses) / len(losses)


def check_predictions(case: Case, predictions: list[Pmf]) -> None:
    """Compare with the file of the reference, where there is one."""
    if case.prediction is None:
        return
    expected = expected_predictions(case)
    assert [len(each) for each in predictions] == [len(each) for each in expected]
    for found, reference in zip(predictions, expected, strict=True):
        assert found == pytest.approx(reference, abs=TOLERANCE)


@needs_data
@pytest.mark.parametrize("number", EXPRESSIBLE)
def test_our_wrapper_gives_the_reference(number: int) -> None:
    """Predictions before each step of learning, and the progressive loss: as the library counts it, and by formula."""
    case, model = case_of(number), VwModel(EXPRESSIBLE[number], pairs=False)
    data = rounds_of(case)
    predictions = played(model, data, learning=True)
    check_predictions(case, predictions)
    counted = model.workspace.get_sum_loss() / sum(each.label is not None for each in data)
    assert counted == pytest.approx(case.loss, abs=TOLERANCE)
    assert progressive_loss(data, predictions) == pytest.approx(case.loss, abs=TOLERANCE)


@needs_data
@pytest.mark.parametrize("number", RESUMED)
def test_our_wrapper_gives_the_reference_from_a_model_that_was_put_away(number: int, tmp_path: Path) -> None:
    earlier, case = RESUMED[number], case_of(number)
    model, path = VwModel(EXPRESSIBLE[earlier], pairs=False), tmp_path / "model"
    played(model, rounds_of(case_of(earlier)), learning=True)
    path.write_bytes(model.save())
    taken_up = VwModel(f"{EXPRESSIBLE[earlier]} --initial_regressor {path}", pairs=False)
    data = rounds_of(case)
    predictions = played(taken_up, data, learning=False)
    check_predictions(case, predictions)
    assert progressive_loss(data, predictions) == pytest.approx(case.loss, abs=TOLERANCE)


@needs_data
def test_every_test_is_played_through_our_wrapper_or_has_a_reason() -> None:
    """Each id is in exactly one of the lists."""
    listed = sorted([*EXPRESSIBLE, *RESUMED, *NOT_EXPRESSIBLE])
    assert listed == sorted(case.number for case in CASES)
    assert all(NOT_EXPRESSIBLE.values())
