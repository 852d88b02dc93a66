import pytest

from alignment.records import PooledResponse, Prompt, PromptPool
from alignment.reward.feature_cache import FeatureCache
from alignment.reward.model import RewardModel
from alignment.reward.scoring import RESPONSES_PER_BLOCK, score_pool
from alignment.reward.training import Order, train
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
