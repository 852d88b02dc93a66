import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from alignment.statistics import lexical
from alignment.statistics.columns import EmptyDataError
from alignment.statistics.lexical import (
    Counting,
    LexicalFit,
    Scored,
    r_squared_cross_language,
    r_squared_in_language,
)

ENGLISH = ["light", "morning", "window", "bus", "match", "home", "song", "door"]
RUSSIAN = ["снег", "улица", "вечер", "семья", "стол", "дом", "утро", "окно"]


def written(words, *, seed, num_prompts=60, noise=0.0, weights=None):
    """Three responses to each prompt; the reward adds up the weights of the words in it."""
    random = np.random.default_rng(seed)
    counts = random.poisson(1.0, size=(3 * num_prompts, len(words)))
    texts = [" ".join(np.repeat(words, row)) or "." for row in counts]
    weights = np.linspace(-2, 2, len(words)) if weights is None else weights
    rewards = counts @ weights + noise * random.normal(size=len(texts))
    return Scored(texts, rewards, np.repeat(np.arange(num_prompts), 3))


def in_language(scored, counting=Counting.WORDS, seed=0, **options) -> LexicalFit:
    return r_squared_in_language(scored, counting=counting, generator=np.random.default_rng(seed), **options)


def cross_language(fitted_to, scored, counting=Counting.WORDS):
    return r_squared_cross_language(fitted_to, scored, counting=counting, generator=np.random.default_rng(0))


def test_rewards_that_are_sums_of_words_are_explained_in_their_language():
    result = in_language(written(ENGLISH, seed=0))

    assert result.r_squared > 0.98
    assert result.low <= result.r_squared <= result.high <= 1
    assert (result.num_prompts, result.num_responses) == (60, 180)


def test_words_of_one_language_explain_nothing_in_another():
    result = cross_language(written(ENGLISH, seed=0), written(RUSSIAN, seed=1))

    assert result.r_squared < 0.05


def test_the_same_words_explain_other_prompts():
    result = cross_language(written(ENGLISH, seed=0), written(ENGLISH, seed=1, num_prompts=20))

    assert result.r_squared > 0.98
    assert (result.num_prompts, result.num_responses) == (20, 60)


def test_noise_is_explained_as_far_as_words_go():
    scored = written(ENGLISH, seed=0, noise=4.0, num_prompts=150)
    share = 1 - 16 / np.var(scored.rewards)

    result = in_language(scored)

    assert result.low < share < result.high


def test_rewards_that_do_not_depend_on_words_are_not_explained():
    result = in_language(written(ENGLISH, seed=0, noise=1.0, weights=np.zeros(8)))

    assert result.r_squared < 0.05


def test_a_prompt_in_all_texts_of_which_stands_one_name_does_not_give_its_reward_away():
    names = [f"name{number}" for number in range(40)]
    rewards = np.repeat(np.random.default_rng(0).normal(size=40), 3)

    result = in_language(Scored(list(np.repeat(names, 3)), rewards, np.repeat(names, 3)))

    assert result.r_squared < 0.05


def test_characters_are_counted_where_words_have_no_spaces():
    scored = written(["山", "川", "水", "火", "木", "金", "土", "日"], seed=0)
    scored = scored._replace(texts=[text.replace(" ", "") for text in scored.texts])

    assert in_language(scored, Counting.CHARACTERS).r_squared > 0.9
    assert in_language(scored, Counting.WORDS).r_squared < 0.5


def test_vowel_signs_are_part_of_their_words():
    scored = written(["की", "का", "के", "को", "मे", "मी", "मा", "मो"], seed=0)

    assert in_language(scored).r_squared > 0.98


def test_the_order_of_responses_does_not_matter():
    scored = written(ENGLISH, seed=0, noise=1.0)
    order = np.random.default_rng(1).permutation(180)
    shuffled = Scored([scored.texts[place] for place in order], scored.rewards[order], scored.prompts[order])

    assert in_language(shuffled)[:3] == pytest.approx(in_language(scored)[:3], abs=1e-3)


def test_a_scale_and_an_offset_of_the_rewards_do_not_matter():
    scored = written(ENGLISH, seed=0, noise=1.0)

    scaled = in_language(scored._replace(rewards=5 + 3 * scored.rewards))

    assert scaled[:3] == pytest.approx(in_language(scored)[:3], abs=1e-3)


def test_r_squared_by_hand_and_as_scikit_learn_has_it(monkeypatch):
    fitted_to, scored = written(ENGLISH, seed=0), written(ENGLISH, seed=1, noise=1.0)
    monkeypatch.setattr(lexical, "PENALTIES", (10.0,))
    counts, new = (
        [[text.split().count(word) for word in ENGLISH] for text in column.texts]
        for column in (fitted_to, scored)
    )
    predicted = Ridge(alpha=10.0).fit(counts, fitted_to.rewards).predict(new)

    result = cross_language(fitted_to, scored)

    assert result.r_squared == pytest.approx(r2_score(scored.rewards, predicted), abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rewards": np.ones(180)}, "nothing to explain"),
        ({"rewards": np.ones(179)}, "same length"),
        ({"prompts": np.arange(180) % 9}, "at least 10 prompts"),
        ({"rewards": np.full(180, np.inf)}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(changes, reason):
    with pytest.raises(ValueError, match=reason):
        in_language(written(ENGLISH, seed=0)._replace(**changes))


def test_texts_without_words_have_nothing_to_count():
    scored = written(ENGLISH, seed=0)

    with pytest.raises(EmptyDataError, match="no words to count"):
        in_language(scored._replace(texts=["…"] * 180))


def test_a_regression_needs_three_prompts_to_choose_its_penalty():
    scored = written(ENGLISH, seed=0)

    with pytest.raises(ValueError, match="at least 3 prompts"):
        cross_language(scored._replace(prompts=np.arange(180) % 2), scored)
