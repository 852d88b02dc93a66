"""What a run stands on: the digests of its data, and of what its parents left behind."""

import re
from typing import NamedTuple

from annotate.models import Artifact, Run

DIGEST = re.compile(r"[0-9a-f]{64}")


class Input(NamedTuple):
    """name: what it is to the run; digest: the SHA-256 under which the artifact store has it."""

    name: str
    digest: str


def inputs_of(run: Run) -> list[Input]:
    """Data that was frozen at launch, then the artifacts of the parents."""
    frozen = [
        Input(name, value)
        for name, value in run.config.items()
        if isinstance(value, str) and DIGEST.fullmatch(value)
    ]
    left = Artifact.objects.filter(run__children=run).select_related("run").order_by("pk")
    return [*frozen, *(Input(str(artifact), artifact.digest) for artifact in left)]
