import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from alignment.errors import AlignmentError
from alignment.languages import Identifier
from alignment.memory import Batch as MemoryBatch
from alignment.policy.logprobs import response_logprobs
from alignment.policy.rl_learning import load_setup
from alignment.policy.rl_rollouts import Batch, Scorer
from alignment.policy.rl_settings import RLMethod
from alignment.policy.rl_trainers import RLTraining, trainer_for
from tests.alignment.policy.rl_orders import PROMPTS, likes_vowels, order

KEYS = [prompt.key for prompt in PROMPTS for _ in range(2)]


@pytest.fixture
def setup(tiny_policy):
    return load_setup(order(tiny_policy), rows_at_once=8)


@pytest.fixture
def moved(setup):
    """The policy after a push, so that it differs from the reference."""
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in setup.policy.model.parameters():
            weights += 0.02 * torch.randn_like(weights)
    return setup


def written_by(setup, step: int = 1):
    rollouts = setup.rollouts(setup.policy.model)
    return rollouts, rollouts.write(rollouts.prompt_ids(KEYS), step)


def test_the_start_has_not_moved_at_all(setup):
    rollouts, written = written_by(setup)

    assert rollouts.assess(KEYS, written).kls.tolist() == [0.0] * len(KEYS)


def test_the_divergence_is_summed_over_the_tokens_of_a_response(moved):
    rollouts, written = written_by(moved)

    batch = rollouts.assess(KEYS, written)

    for key, ids, kl in zip(KEYS, written, batch.kls, strict=True):
        prompt = rollouts.prompt_ids([key])
        logratio = response_logprobs(moved.policy.model, prompt, [ids])
        logratio = logratio - response_logprobs(moved.reference, prompt, [ids])
        assert kl == pytest.approx(logratio.item(), abs=1e-4)
    assert np.abs(batch.kls).min() > 0.01


def test_a_reward_is_lowered_by_the_weighted_divergence():
    scorer = Scorer(reference=torch.nn.Identity(), rewarder=likes_vowels, kl_weight=0.5)
    batch = Batch([], [], np.array([1.0, -2.0]), np.array([4.0, -1.0]))

    assert scorer.penalised(batch) == [-1.0, -1.5]


def test_the_metrics_of_a_batch_are_means():
    texts = ["This is a long and quite English sentence.", "Das ist ein langer und ganz deutscher Satz."]
    responses = [(PROMPTS[0], text) for text in (*texts, "", "too few")]

    batch = Batch(responses, [4, 6, 1, 1], np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 0.0, 3.0]))

    assert batch.metrics(Identifier(["en", "de"])) == {
        "reward": 2.5,
        "kl": 1.0,
        "length": 3.0,
        "off_language": 0.25,
    }


def test_responses_do_not_depend_on_how_many_are_written_at_once(setup):
    _, written = written_by(setup)

    assert written_by(setup._replace(rows_at_once=3))[1] == written


def test_each_step_and_each_row_draws_anew(setup):
    _, first = written_by(setup, step=1)
    _, second = written_by(setup, step=2)

    assert first != second
    assert all(one != other for one, other in zip(first[0::2], first[1::2], strict=True))
    assert written_by(setup, step=1)[1] == first


def test_a_response_ends_where_sampling_ends_it(setup):
    newline = setup.policy.tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
    rollouts = setup.rollouts(setup.policy.model)

    text = rollouts.assess(KEYS[:1], [[*setup.policy.tokenizer("kind")["input_ids"], newline]]).responses[0][
        1
    ]

    assert text == "kind"


def test_the_rewards_see_prompts_and_responses_without_any_instruction(setup):
    rollouts, written = written_by(setup)

    batch = rollouts.assess(KEYS, written)

    assert [prompt for prompt, _ in batch.responses] == [prompt for prompt in PROMPTS for _ in range(2)]
    assert batch.rewards.tolist() == likes_vowels(batch.responses).tolist()


def test_a_reward_that_is_no_number_is_refused(tiny_policy):
    def broken(responses):
        return np.full(len(responses), np.nan)

    rollouts, written = written_by(load_setup(order(tiny_policy, broken), rows_at_once=8))

    with pytest.raises(AlignmentError, match="train the reward model again"):
        rollouts.assess(KEYS, written)


def test_a_policy_whose_weights_are_no_numbers_is_refused(setup):
    rollouts, written = written_by(setup)
    with torch.no_grad():
        next(setup.policy.model.parameters()).fill_(torch.nan)

    with pytest.raises(AlignmentError, match="lower the learning rate"):
        rollouts.assess(KEYS, written)


def test_a_policy_in_training_is_in_training_afterwards(setup):
    setup.policy.model.train()

    rollouts, written = written_by(setup)
    rollouts.assess(KEYS, written)

    assert setup.policy.model.training


def test_a_policy_that_recomputes_activations_in_training_writes_the_same(setup):
    _, expected = written_by(setup)
    setup.policy.model.activation_checkpointing_enable()
    setup.policy.model.train()

    assert written_by(setup)[1] == expected


@pytest.fixture
def absolute(tiny_policy, tmp_path):
    """A policy that adds a vector for each position, which padding on the left would shift."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_policy)
    torch.manual_seed(0)
    size = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128, "initializer_range": 0.5}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **size, **ends)).save_pretrained(tmp_path / "gpt2")
    tokenizer.save_pretrained(tmp_path / "gpt2")
    return tmp_path / "gpt2"


@pytest.mark.parametrize("method", list(RLMethod))
def test_it_learns_from_the_probabilities_that_the_responses_were_drawn_from(absolute, tmp_path, method):
    setup = load_setup(order(absolute, method=method), rows_at_once=8)
    rollouts, written = written_by(setup)
    training = RLTraining(
        rollouts=rollouts,
        tokenizer=setup.policy.tokenizer,
        settings=setup.order.settings,
        checkpoints=tmp_path,
        batch=MemoryBatch(8),
        callbacks=[],
    )
    trainer = trainer_for(training, setup.order.prompt_keys)
    prompts = rollouts.prompt_ids(KEYS)
    assert len(set(map(len, prompts))) > 1

    expected = response_logprobs(setup.reference, prompts, written)

    learnt = _trainers_logprobs(trainer, prompts, written, setup.policy.tokenizer.pad_token_id)
    assert learnt.tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def _trainers_logprobs(trainer, prompts, written, pad):
    """As TRL pads: prompts on the left, responses on the right. Summed over each response."""
    left, right = max(map(len, prompts)), max(map(len, written))
    rows, masks = [], []
    for prompt, ids in zip(prompts, written, strict=True):
        before, after = left - len(prompt), right - len(ids)
        rows.append([pad] * before + prompt + ids + [pad] * after)
        masks.append([0] * before + [1] * (len(prompt) + len(ids)) + [0] * after)
    rows, masks = torch.tensor(rows), torch.tensor(masks)
    with torch.no_grad():
        logprobs, *_ = trainer._get_per_token_logps_and_entropies(trainer.model, rows, masks, right)
    return (logprobs * masks[:, left:]).sum(dim=1)
