import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.statistics.agreement import agreement
from alignment.statistics.columns import EmptyDataError
from alignment.statistics.intervals import WITHOUT_SPREAD, wilson

# Four observers of twelve units, 0 where one said nothing: Krippendorff (2011), Gwet's "raw_4raters".
OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ]
)
VERDICTS = ["first", "tie", "second"]


def measured(verdicts, comparisons, prompts=None, categories=VERDICTS, seed=0, **options):
    prompts = comparisons if prompts is None else prompts
    generator = np.random.default_rng(seed)
    return agreement(verdicts, comparisons, prompts, categories=categories, generator=generator, **options)


def pairs_of_judges(counts):
    """Two judgments of each comparison, from {(verdict, verdict): comparisons}."""
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    return np.array(pairs).ravel(), np.repeat(np.arange(len(pairs)), 2)


@st.composite
def judgments(draw):
    rows = draw(
        st.lists(st.tuples(st.sampled_from(VERDICTS), st.integers(0, 7)), min_size=12, max_size=40).filter(
            lambda rows: len({unit // 2 for _, unit in rows}) > 1
        )
    )
    verdicts, units = zip(*rows, strict=True)
    return np.array(verdicts), np.array(units)


def test_the_published_coefficients_of_four_observers():
    observer, unit = np.nonzero(OBSERVERS)

    result = measured(OBSERVERS[observer, unit], unit, categories=[1, 2, 3, 4, 5])

    assert result.raw.estimate == pytest.approx(0.81818, abs=1e-5)
    assert result.alpha.estimate == pytest.approx(0.74342, abs=1e-5)
    assert result.ac1.estimate == pytest.approx(0.77544, abs=1e-5)
    assert (result.num_comparisons, result.num_prompts, result.num_judgments) == (11, 11, 40)


def test_alpha_is_low_and_ac1_high_where_nearly_all_give_one_verdict():
    result = measured(*pairs_of_judges({("yes", "yes"): 118, ("yes", "no"): 7}), categories=["yes", "no"])

    assert result.raw.estimate == pytest.approx(0.944)
    assert result.alpha.estimate == pytest.approx(1 - 249 * 14 / (250**2 - 243**2 - 7**2))
    assert result.ac1.estimate == pytest.approx(0.9408, abs=1e-4)


def test_three_comparisons_by_hand():
    verdicts, units = pairs_of_judges({("first", "first"): 1, ("first", "second"): 1, ("tie", "tie"): 1})

    result = measured(verdicts, units)

    chance = (3 / 6 * 3 / 6 + 1 / 6 * 5 / 6 + 2 / 6 * 4 / 6) / 2
    assert result.raw.estimate == pytest.approx(2 / 3)
    assert result.alpha.estimate == pytest.approx(1 - 5 * 2 / (36 - 9 - 1 - 4))
    assert result.ac1.estimate == pytest.approx((2 / 3 - chance) / (1 - chance))


def test_the_interval_of_raw_agreement_is_about_that_of_a_proportion():
    verdicts, units = pairs_of_judges({("first", "first"): 130, ("first", "second"): 70})

    raw = measured(verdicts, units).raw

    assert (raw.low, raw.high) == pytest.approx(wilson(0.65, 200), abs=0.01)


def test_comparisons_of_one_prompt_are_not_taken_for_independent():
    verdicts, units = pairs_of_judges({("first", "first"): 60, ("first", "second"): 40})

    alone, together = measured(verdicts, units), measured(verdicts, units, units // 10)

    assert together.raw.estimate == alone.raw.estimate
    assert together.raw.high - together.raw.low > 1.5 * (alone.raw.high - alone.raw.low)
    assert (together.num_prompts, together.num_comparisons) == (10, 100)


@given(judgments(), st.permutations(VERDICTS), st.randoms(use_true_random=False))
def test_neither_the_order_nor_the_names_of_verdicts_matter(columns, renamed, shuffler):
    verdicts, units = columns
    if np.bincount(units).max() < 2:
        return
    order = np.arange(units.size)
    shuffler.shuffle(order)
    names = dict(zip(VERDICTS, renamed, strict=True))

    result = measured(verdicts, units, units // 2)
    other = measured([names[verdict] for verdict in verdicts[order]], units[order], units[order] // 2)

    assert [c.estimate for c in (other.raw, other.ac1)] == pytest.approx(
        [c.estimate for c in (result.raw, result.ac1)]
    )
    assert (result.alpha is None) is (other.alpha is None)
    assert result.raw.low <= result.raw.estimate <= result.raw.high <= 1
    assert measured(verdicts[order], units[order], units[order] // 2).raw == pytest.approx(result.raw)


def test_complete_agreement_is_no_certainty():
    result = measured(*pairs_of_judges({("first", "first"): 12, ("second", "second"): 8}))

    assert (result.raw.low, result.raw.high) == pytest.approx(wilson(1, 20))
    assert (result.raw.estimate, result.alpha.estimate, result.ac1.estimate) == pytest.approx((1, 1, 1))
    assert result.alpha.low < result.raw.low
    assert result.method.endswith(WITHOUT_SPREAD)


def test_one_verdict_throughout_leaves_alpha_undefined():
    result = measured(*pairs_of_judges({("first", "first"): 30}))

    assert result.alpha is None
    assert (result.raw.estimate, result.ac1.estimate) == (1, 1)


def test_the_interval_covers_the_agreement_of_clustered_judgments():
    random, repeats, covered = np.random.default_rng(2), 200, 0
    units = np.repeat(np.arange(120), 2)
    for seed in range(repeats):
        likely = random.beta(2, 2, 40)[units // 3]
        verdicts = np.where(random.random(240) < likely, "first", "second")
        raw = measured(verdicts, units, units // 3, seed=seed).raw
        covered += raw.low <= 0.6 <= raw.high  # E[p² + (1 - p)²] with p from Beta(2, 2)

    assert covered / repeats == pytest.approx(0.95, abs=0.045)


@pytest.mark.parametrize(
    ("verdicts", "comparisons", "prompts", "reason"),
    [
        (["first", "sideways"], [1, 1], [1, 2], "'sideways' is none"),
        (["first", "tie"], [1, 1], [1, 2], "belongs to one prompt"),
        (["first", "tie"], [1, 1], [1, 1], "at least two prompts"),
        (["first"], [1, 1], [1, 1], "same length"),
    ],
)
def test_what_makes_no_sense_is_refused(verdicts, comparisons, prompts, reason):
    with pytest.raises(ValueError, match=reason):
        measured(verdicts, comparisons, prompts)


def test_agreement_needs_two_judgments_of_a_comparison_and_two_verdicts_to_choose_from():
    with pytest.raises(EmptyDataError, match="judged twice"):
        measured(["first", "tie"], [1, 2])
    with pytest.raises(ValueError, match="two different verdicts"):
        measured(["first", "first"], [1, 1], categories=["first"])
