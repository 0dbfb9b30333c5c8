"""What becomes of bad rows: the first ends the reading, or all are counted by what was wrong with them."""

from collections.abc import Iterator, Sequence

import pytest

from attune.errors import BadLogError
from attune.logs.counted import PROBLEMS_KEPT, CountedSamples
from attune.logs.readings import LeftOut, Reason, Refused
from attune.logs.samples import Found, Sample
from attune.v1.features_pb2 import Features

SAMPLE = Sample("log:1", "e1", 0, "", "", Features(), (), ())


class Listed:
    """A log in memory."""

    name = "a log"
    size_hint = 0

    def __init__(self, *found: Found) -> None:
        """Hold what will be found."""
        self._found: Sequence[Found] = found

    def read(self) -> Iterator[Found]:
        """Yield it."""
        return iter(self._found)


def test_a_bad_row_ends_the_reading_and_is_named() -> None:
    counted = CountedSamples(Listed(SAMPLE, Refused("log:2", "reward: expected a number, got 'x'")), skip_bad=False)
    with pytest.raises(BadLogError, match=r"^log:2: reward: expected a number, got 'x' \(--skip-bad"):
        list(counted)


def test_bad_rows_are_skipped_when_asked_and_counted_by_field() -> None:
    bad = [
        Refused("log:2", "slots[1].propensity: expected more than 0, got 0.0; outcomes[0].value: expected, got nan"),
        Refused("log:3", "slots[2].propensity: expected more than 0, got 0.0"),
        Refused("log:4", 'context.numeric["price"]: expected a number, got nan'),
        Refused("log:5", "nonsense"),
    ]
    counted = CountedSamples(Listed(SAMPLE, *bad, LeftOut(Reason.NOT_SHOWN), SAMPLE), skip_bad=True)
    for _ in range(2):  # counts anew
        assert list(counted) == [SAMPLE, SAMPLE]
        assert (counted.samples, counted.refused) == (2, 4)
        assert counted.refused_fields == {"slots.propensity": 2, "context.numeric": 1, "other": 1}
        assert counted.left_out == {"not_shown": 1}
        assert counted.problems == bad


def test_the_account_does_not_grow_with_the_log() -> None:
    bad = [Refused(f"log:{i}", f"column {i}: expected, got") for i in range(1000)]
    counted = CountedSamples(Listed(*bad, SAMPLE), skip_bad=True)
    assert len(list(counted)) == 1
    assert counted.refused == 1000
    assert len(counted.problems) == PROBLEMS_KEPT
    assert len(counted.refused_fields) == 101
    assert counted.refused_fields["other"] == 900


@pytest.mark.parametrize(
    ("found", "instead"),
    [
        ((), "an empty log"),
        ((LeftOut(Reason.NOT_SHOWN),), "1 rows left out"),
        ((LeftOut(Reason.NOT_SHOWN), Refused("log:1", "x: y")), "1 rows left out, 1 rows refused"),
    ],
)
def test_a_log_without_a_sample_is_an_error(found: Sequence[Found], instead: str) -> None:
    with pytest.raises(BadLogError, match=f"^a log: expected at least one decision, got {instead}$"):
        list(CountedSamples(Listed(*found), skip_bad=True))
