import pytest

from alignment.judging.verdicts import Answer, Basis, Verdict, consistency


def verdict(as_is, swapped):
    answers = (
        Answer(question="", probability=probability, basis=Basis.TEXT) for probability in (as_is, swapped)
    )
    return Verdict(id=1, **dict(zip(("as_is", "swapped"), answers, strict=True)))


def test_the_probability_is_averaged_over_both_orders():
    assert verdict(0.9, 0.3).probability == pytest.approx((0.9 + 0.7) / 2)


def test_a_judge_that_only_likes_a_place_prefers_neither():
    assert verdict(0.8, 0.8).probability == pytest.approx(0.5)


@pytest.mark.parametrize(("as_is", "swapped"), [(None, 0.2), (0.2, None), (None, None)])
def test_one_order_alone_is_an_abstention(as_is, swapped):
    assert verdict(as_is, swapped).probability is None


def test_consistency_counts_the_comparisons_whose_orders_agree():
    told = consistency([verdict(0.9, 0.3), verdict(0.8, 0.8), verdict(0.5, 0.5), verdict(None, 0.1)])

    assert told.agreement == pytest.approx(2 / 3)
    assert told.shift == pytest.approx((0.1 + 0.3 + 0.0) / 3)
    assert told.num_comparisons == 3


def test_consistency_of_nothing_is_refused():
    with pytest.raises(ValueError, match="both orders"):
        consistency([verdict(None, 0.5)])
