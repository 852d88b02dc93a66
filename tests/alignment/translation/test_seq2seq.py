import pytest
import torch
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from alignment.errors import AlignmentError
from alignment.policy.checkpoints import prepare
from alignment.progress import silent
from alignment.translation.flores import FLORES
from alignment.translation.seq2seq import Seq2SeqTranslator
from alignment.translation.translator import Direction, Problem
from tests.alignment.little_memory import little_memory
from tests.alignment.translation import tiny_translators
from tests.alignment.translation.conftest import (
    LINES,
    TURKISH,
    KilledAfter,
    KilledError,
    read_lines,
    write_lines,
)

INTO_TURKISH, INTO_GERMAN = Direction("en", "tr"), Direction("en", "de")


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Directories of the tiny translators, by name."""
    parent = tmp_path_factory.mktemp("translators")
    makers = (tiny_translators.nllb, tiny_translators.madlad, tiny_translators.opus)
    torch.manual_seed(0)
    return {make.__name__: make(parent / make.__name__) for make in makers}


@pytest.fixture
def opened(models, tmp_path):
    def open_translator(name, *, num_beams=1, batch_size=8, say=silent):
        checkpoint = prepare(str(models[name]), [], tmp_path / "models")
        return Seq2SeqTranslator(checkpoint, num_beams=num_beams, batch_size=batch_size, say=say)

    return open_translator


def texts(translator, direction, pieces=tuple(TURKISH)):
    translator.check(direction)
    return [answer.text for answer in translator.translate(pieces, direction)]


@pytest.mark.parametrize(
    ("name", "num_beams"), [("nllb", 1), ("madlad", 1), ("opus", 1), ("nllb", 3), ("opus", 3)]
)
def test_each_family_translates_into_the_language_asked_for(opened, name, num_beams):
    assert texts(opened(name, num_beams=num_beams), INTO_TURKISH) == list(TURKISH.values())


@pytest.mark.parametrize("name", ["nllb", "madlad"])
def test_one_model_translates_into_several_languages_in_turn(opened, name):
    translator = opened(name)

    assert texts(translator, INTO_GERMAN) == list(tiny_translators.GERMAN.values())
    assert texts(translator, INTO_TURKISH) == list(TURKISH.values())


def test_a_text_alone_is_translated_as_among_others(opened):
    translator = opened("nllb")

    alone = [text for piece in TURKISH for text in texts(translator, INTO_TURKISH, [piece])]

    assert alone == list(TURKISH.values())


@pytest.mark.parametrize("name", ["nllb", "madlad"])
def test_a_language_that_the_model_does_not_know_is_refused(opened, name):
    with pytest.raises(AlignmentError, match="does not know the language 'fi'"):
        opened(name).check(Direction("en", "fi"))


def test_a_model_for_one_direction_refuses_another(opened):
    with pytest.raises(AlignmentError, match="translates en → tr, not tr → en"):
        opened("opus").check(Direction("tr", "en"))


def test_a_translation_that_was_cut_off_does_not_pass_for_finished(opened, monkeypatch):
    translator = opened("opus")  # whose settings force an end at the limit
    monkeypatch.setattr(translator, "_max_tokens", 4)
    translator.check(INTO_TURKISH)

    (answer,) = translator.translate(["hello"], INTO_TURKISH)

    assert answer.problem is Problem.UNFINISHED


def test_a_batch_that_the_memory_does_not_hold_is_translated_in_halves(opened):
    notes = []
    translator = opened("nllb", say=notes.append)

    with little_memory(2, while_training=False) as failed:
        found = texts(translator, INTO_TURKISH)

    assert found == list(TURKISH.values())
    assert (failed, len(notes)) == ([4], 1)


def test_a_policy_is_no_translator(tiny_policy, tmp_path):
    with pytest.raises(AlignmentError, match="no encoder-decoder"):
        Seq2SeqTranslator(prepare(str(tiny_policy), [], tmp_path), num_beams=1, batch_size=8, say=silent)


def test_nllb_knows_every_code_of_ours():
    assert set(FLORES.values()) <= set(FAIRSEQ_LANGUAGE_CODES)


def test_the_command_goes_there_and_back_again_with_one_model(translate, tmp_path, models):
    steps = []

    report = translate(
        "--translator", str(models["nllb"]), "--back", "--batch-size", "3", progress=steps.append
    )

    assert report["unchanged"] == report["rounds"][0]["texts"] == 4
    assert [line["prompt"] for line in read_lines(tmp_path / "turkish.jsonl")][0] == LINES[0]["prompt"]
    assert [(step.done, step.total, step.unit) for step in steps] == [
        (3, 4, "texts en → tr"),
        (4, 4, "texts en → tr"),
        (3, 4, "texts tr → en"),
        (4, 4, "texts tr → en"),
    ]
    assert {step.text for step in steps[:2]} <= set(TURKISH.values())


@pytest.mark.parametrize("num_reports", [1, 2, 3])
def test_a_killed_command_goes_on_to_the_same_bytes(translate, tmp_path, models, num_reports):
    given = ("--translator", str(models["nllb"]), "--back", "--batch-size", "2")
    translate(*given, output="whole.jsonl")

    with pytest.raises(KilledError):
        translate(*given, progress=KilledAfter(num_reports))
    steps = []
    translate(*given, progress=steps.append)

    assert (tmp_path / "turkish.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert len(steps) == 4 - num_reports
    assert not list(tmp_path.glob("*.partial"))


def test_a_long_text_is_translated_in_pieces_and_keeps_its_lines(translate, tmp_path, data, models):
    text = "\n\n".join([", ".join(["hello"] * 40), "thank you"])
    write_lines(data, [{"prompt": text, "language": "en"}])

    report = translate("--translator", str(models["nllb"]))

    (line,) = read_lines(tmp_path / "turkish.jsonl")
    assert line["prompt"].endswith("\n\nsağ ol")
    assert line["prompt"].count("\n") == 2
    (done,) = report["rounds"]
    assert (done["texts"], done["split"], done["split_within_sentences"]) == (1, 1, 1)


def test_the_way_back_may_have_a_model_of_its_own(translate, models):
    given = ("--translator", str(models["opus"]), "--back")

    report = translate(*given, "--back-translator", str(models["nllb"]))

    assert report["unchanged"] == 4
    with pytest.raises(AlignmentError, match="--back-translator for the way back"):
        translate(*given)


def test_a_model_for_a_way_back_that_nobody_wants_is_refused(translate, models):
    with pytest.raises(AlignmentError, match="goes with --translator and --back"):
        translate("--translator", str(models["opus"]), "--back-translator", str(models["nllb"]))
