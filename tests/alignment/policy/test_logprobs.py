import pytest
import torch

from alignment.policy.logprobs import response_logprobs, token_logprobs


def test_token_logprobs_are_logits_less_their_logsumexp():
    logits = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]])

    logprobs = token_logprobs(logits, torch.tensor([[2, 0]]))

    expected = [[-(torch.tensor(3.0).log()), 1 - torch.tensor([1.0, 2.0, 3.0]).logsumexp(0)]]
    torch.testing.assert_close(logprobs, torch.tensor(expected))


def test_low_precision_logits_are_summed_in_float32():
    logits = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0)).bfloat16()

    logprobs = token_logprobs(logits, torch.tensor([5]))

    torch.testing.assert_close(logprobs, token_logprobs(logits.float(), torch.tensor([5])))


def test_a_response_is_the_sum_over_its_own_tokens(tiny):
    (prompt,) = tiny.ids("The morning light came")
    response = [40, 50, 60]

    (logprob,) = response_logprobs(tiny.policy, [prompt], [response])

    logits = tiny.policy(torch.tensor([[*prompt, *response]])).logits[0].log_softmax(-1)
    by_hand = sum(logits[len(prompt) + place - 1, token] for place, token in enumerate(response))
    assert logprob.item() == pytest.approx(by_hand.item(), abs=1e-4)


def test_neighbours_of_other_lengths_do_not_matter(tiny):
    prompts = tiny.ids("A", "We lost the match, but nobody on the bus home seemed to mind very much.")
    responses = [[70, 80, 90, 100], [41]]

    together = response_logprobs(tiny.policy, prompts, responses)

    alone = [response_logprobs(tiny.policy, [x], [y]) for x, y in zip(prompts, responses, strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_gradients_reach_the_policy(tiny):
    logprobs = response_logprobs(tiny.policy, tiny.ids("A"), [[70]])

    assert logprobs.requires_grad
