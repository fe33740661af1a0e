"""`redstream run`: texts through every stage, with progress, from where the last run stopped."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from judge.policy import Policy
from judge.port import Judge, RemoteJudge
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner, Source
from streams.feed import Feed
from streams.figures import Counts, Figures
from streams.memory import giving_back, settled, share_one_arena
from streams.program.assembly import Parts, build_judge, build_stages, open_store
from streams.program.encoding import encoder_of, encodings
from streams.program.folder import Folder, working
from streams.program.folder_source import FolderSource
from streams.program.forget import finish
from streams.program.judge_state import JudgeState, JudgeWatch
from streams.program.kept_pipe import KeptPipe
from streams.program.news import News, Newsreader
from streams.program.pipe_source import StandardInput
from streams.program.reading import Columns
from streams.program.rows import RowsOut, RowsOutFolder, Written, rows_out
from streams.program.settings import Settings, columns
from streams.program.source import RoundsEndFirst
from streams.rounds import Rounds, newest_round
from streams.stores import Stores
from streams.topology import CLASSIFY, DRIFT, TEXTS

WATCH_SECONDS = 0.5


@dataclass(frozen=True)
class Sight:
    """What a run looks like at a moment: texts read and classified so far, and all counts.

    `round` is the number of the one in hand, 0 for none; `noticed` counts drift events, `news` is
    what is new since the look before; `judge` is None for one that cannot be away.
    """

    read: int
    classified: int
    counts: Counts
    round: int = 0
    noticed: int = 0
    news: News = field(default_factory=News)
    judge: JudgeState | None = None


Watcher = Callable[[Sight], None]


def run(
    settings: Settings,
    texts: str,
    out: Path | None,
    *,
    lockstep: bool,
    watch: Watcher,
    follow: bool = False,
    rows: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> bool:
    """Label every text of a file, a folder, or "-", standard input; True when nothing is left to
    do. With `follow` file or folder may grow, and it ends when it is stopped. `tell` is told how
    each file is read. `rows`: an output in JSON Lines gets rows as well, not events.

    Raises:
        Fatal: no model, no such file, a folder held by another process.
    """
    wanted = columns(settings)
    read = partial(os.read, 0)
    source: Callable[[SqliteLog], Source]
    source = partial(_source, texts, read, wanted=wanted, follow=follow, tell=tell)
    if out is None or not rows_out(out, texts, rows=rows):
        return run_source(settings, source, out, lockstep=lockstep, watch=watch)
    with ExitStack() as stack:
        folder, path = Folder(settings.var), Path(texts)
        if texts == "-":
            pipe = stack.enter_context(closing(KeptPipe(folder, out)))
            path, source = pipe.path, partial(pipe.source, read, wanted=wanted, tell=tell)
        back: RowsOut | RowsOutFolder
        if path.is_dir():
            back = RowsOutFolder(folder, path, wanted, out, tell)
        else:
            back = RowsOut(folder, path, wanted, out)
        finished = run_source(settings, source, back=back, lockstep=lockstep, watch=watch)
        tell(_told(back.path, back.write()))
    return finished


def _told(path: Path, written: Written) -> str:
    less = f", {written.unlabelled} of them without a label yet" if written.unlabelled else ""
    code = " In UTF-8: the file's own encoding has not the letters of every label." * written.utf8
    return f"Rows with their labels: {path} ({written.rows} rows{less}).{code}"


def run_source(
    settings: Settings,
    source_of: Callable[[SqliteLog], Source],
    out: Path | None = None,
    *,
    back: RowsOut | RowsOutFolder | None = None,
    lockstep: bool,
    watch: Watcher,
    judge: Judge | None = None,
    started: Callable[[Callable[[], None]], None] = lambda stop: None,
) -> bool:
    """Label what a source gives, and return whether nothing is left to do.

    `back` is claimed before the work, and left to the caller to write. `judge` instead of the
    settings'. `started` gets what stops the run, from any thread.

    Raises:
        Fatal: no model, a source that cannot be read, a folder held by another process.
    """
    share_one_arena()
    with ExitStack() as stack:
        log = stack.enter_context(working(settings))
        feed = Feed(log)
        if back:
            back.claim(log)
        feed.newest()  # without a model nothing is read
        source = stack.enter_context(closing(source_of(log)))
        parts = _parts(settings, log, feed, judge)
        asked, _ = parts.judge()
        seen = JudgeWatch(asked, parts.folder.judge)
        stages = build_stages(parts, out)
        figures = stack.enter_context(closing(Figures(parts.folder.ledger)))
        rounds = Rounds(log, figures, settings.rounds)
        runner = EmbeddedRunner(
            log,
            stages,
            RoundsEndFirst(source, rounds),
            batch=settings.batch,
            at_rest=rounds.at_rest,
        )
        stack.enter_context(settled())

        async def work() -> bool:
            watching = asyncio.create_task(_watch(log, settings, seen, watch))
            try:
                return await _until_stopped(runner, started, lockstep=lockstep)
            finally:
                watching.cancel()
                seen.look()
                if isinstance(asked, RemoteJudge):
                    await asked.close()
                await parts.stores.close()

        finished = asyncio.run(work())
        finish(settings, log)
        return finished


def _parts(settings: Settings, log: SqliteLog, feed: Feed, judge: Judge | None) -> Parts:
    """Open what the stages are made from; `judge` instead of the settings'."""
    version = feed.newest()
    made = encodings(settings, encoder_of(settings, version.manifest))
    stores = Stores(partial(open_store, settings))
    stores.of(version)
    asked, policy = (judge, Policy) if judge else build_judge(settings, log, feed)
    return Parts(
        settings,
        log,
        feed,
        teaches=asked.teaches,
        stores=stores,
        encodings=made,
        judge=lambda: (asked, policy),
    )


async def _until_stopped(
    runner: EmbeddedRunner, started: Callable[[Callable[[], None]], None], *, lockstep: bool
) -> bool:
    """Run until nothing is left, or a signal or who was given the way to stop it does so."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Not on every system, and in the main thread only.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, runner.stop)
    started(lambda: _from_any_thread(loop, runner.stop))
    giving = asyncio.create_task(giving_back())
    try:
        return await runner.run(lockstep=lockstep)
    finally:
        giving.cancel()


def _from_any_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # it is over already
        loop.call_soon_threadsafe(call)


def _source(
    texts: str,
    read: Callable[[int], bytes],
    log: SqliteLog,
    *,
    wanted: Columns,
    follow: bool,
    tell: Callable[[str], None],
) -> Source:
    if texts == "-":
        return StandardInput(read, wanted, tell)
    return FolderSource(Path(texts), log, wanted, follow=follow, tell=tell)


async def _watch(log: SqliteLog, settings: Settings, judge: JudgeWatch, watch: Watcher) -> None:
    figures, newsreader = Figures(Folder(settings.var).ledger), Newsreader(log)
    try:
        while True:
            seen = sight(log, figures)
            news = newsreader.look(seen.counts.version)
            watch(replace(seen, judge=judge.look(), news=news))
            await asyncio.sleep(WATCH_SECONDS)
    finally:
        figures.close()


def sight(log: SqliteLog, figures: Figures) -> Sight:
    """Return how things stand now."""
    newest = newest_round(log)
    return Sight(
        read=log.end(TEXTS.name),
        classified=log.position(CLASSIFY.name, TEXTS.name),
        counts=figures.counts(),
        round=newest.number if newest and not newest.end else 0,
        noticed=log.end(DRIFT.name),
    )
