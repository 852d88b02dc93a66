import pytest

from alignment.errors import AlignmentError
from alignment.records import Preference, Prompt
from alignment.reward.examples import rating_baselines, training_data
from alignment.reward.formatting import Layout
from alignment.reward.model import load_extractor
from tests.alignment.reward.conftest import pairs, ratings, settings


@pytest.fixture
def formatter(tiny_encoder):
    return load_extractor(tiny_encoder, Layout(delimiter=" ", cuts_end=False, max_tokens=64)).formatter


def test_the_test_split_is_never_trained_on(formatter):
    feedback = [*ratings(6), *ratings(4, split="validation"), *ratings(8, split="test")]

    data = training_data(feedback, formatter, settings())

    assert (len(data.train.all), len(data.validation.all)) == (6, 4)


def test_pairs_that_become_the_same_are_dropped_and_counted(formatter):
    prompt = Prompt(text="", language="de")
    long = "the dog came home and " * 20
    same = Preference(prompt=prompt, chosen=long + "good", rejected=long + "bad")

    data = training_data([*pairs(3), same], formatter, settings())

    assert len(data.train.pairs) == 3
    assert (data.counts["de"].pairs, data.counts["de"].dropped, data.counts["de"].truncated) == (0, 1, 2)


def test_each_language_is_counted_with_its_tokens_per_character(formatter):
    data = training_data([*ratings(4, language="en"), *ratings(2, language="tr")], formatter, settings())

    assert {tag: counts.ratings for tag, counts in data.counts.items()} == {"en": 4, "tr": 2}
    texts = [one.response for one in ratings(2)]
    tokens = formatter.tokens([formatter.input(Prompt(text="", language="tr"), text) for text in texts])
    expected = sum(one.num_full for one in tokens) / sum(map(len, texts))
    assert data.counts["tr"].tokens_per_character == pytest.approx(expected)


def test_a_seeded_subset_is_trained_on_when_asked_for(formatter):
    small = training_data(ratings(40), formatter, settings(max_examples=8)).train.all
    large = training_data(ratings(40), formatter, settings(max_examples=20)).train.all
    other = training_data(ratings(40), formatter, settings(max_examples=8, seed=8)).train.all

    assert (len(small), len(large)) == (8, 20)
    assert set(small) < set(large)
    assert set(small) != set(other)


def test_nothing_to_train_on_is_an_error(formatter):
    with pytest.raises(AlignmentError, match="fewer than two"):
        training_data(ratings(8, split="test"), formatter, settings())


def test_ratings_that_all_agree_are_an_error(formatter):
    good = [one for one in ratings(8) if one.good]

    with pytest.raises(AlignmentError, match="all say the same|say the same"):
        training_data(good, formatter, settings())


def test_rewards_are_measured_on_validation_where_there_is_one(formatter):
    with_validation = training_data([*ratings(6), *ratings(2, split="validation")], formatter, settings())
    without = training_data(ratings(6), formatter, settings())

    assert (with_validation.measured_on, len(with_validation.yardstick)) == ("validation", 2)
    assert (without.measured_on, len(without.yardstick)) == ("train", 6)


def test_many_examples_are_measured_evenly_spaced(formatter):
    data = training_data(ratings(4100), formatter, settings())

    assert len(data.measured.all) == len(data.train.all[::3])


def test_the_training_split_alone_makes_the_baselines(formatter):
    feedback = [*ratings(10)[:7], *ratings(10, split="validation")]

    baselines = rating_baselines(training_data(feedback, formatter, settings()).train)

    assert baselines is not None
    assert baselines.good_share == pytest.approx(4 / 7)


def test_pairs_have_no_baselines_of_ratings(formatter):
    assert rating_baselines(training_data(pairs(4), formatter, settings()).train) is None
