"""Ridge regressions that learn from one example at a time, several of the same size side by side.

Each keeps, over its examples (z, y) with discounts c,

    gram G = sum c z z^T        moment m = sum c y z
    inverse P = (G + ridge I)^-1        weights w = P m

An example is taken in by the formula of Sherman and Morrison, without inverting anything:
`P <- P - u u^T / (1 + z^T u)` and `w <- w + (y - w^T z) u / (1 + z^T u)` with `u = P z`. Now and then `refresh`
discounts G and m and computes P and w from them anew. The prior `ridge I` is never discounted, so the variance
`z^T P z` of a direction that is no longer seen goes back to `z^T z / ridge` and not beyond.

Learning uses no matrix product of BLAS, whose last bits may depend on the number of cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune_models.state import check_shapes
from attune_models.types import PolicyError


@dataclass(frozen=True, slots=True)
class Update:
    """What an example changed.

    Attributes:
        error: Target minus prediction, before.
        variance: `z^T P z` before, in units of the noise's variance.
    """

    error: float
    variance: float


class RidgeBank:
    """Ridge regressions in n_dims dimensions; `prior` is one that never learns."""

    prior = 0

    def __init__(self, n_dims: int, ridge: float) -> None:
        """Start with the prior only.

        Args:
            n_dims: Length of the feature vectors.
            ridge: Precision of the prior of each weight, in units of the noise's; greater than 0.
        """
        self._n_dims, self._ridge = n_dims, ridge
        self._gram = np.zeros((1, n_dims, n_dims))
        self._moment = np.zeros((1, n_dims))
        self._inverse = np.eye(n_dims)[np.newaxis] / ridge
        self.weights = np.zeros((1, n_dims))

    @property
    def n_regressions(self) -> int:
        """How many there are, the prior included."""
        return len(self.weights)

    def add(self) -> int:
        """Add an untrained regression and return its position."""
        self._gram, self._moment, self._inverse, self.weights = (
            np.concatenate([array, array[:1]]) for array in (self._gram, self._moment, self._inverse, self.weights)
        )
        return self.n_regressions - 1

    def keep(self, positions: Sequence[int]) -> None:
        """Keep the regressions at these positions, in this order, and the prior before them."""
        kept = [self.prior, *positions]
        self._gram, self._moment = self._gram[kept], self._moment[kept]
        self._inverse, self.weights = self._inverse[kept], self.weights[kept]

    def forget(self, position: int) -> None:
        """Make one regression untrained again."""
        for array in (self._gram, self._moment, self._inverse, self.weights):
            array[position] = array[self.prior]

    def variances(self, position: int, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return `z^T P z` of one regression, in units of the noise's variance.

        Args:
            position: Which regression.
            features: z, float64, shape (n_examples, n_dims).

        Returns:
            float64, shape (n_examples,).
        """
        return _not_negative(np.einsum("ij,ij->i", features @ self._inverse[position], features))

    def each(
        self, positions: NDArray[np.intp], features: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return prediction and variance of several regressions on the same example.

        Args:
            positions: Which regressions, shape (n,).
            features: z, float64, shape (n_dims,).

        Returns:
            `w^T z` and `z^T P z`, each float64, shape (n,).
        """
        if len(positions) > self.n_regressions:
            predictions, variances = self.each(np.arange(self.n_regressions), features)
            return predictions[positions], variances[positions]
        used = np.flatnonzero(features)
        values = features[used]
        # The block of P that z touches, out of every regression asked for.
        blocks = self._inverse[positions[:, np.newaxis, np.newaxis], used[:, np.newaxis], used]
        predictions = self.weights[positions[:, np.newaxis], used] @ values
        return predictions, _not_negative(blocks @ values @ values)

    def learn(self, position: int, features: NDArray[np.float64], target: float) -> Update:
        """Take in one example.

        Args:
            position: Which regression; not the prior.
            features: z, float64, shape (n_dims,).
            target: y.
        """
        used = np.flatnonzero(features)
        values = features[used]
        inverse, weights = self._inverse[position], self.weights[position]
        direction = (inverse[used] * values[:, np.newaxis]).sum(axis=0)
        variance = max(0.0, float((direction[used] * values).sum()))
        error = target - float((weights[used] * values).sum())
        weights += direction * (error / (1.0 + variance))
        # The root on both sides: the product stays symmetric to the last bit.
        direction /= np.sqrt(1.0 + variance)
        inverse -= np.multiply.outer(direction, direction)
        self._gram[position][np.ix_(used, used)] += np.multiply.outer(values, values)
        self._moment[position, used] += target * values
        return Update(error, variance)

    def refresh(self, discount: float) -> None:
        """Discount what was learned, and compute all that follows from it anew.

        Args:
            discount: Greater than 0, at most 1.
        """
        self._gram *= discount
        self._moment *= discount
        for position in range(self.prior + 1, self.n_regressions):
            self._inverse[position] = _inverse(self._gram[position], self._ridge)
            self.weights[position] = (self._inverse[position] * self._moment[position]).sum(axis=1)

    def arrays(self) -> dict[str, NDArray[np.float64]]:
        """Return the state, without the prior; of symmetric matrices the upper triangles."""
        rows, columns = np.triu_indices(self._n_dims)
        return {
            "gram": self._gram[1:, rows, columns],
            "moment": self._moment[1:],
            "inverse": self._inverse[1:, rows, columns],
            "weights": self.weights[1:],
        }

    def restore(self, arrays: dict[str, NDArray[np.float64]], n_regressions: int) -> None:
        """Replace the state.

        Args:
            arrays: As `arrays` returned them.
            n_regressions: How many they must be, without the prior.

        Raises:
            PolicyError: Shapes or numbers cannot be right.
        """
        rows, columns = np.triu_indices(self._n_dims)
        triangle, vector = (n_regressions, len(rows)), (n_regressions, self._n_dims)
        check_shapes(arrays, {"gram": triangle, "moment": vector, "inverse": triangle, "weights": vector})
        if (arrays["inverse"][:, rows == columns] <= 0.0).any():
            raise PolicyError("inverse: expected positive variances, got one that is not")
        self._gram = _symmetric(self._gram[:1], arrays["gram"])
        self._inverse = _symmetric(self._inverse[:1], arrays["inverse"])
        self._moment = np.concatenate([self._moment[:1], arrays["moment"]])
        self.weights = np.concatenate([self.weights[:1], arrays["weights"]])


def _inverse(gram: NDArray[np.float64], ridge: float) -> NDArray[np.float64]:
    """Invert `gram + ridge I`, scaled to a diagonal of ones first: features may differ in size by many orders."""
    precision = gram + ridge * np.eye(len(gram))
    scale = 1.0 / np.sqrt(np.diagonal(precision))
    scales = np.multiply.outer(scale, scale)
    inverse = np.linalg.inv(precision * scales)
    return np.asarray(0.5 * (inverse + inverse.T) * scales)


def _symmetric(prior: NDArray[np.float64], triangles: NDArray[np.float64]) -> NDArray[np.float64]:
    n_dims = prior.shape[-1]
    rows, columns = np.triu_indices(n_dims)
    matrices = np.empty((len(triangles), n_dims, n_dims))
    matrices[:, rows, columns] = triangles
    matrices[:, columns, rows] = triangles
    return np.concatenate([prior, matrices])


def _not_negative(variances: NDArray[np.float64]) -> NDArray[np.float64]:
    # Rounding can leave a tiny variance just below 0.
    return np.maximum(variances, 0.0)
