"""A profile is the same whatever order activities come in, and its counts are those that a sum of weights gives."""

import math
from random import Random

import pytest

from attune.serving import profile
from attune.serving.profile import DAY_MS, ProfileRules, fold, values_by_name
from attune.storage.v1.records_pb2 import ActivityRecord, CustomerRecord
from attune.v1.customer_service_pb2 import Activity
from attune.v1.features_pb2 import Features, Tags
from messages import features

RULES = ProfileRules()
NOW_MS = 1_800_000_000_000


def kept(record: CustomerRecord, name: str = "page_view") -> ActivityRecord:
    return next(each for each in record.activities if each.name == name)


def folded(*done: tuple[Activity, int], rules: ProfileRules = RULES) -> CustomerRecord:
    """Return the profile of someone who did these things, all of which it has room for."""
    record = CustomerRecord()
    for activity, at_ms in done:
        assert fold(record, activity, at_ms, rules) == ""
    return record


def view(**spoken: Features | str) -> Activity:
    return Activity(name="page_view", **spoken)  # type: ignore[arg-type]


def test_a_count_is_the_sum_of_what_each_activity_weighs() -> None:
    """Against the definition: the sum of 2^(-age / half-life), for times that lie anywhere in a year."""
    random = Random(7)
    times = sorted(NOW_MS - random.randrange(365 * DAY_MS) for _ in range(200))
    record = kept(folded(*((view(), at_ms) for at_ms in times)))
    expected = [sum(2 ** (-(times[-1] - at) / (days * DAY_MS)) for at in times) for days in RULES.half_lives_days]
    assert list(record.decayed) == pytest.approx(expected, rel=1e-12)
    assert (record.count, record.first_ms, record.last_ms) == (200, times[0], times[-1])


def test_the_order_in_which_activities_come_does_not_matter() -> None:
    random = Random(8)
    done = [
        (
            view(
                channel=random.choice(["web", "app"]),
                features=features(numeric={"value": random.randrange(100)}, categorical={"category": f"c{i % 5}"}),
            ),
            NOW_MS - random.randrange(60 * DAY_MS),
        )
        for i in range(50)
    ]
    in_order = folded(*sorted(done, key=lambda each: each[1]))
    for _ in range(5):
        random.shuffle(done)
        record = folded(*done)
        assert (record.first_seen_ms, dict(record.last_seen_ms)) == (
            in_order.first_seen_ms,
            dict(in_order.last_seen_ms),
        )
        one, other = kept(record), kept(in_order)
        assert (one.count, one.first_ms, one.last_ms) == (other.count, other.first_ms, other.last_ms)
        assert dict(one.sums) == dict(other.sums)
        assert dict(one.last) == dict(other.last)
        assert list(one.decayed) == pytest.approx(list(other.decayed), rel=1e-12)
        assert dict(one.values) == pytest.approx(dict(other.values), rel=1e-12)


def test_one_half_life_later_an_activity_counts_half() -> None:
    for days, position in ((1, 0), (7, 1), (30, 2)):
        record = folded((view(), NOW_MS), (view(), NOW_MS + days * DAY_MS))
        assert kept(record).decayed[position] == 1.5


def test_what_is_said_late_gives_last_values_only_where_there_are_none() -> None:
    record = folded(
        (view(features=features(categorical={"category": "shoes"})), NOW_MS),
        (view(features=features(categorical={"category": "hats", "brand": "x"})), NOW_MS - DAY_MS),
    )
    assert dict(kept(record).last) == {"category": "shoes", "brand": "x"}


def test_values_that_come_most_come_first_and_names_may_have_any_character() -> None:
    tags = Features(tags={"a=b%": Tags(values=["x=1", "y"])})
    record = folded((view(features=tags), NOW_MS), (view(features=Features(tags={"a=b%": Tags(values=["y"])})), NOW_MS))
    assert values_by_name(kept(record)) == {"a=b%": ["y", "x=1"]}


def test_a_new_value_gets_in_beside_many_that_come_often() -> None:
    def of(value: str) -> Activity:
        return view(features=features(categorical={"category": value}))

    often = [(of(f"c{i}"), NOW_MS) for i in range(profile.MAX_VALUES) for _ in range(3)]
    record = folded(*often, (of("new"), NOW_MS))
    assert len(kept(record).values) == profile.MAX_VALUES
    assert "category=new" in kept(record).values
    # The first to go is the least, and of those that came as often the first by name.
    assert "category=c0" not in kept(record).values


def test_text_is_not_counted_as_a_category() -> None:
    record = folded((view(features=features(categorical={"query": "x" * 200})), NOW_MS))
    assert dict(kept(record).values) == {}
    assert kept(record).last["query"] == "x" * 200


def test_a_profile_has_room_for_so_many_names_and_says_so() -> None:
    record = folded(*((Activity(name=f"n{i}"), NOW_MS) for i in range(profile.MAX_ACTIVITY_NAMES)))
    before = record.SerializeToString(deterministic=True)
    said = fold(record, Activity(name="one_more", channel="web"), NOW_MS, RULES)
    assert said == 'name: expected one of the 50 names that the profile has room for, got "one_more"'
    assert record.SerializeToString(deterministic=True) == before
    assert fold(record, Activity(name="n7"), NOW_MS, RULES) == ""


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_an_activity_has_room_for_so_many_features_and_says_so(kind: str) -> None:
    value = 1.0 if kind == "numeric" else "v"
    record = folded(
        (view(features=features(**{kind: {f"f{i}": value for i in range(profile.MAX_FEATURE_NAMES)}})), NOW_MS)
    )
    before = record.SerializeToString(deterministic=True)
    said = fold(record, view(features=features(**{kind: {"more": value}})), NOW_MS, RULES)
    assert said == f'features.{kind}: expected one of the 20 names that the profile has room for, got "more"'
    assert record.SerializeToString(deterministic=True) == before


def test_a_large_profile_gets_no_more_names_but_goes_on_counting() -> None:
    record = CustomerRecord()
    word = "w" * 250
    for i in range(200):
        several = {f"f{j}": f"{word}{i}"[-256:] for j in range(15)}
        fold(record, Activity(name=f"n{i}", features=features(categorical=several)), NOW_MS, RULES)
    n_names = len(record.activities)
    assert profile.MAX_PROFILE_BYTES <= record.ByteSize() < 2 * profile.MAX_PROFILE_BYTES
    assert n_names < profile.MAX_ACTIVITY_NAMES
    assert fold(record, Activity(name="new"), NOW_MS, RULES) != ""
    assert fold(record, Activity(name="n0"), NOW_MS, RULES) == ""
    assert kept(record, "n0").count == 2


def test_the_least_recent_channel_goes_when_there_are_too_many() -> None:
    done = [(view(channel=f"c{i}"), NOW_MS + i) for i in range(profile.MAX_CHANNELS + 1)]
    record = folded(*done)
    assert len(record.last_seen_ms) == profile.MAX_CHANNELS
    assert "c0" not in record.last_seen_ms


def test_counts_begin_anew_where_there_are_more_half_lives_than_before() -> None:
    record = folded((view(), NOW_MS))
    assert fold(record, view(), NOW_MS, ProfileRules(half_lives_days=(1.0, 90.0))) == ""
    assert list(kept(record).decayed) == [1.0, 1.0]
    assert kept(record).count == 2


def test_nothing_overflows() -> None:
    record = folded((view(), 1), (view(), 4_000_000_000_000), (view(), 1))
    assert all(math.isfinite(each) for each in kept(record).decayed)
    assert list(kept(record).decayed) == [1.0, 1.0, 1.0]
