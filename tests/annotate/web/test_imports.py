"""The data page: who may import, what it says of a file, and what there is."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from annotate.models import PromptSet, Rating
from annotate.web import imports

LINE = {"prompt": "", "language": "es", "dataset": "d", "completion": "<b>Qué bien</b>", "label": True}
FORM = {"format": "jsonl", "task": "continuation", "split": "train"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def send(client, rosa):
    client.force_login(rosa)

    def send(*lines: object, **fields: str):
        content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        file = SimpleUploadedFile("lines.jsonl", content.encode())
        return client.post(reverse("imports:page"), {**FORM, "file": file, **fields})

    return send


def test_an_annotator_may_not_import(client, ana):
    client.force_login(ana)

    assert client.get(reverse("imports:page")).status_code == 403
    assert client.post(reverse("imports:page"), FORM).status_code == 403


def test_somebody_unknown_is_asked_to_sign_in(client):
    assert client.get(reverse("imports:page")).status_code == 302


def test_a_file_is_imported_and_its_broken_lines_are_told(send):
    response = send(LINE, "{<i>")

    assert response.status_code == 200
    assert Rating.objects.count() == 1
    page = response.content.decode()
    assert "lines.jsonl was imported" in page
    assert "1 added, 0 already there, 1 broken" in page
    assert "This is not JSON" in page


def test_a_check_keeps_nothing(send):
    page = send(LINE, check="1").content.decode()

    assert "Nothing was kept" in page
    assert "1 added" in page
    assert not PromptSet.objects.exists()


def test_the_form_fills_in_for_lines_that_say_nothing(send):
    send({"prompt": "Hola"}, language="es", dataset="mine", split="test", licence="MIT", task="dialog")

    prompt_set = PromptSet.objects.get()
    assert (prompt_set.task, prompt_set.dataset, prompt_set.language_id) == ("dialog", "mine", "es")
    assert (prompt_set.split, prompt_set.licence) == ("test", "MIT")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"language": "klingon"}, "There is no language"),
        ({"format": "csv"}, "Select a valid choice"),
        ({"task": "poetry"}, "Select a valid choice"),
        ({"dataset": "d" * 81}, "at most 80 characters"),
        ({"file": ""}, "This field is required"),
    ],
)
def test_a_wrong_field_is_told_beside_it_and_nothing_is_imported(send, fields, sentence):
    response = send(LINE, **fields)

    assert response.status_code == 422
    assert sentence in response.content.decode()
    assert not Rating.objects.exists()


def test_a_file_that_is_too_large_is_sent_to_the_command_line(send, monkeypatch):
    monkeypatch.setattr(imports, "MAX_UPLOAD_MIB", 0)

    assert "manage.py import_data" in send(LINE).content.decode()


def test_an_empty_file_is_answered_beside_the_field(send):
    assert "empty" in send("").content.decode()


def test_what_there_is_is_listed_with_its_counts(send, client):
    send(LINE, {**LINE, "prompt": "Hola"})

    page = client.get(reverse("imports:page"))

    (dataset,) = page.context["datasets"]
    (part,) = dataset.parts
    assert (dataset.name, dataset.task, part.num_prompts, part.num_ratings) == ("d", "continuation", 1, 2)
    assert 'lang="es"' in page.content.decode()
