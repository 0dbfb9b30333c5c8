"""The spool gives back what went in, or nothing at all."""

from pathlib import Path

import pytest

from attune.evaluation.spool import Spool
from sampled import clicks, of_slots, placed


@pytest.mark.parametrize("n", [0, 1, 64, 65, 300])
def test_what_comes_out_is_what_went_in(n: int) -> None:
    rows = placed([*clicks(n, 1), of_slots(n, [((0.2, 0.3, 0.5), 2, 1.0), ((0.4, 0.6), 1, 3.0)])])
    with Spool() as spool:
        assert list(spool.through(rows)) == rows
        assert spool.is_whole
        assert list(spool) == rows
        assert list(spool) == rows  # again


def test_what_does_not_fit_is_not_there_at_all() -> None:
    rows = clicks(500, 1)
    with Spool(most_bytes=10_000) as spool:
        assert list(spool.through(rows)) == rows
        assert not spool.is_whole
        assert list(spool) == []


def test_what_was_not_gone_through_to_the_end_is_not_whole() -> None:
    with Spool() as spool:
        through = spool.through(clicks(500, 1))
        for _ in range(200):
            next(through)
        assert not spool.is_whole


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_disk_that_is_full_is_one_on_which_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    # /dev/full is a device that takes nothing.
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: Path("/dev/full").open("wb"))  # noqa: SIM115 - the spool closes it
    rows = clicks(200, 1)
    with Spool() as spool:
        assert list(spool.through(rows)) == rows
        assert not spool.is_whole
