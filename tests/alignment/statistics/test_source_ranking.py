import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from alignment.statistics.columns import EmptyDataError
from alignment.statistics.paired import beats
from alignment.statistics.source_ranking import holm, rank_sources
from alignment.statistics.win_rate import BothBad, win_rate

BENJAMINI_HOCHBERG_1995 = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
]
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def judged(seed, win_rates, num_prompts=200):
    """One judgment of each source on each prompt; columns as `rank_sources` takes them."""
    random = np.random.default_rng(seed)
    sources = np.repeat(list(win_rates), num_prompts)
    won = random.random(sources.size) < np.repeat(list(win_rates.values()), num_prompts)
    return sources, 2 * won, np.tile(np.arange(num_prompts), len(win_rates))


def test_holm_rejects_three_of_the_published_p_values():
    assert (holm(BENJAMINI_HOCHBERG_1995) < 0.05).sum() == 3


def test_holm_adjusts_as_statsmodels_does():
    p_values = np.random.default_rng(0).permutation([*BENJAMINI_HOCHBERG_1995, 0.0095, 0.3240])

    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(P_VALUES, st.randoms(use_true_random=False))
def test_holm_neither_lowers_a_p_value_nor_minds_their_order(p_values, shuffler):
    order = list(range(len(p_values)))
    shuffler.shuffle(order)

    adjusted = holm(p_values)

    assert (adjusted >= p_values).all()
    assert (adjusted <= 1).all()
    assert holm(np.array(p_values)[order]) == pytest.approx(adjusted[order])


def test_clearly_different_sources_have_one_rank_each():
    ranking = rank_sources(*judged(0, {"de": 0.5, "en": 0.9, "ru": 0.1}))

    assert [(s.source, s.best_rank, s.worst_rank) for s in ranking.sources] == [
        ("en", 1, 1),
        ("de", 2, 2),
        ("ru", 3, 3),
    ]


def test_sources_that_chance_cannot_tell_apart_share_their_ranks():
    ranking = rank_sources(*judged(0, {"de": 0.5, "en": 0.52, "ru": 0.05}))

    assert {s.source: (s.best_rank, s.worst_rank) for s in ranking.sources} == {
        "de": (1, 2),
        "en": (1, 2),
        "ru": (3, 3),
    }


def test_one_pair_has_the_difference_and_the_p_value_of_the_score_test():
    sources, half_points, prompts = judged(0, {"de": 0.5, "en": 0.6})
    half_points[[0, 200]] = 1  # a tie, so that McNemar's test does not apply
    peer = beats(half_points[:200], half_points[200:])

    (pair,) = rank_sources(sources, half_points, prompts).pairs

    assert (pair.difference, pair.p_value) == pytest.approx((peer.difference, peer.p_value))
    assert pair.num_prompts == 200


def test_win_rates_have_intervals_that_hold_for_all_sources_at_once():
    sources, half_points, prompts = judged(0, {"de": 0.5, "en": 0.6, "ru": 0.7, "tr": 0.8, "vi": 0.9})
    alone = win_rate(half_points[:200], prompts[:200], both_bad=BothBad.TIE, confidence=0.99)

    ranked = {
        source.source: source.win_rate for source in rank_sources(sources, half_points, prompts).sources
    }

    assert ranked["de"][:3] == pytest.approx(alone[:3])


@given(st.permutations(range(120)))
def test_the_order_of_judgments_does_not_matter_and_swapped_sides_turn_the_ranks(order):
    sources, half_points, prompts = judged(1, {"de": 0.5, "en": 0.9, "ru": 0.2}, num_prompts=40)

    ranking = rank_sources(sources, half_points, prompts)
    shuffled = rank_sources(sources[order], half_points[order], prompts[order])
    swapped = rank_sources(sources, 2 - half_points, prompts)

    assert shuffled == ranking
    assert {s.source: (s.best_rank, s.worst_rank) for s in swapped.sources} == {
        s.source: (4 - s.worst_rank, 4 - s.best_rank) for s in ranking.sources
    }


def test_only_common_prompts_compare_two_sources():
    sources, half_points, prompts = judged(2, {"de": 0.5, "en": 0.6}, num_prompts=30)

    ranking = rank_sources(sources[:50], half_points[:50], prompts[:50])

    assert [pair.num_prompts for pair in ranking.pairs] == [20]


def test_equally_good_sources_are_told_apart_in_one_case_of_twenty():
    repeats, found = 300, 0
    for seed in range(repeats):
        ranking = rank_sources(*judged(seed, dict.fromkeys(("de", "en", "es", "ru"), 0.6), num_prompts=60))
        found += any(source.best_rank > 1 for source in ranking.sources)

    assert found / repeats < 0.05 + 3 * math.sqrt(0.05 * 0.95 / repeats)


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="at least two sources"):
        rank_sources(["de", "de"], [2, 0], [1, 2])
    with pytest.raises(EmptyDataError, match="no prompt in common"):
        rank_sources(["de", "en"], [2, 0], [1, 2])
    with pytest.raises(ValueError, match="same length"):
        rank_sources(["de", "en"], [2], [1, 2])
