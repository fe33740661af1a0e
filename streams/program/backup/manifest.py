"""What a backup says of itself: its kind, who made it when, and the digest of each file in it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field

from models.errors import Fatal
from streams.embedded.log import FORMAT as LOG_FORMAT
from streams.errors import Unreadable
from streams.ledger import FORMAT as LEDGER_FORMAT
from streams.program.backup.contents import KNOWN, LEDGER, LOG, TOPICS
from streams.wire import Record

NAME = "manifest.json"

FORMAT = 1

READ = {LOG: LOG_FORMAT, LEDGER: LEDGER_FORMAT, TOPICS: 1}
"""The newest format of a file that this redstream reads."""

MOST = 2**20
"""Bytes of a manifest: it names a dozen files."""

PIECE = 2**20

Kind = Literal["folder", "kafka"]


class Kept(Record):
    """One file: its size in bytes and its SHA-256; of a database its `format`."""

    bytes: int
    sha256: str
    format: int | None = None


class Manifest(Record):
    """A backup of a folder, or of the topics on Kafka with the folder beside them.

    `counts` is what was in it, for who looks at it.
    """

    format: int
    kind: Kind
    redstream: str
    at: float
    files: dict[str, Kept]
    counts: dict[str, int] = Field(default_factory=dict)


def described(folder: Path, kind: Kind, counts: Mapping[str, int]) -> Manifest:
    """Return the manifest of what lies in a folder, which is put onto the disk."""
    from importlib.metadata import version  # here: it takes longer to load than all of this

    return Manifest(
        format=FORMAT,
        kind=kind,
        redstream=version("redstream"),
        at=time.time(),
        files={path.name: _kept(path) for path in sorted(folder.iterdir())},
        counts=dict(counts),
    )


def _kept(path: Path) -> Kept:
    size, sha256 = digest_of(path)
    found = None
    if path.suffix == ".sqlite":
        with path.open("rb") as file:
            file.seek(60)  # where SQLite keeps `user_version`
            found = int.from_bytes(file.read(4), "big")
    return Kept(bytes=size, sha256=sha256, format=found)


def digest_of(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
            size += len(piece)
    return size, digest.hexdigest()


def checked(content: bytes | None, folder: Path, where: Path) -> Manifest:
    """Return the manifest of the backup at `where`, whose files lie in a folder as it says.

    Raises:
        Fatal: it is cut off, changed, of a later redstream, or no backup.
    """
    if content is None:
        raise Fatal(f"{where} has no {NAME}: it is cut off, or no backup of redstream")
    try:
        made = Manifest.decode(content)
    except Unreadable as error:
        raise Fatal(f"{where}: {NAME} is damaged ({error}): take another backup") from None
    _readable(made, where)
    there = {path.name for path in folder.iterdir()}
    for name, kept in made.files.items():
        if name not in there:
            raise Fatal(f"{where}: {name} is not in it: it is cut off; take another backup")
        if digest_of(folder / name) != (kept.bytes, kept.sha256):
            raise Fatal(f"{where}: {name} is not what was written: take another backup")
    if extra := sorted(there - made.files.keys()):
        raise Fatal(f"{where}: nothing is known of {extra[0]!r} in it: take another backup")
    return made


def _readable(made: Manifest, where: Path) -> None:
    """Refuse what a later redstream has made."""
    by = f"it was made by redstream {made.redstream}: restore it with that, or a later one"
    if made.format > FORMAT:
        raise Fatal(
            f"{where} is a backup of format {made.format}, this redstream reads {FORMAT}; {by}"
        )
    for name, kept in made.files.items():
        if name not in KNOWN:
            raise Fatal(f"{where} holds {name!r}, which this redstream does not know; {by}")
        if (kept.format or 0) > READ.get(name, kept.format or 0):
            raise Fatal(
                f"{where}: {name} has format {kept.format}, this redstream reads {READ[name]}; {by}"
            )
