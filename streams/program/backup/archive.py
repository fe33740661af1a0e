"""A backup as a folder, or as one file (.tar): written whole or not at all, read with suspicion."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from models.errors import Fatal
from streams.program.backup.manifest import MOST, NAME, PIECE, Manifest, checked

TAR = ".tar"


@contextmanager
def begun(path: Path) -> Iterator[Path]:
    """Give a folder to fill; it becomes the backup at `path` when the block has ended well.

    Raises:
        Fatal: there is something at `path` already, or it cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise Fatal(f"{path} is there already: name another place for the backup")
    if path.suffix not in ("", TAR):
        raise Fatal(f"{path}: a backup is a folder, or one file that ends in {TAR}")
    filled = path.with_name(f"{path.name}.unfinished")
    _remove(filled)
    try:
        filled.mkdir(parents=True)
        yield filled
        _onto_disk(filled)
        if path.suffix == TAR:
            packed = path.with_name(f"{path.name}.packing")
            _pack(filled, packed)
            packed.replace(path)
        else:
            filled.replace(path)
    except OSError as error:
        raise Fatal(f"cannot write {path}: {error.strerror or error}") from None
    finally:
        _remove(filled)


def _onto_disk(folder: Path) -> None:
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _pack(folder: Path, path: Path) -> None:
    # The manifest comes last: a file that is cut off has none.
    names = sorted(folder.iterdir(), key=lambda one: one.name == NAME)
    with path.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for one in names:
                tar.add(one, one.name, recursive=False, filter=_nobodys)
        file.flush()
        os.fsync(file.fileno())


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


def fetched(path: Path, into: Path) -> Manifest:
    """Copy a backup's files into an empty folder; return its manifest, which they match.

    Only plain files without a folder in their names are taken, each once, and none that is larger
    than the backup.

    Raises:
        Fatal: there is none, or it is cut off, changed, of a later redstream, or no backup.
    """
    try:
        content = _from_folder(path, into) if path.is_dir() else _from_file(path, into)
    except tarfile.TarError as error:
        raise Fatal(f"{path} is cut off, or no backup of redstream: {error}") from None
    except OSError as error:
        raise Fatal(f"cannot read {path}: {error.strerror or error}") from None
    return checked(content, into, path)


def _from_folder(path: Path, into: Path) -> bytes | None:
    content = None
    for one in sorted(path.iterdir()):
        if one.is_symlink() or not one.is_file():
            raise Fatal(f"{path}: {one.name!r} is no plain file: that is no backup of redstream")
        with one.open("rb") as file:
            if one.name == NAME:
                content = file.read(MOST)
            else:
                _take(file, one.stat().st_size, into / one.name)
    return content


def _from_file(path: Path, into: Path) -> bytes | None:
    content, left = None, path.stat().st_size
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            name = member.name
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
            if not plain or name != Path(name).name or name in ("", ".", "..") or "\0" in name:
                raise Fatal(f"{path}: {name!r} is no plain file: that is no backup of redstream")
            left -= member.size
            file = tar.extractfile(member)
            if left < 0 or file is None:
                raise Fatal(f"{path} is cut off, or no backup of redstream")
            if name == NAME:
                content = file.read(MOST)
            else:
                _take(file, member.size, into / name)
    return content


def _take(file: IO[bytes], size: int, path: Path) -> None:
    try:
        with path.open("xb") as taken:
            while size > 0 and (piece := file.read(min(PIECE, size))):
                taken.write(piece)
                size -= len(piece)
    except FileExistsError:
        raise Fatal(
            f"{path.name!r} is in the backup twice: that is no backup of redstream"
        ) from None


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(path)
