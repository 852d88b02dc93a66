"""Fresh responses of a policy in training, their rewards, and how far it has moved from where it started.

B responses.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from alignment.errors import AlignmentError
from alignment.languages import Identifier, off_language_by_target
from alignment.policy.decoding import Ending, write_responses
from alignment.policy.instructions import PolicyInput
from alignment.policy.logprobs import response_logprobs
from alignment.policy.noise import noise_stream
from alignment.randomness import derive_seed
from alignment.reward.formatting import Response

Floats = NDArray[np.float64]
Rewarder = Callable[[Sequence[Response]], Floats]
"""Gives one reward to each (prompt, response), as RewardModel.rewards does."""


class Batch(NamedTuple):
    """What one step learns from. rewards, kls (B,): without penalty; log-ratios summed over each response."""

    responses: list[Response]
    lengths: list[int]
    rewards: Floats
    kls: Floats

    def metrics(self, identifier: Identifier) -> dict[str, float]:
        """Means over the batch; off_language: the share in another language than the prompt's."""
        detected = [(prompt.language, identifier.identify(text).detected) for prompt, text in self.responses]
        counts = off_language_by_target(detected).values()
        return {
            "reward": float(self.rewards.mean()),
            "kl": float(self.kls.mean()),
            "length": float(np.mean(self.lengths)),
            "off_language": sum(one.num_off for one in counts) / len(self.responses),
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Scorer:
    """What a response is worth: the reward, and the log-ratio of policy to reference that is its cost.

    reference: the policy as it was before the training.
    """

    reference: PreTrainedModel
    rewarder: Rewarder
    kl_weight: float

    def penalised(self, batch: Batch) -> list[float]:
        """Reward minus the weighted log-ratio: on average over responses, the objective."""
        return [float(one) for one in batch.rewards - self.kl_weight * batch.kls]


class Rollouts:
    """Writes batch after batch exactly as `sample` would, and remembers the newest."""

    def __init__(
        self,
        policy: PreTrainedModel,
        scorer: Scorer,
        inputs: Mapping[str, PolicyInput],
        ending: Ending,
        *,
        seed: int,
        rows_at_once: int,
    ) -> None:
        """inputs: by the key of their prompt; rows_at_once: bounds the memory."""
        self.policy = policy
        self._scorer = scorer
        self._inputs = inputs
        self._ending = ending
        self._seed = seed
        self._rows = rows_at_once
        self.newest = Batch([], [], np.empty(0), np.empty(0))

    def prompt_ids(self, keys: Sequence[str]) -> list[list[int]]:
        return [self._inputs[key].ids for key in keys]

    def write(self, prompts: Sequence[Sequence[int]], step: int) -> list[list[int]]:
        """One response to each of B prompts, as token ids; each row of each step has a seed of its own."""
        device = self.policy.device
        seeds = [derive_seed(self._seed, "rollout", step, row) for row in range(len(prompts))]
        written: list[list[int]] = []
        with _evaluating(self.policy):
            for part in self._parts(len(prompts)):
                noises = [noise_stream(seed, device) for seed in seeds[part]]
                rows = write_responses(self.policy, prompts[part], noises, self._ending, 1.0)
                written += [row.ids for row in rows]
        return written

    def assess(self, keys: Sequence[str], written: Sequence[Sequence[int]]) -> Batch:
        """Rewards and log-ratios of what was written. Raises AlignmentError where they are no numbers."""
        responses = [
            (self._inputs[key].prompt, self._ending.text(ids)) for key, ids in zip(keys, written, strict=True)
        ]
        prompts = self.prompt_ids(keys)
        with _evaluating(self.policy):
            kls = self._logprobs(self.policy, prompts, written)
            kls -= self._logprobs(self._scorer.reference, prompts, written)
        if not np.isfinite(kls).all():
            raise AlignmentError("The policy's probabilities are no numbers; lower the learning rate.")
        rewards = self._scorer.rewarder(responses)
        if not np.isfinite(rewards).all():
            raise AlignmentError("A reward is no finite number; train the reward model again.")
        self.newest = Batch(responses, [len(ids) for ids in written], rewards, kls)
        return self.newest

    def penalised_rewards(
        self, prompts: Sequence[str], completion_ids: Sequence[Sequence[int]], **_: Any
    ) -> list[float]:
        """The reward function in the form that TRL asks for; prompts: their keys."""
        return self._scorer.penalised(self.assess(prompts, completion_ids))

    def _logprobs(
        self, policy: PreTrainedModel, prompts: Sequence[Sequence[int]], written: Sequence[Sequence[int]]
    ) -> Floats:
        """Computed in the same way for policy and reference, so that equal weights differ by exactly 0."""
        with torch.inference_mode():
            parts = [
                response_logprobs(policy, prompts[part], written[part]) for part in self._parts(len(prompts))
            ]
        return np.asarray(torch.cat(parts).double().cpu().numpy())

    def _parts(self, num: int) -> list[slice]:
        return [slice(start, start + self._rows) for start in range(0, num, self._rows)]


@contextmanager
def _evaluating(policy: PreTrainedModel) -> Iterator[None]:
    """In training some policies recompute activations, and then keep no cache to write with."""
    module: torch.nn.Module = policy
    training = module.training
    module.eval()
    try:
        with torch.autocast(policy.device.type, torch.bfloat16, enabled=policy.device.type == "cuda"):
            yield
    finally:
        module.train(training)


def count_positions(
    module: torch.nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A forward pre-hook that numbers tokens from the first that is not padding.

    TRL pads prompts on the left and leaves the numbering to the policy, which counts the padding: with
    absolute positions it would learn from other probabilities than those its responses were drawn from.
    """
    mask: Tensor | None = keywords.get("attention_mask")  # (B, T)
    if mask is not None and keywords.get("position_ids") is None:
        keywords["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)
    return arguments, keywords
