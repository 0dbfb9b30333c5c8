"""The section of what an evaluation costs: the ways that are compared do the same, and the page says what was found."""

import pytest
from benchmarks import evaluation
from benchmarks.evaluation import EvaluationCosts, Memory, WayCost, markdown

from attune_models.bootstrap import bootstrap
from attune_models.estimators import DoublyRobust, Ips


def test_the_loops_resample_what_the_bootstrap_does() -> None:
    """Standard errors by three ways, 400 resamples each: within 4 times what a quotient of two varies by."""
    estimators = (Ips(), DoublyRobust())
    kernels = [estimator.per_round(next(evaluation.log(3000))) for estimator in estimators]
    ours = bootstrap(evaluation.tallied(estimators, 3000, 4096), 400, seed=1).std(axis=0)
    for loop in (evaluation.loop, evaluation.loop_that_draws_once):
        assert loop(kernels, 400, 2).std(axis=0) == pytest.approx(ours, rel=4 / 400**0.5)


def test_every_way_has_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"N_ROUNDS": 2000, "RESAMPLES": 32, "LOOP_RESAMPLES": 8}.items():
        monkeypatch.setattr(evaluation, name, number)
    ways = evaluation.compared()
    assert [way.resamples for way in ways] == [32, 8, 8]
    assert all(len(way.wall_ms) == len(way.cpu_ms) == evaluation.TURNS for way in ways)


def test_an_evaluation_takes_its_own_measure() -> None:
    once = Memory(**evaluation.evaluated_once(10_000, short=True))
    assert (once.n_rounds, once.estimators, once.rows_per_cell) == (10_000, 3, 1)
    assert 10 < once.peak_mb < 4000


def test_the_page_compares_turns_that_follow_each_other() -> None:
    ways = [
        WayCost("ours", 80, [1.0, 2.0, 4.0], [2.0, 2.0, 2.0]),
        WayCost("a loop", 16, [8.0, 12.0, 40.0], [9.0, 10.0, 11.0]),
    ]
    page = markdown(EvaluationCosts(ways, [Memory(1_000_000, 3, 1, 121.6, 4.25)]))
    assert "| a loop | 16 | 12.0 | 10.0 | **8.0** | 6.0 to 10.0 | 5.0 |" in page
    assert "| 1,000,000 | 3 | 1 | **122 MB** | 4.2 |" in page
