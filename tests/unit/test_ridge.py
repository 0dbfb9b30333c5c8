"""Rank-one updates equal the closed form of ridge regression, and keep their prior for ever."""

from collections.abc import Iterator

import numpy as np
import pytest

from attune_models.ridge import RidgeBank
from attune_models.types import PolicyError


def examples(n_examples: int, n_dims: int, seed: int = 1) -> Iterator[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n_dims)
    for _ in range(n_examples):
        features = rng.normal(size=n_dims) * (rng.random(n_dims) < 0.5)
        yield features, float(features @ truth + 0.1 * rng.normal())


def test_rank_one_updates_are_ridge_regression() -> None:
    """Weights `(Z^T Z + ridge I)^-1 Z^T y` and variances `z^T (Z^T Z + ridge I)^-1 z`, to rounding."""
    bank = RidgeBank(8, 0.3)
    position, pairs = bank.add(), list(examples(500, 8))
    errors = [bank.learn(position, *pair).error for pair in pairs]
    rows, targets = np.array([row for row, _ in pairs]), np.array([target for _, target in pairs])
    precision = rows.T @ rows + 0.3 * np.eye(8)
    assert bank.weights[position] == pytest.approx(np.linalg.solve(precision, rows.T @ targets), abs=1e-10)
    variances = np.array([row @ np.linalg.solve(precision, row) for row in rows])
    assert bank.variances(position, rows) == pytest.approx(variances, rel=1e-9)
    one = [bank.each(np.array([position, bank.prior]), row) for row in rows[:5]]
    assert [each[1].tolist() for each in one] == [
        pytest.approx([variance, row @ row / 0.3], rel=1e-9)
        for variance, row in zip(variances[:5], rows[:5], strict=True)
    ]
    assert errors[0] == targets[0]


def test_refreshing_without_a_discount_changes_nothing_but_rounding() -> None:
    bank = RidgeBank(8, 0.3)
    position = bank.add()
    for pair in examples(300, 8):
        bank.learn(position, *pair)
    before = {name: array.copy() for name, array in bank.arrays().items()}
    bank.refresh(1.0)
    for name, array in bank.arrays().items():
        assert array == pytest.approx(before[name], rel=1e-9, abs=1e-12)


def test_a_discount_keeps_the_prior() -> None:
    """Discounting for ever leads back to the prior: no variance exceeds it."""
    bank = RidgeBank(4, 2.0)
    position = bank.add()
    for pair in examples(50, 4):
        bank.learn(position, *pair)
    trace = []
    for _ in range(200):
        bank.refresh(0.7)
        trace.append(float(bank.variances(position, np.eye(4)).max()))
    assert trace == sorted(trace)
    assert trace[-1] == pytest.approx(0.5, rel=1e-12)
    assert bank.weights[position] == pytest.approx(np.zeros(4), abs=1e-12)


def test_features_of_very_different_size_stay_invertible() -> None:
    """Also where two of them are the same feature twice."""
    bank, rng = RidgeBank(4, 1e-3), np.random.default_rng(1)
    position = bank.add()
    for i in range(2000):
        small = rng.normal()
        bank.learn(position, np.array([1e-3 * small, 400.0, 400.0, 20.0 * rng.normal()]), small)
        if i % 100 == 0:
            bank.refresh(1.0)
    assert bank.weights[position][0] == pytest.approx(1e3 * 2e-3 / (2e-3 + 1e-3), rel=0.1)
    assert (bank.arrays()["inverse"][0, [0, 4, 7, 9]] > 0.0).all()


def test_a_variance_below_0_is_refused() -> None:
    bank = RidgeBank(4, 1.0)
    bank.learn(bank.add(), np.ones(4), 1.0)
    arrays = bank.arrays()
    arrays["inverse"][0, 0] = -1.0
    with pytest.raises(PolicyError, match="expected positive variances"):
        RidgeBank(4, 1.0).restore(arrays, 1)
