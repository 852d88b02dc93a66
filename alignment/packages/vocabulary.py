"""Cutting a byte-pair vocabulary down so that it segments text in the remaining pieces as before.

A merge joins two adjacent pieces into a third; byte-pair encoding applies the merge of lowest rank until none
applies. A piece of the result was therefore made by merges inside its own span only. If all pieces on the way
to a kept piece are kept as well, then every text whose pieces are all kept is segmented exactly as before:
the merges that made them are all there, in the same order, and no merge was added.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]
Ranks = Mapping[tuple[str, str], int]


class Trimmed(NamedTuple):
    """tokenizer: tokenizer.json's content; old_ids: for each new id, in order, the id it had before."""

    tokenizer: Json
    old_ids: list[int]


def trimmed(whole: Json, keep: Iterable[str]) -> Trimmed:
    """Keep the given pieces and what they are merged from; the order of ids stays.

    whole: a tokenizer.json whose model is BPE. Raises ValueError for something that is no piece of it.
    """
    vocabulary: dict[str, int] = whole["model"]["vocab"]
    merges = [(left, right) for left, right in whole["model"]["merges"]]
    kept = closed_under_merges(keep, {merge: rank for rank, merge in enumerate(merges)})
    if not kept <= vocabulary.keys():
        raise ValueError(f"These are no pieces: {sorted(kept - vocabulary.keys())[:5]}")
    pieces = sorted(kept, key=vocabulary.__getitem__)
    new_ids = {piece: index for index, piece in enumerate(pieces)}
    model = {
        **whole["model"],
        "vocab": new_ids,
        "merges": [[left, right] for left, right in merges if {left, right, left + right} <= kept],
    }
    added = [
        {**token, "id": new_ids[token["content"]]}
        for token in whole["added_tokens"]
        if token["content"] in kept
    ]
    template = _renumbered(whole["post_processor"], new_ids)
    tokenizer = {**whole, "model": model, "added_tokens": added, "post_processor": template}
    return Trimmed(tokenizer, [vocabulary[piece] for piece in pieces])


def closed_under_merges(pieces: Iterable[str], ranks: Ranks) -> set[str]:
    """The pieces and every piece that appears while they are merged from characters."""
    closed: set[str] = set()
    for piece in pieces:
        closed.add(piece)
        parts = list(piece)
        while (best := _best_merge(parts, ranks)) is not None:
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
            closed.add(parts[best])
        if parts == [piece]:  # else no text is ever segmented into it, as with "<bos>"
            closed.update(piece)
    return closed


def _best_merge(parts: list[str], ranks: Ranks) -> int | None:
    """Where the merge of lowest rank applies first; None where none applies."""
    places = [index for index in range(len(parts) - 1) if (parts[index], parts[index + 1]) in ranks]
    return min(places, key=lambda index: ranks[parts[index], parts[index + 1]], default=None)


def _renumbered(template: Json, new_ids: Mapping[str, int]) -> Json:
    """A TemplateProcessing post-processor with new ids."""
    special = {
        name: {**token, "ids": [new_ids[piece] for piece in token["tokens"]]}
        for name, token in template["special_tokens"].items()
    }
    return {**template, "special_tokens": special}
