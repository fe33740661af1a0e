"""One `var/` folder: where what is kept lies, and holding it while working on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.embedded.lock import held
from streams.embedded.log import SqliteLog
from streams.program.settings import Settings


@dataclass(frozen=True)
class Folder:
    """Where what is kept lies."""

    var: Path

    @property
    def log(self) -> Path:
        """The event log: the only file that cannot be rebuilt."""
        return self.var / "log.sqlite"

    @property
    def ledger(self) -> Path:
        """The state of every text, derived from the log."""
        return self.var / "ledger.sqlite"

    @property
    def texts(self) -> Path:
        """The ids that were seen, derived from the log."""
        return self.var / "texts.sqlite"

    @property
    def examples(self) -> Path:
        """The example store, derived from the log."""
        return self.var / "examples"

    @property
    def audits(self) -> Path:
        """What the judge's answers say of the texts that go out unasked, derived from the log."""
        return self.var / "audits.json"

    @property
    def following(self) -> Path:
        """Return how far the weights follow the stream, as of some offset in `verdicts`."""
        return self.var / "following.json"

    @property
    def settings(self) -> Path:
        """What was set in the latest run."""
        return self.var / "settings.json"

    @property
    def report(self) -> Path:
        """What the fit found in the examples; lost, only a fit finds it again."""
        return self.var / "fitted.json"

    @property
    def guides(self) -> Path:
        """The label guides, unless the settings name another file."""
        return self.var / "guides.md"

    @property
    def guide_versions(self) -> Path:
        """Every version of a guide that was in force; cannot be rebuilt."""
        return self.var / "guides.history.jsonl"

    @property
    def verdicts(self) -> Path:
        """What the LLM answered and has cost: lost, questions are paid again."""
        return self.var / "verdicts.sqlite"

    @property
    def pipes(self) -> Path:
        """Pipes whose rows are to come back, each for as long as its run lasts."""
        return self.var / "pipes"

    @property
    def judge(self) -> Path:
        """How the LLM stood when a run last looked."""
        return self.var / "judge.json"


@contextmanager
def working(settings: Settings) -> Iterator[SqliteLog]:
    """Hold the folder and open its log."""
    with held(settings.var):
        log = SqliteLog(Folder(settings.var).log)
        try:
            yield log
        finally:
            log.close()
