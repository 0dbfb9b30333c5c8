"""DSJSON that Vowpal Wabbit itself reads: as many actions as there were, the right label on the right one."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any

import pytest
import vowpalwabbit
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.logs.dsjson import interaction_line, late_line
from attune.logs.rows import SlotRow, rows_of
from attune.storage.v1.records_pb2 import DecisionRecord, OutcomeRecord
from attune.store.log_entries import LoggedInteraction, RecordedOutcome
from attune.store.training_log import LateEntry, recorded_elsewhere
from attune.v1.features_pb2 import Features, Offer
from attune_models.rewards import RewardSpec
from strategies import NAME, TEXT, features
from training_logs import decision

ARGUMENTS = "--dsjson --cb_explore_adf --interactions co --hash all"
LATE = LateEntry("6-0", "e", recorded_elsewhere("refund", 7, OutcomeRecord(name="refund", value=-3.0)))


@pytest.fixture(scope="module")
def reader() -> Iterator["Reader"]:
    """Vowpal Wabbit, as somebody would start it who has no attune."""
    opened = Reader(vowpalwabbit.Workspace(f"{ARGUMENTS} --quiet"))
    yield opened
    opened.vw.finish()


@dataclass(frozen=True, slots=True)
class Reader:
    """Vowpal Wabbit. Hypothesis would call methods of a workspace that is an argument itself."""

    vw: Any


def written(row: SlotRow) -> str:
    return json.dumps(interaction_line("home", row))


def check_reading(reader: Reader, row: SlotRow) -> None:
    """Check that Vowpal Wabbit sees in a line what was decided."""
    vw = reader.vw
    examples = vw.parse(written(row))
    try:
        left = [i for i in range(len(row.offers)) if i not in {*row.drawn, *row.withdrawn}]
        assert len(examples) == 1 + len(left)
        labelled = [i for i, example in enumerate(examples[1:]) if example.get_cbandits_num_costs()]
        assert labelled == [left.index(row.chosen)]
        example = examples[1 + labelled[0]]
        # Vowpal Wabbit reads float32.
        assert example.get_cbandits_cost(0) == pytest.approx(-row.reward, rel=1e-6)
        assert example.get_cbandits_probability(0) == pytest.approx(row.pmf[row.chosen], rel=1e-6)
        assert example.get_cbandits_class(0) == labelled[0] + 1
        vw.learn(examples)
    finally:
        vw.finish_example(examples)


def entry(made: DecisionRecord, outcomes: Sequence[RecordedOutcome] = ()) -> LoggedInteraction:
    return LoggedInteraction("5-1", made, list(outcomes))


def test_vowpal_wabbit_reads_what_was_decided(reader: Reader) -> None:
    rng = Random(3)
    for i in range(100):
        made = decision(f"e{i}", rng)
        click = OutcomeRecord(name="click", value=rng.uniform(-9, 9), slot=len(made.later_slots))
        rows = rows_of(entry(made, [recorded_elsewhere("click", 1, click)]), RewardSpec())
        assert [row.reward for row in rows] == [0.0, click.value][-len(rows) :]
        for row in rows:
            check_reading(reader, row)


@given(features(), st.lists(st.tuples(NAME, features()), min_size=1, max_size=4, unique_by=itemgetter(0)), TEXT)
@settings(max_examples=50, deadline=None)
def test_no_name_or_value_changes_what_vowpal_wabbit_reads(
    reader: Reader, context: Features, known: list[tuple[str, Features]], event_id: str
) -> None:
    offers = [Offer(id=offer_id, features=of_offer) for offer_id, of_offer in known]
    made = DecisionRecord(
        event_id=event_id,
        context=context.SerializeToString(),
        offers=[offer.SerializeToString() for offer in offers],
        pmf=[1 / len(offers)] * len(offers),
        chosen=len(offers) - 1,
    )
    for row in rows_of(entry(made), RewardSpec()):
        check_reading(reader, row)


def test_the_chosen_offer_comes_first() -> None:
    made = decision("e", Random(1))
    line = interaction_line("home", rows_of(entry(made), RewardSpec())[0])
    assert line["a"][0] == line["_label_Action"] == line["_labelIndex"] + 1 == made.chosen + 1
    assert sorted(line["a"]) == [1, 2, 3, 4]
    assert [line["p"][line["a"].index(i + 1)] for i in range(4)] == list(made.pmf)
    assert line["_label_probability"] == line["p"][0] == made.pmf[made.chosen]
    assert line["_label_cost"] == 0.0
    assert str(line["_label_cost"]) == "0.0", "a reward of 0 is no cost of -0"


def test_a_late_outcome_is_a_dangling_observation() -> None:
    line = late_line("home", LATE)
    assert (line["RewardValue"], line["EventId"], line["outcome_id"]) == (-3.0, "e", "refund")


def test_whole_files_are_read_by_vowpal_wabbits_own_driver(tmp_path: Path) -> None:
    rng = Random(5)
    rows = [row for i in range(50) for row in rows_of(entry(decision(f"e{i}", rng)), RewardSpec())]
    for row in rows[::4]:
        row.decision.withheld = True  # it is told to skip these
    lines = [written(row) for row in rows]
    lines[10:10] = [json.dumps(late_line("home", LATE))] * 5  # it skips what is no decision
    path = tmp_path / "log.dsjson"
    path.write_text("".join(f"{line}\n" for line in lines))
    vw = vowpalwabbit.Workspace(f"{ARGUMENTS} --quiet -d {path}")
    vw.run_parser()
    assert vw.get_weighted_examples() == sum(not row.decision.withheld for row in rows) < len(rows)
    vw.finish()
