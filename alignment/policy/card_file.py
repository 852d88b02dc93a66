"""policy.json: the file beside a policy's weights that says where it comes from, whatever trained it."""

import json
from pathlib import Path
from typing import Any

from alignment.errors import AlignmentError

CARD_NAME = "policy.json"
FORMAT = 1


def write_card(directory: Path, stage: str, content: dict[str, Any]) -> None:
    """stage: the command that trained it."""
    whole = {"format": FORMAT, "stage": stage, **content}
    text = json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True)
    (directory / CARD_NAME).write_text(text + "\n", encoding="utf-8")


def read_card(directory: Path, stage: str) -> dict[str, Any]:
    """Raises AlignmentError where there is no policy of this stage."""
    try:
        content: dict[str, Any] = json.loads((directory / CARD_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AlignmentError(f"{directory} holds no policy made by {stage}; choose another place.") from error
    if (content.pop("format", None), content.pop("stage", None)) != (FORMAT, stage):
        raise AlignmentError(f"{directory} was made by another command or version; choose another place.")
    return content
