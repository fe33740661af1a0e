"""Forgetting texts for good, in a folder: whatever is kept of them goes, also while a run is on.

It begins with a record that only knows a digest of the id: from then on nothing of the text comes
in any more. The stages forget it as they come to that record; then it goes out of the log, and all
files are written anew. Killed at any moment, the same command goes on, and so does the next run.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial

from judge.llm.cache import VerdictCache
from streams.audits import Audits
from streams.database import scoured
from streams.embedded.erasing import erase
from streams.embedded.log import SqliteLog
from streams.errors import Held
from streams.feed import Feed
from streams.following import Following
from streams.forgotten import followed
from streams.ledger import Ledger
from streams.program.assembly import open_store
from streams.program.encoding import encodings
from streams.program.folder import Folder, log_of, working
from streams.program.forget_files import outputs_with, strike_out
from streams.program.forget_look import Found
from streams.program.lessons import work_off
from streams.program.settings import Settings
from streams.records import Forgotten
from streams.stage import Log, Outgoing, Reader, Stage, outgoing
from streams.stages.drift import Notice
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.stages.train import Train
from streams.stores import Stores
from streams.textindex import TextIndex
from streams.topology import FORGOTTEN, MARKS, STAGES

TAKERS = tuple(spec.name for spec in STAGES if FORGOTTEN in spec.reads)
"""Stages that forget what they have derived when they come to the record."""

ERASED = b"erased"
"""Key of the mark that says up to where in `forgotten` all is out of log and files."""

WAIT_SECONDS = 60.0
LOOK_SECONDS = 0.2


@dataclass
class Done:
    """What forgetting came to. `erased`: records that were about the texts, by topic. `version`: of
    the model that has them no more; `versions` went with them. `taken_in`: all is done; else a run
    or workers still have to take it in. Of what is a person's: `guides` (labels) that quote a text,
    and `outputs` with how many lines of them name one.
    """

    erased: Counter[str] = field(default_factory=Counter)
    version: int = 0
    versions: list[int] = field(default_factory=list)
    taken_in: bool = False
    guides: list[str] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)


def forget(
    settings: Settings,
    found: Sequence[Found],
    tell: Callable[[str], None],
    *,
    wait: float = WAIT_SECONDS,
) -> Done:
    """Forget texts in a folder. Those that are forgotten already are looked for once more.

    Raises:
        Fatal: nothing was fitted yet, or the folder cannot be written.
    """
    done = Done(guides=strike_out(settings, {word for one in found for word in one.words}))
    ids = [one.id for one in found]
    with log_of(settings, appends=True) as log:
        done.outputs = outputs_with(log, ids)
        before = noted(log, Feed(log), ids)
    try:
        with working(settings) as held:
            tell("taking it out of the model")
            _take_in(settings, held)
            tell("taking it out of the files")
            done.erased = _out_of_log(held)
            done.taken_in = _out_of_files(settings, held)
    except Held:
        tell("waiting for the run that holds the folder")
        with log_of(settings, appends=True) as log:
            done.waiting = waited(log, wait)
            assert isinstance(log, SqliteLog)
            done.erased = _out_of_log(log)
            done.taken_in = not done.waiting and _out_of_files(settings, log)
    with log_of(settings) as log:
        feed = Feed(log)
        done.version = feed.newest().number
        done.versions = sorted(before - feed.repository.manifests.keys())
    return done


def noted(log: Log, feed: Feed, ids: Sequence[str]) -> set[int]:
    """Put into the log that texts are forgotten, where it is not there yet; return the versions of
    the model that were there before.
    """
    feed.newest()
    before, known, now = set(feed.repository.manifests), followed(log), time.time()
    new = [Forgotten.of(text_id, now) for text_id in ids if text_id not in known]
    log.append([outgoing(FORGOTTEN, one.digest, one) for one in new])
    return before


def finish(settings: Settings, log: SqliteLog) -> None:
    """At the end of a run: what was forgotten meanwhile goes out of log and files."""
    if _erased_up_to(log) < log.end(FORGOTTEN.name) and not not_taken_in(log):
        _out_of_log(log)
        _out_of_files(settings, log)


def not_taken_in(reader: Reader) -> list[str]:
    """Return the stages that have not come to the last record of `forgotten`."""
    end = reader.end(FORGOTTEN.name)
    return [name for name in TAKERS if reader.position(name, FORGOTTEN.name) < end]


def waited(log: Log, seconds: float) -> list[str]:
    """Wait for the stages of who works on the log; return those that have not come to it."""
    until = time.monotonic() + seconds
    while (waiting := not_taken_in(log)) and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
    return waiting


def _take_in(settings: Settings, log: SqliteLog) -> None:
    feed, folder = Feed(log), Folder(settings.var)
    stores, made = Stores(partial(open_store, settings)), encodings(settings)
    stages: list[Stage] = [
        Notice(seed=settings.seed),
        Remember(stores, feed, made),
        Train(feed, keep_terms=True, encodings=made),
        LedgerStage(Ledger(folder.ledger)),
    ]
    work_off(log, stages, stores)
    gone = followed(log)
    if folder.audits.exists():
        Audits(folder.audits, settings.target, settings.audit).forget(gone)
    if folder.following.exists():
        Following(folder.following).forget(gone)


def _erased_up_to(log: Log) -> int:
    mark = log.newest(MARKS.name, ERASED)
    return int(mark.value) if mark is not None and mark.value else 0


def _out_of_log(log: SqliteLog) -> Counter[str]:
    return erase(log, followed(log))


def _out_of_files(settings: Settings, log: SqliteLog) -> bool:
    """Write the files anew that had it; tell whether all could be."""
    folder, gone = Folder(settings.var), followed(log)
    end = log.end(FORGOTTEN.name)
    if folder.texts.exists():
        with closing(TextIndex(folder.texts)) as index:
            index.forget(gone)
    if folder.verdicts.exists():
        cache = VerdictCache(folder.verdicts)
        cache.forget_words(len(gone))
        cache.close()
    if not all([scoured(path) for path in (folder.log, folder.ledger, folder.texts)]):
        return False
    log.append([Outgoing(MARKS.name, ERASED, str(end).encode())])
    return True
