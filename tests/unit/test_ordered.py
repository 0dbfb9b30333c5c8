"""A log goes forward in time, or the row that goes back is named."""

from attune.logs.ordered import in_order
from attune.logs.readings import LeftOut, Reason, Refused
from attune.logs.samples import Sample
from attune.v1.features_pb2 import Features


def at(ms: int, position: str = "") -> Sample:
    return Sample(f"log:{ms}", "e", ms, "", position, Features(), (), ())


def refused(*samples: Sample) -> list[Refused]:
    return [found for found in in_order(samples) if isinstance(found, Refused)]


def test_a_row_older_than_the_newest_before_it_is_refused() -> None:
    assert refused(at(1000), at(3000), at(2999), at(3000), at(3001)) == [
        Refused(
            "log:2999",
            "time: expected 1970-01-01T00:00:03.000+00:00 or later, as in a row before, got "
            "1970-01-01T00:00:02.999+00:00: sort the log (or, for policies that do not learn, --any-order)",
        )
    ]


def test_what_follows_a_refused_row_is_compared_to_the_newest_that_was_taken() -> None:
    # 1, 5, 2, 3: without 2, a 3 after the 5 would still go back.
    assert [each.where for each in refused(at(1), at(5), at(2), at(3), at(5))] == ["log:2", "log:3"]


def test_rows_without_a_time_have_the_order_of_the_log() -> None:
    assert refused(at(0), at(0), at(7), at(0), at(8)) == []


def test_positions_say_the_order_where_there_are_any() -> None:
    # By text, 10-0 comes before 9-0; and a decision may be logged after a younger one.
    assert refused(at(5, "9-0"), at(4, "9-1"), at(3, "10-0"), at(3, "10-0")) == []
    assert [each.problem[:40] for each in refused(at(5, "10-0"), at(6, "9-5"))] == [
        "position: expected 10-0 or later, as in "
    ]


def test_all_else_is_passed_on() -> None:
    others = [LeftOut(Reason.NOT_SHOWN), Refused("log:1", "x: y")]
    assert list(in_order(others)) == others
