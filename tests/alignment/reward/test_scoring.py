import numpy as np
import pytest

from alignment.errors import AlignmentError
from alignment.records import PooledResponse, Prompt, PromptPool
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.model import RewardModel
from alignment.reward.scoring import RESPONSES_PER_BLOCK, pool_responses, score_pool
from alignment.reward.training import Order, train
from tests.alignment.little_memory import little_memory
from tests.alignment.reward.conftest import COLD, WARM, line, ratings, settings


@pytest.fixture
def model(backbone, tmp_path):
    train(Order(settings(), ratings(40), backbone), tmp_path / "model", cache=tmp_path)
    return RewardModel.load(tmp_path / "model")


def response(text: str) -> PooledResponse:
    return PooledResponse(text=text, logprob=-1.0, num_tokens=3, finished=True)


def pools(count: int) -> list[PromptPool]:
    return [
        PromptPool(
            prompt=Prompt(text=f"Opening {number}", language="es"),
            unaligned=response(line(COLD, number)),
            candidates=tuple(response(line(words, number + 1)) for words in (COLD, WARM, WARM, COLD)),
        )
        for number in range(count)
    ]


def test_rewards_stand_in_the_order_of_the_pool(model):
    (pool,) = pools(1)

    (rewards,) = score_pool(model, [pool])

    one_by_one = [model.rewards([(pool.prompt, each.text)])[0] for each in (pool.unaligned, *pool.candidates)]
    assert [rewards.unaligned, *rewards.candidates] == one_by_one
    assert rewards.prompt_key == pool.prompt.key


@pytest.mark.parametrize("backbone", ["tiny_policy"], indirect=True)
def test_the_candidates_of_a_prompt_share_what_is_made_of_it(backbone, tmp_path):
    train(Order(settings(max_tokens=400), ratings(40), backbone), tmp_path / "model", cache=tmp_path)
    model = RewardModel.load(tmp_path / "model")
    (pool,) = pools(1)
    long = PromptPool(
        prompt=Prompt(text="Opening " * 60, language="es"),
        unaligned=pool.unaligned,
        candidates=pool.candidates,
    )
    apart = model.rewards(pool_responses(long))

    with little_memory(0, while_training=False, after=1) as failed, pytest.raises(AlignmentError):
        list(score_pool(model, [long]))  # what comes after the first pass, which is of the prompt alone
    (rewards,) = score_pool(RewardModel.load(tmp_path / "model"), [long])

    assert failed[0] > 1
    assert [rewards.unaligned, *rewards.candidates] == pytest.approx(apart.tolist(), abs=1e-5)
    assert np.argmax(rewards.candidates) == np.argmax(apart[1:])


def test_any_part_of_a_pool_gets_the_rewards_that_the_whole_gets(model):
    many = pools(RESPONSES_PER_BLOCK // 5 + 3)

    assert list(score_pool(model, many))[5:] == list(score_pool(model, many[5:]))


def test_the_same_text_gets_the_same_reward(model):
    (rewards,) = score_pool(model, pools(1))

    assert rewards.candidates[0] == rewards.candidates[3]


def test_cached_features_give_the_same_rewards(model, tmp_path):
    cache = model.feature_cache(tmp_path / "features")
    plain = list(score_pool(model, pools(3)))

    assert isinstance(cache, FeatureCache)
    assert list(score_pool(model, pools(3), cache=cache)) == plain
    assert list(score_pool(model, pools(3), cache=cache)) == plain


def test_an_empty_response_has_a_reward(model):
    (pool,) = pools(1)
    empty = PromptPool(prompt=pool.prompt, unaligned=response(""), candidates=(response(""),))

    (rewards,) = score_pool(model, [empty])

    assert rewards.unaligned == rewards.candidates[0]


def test_no_pool_has_no_rewards(model):
    assert list(score_pool(model, [])) == []


def half_a_batch(directory) -> int:
    """Half the rows of the first batch, which has the most: its texts are the shortest."""
    with little_memory(0, while_training=False) as failed, pytest.raises(AlignmentError):
        list(score_pool(RewardModel.load(directory), pools(9)))
    return failed[0] // 2


def test_a_batch_that_does_not_fit_is_scored_in_halves_and_the_rewards_are_the_same(model, tmp_path):
    expected = list(score_pool(model, pools(9)))
    notes: list[str] = []

    with little_memory(half_a_batch(tmp_path / "model"), while_training=False) as failed:
        rewards = list(score_pool(model, pools(9), say=notes.append))

    assert len(failed) == len(notes) == 1
    for one, other in zip(rewards, expected, strict=True):
        assert [one.unaligned, *one.candidates] == pytest.approx(
            [other.unaligned, *other.candidates], abs=1e-5
        )


def test_in_halves_too_a_reward_does_not_depend_on_the_other_responses(model, tmp_path):
    with little_memory(half_a_batch(tmp_path / "model"), while_training=False):
        together = list(score_pool(model, pools(9)))

        assert list(score_pool(model, pools(9)[4:])) == together[4:]


def test_halves_that_do_not_fit_either_end_the_scoring_with_advice(model):
    with (
        little_memory(1, while_training=False),
        pytest.raises(AlignmentError, match="choose a smaller backbone"),
    ):
        list(score_pool(model, pools(9)))
