"""Whether words are anywhere in a folder: in the bytes of its files, and in what is squeezed."""

from __future__ import annotations

import base64
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from streams.packing import unpacked


def everywhere(folder: Path, needles: Iterable[bytes]) -> Counter[str]:
    """Count where one of `needles` is found: files as they are, rows of SQLite unpacked."""
    wanted = list(needles)
    found: Counter[str] = Counter()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        found[path.name] += any(one in path.read_bytes() for one in wanted)
        if path.suffix == ".sqlite":
            for table, value in _values(path):
                found[f"{path.name}:{table}"] += any(
                    one in blob for blob in _unpacked(value) for one in wanted
                )
    return +found


def _values(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (name,) in names:
            for row in db.execute(f"SELECT * FROM {name}"):
                for value in row:
                    if isinstance(value, str | bytes):
                        yield name, value.encode() if isinstance(value, str) else value


def _unpacked(value: bytes) -> Iterator[bytes]:
    """Yield a value as it lies there, and as what it may be squeezed from, twice where it may."""
    layers = [value]
    with suppress(ValueError):
        layers.append(unpacked(1, value) or b"")
    if value:
        with suppress(ValueError):
            layers.append(unpacked(value[0], value[1:]) or b"")
    for layer in layers:
        yield layer
        with suppress(zlib.error):
            yield zlib.decompress(layer)


def vector_needles(f16: str) -> list[bytes]:
    """Return how an embedding may lie somewhere: as JSON has it, and as bytes."""
    return [f16[:200].encode(), base64.b64decode(f16)[:200]]
