"""Mappings of columns: what is no mapping is refused by file and key."""

from pathlib import Path

import pytest

from attune.errors import SettingError
from attune.logs.csv_mapping import (
    CsvMapping,
    FeatureColumns,
    ListColumn,
    OffersMapping,
    TimeUnit,
    load,
)

GOOD = "{action: a, propensity: p, reward: r, offers: {ids: [x, y]}}"


def test_the_example_says_what_the_columns_of_open_bandit_mean() -> None:
    assert load(Path(__file__).parents[2] / "examples" / "open-bandit.yaml") == CsvMapping(
        action="item_id",
        propensity="propensity_score",
        reward="click",
        offers=OffersMapping(
            file="item_context.csv.gz",
            id="item_id",
            features=FeatureColumns(("item_feature_0",), ("item_feature_1", "item_feature_2", "item_feature_3")),
        ),
        context=FeatureColumns(("user-item_affinity_*",), ("user_feature_*", "position"), omit_zeros=True),
        event_id="",
        time="timestamp",
    )


def test_everything_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "{action: a, pmf: {column: q, separator: ';'}, reward: r, time: t, time_unit: ms, delimiter: \"\\t\", "
        "offers: {eligible: {column: e}}}"
    )
    assert load(tmp_path / "m.yaml") == CsvMapping(
        action="a",
        propensity=None,
        reward="r",
        offers=OffersMapping(eligible=ListColumn("e", " ")),
        time="t",
        time_unit=TimeUnit.MILLISECONDS,
        pmf=ListColumn("q", ";"),
        delimiter="\t",
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "action: expected a text, got none"),
        ("[a]", "expected keys and values, got ['a']"),
        ("{action: [", "expected YAML, got: "),
        (GOOD.replace("reward", "rewards"), "rewards: expected no such key, but one of action, "),
        (GOOD.replace("r,", "1,"), "reward: expected a text, got 1"),
        (GOOD.replace("propensity: p, ", ""), "propensity: expected a column, or `pmf`, got none"),
        (GOOD.replace("ids: [x, y]", ""), "offers: expected `ids`, `file` or `eligible`, got none"),
        (GOOD.replace("x, y", "1, 2"), "offers.ids: expected a list of texts, got [1, 2]"),
        (GOOD.replace("x, y", "x, x"), "offers.ids: expected ids of their own, got ['x', 'x']"),
        (GOOD.replace("ids: [x, y]", "file: f"), "offers.id: expected a text, got none"),
        (
            GOOD.replace("ids: [x, y]", "ids: [x], file: f, id: i"),
            "offers.ids: expected nothing beside `file`, got ['x']",
        ),
        (GOOD.replace("ids: [x, y]", "ids: [x], id: i"), "offers.id: expected no such key, but one of eligible, ids"),
        (GOOD.replace("ids: [x, y]", "eligible: {colum: e}"), "offers.eligible.colum: expected no such key, but"),
        (GOOD.replace("ids: [x, y]", "eligible: {column: e, separator: ''}"), "offers.eligible.separator: expected a"),
        (GOOD[:-1] + ", delimiter: ''}", "delimiter: expected one character"),
        (GOOD[:-1] + ", time_unit: days}", "time_unit: expected one of iso, s, ms, got 'days'"),
        (GOOD[:-1] + ", context: {omit_zeros: 1}}", "context.omit_zeros: expected true or false, got 1"),
        (GOOD[:-1] + ", context: {numbers: [x]}}", "context.numbers: expected no such key, but one of categorical, "),
    ],
)
def test_what_is_no_mapping_is_refused_by_file_and_key(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "m.yaml"
    file.write_text(text)
    with pytest.raises(SettingError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: {problem}")


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "garbage.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingError, match="expected UTF-8 text"):
        load(tmp_path / "garbage.yaml")
    (tmp_path / "control.yaml").write_bytes(b"\x00\x01")
    with pytest.raises(SettingError, match="expected YAML"):
        load(tmp_path / "control.yaml")
