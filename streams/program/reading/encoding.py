"""In which encoding a text file is written: by its first bytes, else by what its lines can be.

UTF-8 is what bytes beyond ASCII almost never are by chance. Where more lines are not UTF-8 than
are, it is one byte a letter: Windows-1252, or Latin-1 where a byte has no meaning there. A library
that guesses among a hundred encodings would mostly differ from this where it is wrong.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

BOM8 = codecs.BOM_UTF8
UNDEFINED = bytes([0x81, 0x8D, 0x8F, 0x90, 0x9D])
"""Bytes without a meaning in Windows-1252."""

SAMPLE = 1 << 20


@dataclass(frozen=True)
class Encoding:
    """A codec, its name for people, and the byte-order mark that the file begins with."""

    codec: str
    name: str
    mark: bytes = b""


UTF8 = Encoding("utf-8", "UTF-8")
MARKED = Encoding("utf-8", "UTF-8 with a byte-order mark", BOM8)
LITTLE = Encoding("utf-16-le", "UTF-16", codecs.BOM_UTF16_LE)
BIG = Encoding("utf-16-be", "UTF-16", codecs.BOM_UTF16_BE)
WINDOWS = Encoding("cp1252", "Windows-1252")
LATIN = Encoding("latin-1", "Latin-1")


def marked(start: bytes) -> Encoding | None:
    """Return the encoding that the first bytes name, if they do."""
    return next((one for one in (MARKED, LITTLE, BIG) if start.startswith(one.mark)), None)


def encoding_of(file: BinaryIO) -> Encoding:
    """Read a file from its start to its end, and tell."""
    if found := marked(file.read(4)):
        return found
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(SAMPLE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        file.seek(0)
        return _of_lines(file)
    return UTF8


def encoding_of_piece(piece: bytes) -> Encoding:
    """Tell from the beginning of a stream that cannot be read again."""
    lines = piece.splitlines(keepends=True)
    whole = lines[:-1] if len(lines) > 1 else lines
    return marked(piece) or _of_lines(whole)


def _of_lines(lines: Iterable[bytes]) -> Encoding:
    utf8 = other = 0
    undefined = False
    for line in lines:
        if line.isascii():
            continue
        try:
            line.decode()
            utf8 += 1
        except UnicodeDecodeError:
            other += 1
            undefined = undefined or any(byte in line for byte in UNDEFINED)
    if other <= utf8:
        return UTF8
    return LATIN if undefined else WINDOWS
