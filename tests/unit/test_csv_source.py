"""CSV logs as samples: Open Bandit as it is, and every kind of row that cannot be counted."""

import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from attune.errors import BadLogError, SettingError
from attune.logs.counted import CountedSamples
from attune.logs.csv_mapping import (
    CsvMapping,
    FeatureColumns,
    ListColumn,
    OffersMapping,
    TimeUnit,
    load,
)
from attune.logs.csv_source import CsvSource
from attune.logs.readings import Refused
from attune.logs.samples import Sample
from attune_models.policy import PolicySpec, started
from attune_models.types import Interaction, Situation
from attune_models.vw import VwSpec

ROOT = Path(__file__).parents[2]
OPEN_BANDIT = ROOT.parent / "shared" / "data" / "open_bandit"

MAPPING = CsvMapping(
    action="action",
    propensity="propensity",
    reward="reward",
    offers=OffersMapping(ids=("red", "blue")),
    context=FeatureColumns(("age",), ("device",)),
    event_id="id",
    time="time",
)
HEADER = "id,time,age,device,action,propensity,reward,shown,pmf"
GOOD = {
    "id": "e1",
    "time": "2026-11-21 12:00:00.5+01:00",
    "age": "31",
    "device": "mobile",
    "action": "blue",
    "propensity": "0.25",
    "reward": "1",
    "shown": "red blue",
    "pmf": "0.75 0.25",
}
LISTED = replace(MAPPING, offers=OffersMapping(eligible=ListColumn("shown", " ")), pmf=ListColumn("pmf", " "))


def row(**changed: str) -> str:
    return ",".join((GOOD | changed).values())


def source(tmp_path: Path, *lines: str, mapping: CsvMapping = MAPPING, any_order: bool = False) -> CsvSource:
    (tmp_path / "log.csv").write_text("\n".join([HEADER, *lines, ""]))
    return CsvSource([tmp_path / "log.csv"], mapping, any_order=any_order)


def problems(source: CsvSource) -> list[str]:
    return [str(found).rpartition("log.csv:")[2] for found in source.read() if isinstance(found, Refused)]


@pytest.mark.parametrize(
    ("policy", "campaign"),
    [
        ("random", "men"),
        pytest.param("random", "all", marks=pytest.mark.long),
        pytest.param("random", "women", marks=pytest.mark.long),
        pytest.param("bts", "all", marks=pytest.mark.long),
        pytest.param("bts", "men", marks=pytest.mark.long),
        ("bts", "women"),
    ],
)
def test_open_bandit_is_read_as_its_statistics_say(policy: str, campaign: str) -> None:
    counted = CountedSamples(
        CsvSource([OPEN_BANDIT / policy / campaign], load(ROOT / "examples" / "open-bandit.yaml")), skip_bad=False
    )
    said = json.loads((OPEN_BANDIT / "stats.json").read_text())[f"{campaign}/{policy}"]
    propensities: set[float] = set()
    clicks, actions = 0.0, set()
    for sample in counted:
        (slot,) = sample.slots
        clicks += slot.reward
        propensities.add(slot.propensity)
        actions.add(id(slot.situation.actions))
        assert len(slot.situation.actions) == said["n_items"]
    assert (counted.samples, clicks) == (said["rows"], said["clicks"])
    assert (min(propensities), max(propensities)) == (said["pmin"], said["pmax"])
    assert len(actions) == 1  # encoded once, shared by all rows


def test_a_row_of_open_bandit_is_what_it_says() -> None:
    source = CsvSource([OPEN_BANDIT / "bts" / "men" / "men.csv.gz"], load(ROOT / "examples" / "open-bandit.yaml"))
    sample = next(iter(source.read()))
    assert isinstance(sample, Sample)
    assert (sample.event_id, sample.decided_at_ms, sample.mode, sample.pmfs) == ("0", 1_574_553_663_979, "", ())
    assert sample.where.endswith("men.csv.gz:2")
    (slot,) = sample.slots
    assert (slot.situation.action_ids[slot.chosen], slot.propensity, slot.reward) == ("2", 0.045525, 0.0)
    assert dict(sample.context.categorical)["position"] == "2"
    assert slot.situation.context.startswith("position=2 user_feature_0=cef3390ed299c09874189c387777674a ")
    assert "affinity" not in slot.situation.context  # all 0
    assert slot.situation.actions[0].startswith("=0 item_feature_0:-0.6771831139635117 item_feature_1=c82d13885d8bf7")
    assert 9_000 < source.size_hint < 11_000


def test_a_row_is_a_decision_of_one_slot(tmp_path: Path) -> None:
    found = list(source(tmp_path, row()).read())
    situation = Situation("age:31.0 device=mobile", ["red", "blue"], ["=red", "=blue"])
    assert isinstance(found[0], Sample)
    assert found[0].slots == (Interaction(situation, 1, 0.25, 1.0),)
    assert (found[0].event_id, found[0].decided_at_ms) == ("e1", 1_795_258_800_500)
    assert found[0].pmfs == ()


def test_rows_may_list_their_offers_and_probabilities(tmp_path: Path) -> None:
    lines = [row(), row(shown="[green  blue red]", pmf="[0.5 0.25 0.25]"), row(id="")]
    first, second, _ = source(tmp_path, *lines, mapping=replace(LISTED, propensity=None)).read()
    assert isinstance(first, Sample)
    assert isinstance(second, Sample)
    assert first.pmfs == ([0.75, 0.25],)
    assert second.pmfs == ([0.5, 0.25, 0.25],)
    assert second.slots[0].situation.action_ids == ["green", "blue", "red"]
    assert (second.slots[0].chosen, second.slots[0].propensity) == (1, 0.25)


def test_lists_that_repeat_are_encoded_once(tmp_path: Path) -> None:
    found = list(source(tmp_path, *[row()] * 5, mapping=LISTED).read())
    assert len({id(each.slots[0].situation.actions) for each in found if isinstance(each, Sample)}) == 1
    assert len(found) == 5


def test_offers_of_files_that_were_read_are_not_kept(tmp_path: Path) -> None:
    """A folder may have a file for every day of years."""
    for day in range(6):
        lists = [" ".join(f"{i}-{offer}" for offer in range(200)) for i in range(20)]
        lines = [row(shown=each, action=each.split()[0]) for each in lists]
        (tmp_path / f"{day}.csv").write_text("\n".join([HEADER, *lines, ""]))
    read = CsvSource([tmp_path], replace(LISTED, pmf=None)).read()
    tracemalloc.start()
    held = []
    for n, found in enumerate(read):
        assert isinstance(found, Sample)
        if n % 20 == 19:
            held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] < 1.5 * held[0]


def test_offers_have_the_features_of_a_file_beside_the_log(tmp_path: Path) -> None:
    (tmp_path / "offers.csv").write_text("offer,price,brand\nred,9.5,x\nblue,0,\ngreen,1,y\n")
    features = FeatureColumns(("price",), ("brand",))
    offers = OffersMapping(file="offers.csv", id="offer", features=features, eligible=ListColumn("shown", "|"))
    read = source(tmp_path, row(shown="blue|red"), row(shown="blue|gold"), mapping=replace(MAPPING, offers=offers))
    first, second = CsvSource([tmp_path], replace(MAPPING, offers=offers)).read()  # the file of offers is no log
    assert isinstance(first, Sample)
    assert first.slots[0].situation.actions == ["=blue price:0.0", "=red brand=x price:9.5"]
    assert isinstance(second, Refused)
    assert problems(read) == [f"3: shown: expected offers of {tmp_path / 'offers.csv'}, got 'gold'"]


BAD = [
    ({"propensity": ""}, "propensity: expected a number, got nothing"),
    ({"propensity": "NA"}, "propensity: expected a number, got 'NA'"),
    ({"propensity": "0_1"}, "propensity: expected a number, got '0_1'"),  # to Python it is 1
    ({"propensity": "\u0661"}, "propensity: expected a number, got '\u0661'"),  # the digit 1 of another script
    ({"propensity": "0.5\0"}, "propensity: expected a number, got '0.5\\x00'"),
    ({"propensity": "0"}, "propensity: expected a propensity of more than 0, at most 1, got 0.0"),
    ({"propensity": "1.0000001"}, "propensity: expected a propensity of more than 0, at most 1, got 1.0000001"),
    ({"propensity": "nan"}, "propensity: expected a propensity of more than 0, at most 1, got nan"),
    ({"reward": "nan"}, "reward: expected a reward from -1e6 to 1e6, got nan"),
    ({"reward": "-inf"}, "reward: expected a reward from -1e6 to 1e6, got -inf"),
    ({"reward": ""}, "reward: expected a number, got nothing"),
    ({"action": "green"}, "action: expected the id of one of 2 offers, got 'green'"),
    ({"action": ""}, "action: expected the id of one of 2 offers, got ''"),
    ({"age": "old"}, "age: expected a number, got 'old'"),
    ({"age": "inf"}, 'context.numeric["age"]: expected a number between -1e6 and 1e6, got inf'),
    ({"device": "x" * 300}, 'context.categorical["device"]: expected at most 256 bytes of UTF-8, got 300'),
    ({"time": "yesterday"}, "time: expected a time (iso), got 'yesterday'"),
    ({"time": ""}, "time: expected a time (iso), got nothing"),
    ({"time": "1969-12-31"}, "time: expected a time from 1970 to 9999, got '1969-12-31'"),
    ({"id": ""}, "id: expected 1 to 256 bytes of UTF-8, got 0"),
    ({"id": "x" * 257}, "id: expected 1 to 256 bytes of UTF-8, got 257"),
]
BAD_LISTS = [
    ({"pmf": "0.75 0.250002"}, "pmf: expected a sum of 1 (+-1e-06), got 1.000002"),
    ({"pmf": "0.7 0.2"}, "pmf: expected a sum of 1 (+-1e-06), got 0.8999999999999999"),
    ({"pmf": "1.5 -0.5"}, "pmf: expected probabilities from 0 to 1, got 1.5"),
    ({"pmf": "nan nan"}, "pmf: expected probabilities from 0 to 1, got nan"),
    ({"pmf": "1"}, "pmf: expected a probability for each of 2 offers, got 1"),
    ({"pmf": ""}, "pmf: expected a probability for each of 2 offers, got 0"),
    ({"pmf": "0.75 x"}, "pmf: expected a number, got 'x'"),
    ({"pmf": "0.7 0.3"}, "propensity: expected 0.3, as the distribution says, got 0.25"),
    ({"shown": ""}, "shown: expected 1 to 1000 offers, got 0"),
    ({"shown": "red red blue"}, "shown: expected each offer once, got 'red red blue'"),
    ({"shown": "red " + "x" * 300}, "shown: id: expected at most 256 bytes of UTF-8, got 300"),
    ({"shown": "red green"}, "action: expected the id of one of 2 offers, got 'blue'"),
]


@pytest.mark.parametrize(("changed", "problem"), BAD)
def test_a_bad_cell_is_named_by_row_and_column(tmp_path: Path, changed: dict[str, str], problem: str) -> None:
    assert problems(source(tmp_path, row(), row(**changed), row())) == [f"3: {problem}"]


@pytest.mark.parametrize(("changed", "problem"), BAD_LISTS)
def test_a_bad_list_is_named_by_row_and_column(tmp_path: Path, changed: dict[str, str], problem: str) -> None:
    assert problems(source(tmp_path, row(), row(**changed), row(), mapping=LISTED)) == [f"3: {problem}"]


def test_probabilities_rounded_to_float32_are_taken(tmp_path: Path) -> None:
    ids, pmf = " ".join(f"o{i}" for i in range(7)), " ".join(["0.14285715"] * 7)  # they sum to 1 + 5e-8
    changed = row(shown=ids, action="o3", pmf=pmf, propensity="0.14285715")
    assert problems(source(tmp_path, changed, mapping=LISTED)) == []


def test_a_log_that_goes_back_in_time_is_refused_unless_asked(tmp_path: Path) -> None:
    lines = [row(time=f"2026-11-21T12:00:0{second}") for second in (1, 3, 2, 3)]
    (problem,) = problems(source(tmp_path, *lines))
    assert problem.startswith("4: time: expected 2026-11-21T12:00:03.000+00:00 or later, as in a row before, got 2026-")
    assert problems(source(tmp_path, *lines, any_order=True)) == []


@pytest.mark.parametrize(
    ("unit", "cell"), [(TimeUnit.SECONDS, "1795258800.5"), (TimeUnit.MILLISECONDS, "1795258800500")]
)
def test_times_may_be_numbers(tmp_path: Path, unit: TimeUnit, cell: str) -> None:
    mapping = replace(MAPPING, time_unit=unit)
    none = [row(time=bad) for bad in ("1e400", "nan", "-1", "1_0")]
    found = list(source(tmp_path, row(time=cell), *none, mapping=mapping).read())
    assert isinstance(found[0], Sample)
    assert found[0].decided_at_ms == 1_795_258_800_500
    assert [isinstance(each, Refused) for each in found] == [False, True, True, True, True]


def test_decisions_that_are_there_twice_are_both_there(tmp_path: Path) -> None:
    assert [each.event_id for each in source(tmp_path, row(), row()).read() if isinstance(each, Sample)] == ["e1", "e1"]


def test_rows_without_an_id_are_decisions_of_their_own(tmp_path: Path) -> None:
    read = source(tmp_path, row(), row(), mapping=replace(MAPPING, event_id=None))
    assert [each.event_id for each in read.read() if isinstance(each, Sample)] == [
        f"{tmp_path}/log.csv:2",
        f"{tmp_path}/log.csv:3",
    ]


def test_an_empty_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadLogError, match=r"log.csv: expected at least one decision, got an empty log$"):
        list(CountedSamples(source(tmp_path), skip_bad=False))


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        (replace(MAPPING, reward="rewards"), "reward: expected one column 'rewards', got only 'id', 'time'"),
        (replace(MAPPING, time="t"), "time: expected one column 't'"),
        (replace(MAPPING, context=FeatureColumns(("a",))), "context.numeric: expected one column 'a'"),
        (replace(MAPPING, context=FeatureColumns((), ("a*b",))), "context.categorical: expected columns like 'a\\*b'"),
        (replace(LISTED, pmf=ListColumn("p", " ")), "pmf.column: expected one column 'p'"),
        (replace(MAPPING, offers=OffersMapping(file="offers.csv", id="x")), "offers.csv: expected a CSV file with a h"),
        (replace(MAPPING, offers=OffersMapping(file="bad.csv", id="x")), "bad.csv: offers.id: expected one column 'x'"),
        (replace(MAPPING, offers=OffersMapping(file="bad.csv", id="id")), "bad.csv:3: id: expected an id of its own"),
        (replace(MAPPING, offers=OffersMapping(ids=("",))), "offers.ids: id: expected 1 to 256 bytes of UTF-8"),
        (
            replace(MAPPING, offers=OffersMapping(ids=tuple(map(str, range(1001))))),
            "expected 1 to 1000 offers, got 1001",
        ),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_before_anything_is_read(
    tmp_path: Path, mapping: CsvMapping, problem: str
) -> None:
    (tmp_path / "bad.csv").write_text("id\nred\nred\n")
    with pytest.raises(SettingError, match=problem):
        source(tmp_path, row(), mapping=mapping)


def test_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(SettingError, match="expected"):
            CsvSource([path], MAPPING)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="asks Linux for the memory in use")
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """10,000 samples that were kept would take 20 MB and more."""
    n, offers = 15_000, OffersMapping(ids=tuple(f"o{i}" for i in range(20)))
    lines = [row(id=f"e{i}", age=str(i), device=f"d{i}", action=f"o{i % 20}") for i in range(n)]
    read = CountedSamples(source(tmp_path, *lines, mapping=replace(MAPPING, offers=offers)), skip_bad=False)
    used = [_used_bytes() for i, _ in enumerate(read) if i % 5_000 == 0]
    assert read.samples == n
    # The first 5,000 fill the caches of tokens.
    assert max(used[2:]) - used[1] < 4 << 20


def _used_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_zeros_that_are_omitted_mean_the_same_to_vowpal_wabbit(tmp_path: Path) -> None:
    lines = [row(age=str(i % 3), action=("red", "blue")[i % 2], reward=str(i % 2 * (i % 3))) for i in range(30)]
    learned: list[list[float]] = []
    for omit_zeros in (False, True):
        context = FeatureColumns(("age",), ("device",), omit_zeros=omit_zeros)
        read = source(tmp_path, *lines, mapping=replace(MAPPING, context=context))
        policy = started(PolicySpec(VwSpec()))
        for sample in CountedSamples(read, skip_bad=False):
            learned.append(policy.pmf(sample.slots[0].situation))
            policy.learn(sample.slots[0])
    assert learned[:30] == learned[30:]
    assert len(set(map(tuple, learned))) > 10
