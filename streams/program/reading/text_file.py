"""A text file as formats read it: its encoding, a piece of its beginning, and its lines anew."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from streams.program.reading.encoding import BOM8, Encoding, encoding_of
from streams.program.reading.files import Lines, as_utf8, is_gzipped, open_bytes, reading

SAMPLE = 1 << 18
"""Bytes of the beginning from which delimiter, header and columns are told."""


@dataclass
class TextFile:
    """`where` is how people are told of it; `sample` and what `open` gives are UTF-8 if the
    encoding is UTF-16, and the file's own bytes otherwise.
    """

    where: str
    encoding: Encoding
    gzipped: bool
    sample: bytes
    open: Callable[[], Lines]
    grows: bool = False
    files: list[BinaryIO] = field(default_factory=list)

    @property
    def codec(self) -> str:
        """The codec of the lines."""
        return "utf-8" if self.encoding.codec.startswith("utf") else self.encoding.codec

    def text(self, raw: bytes) -> str:
        """Return a line as letters; what is none in this encoding becomes a surrogate."""
        return raw.decode(self.codec, "surrogateescape")

    def sampled(self) -> Lines:
        """Return the lines of the sample."""
        return Lines(io.BytesIO(self.sample).readline)

    def close(self) -> None:
        """Close every file that was opened."""
        for file in self.files:
            file.close()
        self.files.clear()

    @property
    def written_in(self) -> str:
        """Return the encoding for people, with gzip where it is."""
        return self.encoding.name + (", gzipped" if self.gzipped else "")


def text_file(path: Path, *, grows: bool = False) -> TextFile:
    """Look at a file: all of it, for one byte may tell that it is no UTF-8. Raises `Fatal`."""
    gzipped = is_gzipped(path)
    with reading(path), closing(open_bytes(path)) as file:
        encoding = encoding_of(file)
        file.seek(0)
        start = file.read(SAMPLE)
        if encoding.codec.startswith("utf-16"):
            start = start[: len(start) // 2 * 2].decode(encoding.codec, "replace").encode()
        if file.read(1) or grows:
            start = start[: start.rfind(b"\n") + 1] or start
    # What is written one byte after the other to a zip, or two by two, is read when it is whole.
    grows = grows and not gzipped and not encoding.codec.startswith("utf-16")

    def lines() -> Lines:
        file = open_bytes(path)
        text.files.append(file)
        if encoding.codec.startswith("utf-16"):
            return Lines(as_utf8(file.read, encoding.codec))

        def readline(limit: int) -> bytes:
            with reading(path):
                return file.readline(limit)

        return Lines(readline, grows=grows)

    text = TextFile(str(path), encoding, gzipped, start, lines, grows)
    return text


def without_mark(raw: bytes) -> bytes:
    """Return the first line without the byte-order mark."""
    return raw.removeprefix(BOM8)
