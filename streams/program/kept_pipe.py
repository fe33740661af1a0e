"""A pipe whose rows are to come back: kept in a file for as long as the run lasts.

So it is a file like any other: told what it is from all of it, read on from where a killed run
stopped when it comes again, and written back byte by byte. It is read to its end before the first
text is labelled; a stream without an end gets events, which need none of that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from models.errors import Fatal
from streams.program.folder import Folder
from streams.program.folder_source import FolderSource
from streams.program.reading import Columns
from streams.stage import Marks

PIECE = 1 << 20


class KeptPipe:
    """The file in which a pipe is kept, one for each output: by it its rows are known again."""

    def __init__(self, folder: Folder, out: Path) -> None:
        key = blake2b(str(out.absolute()).encode("utf-8", "surrogateescape"), digest_size=6)
        # Behind the name: what the pipe holds is told by its first bytes, not by the output.
        self.path = (folder.pipes / f"{out.name[:80]}-{key.hexdigest()}").absolute()

    def source(
        self,
        read: Callable[[int], bytes],
        reader: Marks,
        wanted: Columns,
        tell: Callable[[str], None],
    ) -> FolderSource:
        """Read the pipe to its end and return what gives its texts; `read` as of a file.

        Raises:
            Fatal: it is empty, or as a file cannot be read.
        """
        tell("Reading the pipe to its end: then its rows are labelled, and come back.")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("wb") as file:
            while piece := read(PIECE):
                file.write(piece)
        try:
            return FolderSource(
                self.path,
                reader,
                wanted,
                follow=False,
                tell=lambda line: tell(self._as_a_pipe(line)),
            )
        except Fatal as error:
            raise Fatal(self._as_a_pipe(str(error))) from None

    def _as_a_pipe(self, line: str) -> str:
        return line.replace(str(self.path), "-")

    def close(self) -> None:
        """Drop the file."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            self.path.parent.rmdir()
