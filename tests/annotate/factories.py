"""The smallest valid row of each kind."""

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from alignment.digests import text_digest
from annotate import models


class LanguageFactory(DjangoModelFactory):
    class Meta:
        model = models.Language
        django_get_or_create = ["tag"]

    tag = "es"
    autonym = factory.LazyAttribute(lambda row: {"es": "español", "ar": "العربية"}.get(row.tag, row.tag))
    english_name = factory.LazyAttribute(lambda row: row.tag)
    script = factory.LazyAttribute(lambda row: "Arab" if row.tag == "ar" else "Latn")
    direction = factory.LazyAttribute(lambda row: "rtl" if row.tag == "ar" else "ltr")


class UserFactory(DjangoModelFactory):
    class Meta:
        model = models.User

    username = factory.Sequence(lambda number: f"person{number}")
    role = models.User.Role.ANNOTATOR


class ProficiencyFactory(DjangoModelFactory):
    class Meta:
        model = models.Proficiency

    user = factory.SubFactory(UserFactory)
    language = factory.SubFactory(LanguageFactory)
    level = models.Proficiency.Level.NATIVE


class PromptSetFactory(DjangoModelFactory):
    class Meta:
        model = models.PromptSet
        django_get_or_create = ["task", "dataset", "language", "split"]

    task = "continuation"
    dataset = "openings"
    language = factory.SubFactory(LanguageFactory)
    split = "test"


class PromptFactory(DjangoModelFactory):
    class Meta:
        model = models.Prompt

    prompt_set = factory.SubFactory(PromptSetFactory)
    text = factory.Sequence(lambda number: f"Apertura {number}")
    key = factory.LazyAttribute(lambda row: row.prompt_set and _key(row))


def _key(row) -> str:
    from alignment.records import Prompt

    return Prompt(text=row.text, language=row.prompt_set.language_id).key


class ExperimentFactory(DjangoModelFactory):
    class Meta:
        model = models.Experiment

    name = factory.Sequence(lambda number: f"Experiment {number}")
    task = "continuation"
    policy = "tiny"
    backbone = "tiny"
    feedback = "lines"
    prompts = "openings"
    created_by = factory.SubFactory(UserFactory, role=models.User.Role.ADMIN)


class RunFactory(DjangoModelFactory):
    class Meta:
        model = models.Run

    kind = models.Run.Kind.SAMPLE
    title = factory.Sequence(lambda number: f"run {number}")
    identity = factory.Sequence(lambda number: text_digest(str(number)))
    config = factory.LazyFunction(lambda: {"task": "continuation", "n": 4})


class AttemptFactory(DjangoModelFactory):
    class Meta:
        model = models.Attempt

    run = factory.SubFactory(RunFactory)
    number = 1
    worker = "host:1"
    started_at = factory.LazyFunction(timezone.now)


class ImportedSystemFactory(DjangoModelFactory):
    class Meta:
        model = models.System
        django_get_or_create = ["name", "language"]

    kind = models.System.Kind.IMPORTED
    name = "imported: lines"
    language = factory.SubFactory(LanguageFactory)


class UnalignedSystemFactory(DjangoModelFactory):
    class Meta:
        model = models.System

    kind = models.System.Kind.UNALIGNED
    name = factory.LazyAttribute(lambda row: f"unaligned {row.language.tag}")
    language = factory.SubFactory(LanguageFactory)
    run = factory.SubFactory(RunFactory)


class BestOfNSystemFactory(UnalignedSystemFactory):
    kind = models.System.Kind.BEST_OF_N
    name = factory.LazyAttribute(lambda row: f"best-of-4 {row.language.tag} ← {row.source.tag}")
    source = factory.SubFactory(LanguageFactory, tag="en")
    run = factory.SubFactory(RunFactory, kind=models.Run.Kind.BEST_OF_N)


class ResponseFactory(DjangoModelFactory):
    class Meta:
        model = models.Response

    prompt = factory.SubFactory(PromptFactory)
    system = factory.SubFactory(UnalignedSystemFactory)
    text = factory.Sequence(lambda number: f"respuesta {number}")
    digest = factory.LazyAttribute(lambda row: text_digest(row.text))


class StudyFactory(DjangoModelFactory):
    class Meta:
        model = models.Study

    name = factory.Sequence(lambda number: f"Study {number}")
    purpose = models.Study.Purpose.COLLECT
    task = "continuation"
    status = models.Study.Status.OPEN


class ComparisonFactory(DjangoModelFactory):
    class Meta:
        model = models.Comparison

    study = factory.SubFactory(StudyFactory)
    prompt = factory.SubFactory(PromptFactory)
    first = factory.SubFactory(ResponseFactory, prompt=factory.SelfAttribute("..prompt"))
    second = factory.SubFactory(ResponseFactory, prompt=factory.SelfAttribute("..prompt"))
    language = factory.LazyAttribute(lambda row: row.prompt.prompt_set.language)
    position = factory.Sequence(int)


class AssignmentFactory(DjangoModelFactory):
    class Meta:
        model = models.Assignment

    comparison = factory.SubFactory(ComparisonFactory)
    swapped = False


class JudgeFactory(DjangoModelFactory):
    class Meta:
        model = models.Judge

    kind = models.Judge.Kind.DATASET
    name = factory.Sequence(lambda number: f"data set {number}")


class JudgmentFactory(DjangoModelFactory):
    class Meta:
        model = models.Judgment

    judge = factory.SubFactory(JudgeFactory)
    comparison = factory.SubFactory(ComparisonFactory)
    points = 2
    created_at = factory.LazyFunction(timezone.now)


class RatingFactory(DjangoModelFactory):
    class Meta:
        model = models.Rating

    response = factory.SubFactory(ResponseFactory)
    judge = factory.SubFactory(JudgeFactory)
    good = True


class WorkerFactory(DjangoModelFactory):
    class Meta:
        model = models.Worker

    name = factory.Sequence(lambda number: f"host:{number}")
    host = "host"
    queues = factory.LazyFunction(lambda: ["cpu", "gpu"])
    num_cpus = 4
    memory_bytes = 16 * 2**30
    available_bytes = 8 * 2**30
    started_at = factory.LazyFunction(timezone.now)
    heartbeat_at = factory.LazyFunction(timezone.now)


class NotificationFactory(DjangoModelFactory):
    class Meta:
        model = models.Notification

    recipient = factory.SubFactory(UserFactory, role=models.User.Role.ADMIN)
    event = models.Notification.Event.EXPERIMENT_ENDED
    occasion = factory.Sequence(lambda number: f"occasion {number}")
    text = factory.Sequence(lambda number: f"Experiment {number} is ready to be judged.")
    created_at = factory.LazyFunction(timezone.now)


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = models.Delivery

    notification = factory.SubFactory(NotificationFactory)
    channel = models.Delivery.Channel.WEBHOOK
    address = "https://example.org/hook"
    due_at = factory.LazyFunction(timezone.now)
