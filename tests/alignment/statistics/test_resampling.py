import numpy as np
import pytest

from alignment.statistics import resampling
from alignment.statistics.resampling import percentiles, resampled_sums, sums_by


def test_rows_of_the_same_code_are_added():
    rows = np.array([[1.0, 10], [2, 20], [4, 40]])

    assert sums_by(np.array([1, 0, 1]), rows).tolist() == [[2, 20], [5, 50]]


def test_every_resample_draws_as_many_prompts_as_there_are():
    rows = np.stack([np.ones(7), np.arange(7.0)], axis=1)

    sums = resampled_sums(rows, num_resamples=400, generator=np.random.default_rng(0))

    assert (sums[:, 0] == 7).all()
    assert sums[:, 1].mean() == pytest.approx(21, abs=3 * np.sqrt(28 / 400))
    assert sums[:, 1].var() == pytest.approx(28, rel=0.3)  # 7 draws of variance 4


def test_the_order_of_prompts_makes_no_difference():
    rows = np.random.default_rng(0).normal(size=(20, 2))

    one, other = (
        resampled_sums(order, num_resamples=100, generator=np.random.default_rng(1))
        for order in (rows, rows[::-1])
    )

    assert (one == other).all()


def test_resamples_in_batches_are_as_many_as_in_one_go(monkeypatch):
    monkeypatch.setattr(resampling, "_BATCH", 30)
    rows = np.arange(10.0)[:, None]

    sums = resampled_sums(rows, num_resamples=101, generator=np.random.default_rng(0))

    assert sums.shape == (101, 1)


def test_the_middle_of_resampled_values():
    assert percentiles(np.arange(101), 0.9) == pytest.approx((5, 95))


def test_too_few_prompts_or_resamples_and_an_impossible_confidence_are_refused():
    generator = np.random.default_rng(0)

    with pytest.raises(ValueError, match="at least two prompts"):
        resampled_sums(np.ones((1, 1)), num_resamples=100, generator=generator)
    with pytest.raises(ValueError, match="at least 100"):
        resampled_sums(np.ones((2, 1)), num_resamples=99, generator=generator)
    with pytest.raises(ValueError, match="confidence"):
        percentiles([1, 2], 1.0)
