"""The bytes of a file, gzipped or not, line by line."""

from __future__ import annotations

import codecs
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from models.errors import Fatal

LONGEST_LINE = 16 << 20
"""A longer line is handed over in pieces of this many bytes (and ends in the dead letters)."""

GZIP = b"\x1f\x8b"


class Incomplete(Fatal):
    """The file is still being written, or was cut off."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what goes wrong in a file into one line. Raises `Fatal`."""
    try:
        yield
    except EOFError:
        raise Incomplete(f"{path} is cut off: its gzip stream has no end") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise Fatal(f"{path} is no gzip file, or a damaged one: {error}") from None
    except OSError as error:
        why = error.strerror or str(error).partition("\n")[0]
        raise Fatal(f"cannot read {path}: {why}") from None


def is_gzipped(path: Path) -> bool:
    """Tell by the first bytes. Raises `Fatal`."""
    with reading(path), path.open("rb") as file:
        return file.read(2) == GZIP


def open_bytes(path: Path) -> BinaryIO:
    """Open a file to read what is in it, unpacked. Raises `Fatal`."""
    if is_gzipped(path):
        return cast("BinaryIO", gzip.open(path))
    with reading(path):
        return path.open("rb")


def unpacked(path: Path) -> IO[bytes]:
    """Return a gzipped file as one that can be read in any order, gone when closed."""
    plain = tempfile.TemporaryFile()  # noqa: SIM115
    with reading(path), open_bytes(path) as packed:
        shutil.copyfileobj(packed, plain, 1 << 20)
    plain.seek(0)
    return plain


ReadLine = Callable[[int], bytes]
"""Returns the next line with its end, at most so many bytes of it; b"" where there is none."""


class Lines:
    """The lines of a stream, with their ends; what was read too early can be put back.

    With `grows` a line without an end is one that is still being written: there is none yet, and
    asking again may find more. A codec that does not have the newline as one byte (UTF-16) is
    turned into UTF-8.
    """

    def __init__(self, readline: ReadLine, *, grows: bool = False) -> None:
        self._readline = readline
        self._grows = grows
        self._back: list[bytes] = []
        self._half = b""

    def next(self) -> bytes:
        """Return the next line, or b""."""
        if self._back:
            return self._back.pop()
        line = self._half + self._readline(max(1, LONGEST_LINE - len(self._half)))
        self._half = b""
        if self._grows and line and not line.endswith(b"\n") and len(line) < LONGEST_LINE:
            self._half = line
            return b""
        return line

    def put_back(self, lines: list[bytes]) -> None:
        """Have these lines come again, in this order."""
        self._back += reversed(lines)


def as_utf8(read: Callable[[int], bytes], codec: str) -> ReadLine:
    """Return the lines of a stream in another codec, as UTF-8."""
    decoder = codecs.getincrementaldecoder(codec)("replace")
    held = b""
    ended = False

    def readline(limit: int) -> bytes:
        nonlocal held, ended
        while (end := held.find(b"\n")) < 0 and len(held) < limit and not ended:
            piece = read(1 << 16)
            ended = not piece
            held += decoder.decode(piece, ended).encode("utf-8", "surrogatepass")
        end = min(limit, end + 1 if end >= 0 else len(held))
        line, held = held[:end], held[end:]
        return line

    return readline
