"""One `var/` folder: where what is kept lies, and holding it while working on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from streams.embedded.lock import held
from streams.embedded.log import SqliteLog
from streams.errors import Held
from streams.program.settings import Settings
from streams.stage import Log


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
        return self.store("")

    def store(self, name: str) -> Path:
        """Return the example store of an encoder that the model was moved to, or the first."""
        return self.var / f"examples{name}"

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
    """Hold the folder and open its log, to run stages over it.

    Raises:
        Held: another process works on it, or workers on Kafka do.
    """
    if settings.kafka is not None:
        raise Held(
            f"the log is on Kafka at {settings.kafka}, where workers run the stages: start them"
            " with `redstream worker`, or unset REDSTREAM_KAFKA"
        )
    with held(settings.var), closing(SqliteLog(Folder(settings.var).log)) as log:
        yield log


@contextmanager
def changing(settings: Settings) -> Iterator[Log]:
    """Hold the folder and open its log, to publish what builds on what is there.

    On Kafka nothing is held: the trainer puts what it is told into an order.
    """
    with log_of(settings) if settings.kafka is not None else working(settings) as log:
        yield log


@contextmanager
def log_of(settings: Settings, *, appends: bool = False) -> Iterator[Log]:
    """Open the log to read, or to append what a person says, also while others work on it."""
    if settings.kafka is None:
        log: Log = SqliteLog(Folder(settings.var).log, read_only=not appends)
    else:
        from streams.kafka.reader import KafkaReader  # here: its client takes a while to load
        from streams.program.kafka_settings import connection

        log = KafkaReader(connection(settings))
    with closing(log):
        yield log
