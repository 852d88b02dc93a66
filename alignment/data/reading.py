"""The lines of a file from anywhere, one by one, whatever is wrong with some of them."""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

from alignment.data.formats.format import Parse, Record
from alignment.errors import AlignmentError
from alignment.jsonl import BrokenLine, read_object

MAX_LINE_BYTES = 4 * 2**20
GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """What stood on a line, counted from 1."""

    number: int
    content: Record | BrokenLine


def read_lines(file: BinaryIO, parse: Parse) -> Iterator[Line]:
    """Read JSON Lines, gzipped or not. A broken line stops nothing; empty ones are passed over.

    Never holds more than one line, of at most MAX_LINE_BYTES. Where a compressed file is damaged, the rest
    of it is one broken line.
    """
    number = 0
    try:
        for number, line in enumerate(_raw_lines(_unpacked(file)), start=1):
            if line.strip():
                yield Line(number, _read(number, line, parse))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        reason = "The compressed file is damaged; nothing from here on could be read."
        yield Line(number + 1, BrokenLine(number + 1, reason))


def _unpacked(file: BinaryIO) -> BinaryIO:
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file


def _raw_lines(file: BinaryIO) -> Iterator[bytes]:
    line = file.readline(MAX_LINE_BYTES + 1).removeprefix(BOM)
    while line:
        yield line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES + 1)  # the rest of a line that is too long
        line = file.readline(MAX_LINE_BYTES + 1)


def _read(number: int, line: bytes, parse: Parse) -> Record | BrokenLine:
    try:
        return parse(number, read_object(_decoded(line)))
    except AlignmentError as error:
        return BrokenLine(number, str(error))


def _decoded(line: bytes) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise AlignmentError(f"This line is longer than {MAX_LINE_BYTES // 2**20} MiB.")
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise AlignmentError("This is not UTF-8 text; save the file as UTF-8.") from error
