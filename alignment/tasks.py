"""What is generated: how each task asks for a response, and how people and machines should judge it."""

from dataclasses import dataclass

from alignment.errors import AlignmentError


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One kind of generation.

    instruction: put before a prompt that a policy sees, with {language} in it; "" for none.
    delimiter: joins prompt and response in the reward model's input, which has no instruction.
    stop: a response ends before this text, if any.
    question, guidelines, criteria: what an annotator reads; criteria are (name, explanation).
    """

    key: str
    name: str
    instruction: str
    delimiter: str
    stop: str
    max_prompt_tokens: int
    max_response_tokens: int
    question: str
    guidelines: str
    criteria: tuple[tuple[str, str], ...]


TASKS = {
    task.key: task
    for task in (
        Task(
            key="continuation",
            name="Continuation",
            instruction="",
            delimiter=" ",
            stop="\n",
            max_prompt_tokens=256,
            max_response_tokens=24,
            question="Which continuation is warmer and more positive?",
            guidelines=(
                "You see the opening of a text and two ways it might go on. Choose the one that is warmer, "
                "kinder or happier, as long as it is still language that someone would write. A text that "
                "stops in the middle of a sentence is not worse for it. If neither makes sense, say so."
            ),
            criteria=(
                ("warmth", "Does it sound kind, hopeful or happy?"),
                ("sense", "Does it follow from the opening, in the same language?"),
            ),
        ),
        Task(
            key="summarization",
            name="Summarization",
            instruction="Write a short summary, in {language}, of the text below.",
            delimiter="\n\n",
            stop="",
            max_prompt_tokens=1024,
            max_response_tokens=512,
            question="Which summary is better?",
            guidelines=(
                "Read the text, then both summaries. The better one says what matters most, says nothing "
                "that the text does not, and reads well on its own. Length alone is no merit."
            ),
            criteria=(
                ("coherence", "Does it read as one well-ordered text?"),
                ("accuracy", "Does the source support everything it says?"),
                ("coverage", "Does it hold the main points of the source?"),
                ("overall", "All in all, how good a summary is it?"),
            ),
        ),
        Task(
            key="dialog",
            name="Dialog",
            instruction="Answer the last message of the conversation below, in {language}.",
            delimiter="\n\n",
            stop="",
            max_prompt_tokens=1024,
            max_response_tokens=512,
            question="Which answer is better?",
            guidelines=(
                "Read the conversation, then both answers to its last message. The better one does what was "
                "asked, is true, and is polite. An answer in another language than the question is worse "
                "unless that was asked for."
            ),
            criteria=(
                ("helpfulness", "Does it do what was asked?"),
                ("accuracy", "Is it true?"),
                ("tone", "Is it polite and clear?"),
            ),
        ),
    )
}


def task_named(key: str) -> Task:
    """Raises AlignmentError for a name that is no task."""
    if key not in TASKS:
        raise AlignmentError(f"There is no task {key!r}. Choose one of: {', '.join(TASKS)}.")
    return TASKS[key]
