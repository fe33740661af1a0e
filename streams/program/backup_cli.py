"""`redstream backup` and `redstream restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import Fatal
from streams.program.options import Var, settings_of

if TYPE_CHECKING:
    from streams.program.settings import Settings


def backup(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new folder, or a new file that ends in .tar")
    ],
    var: Var = None,
) -> None:
    """Copy everything that is kept into one place, also while a run is under way.

    Log, ledger, ids that were seen, guides and their history, what the LLM answered and has cost:
    as they were at one moment. The example store is not in it, since it is filled again from the
    log, and no key or password is. See docs/backup.md.
    """
    from streams.program import screen
    from streams.program.backup.folder import back_up, told

    settings = _in_a_folder(settings_of(var=var))
    made = back_up(settings.var, path)
    screen.say(f"{path}: {told(made)}.")


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="What `redstream backup` wrote")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put what is there aside, into a folder within VAR"),
    ] = False,
    var: Var = None,
) -> None:
    """Put a backup into an empty folder; the next run goes on from there.

    Every file is checked before anything is changed. See docs/backup.md.
    """
    from streams.program import screen
    from streams.program.backup.folder import restore as put
    from streams.program.backup.folder import told

    settings = _in_a_folder(settings_of(var=var))
    made, aside = put(settings.var, path, replace=replace)
    if aside:
        screen.say(f"What was there lies in {aside} now.")
    screen.say(f"{settings.var}: {told(made)}.")


def _in_a_folder(settings: Settings) -> Settings:
    if settings.kafka is not None:
        raise Fatal("topics on Kafka are not backed up yet: unset REDSTREAM_KAFKA for a folder")
    return settings
