"""Whether an output gets rows, and where they go."""

from __future__ import annotations

from pathlib import Path

from models.errors import Fatal
from streams.program.reading.tables import GZ, kind_of


def rows_out(out: Path | None, texts: str, *, rows: bool) -> bool:
    """Tell whether an output gets rows, not events.

    Raises:
        Fatal: rows cannot come back into such a file, or from such an input.
    """
    if out is None:
        return False
    kind, zipped = kind_of(out), out.suffix.lower() == GZ
    folder = texts != "-" and Path(texts).is_dir()
    if folder and (kind is None or out.is_dir()):
        if out.exists() and out.samefile(texts):
            raise Fatal(f"{out} is the folder that is read: name another one with --out")
        return True
    if not (rows or kind in ("csv", "tsv", "parquet")):
        if kind == "jsonl" and zipped:
            raise Fatal(f"{out}: events go into a .jsonl; into a .jsonl.gz go rows, with --rows")
        return False
    if folder:
        raise Fatal(
            f"{out} is one file, and {texts} is a folder: name a folder with --out, which gets the"
            " rows of each file; or a .jsonl without --rows, which gets an event for each text"
        )
    if kind is None or (kind == "parquet" and zipped):
        raise Fatal(f"{out}: rows go into .csv, .tsv, .jsonl (each also .gz) or .parquet")
    if texts != "-" and out.exists() and out.samefile(texts):
        raise Fatal(f"{out} is the file that is read: name another one with --out")
    return True
