"""What decisions are told about a customer: names, numbers at any time, and what is left out where there is no room."""

import pytest

from attune.serving.profile import DAY_MS, ProfileRules, fold
from attune.serving.profile_features import MAX_PROFILE_FEATURES, known_features, stage, tell
from attune.storage.v1.records_pb2 import CustomerRecord
from attune.v1.customer_service_pb2 import Activity, Preferences
from attune.v1.features_pb2 import Features
from attune_models.features import MAX_FEATURES, encode
from messages import features

RULES = ProfileRules()
NOW_MS = 1_800_000_000_000


def profile(*done: tuple[str, float], rules: ProfileRules = RULES) -> CustomerRecord:
    """Return the profile of someone who did these things, so many days ago."""
    record = CustomerRecord()
    for name, days_ago in done:
        assert fold(record, Activity(name=name), NOW_MS - round(days_ago * DAY_MS), rules) == ""
    return record


def size(told: Features) -> int:
    return len(told.numeric) + len(told.categorical) + sum(len(told.tags[name].values) for name in told.tags)


def shopper() -> CustomerRecord:
    """Someone who came three times and filled the cart."""
    record = CustomerRecord()
    shoes = features(numeric={"value": 40.0}, categorical={"category": "shoes"}, tags={"colour": ["red", "blue"]})
    hat = features(numeric={"value": 9.5}, categorical={"category": "hats"}, tags={"colour": ["red"]})
    for name, channel, what, days_ago in (
        ("page_view", "web", Features(), 30),
        ("page_view", "app", Features(), 7),
        ("page_view", "web", Features(), 1),
        ("cart_add", "web", shoes, 1),
        ("cart_add", "web", hat, 1),
    ):
        activity = Activity(name=name, channel=channel, features=what)
        assert fold(record, activity, NOW_MS - days_ago * DAY_MS, RULES) == ""
    record.preferences.CopyFrom(
        Preferences(
            interests=["running", "yoga"],
            channels=["email"],
            less_of_categories=["toys"],
            unwanted_channels=["sms"],
            answers=features(numeric={"age": 40.0}, categorical={"size": "L"}, tags={"sports": ["a", "b"]}),
        )
    )
    return record


def test_a_decision_is_told_what_was_seen_and_what_was_said() -> None:
    told = known_features(shopper(), NOW_MS, RULES)
    assert dict(told.numeric) == pytest.approx(
        {
            "customer.tenure_days": 30,
            "customer.days_since_seen": 1,
            "customer.on.web.days_since": 1,
            "customer.on.app.days_since": 7,
            "customer.page_view.count": 3,
            "customer.page_view.days_since": 1,
            "customer.page_view.1d": 2**-1 + 2**-7 + 2**-30,
            "customer.page_view.7d": 2 ** (-1 / 7) + 2**-1 + 2 ** (-30 / 7),
            "customer.page_view.30d": 2 ** (-1 / 30) + 2 ** (-7 / 30) + 2**-1,
            "customer.cart_add.count": 2,
            "customer.cart_add.days_since": 1,
            "customer.cart_add.1d": 2 * 2**-1,
            "customer.cart_add.7d": 2 * 2 ** (-1 / 7),
            "customer.cart_add.30d": 2 * 2 ** (-1 / 30),
            "customer.cart_add.value.sum": 49.5,
            "said.age": 40,
        },
        rel=1e-12,
    )
    assert dict(told.categorical) == {
        "customer.stage": "returning",
        "customer.last_channel": "web",
        "customer.cart_add.category": "hats",
        "said.size": "L",
    }
    assert {name: list(told.tags[name].values) for name in told.tags} == {
        "customer.cart_add.category.often": ["hats", "shoes"],
        "customer.cart_add.colour.often": ["red", "blue"],
        "said.interests": ["running", "yoga"],
        "said.channels": ["email"],
        "said.less_of": ["toys"],
        "said.sports": ["a", "b"],
    }


def test_what_was_kept_is_brought_to_its_time() -> None:
    """What is kept with the record and aged is what would be worked out from it, at any later time."""
    record = shopper()
    tell(record, NOW_MS, RULES)
    for days in (0, 0.5, 59.5, 400):
        at_ms = NOW_MS + round(days * DAY_MS)
        told, anew = known_features(record, at_ms, RULES), known_features(shopper(), at_ms, RULES)
        assert dict(told.numeric) == pytest.approx(dict(anew.numeric), rel=1e-12, abs=1e-300)
        assert dict(told.categorical) == dict(anew.categorical)
        assert told.tags == anew.tags
    assert known_features(record, NOW_MS + 60 * DAY_MS, RULES).categorical["customer.stage"] == "lapsing"


def test_changed_settings_change_what_is_told_at_once() -> None:
    record = shopper()
    tell(record, NOW_MS, RULES)
    other = ProfileRules(half_lives_days=(1.0, 7.0, 90.0))
    told = known_features(record, NOW_MS, other)
    assert "customer.page_view.90d" in told.numeric
    assert "customer.page_view.30d" not in told.numeric


def test_a_half_life_may_be_any_number() -> None:
    odd = ProfileRules(half_lives_days=(0.25, 25.0, 365.2422))
    record = profile(("page_view", 1), rules=odd)
    tell(record, NOW_MS, odd)
    told = known_features(record, NOW_MS + DAY_MS, odd).numeric
    assert told["customer.page_view.0.25d"] == pytest.approx(2**-8)
    assert told["customer.page_view.25d"] == pytest.approx(2 ** (-2 / 25))
    assert told["customer.page_view.365.242d"] == pytest.approx(2 ** (-2 / 365.2422))


def test_nothing_is_told_of_someone_of_whom_nothing_is_known() -> None:
    assert known_features(CustomerRecord(), NOW_MS, RULES) == Features()


def test_of_someone_who_was_never_seen_what_they_said_is_told() -> None:
    record = CustomerRecord(preferences=Preferences(interests=["running"]))
    assert known_features(record, NOW_MS, RULES) == features(tags={"said.interests": ["running"]})


def test_the_count_of_every_activity_is_told_however_many_there_are() -> None:
    """Else `is missing` would hold for what happened long ago."""
    names = [f"n{i}" for i in range(50)]
    record = profile(*((name, i) for i, name in enumerate(names)))
    told = known_features(record, NOW_MS, RULES)
    assert size(told) == MAX_PROFILE_FEATURES
    assert {f"customer.{name}.count" for name in names} <= set(told.numeric)
    # Of what is left, the most recent.
    assert "customer.n0.days_since" in told.numeric
    assert "customer.n49.days_since" not in told.numeric


@pytest.mark.parametrize("room", [0, 1, 5, 12, 200])
def test_there_are_never_more_features_than_there_is_room_for(room: int) -> None:
    record = shopper()
    tell(record, NOW_MS, RULES)
    told = known_features(record, NOW_MS, RULES, room)
    assert size(told) <= room
    whole = known_features(record, NOW_MS, RULES)
    assert set(told.numeric) <= set(whole.numeric)
    assert all(whole.tags[name] == told.tags[name] for name in told.tags)


def test_what_is_told_can_be_encoded_whatever_callers_call_things() -> None:
    longest = "é" * 64
    what = features(
        numeric={longest: 1e6}, categorical={"count": "x", "days_since": "y"}, tags={longest: ["v" * 100, "w"]}
    )
    record = CustomerRecord()
    for _ in range(3):
        assert fold(record, Activity(name="a" * 64, channel="é" * 32, features=what), NOW_MS, RULES) == ""
    told = known_features(record, NOW_MS, RULES)
    assert told.numeric[f"customer.{'a' * 64}.{longest}.sum"] == 3e6
    # The count keeps its name: there is one feature of a name.
    assert told.numeric[f"customer.{'a' * 64}.count"] == 3
    assert f"customer.{'a' * 64}.count" not in told.categorical
    assert encode(told)
    assert size(told) <= MAX_FEATURES


# Days ago of each activity, and the stage that they make.
STAGES = [
    ([("page_view", 0)], "new"),
    ([("page_view", 0), ("page_view", 0.5)], "new"),
    ([("page_view", 0), ("page_view", 1)], "returning"),
    ([("page_view", 0)] * 10, "engaged"),
    ([("purchase", 3)], "buyer"),
    ([("purchase", 3)] * 2 + [("page_view", 90)], "buyer"),
    ([("purchase", 3)] * 3 + [("page_view", 89)], "buyer"),
    ([("purchase", 3)] * 3 + [("page_view", 90)], "established"),
    ([("purchase", 60)] * 3 + [("page_view", 90)], "lapsing"),
    ([("page_view", 60)], "lapsing"),
    ([("page_view", 59.9)], "new"),
]


@pytest.mark.parametrize(("done", "expected"), STAGES)
def test_stages_from_the_first_visit_to_established(done: list[tuple[str, float]], expected: str) -> None:
    assert stage(profile(*done), NOW_MS, RULES) == expected


def test_the_thresholds_are_settings() -> None:
    rules = ProfileRules(purchase="order", established_purchases=1, established_days=2, lapsing_days=3)
    assert stage(profile(("order", 2)), NOW_MS, rules) == "established"
    assert stage(profile(("order", 3)), NOW_MS, rules) == "lapsing"
    assert stage(profile(("purchase", 2)), NOW_MS, rules) == "new"
