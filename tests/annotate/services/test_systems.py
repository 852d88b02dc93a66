import pytest

from alignment.records import PooledResponse, PromptPool, Selection
from annotate.models import Response, System
from annotate.services.systems import store_pool, store_selections
from tests.annotate.factories import LanguageFactory, PromptFactory, RunFactory

pytestmark = pytest.mark.django_db


def pooled(text: str) -> PooledResponse:
    return PooledResponse(
        text=text, logprob=-3.5, num_tokens=4, finished=True, closest_language="es", detected_language="gl"
    )


def test_a_pool_leaves_its_unaligned_responses_as_rows():
    prompt = PromptFactory()
    run = RunFactory(target=LanguageFactory(tag="es"))
    pool = PromptPool(prompt=prompt.as_record(), unaligned=pooled("uno"), candidates=(pooled("dos"),))

    system = store_pool(run, [pool])

    row = Response.objects.get()
    assert (row.prompt, row.text, row.system) == (prompt, "uno", system)
    assert (row.logprob, row.num_tokens, row.finished) == (-3.5, 4, True)
    assert (row.closest_language, row.detected_language) == ("es", "gl")
    assert (system.kind, system.name) == (System.Kind.UNALIGNED, "unaligned es")


def test_a_selection_leaves_the_chosen_response_with_its_reward_once():
    prompt = PromptFactory()
    run = RunFactory(kind="best_of_n", source=LanguageFactory(tag="en"), target=LanguageFactory(tag="es"))
    chosen = Selection(
        prompt=prompt.as_record(),
        best=pooled("dos"),
        unaligned=pooled("uno"),
        index=0,
        n=4,
        best_reward=1.5,
        unaligned_reward=-0.5,
    )

    store_selections(run, [chosen])
    system = store_selections(run, [chosen])

    assert [(row.text, row.reward) for row in Response.objects.all()] == [("dos", 1.5)]
    assert system.name == "best-of-4 es ← en"
