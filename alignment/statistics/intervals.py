"""Wilson's score interval, for independent answers and, by way of an effective number, for clustered ones."""

import math
from typing import NamedTuple

from scipy import special  # type: ignore[import-untyped]

WITHOUT_SPREAD = "; all agree, so each cluster counts as one answer"  # ends the name of a method


class Interval(NamedTuple):
    low: float
    high: float


def quantile(confidence: float, df: float = math.inf) -> float:
    """Two-sided quantile of Student's t, or of the normal distribution where `df` is infinite."""
    if not 0 < confidence < 1:
        raise ValueError("The confidence must lie between 0 and 1, such as 0.95.")
    upper = (1 + confidence) / 2
    return float(special.ndtri(upper) if math.isinf(df) else special.stdtrit(df, upper))


def wilson(proportion: float, n: float, *, confidence: float = 0.95, df: float = math.inf) -> Interval:
    """Wilson's score interval (Wilson 1927; method 3 of Newcombe 1998, doi 10.1002/sim.777).

    n may be an effective number and need not be whole; then `df` are those of the variance behind it.
    """
    if not (0 <= proportion <= 1 and n > 0):
        raise ValueError("Wilson's interval needs a proportion from 0 to 1 and a positive number of answers.")
    z = quantile(confidence, df)
    centre = (proportion + z * z / (2 * n)) / (1 + z * z / n)
    half_width = z / (1 + z * z / n) * math.sqrt(proportion * (1 - proportion) / n + z * z / (4 * n * n))
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    return Interval(min(low, proportion), max(high, proportion))  # it holds the proportion, rounding or not


class Estimate(NamedTuple):
    """A mean from 0 to 1 with what its interval rests on.

    variance: of the mean; 0 where the units do not differ or there is only one.
    units: how many independent units (prompts, most often) the mean was taken over.
    df: degrees of freedom of the variance.
    """

    mean: float
    variance: float
    units: float
    df: float

    @property
    def shows_spread(self) -> bool:
        return self.variance > 0 and 0 < self.mean < 1

    def interval(self, confidence: float) -> Interval:
        """Wilson with the effective number mean * (1 - mean) / variance and the t quantile of `df`.

        The effective number is that of Korn & Graubard (1998), the interval that of Dean & Pagano (2015).
        Units that do not differ say nothing about the variance: then each counts as one answer.
        """
        effective, df = self._answers()
        return wilson(self.mean, effective, confidence=confidence, df=df)

    def p_value(self, null: float) -> float:
        """Two-sided p-value of the score test: below 1 - confidence where `interval` leaves `null` out."""
        effective, df = self._answers()
        statistic = abs(self.mean - null) / math.sqrt(null * (1 - null) / effective)
        return 2 * float(special.ndtr(-statistic) if math.isinf(df) else special.stdtr(df, -statistic))

    def _answers(self) -> tuple[float, float]:
        """The effective number of independent answers and the degrees of freedom that go with it."""
        if not self.shows_spread:
            return self.units, math.inf
        return self.mean * (1 - self.mean) / self.variance, self.df
