"""A linear head on frozen features, fitted by a convex solver.

Pairs by Bradley-Terry (minimise -log sigmoid(r(chosen) - r(rejected))), ratings by logistic regression
(binary cross-entropy on sigmoid(r)). Both are -log sigmoid of a linear function of one row: the features'
difference, or the features and 1, with the sign of the label. So one solver fits either, or both together.

E examples, N texts, H features.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import expit, log_expit  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
MAX_ITERATIONS = 5_000
GRADIENT_TOLERANCE = 1e-7


class Head(NamedTuple):
    """r(x) = weight . x + bias; weight (H,)."""

    weight: Floats
    bias: float

    def logits(self, features: NDArray[np.floating]) -> Floats:
        """features (N, H). Returns (N,). Each row is summed alone, so it does not depend on the others."""
        return np.asarray((features.astype(np.float64) * self.weight).sum(axis=1) + self.bias)


class Fitted(NamedTuple):
    """What training gives: a head, the numbers to report, and the logits (N,) of the data's yardstick."""

    head: Head
    metrics: dict[str, float]
    logits: Floats


class Scale(NamedTuple):
    """Mean and standard deviation of each feature; both (H,)."""

    mean: Floats
    deviation: Floats

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Self:
        """features (N, H); one that never changes is left as it is."""
        deviation = features.std(axis=0, dtype=np.float64)
        return cls(features.mean(axis=0, dtype=np.float64), np.where(deviation > 0, deviation, 1.0))

    def pair_rows(self, chosen: NDArray[np.floating], rejected: NDArray[np.floating]) -> Floats:
        """One row per pair, (E, H + 1): no intercept, which a difference would cancel."""
        rows = (chosen.astype(np.float64) - rejected.astype(np.float64)) / self.deviation
        return np.pad(rows, ((0, 0), (0, 1)))

    def rating_rows(self, rated: NDArray[np.floating], good: NDArray[np.bool_]) -> Floats:
        """One row per rating, (E, H + 1): standardised features and 1, negative where it is bad."""
        rows = (rated.astype(np.float64) - self.mean) / self.deviation
        signs = np.where(good, 1.0, -1.0)[:, None]
        return np.pad(rows, ((0, 0), (0, 1)), constant_values=1.0) * signs

    def head(self, solution: Floats) -> Head:
        """The solution (H + 1,) as a head on features that are not standardised."""
        weight = solution[:-1] / self.deviation
        return Head(weight, float(solution[-1] - self.mean @ weight))


def fit(rows: Floats, strength: float, start: Floats) -> Floats:
    """Minimise mean_loss + strength / 2 * |weights|^2, the intercept left free.

    rows (E, H + 1) as Scale makes them; start (H + 1,). Returns (H + 1,).
    Raises ArithmeticError when the solver does not converge.
    """
    penalty = np.full(rows.shape[1], strength)
    penalty[-1] = 0.0

    def objective(solution: Floats) -> tuple[float, Floats]:
        margins = rows @ solution
        loss = -log_expit(margins).mean() + 0.5 * float(penalty @ solution**2)
        gradient = -(expit(-margins) @ rows) / len(rows) + penalty * solution
        return loss, gradient

    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": MAX_ITERATIONS,
            "maxfun": MAX_ITERATIONS,
            "gtol": GRADIENT_TOLERANCE,
            "ftol": 1e-15,
        },
    )
    if not found.success or not np.isfinite(found.x).all():
        raise ArithmeticError(f"The head's fit did not converge at strength {strength}: {found.message}")
    return np.asarray(found.x)


def mean_loss(rows: Floats, solution: Floats) -> float:
    """Mean -log sigmoid of the margins of rows (E, H + 1)."""
    return float(-log_expit(rows @ solution).mean())
