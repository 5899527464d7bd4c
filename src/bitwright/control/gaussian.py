"""An ensemble of Gaussian processes: a guess with its spread from a few dozen examples.

Each member has another length scale and another share of noise; each counts as much as the
examples speak for it (its marginal likelihood; Rasmussen and Williams 2006, chapters 2 and 5).
"""

import dataclasses

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)
NOISES = (1e-3, 1e-2, 0.1, 0.3)  # of the variance that the features explain
LEAST_WEIGHT = 1e-3  # members that count for less are left out


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One process, fitted: `inverse` is that of the Cholesky factor, `slopes` what predicts."""

    length: float
    weight: float
    scale: float
    inverse: Floats
    slopes: Floats

    def guess(self, squares: Floats) -> tuple[Floats, Floats]:
        """Means and variances, from squared distances (asked, learned)."""
        alike = _alike(squares, self.length)
        explained = ((alike @ self.inverse.T) ** 2).sum(1)
        return alike @ self.slopes, self.scale * np.maximum(1 - explained, 0.0)


class Ensemble:
    """What was learned from rows of features (N, F) and one value for each, N at least 2.

    `weights` (F,) say how much a standard deviation of each feature sets rows apart.
    """

    def __init__(self, features: Floats, values: Floats, weights: Floats) -> None:
        self._centre, self._factor = features.mean(0), weights / _deviation(features)
        self._mean, self._deviation = float(values.mean()), float(_deviation(values))
        self._rows = self._scaled(features)
        self._members = _members(
            _squares(self._rows, self._rows), (values - self._mean) / self._deviation
        )

    def guess(self, features: Floats) -> tuple[Floats, Floats]:
        """The expected value of each row and its standard deviation."""
        squares = _squares(self._scaled(features), self._rows)
        found = [(member.weight, *member.guess(squares)) for member in self._members]
        mean = sum((weight * means for weight, means, _ in found), np.zeros(len(features)))
        spread = np.zeros(len(features))
        for weight, means, variances in found:  # of each, and between them
            spread += weight * (variances + (means - mean) ** 2)
        return self._mean + self._deviation * mean, self._deviation * np.sqrt(spread)

    def _scaled(self, features: Floats) -> Floats:
        scaled: Floats = (features - self._centre) * self._factor
        return scaled


def _members(squares: Floats, values: Floats) -> list[_Member]:
    fitted = []
    for length in LENGTHS:
        alike = _alike(squares, length)
        for noise in NOISES:
            factor = np.linalg.cholesky(alike + noise * np.eye(len(values)))
            inverse = np.linalg.inv(factor)
            white = inverse @ values
            scale = max(float(white @ white) / len(values), np.finfo(float).tiny)
            evidence = -0.5 * len(values) * np.log(scale) - np.log(np.diag(factor)).sum()
            fitted.append((evidence, _Member(length, 1.0, scale, inverse, inverse.T @ white)))
    best = max(evidence for evidence, _ in fitted)
    weights = np.exp([evidence - best for evidence, _ in fitted])
    kept = weights >= LEAST_WEIGHT * weights.sum()
    total = weights[kept].sum()
    return [
        dataclasses.replace(member, weight=float(weight / total))
        for (_, member), weight, keep in zip(fitted, weights, kept, strict=True)
        if keep
    ]


def _squares(rows: Floats, others: Floats) -> Floats:
    """Squared distances (N, M) between rows (N, F) and others (M, F)."""
    found: Floats = (rows**2).sum(1)[:, None] + (others**2).sum(1) - 2 * rows @ others.T
    return np.maximum(found, 0.0)


def _alike(squares: Floats, length: float) -> Floats:
    """The Matern kernel of smoothness 3/2."""
    steps = np.sqrt(3 * squares) / length
    alike: Floats = (1 + steps) * np.exp(-steps)
    return alike


def _deviation(values: Floats) -> Floats:
    """The standard deviation of each column; 1 where all are alike."""
    found = values.std(0)
    return np.where(found > 0, found, 1.0)
