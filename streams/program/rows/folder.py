"""Rows back of a whole folder: for each of its files one, in its own format and under its name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from models.errors import Fatal
from streams.program.folder import Folder
from streams.program.reading import Columns, open_table, readable, required
from streams.program.reading.tables import GZ, kind_of
from streams.program.rows.output import RowsOut, Written, claimed, writing
from streams.stage import Log


class RowsOutFolder:
    """One output folder of one input folder."""

    def __init__(
        self,
        folder: Folder,
        texts: Path,
        wanted: Columns,
        out: Path,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """`tell` is told of files whose rows do not come back."""
        self._folder, self._texts, self._wanted, self._tell = folder, texts, wanted, tell
        self.path = out.absolute()

    def claim(self, log: Log) -> None:
        """Make sure, before anything is done, that the folder is ours and can be written.

        Raises:
            Fatal: it holds something of somebody else's, or cannot be written.
        """
        probe = self.path / ".part"
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            claimed(log, self.path, holds=any(self.path.iterdir()))
            probe.touch()
            probe.unlink()

    def write(self) -> Written:
        """Write all files as things stand now; one that cannot be read is told, and left out.

        Raises:
            Fatal: the output cannot be written any more.
        """
        whole = Written()
        for path in sorted(filter(readable, self._texts.iterdir())):
            try:
                with closing(open_table(path, self._wanted)) as table:
                    required(table, "text")
            except Fatal as error:
                self._tell(f"No rows come back of this file: {error}")
                continue
            out = self.path / written_as(path.name)
            whole += RowsOut(self._folder, path, self._wanted, out, as_read=True).write()
        return whole


def written_as(name: str) -> str:
    """Return under which name a file's rows come back: Parquet is compressed by itself."""
    zipped = name.lower().endswith(GZ) and kind_of(Path(name)) == "parquet"
    return f"{name}.parquet" if zipped else name
