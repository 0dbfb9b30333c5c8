"""Placement files: what is understood, and that every mistake is shown with its line and field."""

import re
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from attune.api.validation import check_placement
from attune.cli import placement_files
from attune.errors import InvalidInputError, Violation
from attune.v1.placement_pb2 import AGGREGATION_FIRST, Placement

ROOT = Path(__file__).parents[2]


def write(directory: Path, text: str, name: str = "shop.yaml") -> Path:
    file = directory / name
    file.write_text(text)
    return file


def mistakes(directory: Path, text: str, name: str = "shop.yaml") -> list[str]:
    """Return what is said about a file, without its directory."""
    with pytest.raises(InvalidInputError) as refused:
        placement_files.read([write(directory, text, name)])
    return [str(violation).removeprefix(f"{directory}/") for violation in refused.value.violations]


def test_the_example_is_what_its_comments_say() -> None:
    (document,) = placement_files.read([ROOT / "examples" / "shop.yaml"])
    expected = {
        "name": "home_hero",
        "policy": {"vw": {}},
        "reward": {
            "window": "600s",
            "outcomes": [
                {"name": "click", "weight": 1, "aggregation": AGGREGATION_FIRST},
                {"name": "conversion", "weight": 5, "aggregation": AGGREGATION_FIRST},
            ],
            "min": 0,
            "max": 6,
        },
        "control": {"share": 0.1, "uniform": {}},
    }
    assert document.placement == ParseDict(expected, Placement())


def test_a_file_may_hold_documents_and_lists_in_snake_case_or_camel_case(tmp_path: Path) -> None:
    text = """
name: one
policy: {min_probability: 0.1}
---
- name: two
  policy: {minProbability: 0.2}
- name: three
  reward: {outcomes: [{name: click}], defaultReward: "-1"}
---
"""
    documents = placement_files.read([write(tmp_path, text)])
    assert [(d.placement.name, d.position, d.lines[""]) for d in documents] == [
        ("one", 0, 2),
        ("two", 1, 5),
        ("three", 2, 7),
    ]
    assert [d.placement.policy.min_probability for d in documents] == [0.1, 0.2, 0.0]
    assert documents[2].placement.reward.default_reward == -1.0


def test_maps_and_nested_specs_are_read(tmp_path: Path) -> None:
    text = """
name: one
policy:
  linear_ucb: {exploration: 0.5, model: {bits: 9, maxOffers: 20, pairs: no}}
  half_life: 1000
  beliefs:
  - context: {categorical: {device: mobile, 1: "2"}, numeric: {on: 3}, tags: {likes: {values: [run]}}}
    offer: {id: free_shipping, features: {dense: {embedding: {values: [0.5, 1]}}}}
    reward: 1
    strength: 20
"""
    (document,) = placement_files.read([write(tmp_path, text)])
    belief = {
        "context": {
            "categorical": {"device": "mobile", "1": "2"},
            "numeric": {"on": 3},
            "tags": {"likes": {"values": ["run"]}},
        },
        "offer": {"id": "free_shipping", "features": {"dense": {"embedding": {"values": [0.5, 1]}}}},
        "reward": 1,
        "strength": 20,
    }
    ucb = {"exploration": 0.5, "model": {"bits": 9, "max_offers": 20, "pairs": False}}
    policy = {"linear_ucb": ucb, "half_life": 1000, "beliefs": [belief]}
    assert document.placement == ParseDict({"name": "one", "policy": policy}, Placement())


def test_a_list_of_crossings_is_read(tmp_path: Path) -> None:
    text = """
name: one
policy:
  vw:
    explicit_crossings:
    - {context: [device], offer: [category]}
    - context: [user, time_of_day]
      offerId: true
"""
    (document,) = placement_files.read([write(tmp_path, text)])
    crossings = [{"context": ["device"], "offer": ["category"]}, {"context": ["user", "time_of_day"], "offer_id": True}]
    assert document.placement == ParseDict(
        {"name": "one", "policy": {"vw": {"explicit_crossings": crossings}}}, Placement()
    )
    assert check_placement(document.placement) is None
    assert document.lines["policy.vw.explicit_crossings[1].offer_id"] == 8


BELIEVING = """\
name: one
policy:
  beliefs:
  - context:
      categorical: {device: mobile, "a.b[c]": x}
      tags:
        likes: {values: [running, yoga]}
    offer:
      id: free_shipping
      features:
        numeric: {price: 0, "big one": 1.5}
        dense: {embedding: {values: [0.5, 1]}}
    reward: 0.3
    strength: 50
"""


def test_beliefs_and_their_features_are_read(tmp_path: Path) -> None:
    (document,) = placement_files.read([write(tmp_path, BELIEVING)])
    expected = {
        "context": {
            "categorical": {"device": "mobile", "a.b[c]": "x"},
            "tags": {"likes": {"values": ["running", "yoga"]}},
        },
        "offer": {
            "id": "free_shipping",
            "features": {
                "numeric": {"price": 0.0, "big one": 1.5},
                "dense": {"embedding": {"values": [0.5, 1.0]}},
            },
        },
        "reward": 0.3,
        "strength": 50,
    }
    assert document.placement == ParseDict({"name": "one", "policy": {"beliefs": [expected]}}, Placement())


def test_the_beliefs_that_are_documented_are_read_and_valid(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "beliefs.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 1
    (document,) = placement_files.read([write(tmp_path, blocks[0])])
    check_placement(document.placement)
    first, second = document.placement.policy.beliefs
    assert (first.offer.id, first.context.categorical["device"], first.strength) == ("free_shipping", "mobile", 50)
    assert not second.HasField("context")


@pytest.mark.parametrize(
    ("good", "bad", "expected"),
    [
        # A value of the wrong type.
        (
            "device: mobile",
            "device: yes",
            '5: placements[0].policy.beliefs[0].context.categorical["device"]: expected text, if need be in quotes',
        ),
        (
            "price: 0",
            "price: cheap",
            '11: placements[0].policy.beliefs[0].offer.features.numeric["price"]: expected a number, got "cheap"',
        ),
        (
            "likes: {values: [running, yoga]}",
            "likes: running",
            '7: placements[0].policy.beliefs[0].context.tags["likes"]: expected fields (values), got "running"',
        ),
        (
            "device: mobile",
            "device: mobile, device: desktop",
            '5: placements[0].policy.beliefs[0].context.categorical["device"]: expected each name once, got it again',
        ),
        (
            'numeric: {price: 0, "big one": 1.5}',
            "numeric: [price]",
            "11: placements[0].policy.beliefs[0].offer.features.numeric: expected names with values, got a list",
        ),
        # A kind of feature that does not exist.
        (
            "numeric: {",
            "number: {",
            '11: placements[0].policy.beliefs[0].offer.features.number: unknown field, did you mean "numeric"?',
        ),
    ],
)
def test_a_mistake_in_features_is_shown_with_its_line(tmp_path: Path, good: str, bad: str, expected: str) -> None:
    (said,) = mistakes(tmp_path, BELIEVING.replace(good, bad))
    assert said.startswith(f"shop.yaml:{expected}")


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ('policy.beliefs[0].context.categorical["a.b[c]"]', 5),  # a name with what paths are made of
        ('policy.beliefs[0].context.tags["likes"]', 7),
        (f'policy.beliefs[0].offer.features.numeric["{"x" * 40}..."]', 11),  # a name that was cut: its kind
        ("policy.beliefs[0].offer.id", 9),
        ("policy.beliefs", 3),
        ("policy.beliefs[0].strength", 14),
    ],
)
def test_what_the_service_refuses_of_a_belief_is_found(tmp_path: Path, field: str, line: int) -> None:
    file = write(tmp_path, BELIEVING)
    (document,) = placement_files.read([file])
    assert document.located(Violation(field, "why")) == Violation(f"{file}:{line}: placements[0].{field}", "why")


def test_parts_may_be_shared_between_placements(tmp_path: Path) -> None:
    text = "- name: one\n  reward: &clicks {window: 5s}\n- name: two\n  reward: *clicks\n"
    one, two = placement_files.read([write(tmp_path, text)])
    assert one.placement.reward == two.placement.reward


def test_json_is_read_with_lines_even_where_it_is_indented_with_tabs(tmp_path: Path) -> None:
    text = '{\n\t"name": "one",\n\t"policy": {\n\t\t"vw": {"bits": 20}}\n}\n'
    (document,) = placement_files.read([write(tmp_path, text, "shop.json")])
    assert document.placement.policy.vw.bits == 20
    assert mistakes(tmp_path, text.replace("bits", "bit"), "shop.json") == [
        'shop.json:4: placements[0].policy.vw.bit: unknown field, did you mean "bits"?'
    ]


def test_json_may_write_any_character_as_an_escape(tmp_path: Path) -> None:
    text = r'{"name": "one", "reward": {"outcomes": [{"name": "\ud83d\ude00 \u00fc"}]}}'
    (document,) = placement_files.read([write(tmp_path, text, "shop.json")])
    assert document.placement.reward.outcomes[0].name == "\N{GRINNING FACE} \N{LATIN SMALL LETTER U WITH DIAERESIS}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names that do not exist: near to one that does, and far from all.
        ("polcy: {}", '1: placements[0].polcy: unknown field, did you mean "policy"?'),
        (
            "policy:\n  vw:\n    epsilonn: {}",
            '3: placements[0].policy.vw.epsilonn: unknown field, did you mean "epsilon"?',
        ),
        (
            "reward:\n  outcomes:\n  - name: click\n  - xyz: 1",
            "4: placements[0].reward.outcomes[1].xyz: unknown field, known are name, weight, aggregation",
        ),
        ("1: x", "1: placements[0].1: unknown field, known are name, policy, reward, control, store_failure"),
        # Values of the wrong type. YAML takes `yes` for true and a date for a date: protobuf wants them as text.
        (
            "name: yes",
            "1: placements[0].name: expected text, if need be in quotes, got true",
        ),
        (
            "name: 2026-01-01",
            '1: placements[0].name: expected text, if need be in quotes, got "2026-01-01"',
        ),
        (
            "policy: {vw: {bits: 1.5}}",
            "1: placements[0].policy.vw.bits: expected a whole number, 0 or more, got 1.5",
        ),
        (
            "policy: {vw: {bits: -1}}",
            "1: placements[0].policy.vw.bits: expected a whole number, 0 or more, got -1",
        ),
        # What looks like a date, and is none.
        ("control: {share: 2026-13-41}", '1: placements[0].control.share: expected a number, got "2026-13-41"'),
        ("control: {share: true}", "1: placements[0].control.share: expected a number, got true"),
        ("control:\n  share:", "2: placements[0].control.share: expected a number, got nothing"),
        ("control: {share: {a: 1}}", "1: placements[0].control.share: expected a number, got fields"),
        (
            "reward:\n  window: 10m",
            '2: placements[0].reward.window: expected seconds in the form "600s", got "10m"',
        ),
        (
            "reward:\n  window: 600",
            '2: placements[0].reward.window: expected seconds in the form "600s", got 600',
        ),
        (
            "store_failure: PANIC",
            "1: placements[0].store_failure: expected one of STORE_FAILURE_ANSWER, STORE_FAILURE_REFUSE, got ",
        ),
        ("reward: {outcomes: click}", '1: placements[0].reward.outcomes: expected a list, got "click"'),
        # Of the kinds written in NumPy: a sub-message, a switch, an enum, and a spelling mistake.
        (
            "policy:\n  linear_ucb:\n    bits: 9",
            "3: placements[0].policy.linear_ucb.bits: unknown field, known are model, exploration, gamma_scale, ",
        ),
        (
            "policy: {linear_ucb: {model: {pairs: 1}}}",
            "1: placements[0].policy.linear_ucb.model.pairs: expected true or false, got 1",
        ),
        (
            "policy: {linear_thompson: {model: 8}}",
            "1: placements[0].policy.linear_thompson.model: expected fields (ridge, bits, offer_bits, max_offers, ",
        ),
        (
            "policy: {popularity: {rewards: GAUSSIAN}}",
            "1: placements[0].policy.popularity.rewards: expected one of REWARD_MODEL_BERNOULLI, REWARD_MODEL_GAUSS",
        ),
        (
            "policy:\n  popularity: {}\n  halflife: 100",
            '3: placements[0].policy.halflife: unknown field, did you mean "half_life"?',
        ),
        (
            "policy:\n  half_life: never",
            '2: placements[0].policy.half_life: expected a number, got "never"',
        ),
        # Lists of messages, with lists in them.
        (
            "policy:\n  vw:\n    explicit_crossings:\n    - context: device",
            '4: placements[0].policy.vw.explicit_crossings[0].context: expected a list, got "device"',
        ),
        (
            "policy:\n  vw:\n    explicit_crossings:\n    - context: [device]\n    - context: [device, 7]",
            "5: placements[0].policy.vw.explicit_crossings[1].context[1]: expected text, if need be in quotes, got 7",
        ),
        (
            "policy: {vw: {explicit_crossings: [{context: [device], offers: [category]}]}}",
            '1: placements[0].policy.vw.explicit_crossings[0].offers: unknown field, did you mean "offer"?',
        ),
        # Maps: names are taken as they are written, values are checked.
        (
            "policy:\n  beliefs:\n  - context:\n      categorical:\n        on: yes",
            '5: placements[0].policy.beliefs[0].context.categorical["on"]: expected text, if need be in quotes, got tr',
        ),
        (
            "policy: {beliefs: [{context: {numeric: {price: cheap}}}]}",
            '1: placements[0].policy.beliefs[0].context.numeric["price"]: expected a number, got "cheap"',
        ),
        (
            "policy: {beliefs: [{context: {tags: {likes: [run, 7]}}}]}",
            '1: placements[0].policy.beliefs[0].context.tags["likes"][1]: expected text, if need be in quotes, go',
        ),
        (
            "policy: {beliefs: [{context: {categorical: [device]}}]}",
            "1: placements[0].policy.beliefs[0].context.categorical: expected names with values, got a list",
        ),
        (
            "policy: {beliefs: [{context: {categorical: {device: a, device: b}}}]}",
            '1: placements[0].policy.beliefs[0].context.categorical["device"]: expected each name once, got it again',
        ),
        (
            "policy: {beliefs: [{context: {categorical: {[device]: a}}}]}",
            "1: placements[0].policy.beliefs[0].context.categorical: expected a name, got a list",
        ),
        # An empty value would mean "absent", and so the default policy: not what was meant.
        (
            "policy:\n  uniform:",
            "2: placements[0].policy.uniform: expected {}, as it has no fields, got nothing",
        ),
        (
            "- home_hero",
            "1: placements[0]: expected fields (name, policy, reward, control, store_failure, log_retention, ",
        ),
        # The same thing twice, and two that exclude each other.
        ("name: a\nname: b", '2: placements[0].name: expected one of a kind, got it besides "name"'),
        (
            "policy:\n  vw: {}\n  uniform: {}",
            '3: placements[0].policy.uniform: expected one of a kind, got it besides "vw"',
        ),
        (
            "- name: a\n- name: b\n- name: a",
            '3: placements[2].name: expected a name of its own, got "a", which is taken in shop.yaml:1',
        ),
        # Not YAML, not text, not there.
        ("name: [a", "1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "name: !!python/name:os.system x",
            "1: not valid YAML: could not determine a constructor for the tag",
        ),
        ("# nothing\n", " expected a placement, got an empty file"),
    ],
)
def test_a_mistake_is_shown_with_its_line_and_field(tmp_path: Path, text: str, expected: str) -> None:
    (said,) = mistakes(tmp_path, text)
    assert said.replace(f"{tmp_path}/", "").startswith(f"shop.yaml:{expected}")


def test_all_mistakes_of_all_files_are_shown_at_once(tmp_path: Path) -> None:
    one = write(tmp_path, "nam: x\npolicy: {vw: {bits: x}}\n", "one.yaml")
    two = write(tmp_path, "name: fine\n", "two.yaml")
    with pytest.raises(InvalidInputError) as refused:
        placement_files.read([one, two, tmp_path / "none.yaml"])
    assert [violation.field.removeprefix(f"{tmp_path}/") for violation in refused.value.violations] == [
        "one.yaml:1: placements[0].nam",
        "one.yaml:2: placements[0].policy.vw.bits",
        "none.yaml",
    ]


@pytest.mark.parametrize(
    ("field", "line", "path"),
    [
        # Said in the file: its own line.
        ("placement.reward.outcomes[1].name", 5, "placements[0].reward.outcomes[1].name"),
        # Not said: the line of the nearest thing around it that is.
        ("placement.reward.outcomes[1].weight", 5, "placements[0].reward.outcomes[1].weight"),
        ("placement.reward.outcomes[7].name", 3, "placements[0].reward.outcomes[7].name"),
        ("placement.reward.window", 2, "placements[0].reward.window"),
        ("placement.policy.vw.bits", 1, "placements[0].policy.vw.bits"),
        ("placement", 1, "placements[0]"),
    ],
)
def test_what_the_service_refuses_is_found_in_the_file(tmp_path: Path, field: str, line: int, path: str) -> None:
    text = "name: one\nreward:\n  outcomes:\n  - name: click\n  - name: click\n"
    file = write(tmp_path, text)
    (document,) = placement_files.read([file])
    assert document.located(Violation(field, "why")) == Violation(f"{file}:{line}: {path}", "why")


@pytest.mark.parametrize(
    ("field", "line"),
    [
        # An entry of a map: its own line, also where its name looks like a step of a path.
        ('numeric["a.b"]', 6),
        ('categorical["x[0]"]', 8),
        # Not said in the file: the line of the map. The service cuts long names.
        ('numeric["other"]', 5),
        ('numeric["aaaaaaaa.aaaaaaa[aaaaaa"aaaaaaaaaaaaaaa..."]', 5),
        ('tags["none"].values[3]', 4),
    ],
)
def test_a_feature_that_the_service_refuses_is_found_in_the_file(tmp_path: Path, field: str, line: int) -> None:
    features = "      numeric:\n        a.b: 1\n      categorical:\n        x[0]: y\n"
    file = write(tmp_path, f"name: one\npolicy:\n  beliefs:\n  - context:\n{features}")
    (document,) = placement_files.read([file])
    path = f"policy.beliefs[0].context.{field}"
    assert document.located(Violation(f"placement.{path}", "why")) == Violation(
        f"{file}:{line}: placements[0].{path}", "why"
    )
