"""`redstream forget`: a text and what it taught, out of everything that is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.program.options import Var, settings_of

if TYPE_CHECKING:
    from streams.program.forget_look import Found
    from streams.program.settings import Settings

MOST_SHOWN = 20


def forget(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="A file with an id on each line; - for standard input"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what is there; forget nothing")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    unseen: Annotated[
        bool,
        typer.Option("--unseen", help="Ids that never came too: what comes under them is dropped"),
    ] = False,
    var: Var = None,
    kafka: Annotated[
        str | None, typer.Option(help="Brokers, as host:port,host:port [REDSTREAM_KAFKA]")
    ] = None,
) -> None:
    """Forget texts for good, and what they taught; tell what stays until when.

    Works also while a run or workers are on. A forgotten id stays forgotten: what comes under it
    again is dropped. The same command again does no harm, and finishes what was interrupted. Exit
    status 1 where an id was never seen, or not everything is done yet. See docs/erasure.md.
    """
    from models.errors import Fatal
    from streams.program.forget_look import look
    from streams.program.forget_screen import already, finding
    from streams.program.logs import to_standard_error
    from streams.program.screen import say

    settings = settings_of(var=var, kafka=kafka)
    wanted = _ids(ids or [], file)
    if not wanted:
        raise Fatal("name the ids to forget, or a file of them with --file")
    to_standard_error()
    found = look(settings, wanted)
    strange = [one.id for one in found if not (one.known or one.forgotten or unseen)]
    found = [one for one in found if one.id not in strange]
    for one in found[:MOST_SHOWN]:
        say(already(one) if one.forgotten else finding(one))
    if len(found) > MOST_SHOWN:
        say(f"and {len(found) - MOST_SHOWN} more")
    if found and dry_run:
        say("Nothing is forgotten: this was --dry-run.")
    finished = dry_run or not found or _forget(settings_of(var=var, kafka=kafka), found, yes=yes)
    if strange:
        raise Fatal(_unseen(strange))
    if not finished:
        raise typer.Exit(1)


def _forget(settings: Settings, found: list[Found], *, yes: bool) -> bool:
    from streams.program import forget_screen
    from streams.program.forget import forget as work
    from streams.program.forget_kafka import forget as on_kafka
    from streams.program.forget_kafka import kept
    from streams.program.screen import say, steps

    fresh = sum(not one.forgotten for one in found)
    if fresh and not yes and sys.stdin.isatty():
        question = f"Forget {fresh} {'text' if fresh == 1 else 'texts'}? It cannot be undone."
        if not typer.confirm(question, default=False):
            say("Nothing is forgotten.")
            return True
    with steps() as progress:
        if settings.kafka is None:
            done = work(settings, found, lambda what: progress(what, 0.5))
        else:
            done = on_kafka(settings, found, lambda what: progress(what, 0.5))
    stays = kept(settings) if settings.kafka is not None else []
    for line in forget_screen.lines(found, done, stays):
        say(line)
    return done.taken_in


def _ids(given: list[str], file: Path | None) -> list[str]:
    from models.errors import Fatal

    if file is None:
        return given
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Fatal(f"cannot read the ids in {file}: {error}") from None
    return [*given, *(line.strip() for line in text.splitlines() if line.strip())]


def _unseen(strange: list[str]) -> str:
    some = ", ".join(map(repr, strange[:5])) + (", ..." if len(strange) > 5 else "")
    what = f"{len(strange)} ids were" if len(strange) > 1 else "an id was"
    return (
        f"{what} never seen: {some}; nothing is done about that"
        " (--unseen forgets it all the same, so that it is dropped if it comes)"
    )
