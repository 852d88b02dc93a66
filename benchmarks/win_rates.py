"""Times the win rates of a 36-cell matrix against statsmodels, which fits one clustered mean per cell.

Run: OMP_NUM_THREADS=1 python -m benchmarks.win_rates [--judgments N]
It counts processor seconds, so that other work on the machine does not count.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.linear_model import WLS  # type: ignore[import-untyped]

from alignment.statistics.win_rate import BothBad, win_rates_by_cell

NUM_CELLS = 36  # six sources times six targets
REPEATS = 5
Ints = NDArray[np.int64]
Estimates = list[tuple[float, float]]  # win rate and its variance in each cell


class Table(NamedTuple):
    """Judgments, one in each row of three columns."""

    cells: Ints
    half_points: Ints
    prompts: Ints


def simulate(num_judgments: int, num_prompts: int) -> Table:
    """Judgments at random; every cell has the same prompts, each of which is won as often as it likes."""
    random = np.random.default_rng(0)
    cells = random.integers(0, NUM_CELLS, num_judgments)
    prompts = random.integers(0, num_prompts, num_judgments)
    return Table(cells, random.binomial(2, random.random(num_prompts)[prompts]), prompts)


def ours(table: Table) -> Estimates:
    rates = win_rates_by_cell(*table, both_bad=BothBad.TIE)
    return [(rate.estimate, rate.variance) for rate in rates.values()]


def peer(table: Table) -> Estimates:
    return [_peer_cell(*(column[table.cells == cell] for column in table[1:])) for cell in range(NUM_CELLS)]


def _peer_cell(half_points: Ints, prompts: Ints) -> tuple[float, float]:
    weights = 1 / np.bincount(prompts)[prompts]
    model = WLS(half_points / 2, np.ones(half_points.size), weights=weights)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": prompts})
    return float(fit.params[0]), float(fit.bse[0] ** 2)


def best_time(compute: Callable[[Table], Estimates], table: Table) -> tuple[float, Estimates]:
    """Processor seconds of the fastest of some repeats, and what was computed."""
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        estimates = compute(table)
        seconds.append(time.process_time() - start)
    return min(seconds), estimates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judgments", type=int, default=1_000_000)
    num_judgments = parser.parse_args().judgments
    sys.stdout.write(
        f"{num_judgments:,} judgments in {NUM_CELLS} cells, processor seconds, best of {REPEATS}\n"
    )
    for num_prompts in (250, 9_000, num_judgments):
        table = simulate(num_judgments, num_prompts)
        our_seconds, our_estimates = best_time(ours, table)
        peer_seconds, peer_estimates = best_time(peer, table)
        np.testing.assert_allclose(our_estimates, peer_estimates, rtol=1e-6)
        sys.stdout.write(
            f"{num_prompts:>9,} prompts: ours {our_seconds:.3f} s, statsmodels {peer_seconds:.3f} s, "
            f"ratio {peer_seconds / our_seconds:.1f}\n"
        )


if __name__ == "__main__":
    main()
