import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from alignment.statistics.columns import EmptyDataError
from alignment.statistics.divergence import (
    Estimator,
    best_of_n_points,
    divergence,
    policy_point,
    sequence_kl,
)
from alignment.statistics.win_rate import BothBad, win_rate

LOGPROBS = st.lists(st.floats(-20, 0), min_size=1, max_size=6)
PAIRS = st.lists(LOGPROBS.flatmap(lambda ours: st.tuples(st.just(ours), st.permutations(ours))), min_size=2)


def written(seed, *, num_responses, num_tokens=3):
    """Log-probabilities under two distributions of tokens written by the first, and the KL of a response."""
    random = np.random.default_rng(seed)
    ours, theirs = log_softmax(random.normal(size=(2, 5)), axis=1)
    tokens = random.choice(5, size=(num_responses, num_tokens), p=np.exp(ours))
    return ours[tokens], theirs[tokens], num_tokens * float(np.exp(ours) @ (ours - theirs))


def test_two_tokens_by_hand():
    ours, theirs = [[math.log(0.5), math.log(0.2)]], [[math.log(0.25), math.log(0.4)]]

    assert sequence_kl(ours, theirs, estimator=Estimator.K1) == pytest.approx([0])  # log 2 + log 1/2
    assert sequence_kl(ours, theirs, estimator=Estimator.K3) == pytest.approx(
        [(0.5 - 1 + math.log(2)) + (2 - 1 - math.log(2))]
    )


def test_schulmans_table_of_two_normal_distributions():
    random = np.random.default_rng(0)
    drawn = random.normal(1, 1, 200_000)
    offset = 20.0  # densities as small as probabilities of tokens
    logs = [-((drawn - mean) ** 2) / 2 - offset for mean in (1, 0)]

    k1, k3 = (sequence_kl([logs[0]], [logs[1]], estimator=way)[0] / drawn.size for way in Estimator)

    assert (k1, k3) == pytest.approx((0.5, 0.5), rel=0.02)


@pytest.mark.parametrize("estimator", Estimator)
def test_the_mean_over_many_responses_is_the_divergence(estimator):
    ours, theirs, truth = written(0, num_responses=4000)

    result = divergence(ours, theirs, np.arange(4000), estimator=estimator)

    assert result.kl == pytest.approx(truth, rel=0.1)
    assert result.low < truth < result.high


@pytest.mark.parametrize("estimator", Estimator)
def test_the_interval_covers_the_divergence(estimator):
    repeats, covered = 200, 0
    for seed in range(repeats):
        ours, theirs, truth = written(seed, num_responses=100)
        result = divergence(ours, theirs, np.arange(100), estimator=estimator)
        covered += result.low <= truth <= result.high

    assert covered / repeats == pytest.approx(0.95, abs=0.05)


@given(PAIRS)
def test_k3_is_never_below_0_on_any_response(pairs):
    ours, theirs = zip(*pairs, strict=True)

    assert (sequence_kl(ours, theirs, estimator=Estimator.K3) >= 0).all()


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_responses_does_not_matter(pairs, shuffler):
    rows = [(*pair, number % 3) for number, pair in enumerate([*pairs, *pairs])]
    shuffled = list(rows)
    shuffler.shuffle(shuffled)

    one, other = (
        divergence(*zip(*columns, strict=True), estimator=Estimator.K1) for columns in (rows, shuffled)
    )

    assert other[:3] == pytest.approx(one[:3], rel=1e-6, abs=1e-6)


def test_responses_to_one_prompt_are_not_taken_for_independent():
    ours, theirs, _ = written(1, num_responses=40)
    alone = divergence(ours, theirs, np.arange(40), estimator=Estimator.K1)

    repeated = divergence(
        np.tile(ours, (5, 1)), np.tile(theirs, (5, 1)), np.tile(np.arange(40), 5), estimator=Estimator.K1
    )

    assert repeated[:3] == pytest.approx(alone[:3])
    assert (repeated.num_prompts, repeated.num_responses) == (40, 200)


def test_a_policy_that_is_its_reference_has_moved_nowhere():
    ours, _, _ = written(0, num_responses=10)

    result = divergence(ours, ours, np.arange(10), estimator=Estimator.K3)

    assert (result.kl, result.low, result.high) == (0, 0, 0)


def test_best_of_n_stands_at_its_bound_and_a_policy_at_its_divergence():
    rate = win_rate([2, 2, 0, 1], [1, 2, 3, 4], both_bad=BothBad.TIE)
    ours, theirs, _ = written(0, num_responses=10)
    moved = divergence(ours, theirs, np.arange(10), estimator=Estimator.K3)

    points = best_of_n_points({16: rate, 4: rate, 1: rate})

    assert [point.kl for point in points] == pytest.approx([0, 0.6363, 1.8351], abs=1e-4)
    assert all(point.is_bound and point.kl_low == 0 for point in points)
    assert policy_point(moved, rate) == (moved.kl, moved.low, moved.high, rate, False)


@pytest.mark.parametrize(
    ("policy", "reference", "prompts", "reason"),
    [
        ([[-1.0], [0.5]], [[-1.0], [-1.0]], [1, 2], "not above 0"),
        ([[-1.0], [-1.0]], [[-1.0]], [1, 2], "same length"),
        ([[-1.0], [-1.0]], [[-1.0], [-1.0, -2.0]], [1, 2], "same length"),
        ([[-1.0], [-math.inf]], [[-1.0], [-1.0]], [1, 2], "finite"),
        ([[-1.0], [-1.0]], [[-1.0], [-1.0]], [1, 1], "two prompts"),
    ],
)
def test_what_makes_no_sense_is_refused(policy, reference, prompts, reason):
    with pytest.raises(ValueError, match=reason):
        divergence(policy, reference, prompts, estimator=Estimator.K3)


def test_a_response_without_tokens_says_nothing():
    with pytest.raises(EmptyDataError, match="Log-probabilities are missing"):
        sequence_kl([[]], [[]], estimator=Estimator.K1)
