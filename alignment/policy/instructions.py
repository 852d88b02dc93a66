"""What a policy reads and is shown to write, as tokens: sampling and fine-tuning both go through here."""

from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedTokenizerBase

from alignment.errors import AlignmentError
from alignment.languages import language_named
from alignment.records import Message, Prompt
from alignment.tasks import Task

Turns = tuple[Message, ...]


class PolicyInput(NamedTuple):
    """A prompt as token ids. truncated: part of the prompt was left out to keep to the task's limit."""

    prompt: Prompt
    ids: list[int]
    truncated: bool


def policy_input(prompt: Prompt, task: Task, tokenizer: PreTrainedTokenizerBase) -> PolicyInput:
    """Ask for a response to the prompt, in the prompt's language, within `task.max_prompt_tokens`.

    A conversation that is too long loses its oldest turns, then the beginning of the last one; an opening
    loses its beginning, because the response goes on from its end; a text with an instruction (an article
    to summarize) loses its end. The instruction always stays.
    """
    instruction = task.instruction.format(language=language_named(prompt.language).name)
    text, truncated = prompt.text, False
    while True:
        ids = _encode(text, instruction, task, tokenizer)
        excess = len(ids) - task.max_prompt_tokens
        if excess <= 0:
            return PolicyInput(prompt, ids, truncated)
        text, truncated = _shortened(text, excess, tokenizer, keep_end=not instruction), True


def response_ids(asked: PolicyInput, response: str, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """The response as it goes on from the input, closed by the end of sequence.

    White space around it is not learned; a space sets it apart from what is read, where the language has
    spaces and nothing else does.
    """
    if tokenizer.eos_token_id is None:
        raise AlignmentError(
            "This policy's tokenizer has no end of sequence, so it cannot learn where to end."
        )
    text = response.strip()
    if _ends_in_a_word(asked.ids, tokenizer) and language_named(asked.prompt.language).spaced:
        text = f" {text}"
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return [*ids, int(tokenizer.eos_token_id)]


def _ends_in_a_word(ids: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> bool:
    """Rather than in white space, or in a token that opens a text or a turn."""
    if ids[-1] in tokenizer.added_tokens_decoder:
        return False
    return not str(tokenizer.decode([ids[-1]])).endswith((" ", "\n", "\t"))


def _encode(text: str | Turns, instruction: str, task: Task, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    if tokenizer.chat_template and (instruction or not isinstance(text, str)):
        chat = tokenizer.apply_chat_template(
            _chat(text, instruction), tokenize=False, add_generation_prompt=True
        )
        return list(tokenizer(chat, add_special_tokens=False)["input_ids"])
    ids = list(tokenizer(_plain(text, instruction, task.delimiter))["input_ids"])
    if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
        ids.pop()  # some tokenizers close every text; the response is still to come
    return ids or [_opening_token(tokenizer)]


def _chat(text: str | Turns, instruction: str) -> list[dict[str, str]]:
    """The conversation with the instruction before its first turn: not every template knows a system turn."""
    turns: Sequence[Message] = (Message(role="user", content=text),) if isinstance(text, str) else text
    chat = [{"role": turn.role, "content": turn.content} for turn in turns]
    if instruction:
        chat[0]["content"] = f"{instruction}\n\n{chat[0]['content']}"
    return chat


def _plain(text: str | Turns, instruction: str, delimiter: str) -> str:
    opening = f"{instruction}{delimiter}" if instruction else ""
    if isinstance(text, str):
        return opening + text + (delimiter if instruction else "")
    return opening + "\n".join([*(f"{turn.role}: {turn.content}" for turn in text), "assistant:"])


def _shortened(
    text: str | Turns, excess: int, tokenizer: PreTrainedTokenizerBase, *, keep_end: bool
) -> str | Turns:
    """The text without `excess` of its tokens, at least one character shorter."""
    if not isinstance(text, str):
        return _without_oldest(text, excess, tokenizer)
    spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    if excess >= len(spans):
        raise AlignmentError(
            "The instruction alone is longer than max_prompt_tokens of the task; raise that limit."
        )
    if keep_end:
        return text[max(spans[excess][0], 1) :]
    return text[: min(spans[-excess - 1][1], len(text) - 1)]


def _without_oldest(turns: Turns, excess: int, tokenizer: PreTrainedTokenizerBase) -> Turns:
    """Without the oldest turn and the answer to it; of a single turn without its beginning."""
    later = [position for position, turn in enumerate(turns) if turn.role == "user" and position > 0]
    if later:
        return turns[later[0] :]
    *_, last = turns
    content = _shortened(last.content, excess, tokenizer, keep_end=True)
    return (Message(role=last.role, content=str(content)),)


def _opening_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """What an empty prompt becomes: a policy has to read something before it writes."""
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    raise AlignmentError("This policy's tokenizer has no token to open an empty prompt with; give it a text.")
