import itertools

import numpy as np
import pytest
from hypothesis import assume, given

from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import WITHOUT_SPREAD, wilson
from alignment.statistics.win_rate import (
    RULE,
    BothBad,
    macro_average,
    win_rate,
    win_rate_any_annotators,
    win_rates_by_cell,
)
from tests.alignment.statistics.judgments import drawn, peer_variance, simulated


def rate(half_points, prompts, **options):
    return win_rate(half_points, prompts, both_bad=BothBad.TIE, **options)


def test_a_case_by_hand():
    result = rate([2, 2, 0, 1, 2], [7, 7, 7, 8, 9])

    assert result.estimate == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert result.variance == pytest.approx(np.var([2 / 3, 1 / 2, 1], ddof=1) / 3)
    assert (result.wins, result.ties, result.losses) == (3, 1, 1)
    assert (result.num_prompts, result.num_judgments) == (3, 5)
    assert result.confidence == 0.95


def test_every_prompt_counts_the_same_however_often_it_was_judged():
    assert rate([2] * 9 + [0], [1] * 9 + [2]).estimate == 0.5


def test_the_variance_is_that_of_statsmodels_when_prompts_are_judged_equally_often():
    half_points, _ = simulated(0, size=600, num_prompts=200)
    prompts = np.repeat(np.arange(200), 3)

    assert rate(half_points, prompts).variance == pytest.approx(peer_variance(half_points / 2, prompts))


def test_the_variance_is_that_of_statsmodels_with_equally_weighted_prompts():
    half_points, prompts = simulated(1, size=500, num_prompts=60)
    weights = 1 / np.bincount(prompts)[prompts]

    assert rate(half_points, prompts).variance == pytest.approx(
        peer_variance(half_points / 2, prompts, weights)
    )


def test_one_judgment_per_prompt_without_ties_is_nearly_the_plain_interval():
    half_points = np.repeat([2, 0], [81, 182])
    low, high = wilson(81 / 263, 263)

    result = rate(half_points, np.arange(263))

    assert (result.low, result.high) == pytest.approx((low, high), abs=1e-3)


@given(drawn())
def test_swapping_the_sides_mirrors_estimate_and_interval(judgments):
    half_points, prompts = judgments
    ours, theirs = rate(half_points, prompts), rate(2 - half_points, prompts)

    assert (theirs.estimate, theirs.low, theirs.high) == pytest.approx(
        (1 - ours.estimate, 1 - ours.high, 1 - ours.low)
    )
    assert (theirs.wins, theirs.ties, theirs.losses) == (ours.losses, ours.ties, ours.wins)


@given(drawn())
def test_the_order_of_judgments_changes_nothing(judgments):
    half_points, prompts = judgments
    order = np.random.default_rng(0).permutation(half_points.size)

    assert rate(half_points[order], prompts[order]) == rate(half_points, prompts)


@given(drawn())
def test_repeating_judgments_on_the_same_prompts_narrows_nothing(judgments):
    once = rate(*judgments)
    twice = rate(*(np.tile(column, 2) for column in judgments))

    assert (twice.estimate, twice.low, twice.high) == (once.estimate, once.low, once.high)
    assert twice.num_judgments == 2 * once.num_judgments


@given(drawn())
def test_the_interval_is_finite_and_holds_the_estimate(judgments):
    result = rate(*judgments)

    assert 0 <= result.low < result.high <= 1
    assert result.low <= result.estimate <= result.high
    assert result.wins + result.ties + result.losses == result.num_judgments


@pytest.mark.parametrize(("half_points", "estimate"), [(2, 1), (1, 0.5), (0, 0)])
def test_prompts_that_all_agree_count_as_one_answer_each(half_points, estimate):
    result = rate([half_points] * 40, np.repeat(np.arange(20), 2))

    assert result.estimate == estimate
    assert (result.low, result.high) == wilson(estimate, 20)
    assert result.method.endswith(WITHOUT_SPREAD)


def test_prompts_that_agree_on_a_third_show_no_spread_despite_rounding():
    result = rate([2, 0, 0] * 7 + [2, 2, 0, 0, 0, 0], np.repeat(np.arange(8), [3] * 7 + [6]))

    assert (result.estimate, result.variance) == (pytest.approx(1 / 3), 0)
    assert (result.low, result.high) == pytest.approx(wilson(1 / 3, 8))


def test_a_single_prompt_says_little():
    result = rate([2, 2, 0], [4, 4, 4])

    assert (result.low, result.high) == wilson(2 / 3, 1)


def test_no_judgments_give_no_number():
    with pytest.raises(EmptyDataError):
        rate([], [])


def test_both_bad_counts_as_a_tie_or_not_at_all():
    columns = {
        "half_points": [2, 1, 1, 0],
        "prompts": [1, 2, 3, 3],
        "both_bad_flags": [False, True, False, False],
    }

    tie = win_rate(**columns, both_bad=BothBad.TIE)
    left_out = win_rate(**columns, both_bad=BothBad.LEFT_OUT)

    assert (tie.estimate, tie.ties, tie.num_prompts, tie.num_both_bad) == (pytest.approx(1.75 / 3), 2, 3, 1)
    assert (left_out.estimate, left_out.ties, left_out.num_prompts, left_out.num_both_bad) == (0.625, 1, 2, 1)


def test_nothing_but_both_bad_left_out_gives_no_number():
    with pytest.raises(EmptyDataError, match="both bad"):
        win_rate([1, 1], [1, 2], both_bad=BothBad.LEFT_OUT, both_bad_flags=[True, True])


def test_an_unknown_way_to_count_both_bad_is_refused():
    with pytest.raises(ValueError, match="loss"):
        win_rate([2], [1], both_bad="loss")


def test_ties_by_rule_count_and_are_shown():
    result = rate([1, 2, 1], [1, 2, 3], identical=[True, False, False])

    assert (result.ties, result.num_identical, result.num_judgments) == (2, 1, 3)


@pytest.mark.parametrize(
    "flags", [{"both_bad_flags": [True]}, {"identical": [True]}, {"both_bad_flags": [False, False]}]
)
def test_flags_must_fit_the_half_points(flags):
    with pytest.raises(ValueError, match="half-point|same length"):
        rate([2], [1], **flags)


def test_identical_texts_are_never_both_bad():
    with pytest.raises(ValueError, match="none is both"):
        rate([1], [1], both_bad_flags=[True], identical=[True])


def test_each_cell_has_the_win_rate_of_its_own_judgments():
    half_points, prompts = simulated(2, size=300, num_prompts=12)
    cells = np.random.default_rng(2).choice(["de ← en", "es ← en", "es ← es"], 300)
    flags = {
        "both_bad_flags": (half_points == 1) & (prompts % 3 == 0),
        "identical": (half_points == 1) & (prompts % 3 == 1),
    }

    by_cell = win_rates_by_cell(cells, half_points, prompts, both_bad=BothBad.LEFT_OUT, **flags)

    assert by_cell == {
        cell: win_rate(
            half_points[cells == cell],
            prompts[cells == cell],
            both_bad=BothBad.LEFT_OUT,
            **{name: flag[cells == cell] for name, flag in flags.items()},
        )
        for cell in ("de ← en", "es ← en", "es ← es")
    }


def test_a_cell_in_which_nothing_counts_is_absent():
    by_cell = win_rates_by_cell(
        [5, 6], [1, 2], [1, 1], both_bad=BothBad.LEFT_OUT, both_bad_flags=[True, False]
    )

    assert list(by_cell) == [6]


def test_a_matrix_in_which_nothing_counts_has_no_cells():
    assert win_rates_by_cell([5], [1], [1], both_bad=BothBad.LEFT_OUT, both_bad_flags=[True]) == {}


def coverage(by_cell, truth):
    return np.mean([cell.low <= truth <= cell.high for cell in by_cell.values()])


def test_intervals_cover_the_truth_where_the_plain_one_on_judgments_is_too_narrow():
    random, repeats, num_prompts, votes, truth = np.random.default_rng(3), 1500, 40, 5, 0.6
    likely = random.beta(2 * truth, 2 * (1 - truth), (repeats, num_prompts, 1))  # correlation 1/3 in a prompt
    half_points = 2 * (random.random((repeats, num_prompts, votes)) < likely)
    cells, prompts, _ = np.indices(half_points.shape)

    by_cell = win_rates_by_cell(cells.ravel(), half_points.ravel(), prompts.ravel(), both_bad=BothBad.TIE)

    plain = [wilson(cell.estimate, cell.num_judgments) for cell in by_cell.values()]
    assert coverage(by_cell, truth) == pytest.approx(0.95, abs=0.017)  # three standard errors
    assert np.mean([low <= truth <= high for low, high in plain]) < 0.85


def any_annotators(half_points, prompts, annotators, **options):
    return win_rate_any_annotators(half_points, prompts, annotators, both_bad=BothBad.TIE, **options)


def two_way_judgments(seed):
    """600 judgments on which both prompts and annotators leave their mark."""
    random = np.random.default_rng(seed)
    prompts, annotators = np.repeat(np.arange(200), 3), random.integers(1, 16, 600)
    likely = 0.5 + 0.3 * random.uniform(-1, 1, 200)[prompts] + 0.2 * random.uniform(-1, 1, 16)[annotators]
    return random.binomial(2, likely), prompts, annotators


def test_the_two_way_variance_is_that_of_statsmodels():
    half_points, prompts, annotators = two_way_judgments(4)

    result = any_annotators(half_points, prompts, annotators)

    assert result.variance == pytest.approx(
        peer_variance(half_points / 2, np.column_stack([prompts, annotators]))
    )


def test_other_annotators_add_to_the_uncertainty_and_leave_the_estimate():
    half_points, prompts, annotators = two_way_judgments(5)
    same, other = rate(half_points, prompts), any_annotators(half_points, prompts, annotators)

    assert other.estimate == same.estimate
    assert other.low < same.low < same.high < other.high
    assert other[5:12] == same[5:12]


@given(drawn())
def test_an_interval_for_any_annotators_is_finite_and_has_at_least_the_variance_by_prompt(judgments):
    half_points, prompts = judgments
    annotators = np.arange(half_points.size) % 3
    assume(half_points.size > 1)

    result = any_annotators(half_points, prompts, annotators)

    assert 0 <= result.low <= result.estimate <= result.high <= 1
    assert result.variance >= rate(half_points, prompts).variance * (1 - 1e-9)


def test_the_interval_for_any_annotators_covers_where_the_one_by_prompt_does_not():
    random, repeats, covered = np.random.default_rng(11), 400, np.zeros(2)
    prompts, annotators = np.repeat(np.arange(60), 3), (np.arange(180) * 7) % 9
    for _ in range(repeats):
        taste = random.normal(0, 0.5, 60)[prompts] + random.normal(0, 0.5, 9)[annotators]
        half_points = 2 * (random.random(180) < 1 / (1 + np.exp(-taste)))
        results = any_annotators(half_points, prompts, annotators), rate(half_points, prompts)
        covered += [result.low <= 0.5 <= result.high for result in results]

    any_other, the_same = covered / repeats
    assert any_other == pytest.approx(0.95, abs=0.033)  # three standard errors
    assert the_same < 0.85


def test_ties_by_rule_have_a_prompt_but_no_annotator():
    result = any_annotators([2, 0, 2, 2, 1], [1, 1, 2, 2, 3], [1, 2, 1, 2, RULE])

    by_annotator = 2 / (2 - 1) * ((1 / 9) ** 2 + (1 / 18) ** 2)  # two people; the largest of the three parts
    assert (result.num_prompts, result.num_identical) == (3, 1)
    assert result.variance == pytest.approx(by_annotator)


def test_annotators_who_all_agree_count_as_one_answer_each():
    prompts, annotators = map(np.ravel, np.indices((30, 4)))

    result = any_annotators(np.full(120, 2), prompts, annotators)

    assert (result.low, result.high) == wilson(1, 4)


@pytest.mark.parametrize("annotators", [[1, 1, 1], [1, RULE, RULE], [RULE, RULE, RULE]])
def test_one_annotator_says_nothing_about_others(annotators):
    with pytest.raises(ValueError, match="at least two"):
        any_annotators([1, 1, 1], [1, 2, 3], annotators)


def test_the_macro_average_weighs_datasets_equally():
    large, small = (rate(*simulated(seed, size=size, num_prompts=50)) for seed, size in ((6, 900), (7, 90)))

    macro = macro_average([large, small])

    assert macro.estimate == pytest.approx((large.estimate + small.estimate) / 2)
    assert macro.variance == pytest.approx((large.variance + small.variance) / 4)
    assert macro.num_judgments == 990
    assert max(large.low, small.low) - 0.5 < macro.low < macro.estimate < macro.high


def test_the_macro_average_of_one_dataset_is_its_win_rate():
    only = rate(*simulated(8, size=100, num_prompts=30))

    assert macro_average([only])[:5] == pytest.approx(only[:5])


def test_the_order_of_datasets_changes_nothing():
    rates = [rate(*simulated(seed, size=60, num_prompts=20)) for seed in range(3)]

    for order in itertools.permutations(rates):
        assert macro_average(order)[:5] == pytest.approx(macro_average(rates)[:5])


def test_a_dataset_whose_prompts_agree_still_adds_to_the_uncertainty():
    agreed, mixed = rate([2] * 20, np.arange(20)), rate(*simulated(9, size=60, num_prompts=30))

    macro = macro_average([agreed, mixed])

    added = 22 / 24 * 2 / 24 / 24  # Agresti and Coull: 22 wins of 24
    assert macro.variance == pytest.approx((added + mixed.variance) / 4)


def test_datasets_that_agree_entirely_have_an_interval():
    macro = macro_average([rate([2] * 20, np.arange(20)), rate([2] * 5, np.arange(5))])

    assert (macro.low, macro.high) == pytest.approx(wilson(1, 4 / (1 / 20 + 1 / 5)))


def test_no_datasets_give_no_number():
    with pytest.raises(EmptyDataError):
        macro_average([])


def test_the_macro_average_covers_the_truth():
    random, repeats, truth = np.random.default_rng(10), 1000, (0.4, 0.6, 0.8)
    covered = 0
    for _ in range(repeats):
        datasets = [
            rate(2 * (random.random(n) < p), np.arange(n)) for n, p in zip((15, 40, 80), truth, strict=True)
        ]
        low, high = macro_average(datasets)[1:3]
        covered += low <= np.mean(truth) <= high

    assert covered / repeats == pytest.approx(0.95, abs=0.021)  # three standard errors
