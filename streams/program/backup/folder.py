"""`redstream backup` and `restore` of a folder."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from models.errors import Fatal, RedstreamError
from streams.embedded.lock import held
from streams.figures import Figures
from streams.program.backup.archive import begun, fetched
from streams.program.backup.contents import LEDGER, LOG, copy_folder, present
from streams.program.backup.manifest import NAME, Kind, Manifest, described

FRESH = "restoring"
"""Where in the folder files lie until all are there and were checked."""


def back_up(var: Path, path: Path) -> Manifest:
    """Copy all that is kept in a folder, also while a run is under way.

    Raises:
        Fatal: nothing is in the folder, or there is something at `path`.
    """
    if not (var / LOG).exists():
        raise Fatal(f"there is no {var / LOG}: nothing to back up; name the folder with --var")
    with begun(path) as filled:
        copy_folder(var, filled, log=True)
        return written(filled, "folder")


def written(filled: Path, kind: Kind) -> Manifest:
    """Write the manifest of what lies in a folder into it."""
    made = described(filled, kind, counts_of(filled))
    (filled / NAME).write_bytes(made.encode())
    return made


def counts_of(folder: Path) -> dict[str, int]:
    """Return what a ledger counts, where there is one and it can be read."""
    with suppress(RedstreamError), closing(Figures(folder / LEDGER)) as figures:
        found = figures.counts()
        return {"labelled": sum(found.labeled.values()), "held": found.held, "model": found.version}
    return {}


def restore(var: Path, path: Path, *, replace: bool) -> tuple[Manifest, Path | None]:
    """Put what is in a backup of a folder into a folder.

    With `replace` what is there goes aside, into a folder within it that is returned.

    Raises:
        Held: a process works on the folder.
        Fatal: something is there already, or the backup cannot be used; nothing is changed then.
    """
    with held(var), taken(var, path, "folder", replace=replace) as (made, fresh):
        return made, put(var, fresh)


@contextmanager
def taken(var: Path, path: Path, kind: Kind, *, replace: bool) -> Iterator[tuple[Manifest, Path]]:
    """Copy a backup beside what is in the folder, checked, for as long as the block runs.

    Raises:
        Fatal: as for `restore`.
    """
    if (there := present(var)) and not replace:
        raise Fatal(
            f"{var} is not empty ({', '.join(there[:3])}): name another folder with --var, or say"
            " --replace, which puts aside what is there"
        )
    fresh = var / FRESH
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        made = fetched(path, fresh)
        if made.kind != kind:
            raise Fatal(_OTHER[made.kind].format(path=path))
        yield made, fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


_OTHER: dict[Kind, str] = {
    "kafka": "{path} is a backup of topics on Kafka: name the brokers with REDSTREAM_KAFKA",
    "folder": "{path} is a backup of a folder, not of topics on Kafka: unset REDSTREAM_KAFKA",
}


def put(var: Path, fresh: Path) -> Path | None:
    """Move files into the folder, and what is there aside; return where to.

    The log comes last: where this is stopped half way there is none, and nothing takes what is
    there for a whole folder.
    """
    aside = None
    if there := present(var):
        aside = var / time.strftime("replaced-%Y%m%d-%H%M%S")
        aside.mkdir()
        beside = [f"{name}{end}" for name in there for end in ("-wal", "-shm")]
        for name in sorted([*there, *beside], key=lambda one: one != LOG):
            with suppress(FileNotFoundError):
                (var / name).rename(aside / name)
    for one in sorted(fresh.iterdir(), key=lambda one: one.name == LOG):
        with one.open("rb") as file:
            os.fsync(file.fileno())
        one.rename(var / one.name)
    return aside


def told(made: Manifest) -> str:
    """Return in words what a backup holds."""
    size = sum(kept.bytes for kept in made.files.values()) / 1e6
    counts = made.counts
    holds = ""
    if counts:
        holds = (
            f"{counts['labelled']} texts with a label, {counts['held']} held,"
            f" model {counts['model']}; "
        )
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(made.at))
    return f"{holds}{size:.1f} MB, made {when} by redstream {made.redstream}"
