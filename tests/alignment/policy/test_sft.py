import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy

from alignment.errors import AlignmentError
from alignment.packages.origin import Origin, read_origin, write_origin
from alignment.policy.checkpoints import load_policy, prepare
from alignment.policy.generation import SamplingSettings, sample_pool
from alignment.policy.instructions import policy_input
from alignment.policy.sft import Order, train
from alignment.policy.sft_card import SFTCard
from alignment.policy.sft_settings import SFTMethod, SFTSettings
from alignment.progress import Step
from alignment.records import Demonstration, Prompt
from alignment.tasks import TASKS
from alignment.training.settings import FineTuning
from tests.alignment.conftest import copy_of
from tests.alignment.little_memory import little_memory

# peft asks transformers for a property under its old name.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*:FutureWarning")

METHODS = [SFTMethod.FULL, SFTMethod.LORA]
ENDINGS = ("came in through the window", "was kind", "woke the whole street, slowly", "is over")
OPENINGS = ("The morning light", "Everybody in the garden", "The letter", "Somebody on the bus home")


def demonstrations(count: int, split: str = "train", language: str = "en") -> list[Demonstration]:
    return [
        Demonstration(
            prompt=Prompt(text=f"{OPENINGS[number % 4]} {number}", language=language, split=split),
            response=ENDINGS[number * 3 % 4],
        )
        for number in range(count)
    ]


LINES = [*demonstrations(21), *demonstrations(7, "validation")]


def quick(**changes) -> FineTuning:
    given = {"epochs": 2.0, "learning_rate": 1e-3, "batch_size": 8, "checkpoint_every": 2, **changes}
    return FineTuning(**given)


def settings(method: SFTMethod = SFTMethod.FULL, max_tokens: int = 0, **changes) -> SFTSettings:
    return SFTSettings(
        task="continuation",
        languages=("de", "en"),
        method=method,
        seed=7,
        max_tokens=max_tokens,
        fine_tuning=quick(**changes),
    )


@pytest.fixture
def base(tiny_policy, tmp_path):
    return prepare(str(tiny_policy), (), tmp_path)


def weights(directory):
    return load_file(directory / "model.safetensors")


def weights_file(directory) -> bytes:
    return (directory / "model.safetensors").read_bytes()


def curve(steps: list[Step], name: str) -> dict[int, float]:
    """The last that was reported of each step."""
    return {step.done: step.metrics[name] for step in steps if name in step.metrics}


def mean_loss(directory, lines: list[Demonstration]) -> float:
    """Nats per token of the responses, each computed alone."""
    policy, tokenizer = load_policy(directory)
    losses = []
    for line in lines:
        prompt = policy_input(line.prompt, TASKS["continuation"], tokenizer).ids
        response = tokenizer(f" {line.response}<eos>", add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            logits = policy(torch.tensor([[*prompt, *response]])).logits[0, len(prompt) - 1 : -1]
        losses.append(cross_entropy(logits, torch.tensor(response), reduction="none"))
    return torch.cat(losses).mean().item()


@pytest.mark.parametrize("method", METHODS)
def test_each_step_is_reported_with_its_loss_and_each_checkpoint_with_the_validation(base, tmp_path, method):
    steps: list[Step] = []

    train(Order(settings(method), LINES, base), tmp_path / "policy", progress=steps.append)

    assert {step.total for step in steps} == {6}
    assert list(curve(steps, "loss")) == [1, 2, 3, 4, 5, 6]
    assert list(curve(steps, "validation_loss")) == [2, 3, 4, 6]  # the first pass ends with step 3


def test_the_loss_is_the_mean_over_the_tokens_of_the_responses(base, tmp_path):
    steps: list[Step] = []
    order = Order(settings(epochs=1, batch_size=21), LINES, base)

    train(order, tmp_path / "policy", progress=steps.append)

    assert curve(steps, "loss")[1] == pytest.approx(mean_loss(base.directory, LINES[:21]), rel=1e-5)


def test_the_policy_writes_what_it_was_shown_and_ends_there(base, tmp_path):
    line = Demonstration(prompt=Prompt(text="The letter", language="en"), response="was kind, at last.")
    asked = settings(epochs=60, batch_size=1, learning_rate=1e-2, checkpoint_every=60)
    order = Order(asked, [line], base)

    train(order, tmp_path / "policy")

    policy, tokenizer = load_policy(tmp_path / "policy")
    asked = policy_input(line.prompt, TASKS["continuation"], tokenizer)
    drawn = SamplingSettings(n=4, seed=1, max_response_tokens=24, stop="\n", languages=("en",))
    (pool,) = sample_pool(policy, tokenizer, [asked], drawn)
    assert {one.text for one in pool.candidates} == {"was kind, at last."}
    assert all(one.finished for one in pool.candidates)


@pytest.mark.parametrize("method", METHODS)
def test_the_demonstrations_become_more_likely(base, tmp_path, method):
    train(Order(settings(method), LINES, base), tmp_path / "policy")

    assert mean_loss(tmp_path / "policy", LINES[:21]) < mean_loss(base.directory, LINES[:21]) - 0.1


@pytest.mark.parametrize("method", METHODS)
def test_the_checkpoint_with_the_lowest_validation_loss_is_kept(base, tmp_path, method):
    """The validation examples contradict what is learned, so that an early checkpoint is the best."""
    lines = [
        Demonstration(prompt=Prompt(text="The letter", language="en", split=split), response=response)
        for split, response in (("train", "was kind"), ("validation", "zzz qqq xxx"))
    ]
    asked = settings(method, epochs=8, batch_size=1, learning_rate=3e-2)

    card = train(Order(asked, lines, base), tmp_path / "policy")

    assert card.step < 8
    assert card.losses["validation_loss"] == card.validation[str(card.step)] == min(card.validation.values())
    assert mean_loss(tmp_path / "policy", lines[1:]) == pytest.approx(
        card.losses["validation_loss"], rel=1e-4
    )


def test_without_validation_examples_the_last_weights_are_kept(base, tmp_path):
    card = train(Order(settings(), demonstrations(21), base), tmp_path / "policy")

    assert (card.step, card.validation) == (6, {})
    assert set(card.losses) == {"loss"}


def test_the_card_tells_where_it_comes_from(base, tmp_path):
    lines = [*LINES, *demonstrations(4, language="de")]

    card = train(Order(settings(), lines, base), tmp_path / "policy")

    assert card == SFTCard.read(tmp_path / "policy")
    assert card.base["digest"] == base.digest
    assert card.settings["seed"] == 7
    assert {tag: (one.train, one.validation) for tag, one in card.counts.items()} == {
        "de": (4, 0),
        "en": (21, 7),
    }
    assert {"alignment", "torch", "trl"} <= set(card.code)


def test_what_is_too_long_is_left_out_counted_by_language_and_said(base, tmp_path):
    long = Demonstration(prompt=Prompt(text="Der Zug", language="de"), response="kam zu spät " * 9)
    steps: list[Step] = []

    card = train(
        Order(settings(max_tokens=32), [*LINES, long], base), tmp_path / "policy", progress=steps.append
    )

    assert (card.counts["de"].too_long, card.counts["de"].train, card.counts["en"].too_long) == (1, 0, 0)
    assert card.notes == ("Demonstrations longer than 32 tokens were left out: 1 de; raise --max-tokens.",)
    assert [(step.note, step.done, step.total) for step in steps if step.note] == [(card.notes[0], 0, 6)]


def test_a_prompt_cut_to_the_limit_of_the_task_is_counted(base, tmp_path):
    long = Demonstration(prompt=Prompt(text="Der Zug kam. " * 200, language="de"), response="Endlich.")

    card = train(Order(settings(), [*LINES, long], base), tmp_path / "policy")

    assert (card.counts["de"].truncated, card.counts["de"].train) == (1, 1)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no demonstrations to learn from"),
        (demonstrations(3, "test"), "no demonstrations to learn from"),
        (demonstrations(3, language="ru"), "in 'ru': name that language"),
    ],
)
def test_data_that_cannot_be_learned_from_is_refused(base, tmp_path, lines, reason):
    with pytest.raises(AlignmentError, match=reason):
        train(Order(settings(), lines, base), tmp_path / "policy")


def test_nothing_but_long_demonstrations_is_refused_with_advice(base, tmp_path):
    long = Demonstration(prompt=Prompt(text="A", language="en"), response="kam zu spät " * 99)

    with pytest.raises(AlignmentError, match="longer than 280 tokens; raise --max-tokens"):
        train(Order(settings(), [long], base), tmp_path / "policy")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [3, 6])
def test_a_stopped_training_goes_on_and_ends_with_the_same_bytes(base, tmp_path, method, stop):
    def stop_there(step: Step) -> None:
        if step.done == stop:
            raise InterruptedError

    order = Order(settings(method), LINES, base)
    train(order, tmp_path / "straight")

    with pytest.raises(InterruptedError):
        train(order, tmp_path / "stopped", progress=stop_there)
    assert not (tmp_path / "stopped").exists()
    train(order, tmp_path / "stopped")

    for name in ("model.safetensors", "policy.json", "config.json", "tokenizer.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "straight" / name).read_bytes()


@pytest.mark.parametrize("name", ["optimizer.pt", "model.safetensors", "trainer_state.json", "files.json"])
def test_from_a_torn_checkpoint_it_falls_back_to_the_one_before_and_ends_with_the_same_bytes(
    base, tmp_path, name
):
    def stop(step: Step) -> None:
        if step.done == 5:
            raise InterruptedError

    order = Order(settings(), LINES, base)
    train(order, tmp_path / "straight")
    with pytest.raises(InterruptedError):
        train(order, tmp_path / "torn", progress=stop)
    (tmp_path / "torn.partial" / "checkpoints" / "checkpoint-5" / name).unlink()
    steps: list[Step] = []

    train(order, tmp_path / "torn", progress=steps.append)

    assert list(curve(steps, "loss")) == [5, 6]
    assert weights_file(tmp_path / "torn") == weights_file(tmp_path / "straight")


def test_another_order_never_overwrites_a_policy(base, tmp_path):
    train(Order(settings(), LINES, base), tmp_path / "policy")

    with pytest.raises(AlignmentError, match="already holds a policy trained otherwise"):
        train(Order(settings(learning_rate=2e-3), LINES, base), tmp_path / "policy")


def test_what_is_there_already_is_not_trained_again(base, tmp_path):
    card = train(Order(settings(), LINES, base), tmp_path / "policy")
    steps: list[Step] = []

    assert train(Order(settings(), LINES, base), tmp_path / "policy", progress=steps.append) == card
    assert steps == []


def test_a_directory_that_is_no_fine_tuned_policy_is_not_overwritten(base, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "policy.json").write_text(json.dumps({"format": 1, "stage": "rl"}))

    with pytest.raises(AlignmentError, match="another command"):
        train(Order(settings(), LINES, base), tmp_path / "other")


def test_the_policy_is_stored_as_precisely_as_its_base_and_keeps_the_licence(tiny_policy, tmp_path):
    source = copy_of(tiny_policy, tmp_path)
    policy, tokenizer = load_policy(source, dtype=torch.bfloat16)
    policy.save_pretrained(source)
    tokenizer.save_pretrained(source)
    write_origin(source, Origin(source="s", revision="1", licence="Gemma", licence_url=""))

    train(Order(settings(), LINES, prepare(str(source), (), tmp_path)), tmp_path / "policy")

    assert {tensor.dtype for tensor in weights(tmp_path / "policy").values()} == {torch.bfloat16}
    record = read_origin(tmp_path / "policy")
    assert record is not None
    assert record.origin.licence == "Gemma"
    assert prepare(str(tmp_path / "policy"), (), tmp_path).licence == "Gemma"


def test_a_base_whose_generation_settings_name_a_temperature_can_be_saved(tiny_policy, tmp_path):
    source = copy_of(tiny_policy, tmp_path)
    named = {"eos_token_id": 1, "temperature": 0.6, "top_p": 0.9}
    (source / "generation_config.json").write_text(json.dumps(named))

    train(Order(settings(), LINES, prepare(str(source), (), tmp_path)), tmp_path / "policy")

    assert json.loads((tmp_path / "policy" / "generation_config.json").read_text())["temperature"] == 0.6


@pytest.mark.parametrize(("method", "after"), [(SFTMethod.FULL, 0), (SFTMethod.LORA, 3)])
def test_a_batch_that_does_not_fit_is_halved_and_the_losses_are_the_same(base, tmp_path, method, after):
    """The last batch has 2 x 21 - 5 x 8 = 2 examples; the parts of each have other numbers of tokens."""
    whole, halved = [], []
    order = Order(settings(method, learning_rate=1e-4), LINES, base)
    train(order, tmp_path / "whole", progress=whole.append)

    with little_memory(4, after=after) as failed:
        card = train(order, tmp_path / "halved", progress=halved.append)

    assert failed == [8]
    for name in ("loss", "validation_loss"):
        assert curve(halved, name) == pytest.approx(curve(whole, name), rel=1e-4)
    for name, tensor in weights(tmp_path / "whole").items():
        assert np.allclose(weights(tmp_path / "halved")[name], tensor, atol=1e-3)
    (note,) = card.notes
    assert "each batch of 8 is computed in 2 parts of 4" in note
    assert [step.note for step in halved if step.note] == [note]


def test_halves_that_do_not_fit_either_are_an_error_that_says_what_to_do(base, tmp_path):
    with little_memory(3), pytest.raises(AlignmentError, match="give a smaller batch or fewer tokens"):
        train(Order(settings(), LINES, base), tmp_path / "policy")
