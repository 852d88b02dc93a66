"""Responses that runs made become rows: the unaligned ones of a pool, the chosen ones of best-of-n."""

from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction

from alignment import records
from alignment.digests import text_digest
from annotate.models import Prompt, PromptSet, Response, Run, System


class Written(NamedTuple):
    """A response that a run produced, and its reward where a reward model has seen it."""

    prompt: records.Prompt
    response: records.PooledResponse
    reward: float | None


def store_pool(run: Run, pools: Iterable[records.PromptPool]) -> System:
    """Keep the unaligned response to each prompt of a sample run; the candidates stay in its artifact."""
    written = [Written(pool.prompt, pool.unaligned, None) for pool in pools]
    return _store(run, System.Kind.UNALIGNED, f"unaligned {run.target_id}", written)


def store_selections(run: Run, selections: Iterable[records.Selection]) -> System:
    """Keep the response that best-of-n chose for each prompt, with its reward."""
    written = [Written(chosen.prompt, chosen.best, chosen.best_reward) for chosen in selections]
    name = f"best-of-{run.config['n']} {run.target_id} ← {run.source_id}"
    return _store(run, System.Kind.BEST_OF_N, name, written)


@transaction.atomic
def _store(run: Run, kind: System.Kind, name: str, written: list[Written]) -> System:
    system, _ = System.objects.get_or_create(
        run=run,
        defaults={
            "kind": kind,
            "name": name,
            "language_id": str(run.target_id),
            "source_id": run.source_id,
        },
    )
    rows = _prompt_rows(run.config["task"], {output.prompt for output in written})
    Response.objects.bulk_create(
        [_response(system, rows[output.prompt.key], output) for output in written],
        ignore_conflicts=True,
        batch_size=500,
    )
    return system


def _response(system: System, prompt_id: int, output: Written) -> Response:
    return Response(
        system=system,
        prompt_id=prompt_id,
        text=output.response.text,
        digest=text_digest(output.response.text),
        reward=output.reward,
        logprob=output.response.logprob,
        num_tokens=output.response.num_tokens,
        finished=output.response.finished,
        closest_language=output.response.closest_language,
        detected_language=output.response.detected_language,
    )


def _prompt_rows(task: str, prompts: Iterable[records.Prompt]) -> dict[str, int]:
    """Key of each prompt → its row."""
    rows: dict[str, int] = {}
    for dataset, language, split in {(p.dataset, p.language, p.split) for p in prompts}:
        prompt_set = PromptSet.objects.get(task=task, dataset=dataset, language=language, split=split)
        rows.update(Prompt.objects.filter(prompt_set=prompt_set).values_list("key", "pk"))
    return rows
