"""Files that a person asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from models.errors import Fatal


def write_text(path: Path, text: str) -> None:
    """Write a file whole, or leave what was there as it was.

    Raises:
        Fatal: it cannot be written.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8", errors="replace")
        new.replace(path)
    except OSError as error:
        with suppress(OSError):
            new.unlink()
        raise Fatal(f"cannot write {path}: {error.strerror}") from None
