import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.best_of_n import best_of_weights, expected_rewards, kl_bound, select
from alignment.errors import AlignmentError
from alignment.records import PooledResponse, Prompt, PromptPool, PromptRewards


def response(text: str) -> PooledResponse:
    return PooledResponse(text=text, logprob=-1.0, num_tokens=1, finished=True)


def pool(text: str, *candidates: str) -> PromptPool:
    return PromptPool(
        prompt=Prompt(text=text, language="de"),
        unaligned=response("unaligned"),
        candidates=tuple(map(response, candidates)),
    )


def rewards(of: PromptPool, *candidates: float, unaligned: float = 0.0) -> PromptRewards:
    return PromptRewards(prompt_key=of.prompt.key, unaligned=unaligned, candidates=candidates)


def test_the_candidate_with_the_highest_reward_is_chosen():
    each = pool("Es war", "a", "b", "c")

    (selection,) = select([each], [rewards(each, 0.1, 0.9, 0.3, unaligned=-2.0)], n=3)

    assert (selection.best.text, selection.index, selection.best_reward) == ("b", 1, 0.9)
    assert (selection.unaligned.text, selection.unaligned_reward) == ("unaligned", -2.0)


def test_the_unaligned_response_is_never_chosen():
    each = pool("Es war", "a")

    (selection,) = select([each], [rewards(each, -5.0, unaligned=9.0)], n=1)

    assert selection.best.text == "a"


def test_only_the_first_n_candidates_are_considered():
    each = pool("Es war", "a", "b", "c")

    (selection,) = select([each], [rewards(each, 0.1, 0.2, 0.9)], n=2)

    assert (selection.index, selection.n) == (1, 2)


def test_of_equal_rewards_the_first_wins():
    each = pool("Es war", "a", "b", "c")

    (selection,) = select([each], [rewards(each, 0.1, 0.7, 0.7)], n=3)

    assert selection.index == 1


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_reward_that_is_no_finite_number_is_refused(broken):
    each = pool("Es war", "a", "b")

    with pytest.raises(AlignmentError, match="not a finite number"):
        select([each], [rewards(each, broken, 0.1)], n=2)


def test_rewards_in_another_order_are_refused():
    first, second = pool("Es war", "a"), pool("Es wird", "a")

    with pytest.raises(AlignmentError, match="score this pool again"):
        select([first, second], [rewards(second, 0.1), rewards(first, 0.2)], n=1)


def test_missing_rewards_are_refused():
    each = pool("Es war", "a", "b")

    with pytest.raises(AlignmentError, match="1 pools but rewards for 0 prompts"):
        select([each], [], n=1)
    with pytest.raises(AlignmentError, match="2 candidates and 1 rewards"):
        select([each], [rewards(each, 0.1)], n=1)


@pytest.mark.parametrize("n", [0, 3])
def test_n_must_be_among_the_candidates(n):
    each = pool("Es war", "a", "b")

    with pytest.raises(AlignmentError, match="n"):
        select([each], [rewards(each, 0.1, 0.2)], n=n)


def test_the_kl_bound_has_its_published_values():
    assert kl_bound(1) == 0
    assert kl_bound(4) == pytest.approx(0.6363, abs=5e-5)
    assert kl_bound(16) == pytest.approx(1.8351, abs=5e-5)


def test_the_kl_bound_needs_a_response():
    with pytest.raises(ValueError, match="at least 1"):
        kl_bound(0)


def test_weights_are_ratios_of_binomial_coefficients():
    by_hand = [[math.comb(i - 1, k - 1) / math.comb(7, k) for i in range(1, 8)] for k in range(1, 8)]

    np.testing.assert_allclose(best_of_weights(7), by_hand, atol=1e-15)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6))
def test_the_expected_reward_is_the_mean_over_all_subsets(values):
    subsets = [list(itertools.combinations(values, k)) for k in range(1, len(values) + 1)]
    by_hand = [np.mean([max(subset) for subset in of_size]) for of_size in subsets]

    np.testing.assert_allclose(expected_rewards([values]), by_hand, atol=1e-9)


def test_expected_rewards_are_averaged_over_prompts():
    np.testing.assert_allclose(expected_rewards([[0.0, 2.0], [4.0, 3.0]]), [2.25, 3.0])


def test_a_thousand_candidates_do_not_overflow():
    curve = expected_rewards([list(range(1000))])

    assert curve[0] == pytest.approx(499.5)
    assert curve[-1] == pytest.approx(999)


@pytest.mark.parametrize("unusable", [[], [[1.0, 2.0], [1.0]]])
def test_a_curve_needs_prompts_with_equally_many_rewards(unusable):
    with pytest.raises(ValueError, match="no rewards|inhomogeneous"):
        expected_rewards(unusable)
