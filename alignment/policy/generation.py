"""Response pools: several responses of a policy to each prompt, from random numbers of their own."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import NamedTuple

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.languages import Identifier
from alignment.memory import Halving
from alignment.policy.decoding import Ending, write_responses
from alignment.policy.instructions import PolicyInput
from alignment.policy.noise import noise_stream
from alignment.randomness import derive_seed
from alignment.records import PooledResponse, PromptPool


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingSettings:
    """How responses are drawn.

    n: candidates of a prompt; the unaligned response is drawn beside them.
    seed: what every random number is derived from.
    max_response_tokens: where a response is cut off.
    stop: a response ends before this text; "" for none.
    languages: tags of the languages in use, for `closest_language`.
    temperature: 1 samples from the policy itself.
    rows_per_batch: how many responses are written at once; bounds the memory.
    """

    n: int
    seed: int
    max_response_tokens: int
    stop: str
    languages: tuple[str, ...]
    temperature: float = 1.0
    rows_per_batch: int = 64

    def __post_init__(self) -> None:
        if min(self.n, self.max_response_tokens, self.rows_per_batch) < 1:
            raise AlignmentError("n, max_response_tokens and rows_per_batch must be at least 1.")
        if not self.temperature > 0:
            raise AlignmentError("The temperature must be above 0.")


class Row(NamedTuple):
    """A response to be written. number: 0 is the unaligned response, 1 to n are the candidates."""

    input: PolicyInput
    number: int


Writer = Callable[[Sequence[Row]], Iterable[PooledResponse]]
"""Writes one response for each row, in order, without the languages."""


def sample_pool(
    policy: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    inputs: Sequence[PolicyInput],
    settings: SamplingSettings,
    *,
    done: Collection[str] = (),
    say: Callable[[str], None] = lambda note: None,
) -> Iterator[PromptPool]:
    """Draw n + 1 responses to each prompt. Yields pools as they are ready, the longest prompts first.

    inputs: of different prompts. done: keys of prompts whose pools are there already; they are left out,
    and all others come out as they would have with them. say: told when the memory does not suffice for a
    batch; from then on each is written in two halves.
    """
    ending = ending_for(policy.generation_config, tokenizer, settings)
    halving = Halving(rows="responses", advice="give a smaller --rows-per-batch or a smaller policy")
    write = partial(halving.compute, partial(_write, policy, settings, ending), say=say)
    return write_pools(write, inputs, settings, done=done)


def write_pools(
    write: Writer, inputs: Sequence[PolicyInput], settings: SamplingSettings, *, done: Collection[str] = ()
) -> Iterator[PromptPool]:
    """What `sample_pool` does, by any writer."""
    identifier = Identifier(settings.languages)
    drawn: dict[str, list[PooledResponse]] = {}
    for batch in plan_batches(inputs, settings):
        keys = [row.input.prompt.key for row in batch]
        if all(key in done for key in keys):
            continue
        for row, key, response in zip(batch, keys, write(batch), strict=True):
            closest, detected = identifier.identify(response.text)
            response = replace(response, closest_language=closest, detected_language=detected)
            drawn.setdefault(key, []).append(response)
            if row.number == settings.n and key not in done:
                unaligned, *candidates = drawn.pop(key)
                yield PromptPool(prompt=row.input.prompt, unaligned=unaligned, candidates=tuple(candidates))


def plan_batches(inputs: Sequence[PolicyInput], settings: SamplingSettings) -> Iterator[list[Row]]:
    """All rows, a prompt's rows together and prompts of like length side by side, so that little is padded.

    The plan is the same whatever is done already: the shape of a batch may touch the last bit of its logits.
    """
    by_length = sorted(inputs, key=lambda each: len(each.ids), reverse=True)
    rows = (Row(each, number) for each in by_length for number in range(settings.n + 1))
    while batch := list(islice(rows, settings.rows_per_batch)):
        yield batch


def row_seed(row: Row, settings: SamplingSettings) -> int:
    """What the response's random numbers come from, whatever is written beside it."""
    return derive_seed(settings.seed, row.input.prompt.key, row.number)


def _write(
    policy: PreTrainedModel, settings: SamplingSettings, ending: Ending, batch: Sequence[Row]
) -> list[PooledResponse]:
    prompts = [row.input.ids for row in batch]
    noises = [noise_stream(row_seed(row, settings), policy.device) for row in batch]
    return [
        PooledResponse(text=ending.text(ids), logprob=logprob, num_tokens=len(ids), finished=finished)
        for ids, logprob, finished in write_responses(policy, prompts, noises, ending, settings.temperature)
    ]


def ending_for(
    generation: GenerationConfig, tokenizer: PreTrainedTokenizerBase, settings: SamplingSettings
) -> Ending:
    """A chat policy may end a turn with another token than a text: its generation settings name both."""
    configured = generation.eos_token_id
    eos = set(configured) if isinstance(configured, list) else {configured}
    eos = (eos | {tokenizer.eos_token_id}) - {None}
    return Ending(
        tokenizer=tokenizer, eos=frozenset(eos), stop=settings.stop, max_tokens=settings.max_response_tokens
    )
