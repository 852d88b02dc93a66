import pytest

from alignment.statistics.win_rate import BothBad
from annotate.models import Experiment, Judgment
from annotate.services.downloads import as_csv, judgment_rows, win_rate_rows
from annotate.services.results import judged_examples, off_language_shares, win_rate_matrix
from tests.annotate.factories import (
    JudgmentFactory,
)

pytestmark = pytest.mark.django_db


def cell(experiment: Experiment, target: str, both_bad: BothBad = BothBad.TIE):
    return win_rate_matrix(experiment, both_bad=both_bad).cells["en", target]


def test_a_cell_counts_wins_ties_and_losses_of_the_aligned_side(experiment):
    rate = cell(experiment, "es").win_rate

    assert (rate.wins, rate.ties, rate.losses) == (2, 2, 1)
    assert (rate.num_both_bad, rate.num_identical, rate.num_prompts) == (1, 1, 5)
    assert rate.estimate == pytest.approx((1 + 1 + 0 + 0.5 + 0.5) / 5)


def test_both_bad_can_be_left_out(experiment):
    rate = cell(experiment, "es", BothBad.LEFT_OUT).win_rate

    assert (rate.num_prompts, rate.num_both_bad) == (4, 1)
    assert rate.estimate == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_a_cell_without_verdicts_has_no_win_rate(experiment):
    empty = cell(experiment, "tr")

    assert empty.win_rate is None
    assert empty.num_comparisons == 0


def test_a_correction_counts_instead_of_the_verdict_it_replaces(experiment, person):
    loss = Judgment.objects.get(points=0)
    JudgmentFactory(judge=person, comparison=loss.comparison, points=2, replaces=loss)

    rate = cell(experiment, "es").win_rate

    assert (rate.wins, rate.losses, rate.num_judgments) == (3, 0, 5)


def test_only_comparisons_with_a_verdict_are_counted_as_judged(experiment):
    assert (cell(experiment, "es").num_comparisons, cell(experiment, "es").num_judged) == (5, 5)
    assert judged_examples(experiment, "en", "es").count() == 5


def test_the_off_language_share_is_told_for_each_system(experiment):
    shares = {system.name: counts.share for system, counts in off_language_shares(experiment)}

    assert shares == {"unaligned es": 1.0, "best-of-4 es ← en": 0.0}


def test_the_off_language_shares_take_two_queries_however_many_systems(experiment, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert len(off_language_shares(experiment)) == 2


def test_downloads_name_the_systems_and_number_the_judges(experiment, person):
    rows = list(judgment_rows(experiment, BothBad.TIE))

    assert len(rows) == 5
    assert {row["first_system"] for row in rows} == {"best-of-4 es ← en"}
    assert person.user.username not in str(rows)


def test_a_text_that_looks_like_a_formula_is_kept_from_spreadsheets():
    lines = list(as_csv(iter([{"first": "=1+1", "points": -2}])))

    assert lines == ["first,points\r\n", "'=1+1,-2\r\n"]


def test_win_rates_can_be_downloaded(experiment):
    (row,) = win_rate_rows(experiment, BothBad.TIE)

    assert (row["source"], row["target"], row["num_prompts"], row["both_bad"]) == ("en", "es", 5, "tie")
