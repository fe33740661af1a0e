"""`redstream backup` and `redstream restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from streams.program.kafka_cli import Kafka
from streams.program.options import Var, settings_of


def backup(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A new folder, or a new file that ends in .tar")
    ],
    kafka: Kafka = None,
    var: Var = None,
) -> None:
    """Copy everything that is kept into one place, also while a run or workers go on.

    Log, ledger, ids that were seen, guides and their history, what the LLM answered and has cost:
    as they were at one moment. On Kafka all topics with the positions of all stages, and VAR. The
    example store is not in it, since it is filled again from the log, and no key or password is.
    See docs/backup.md.
    """
    from streams.program import screen
    from streams.program.backup.folder import back_up, told

    settings = settings_of(kafka=kafka, var=var)
    if settings.kafka is not None:
        from streams.program.backup import kafka as topics

        made = topics.back_up(settings, path, screen.say)
    else:
        made = back_up(settings.var, path)
    screen.say(f"{path}: {told(made)}.")


def restore(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="What `redstream backup` wrote")],
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put what is there aside, into a folder within VAR"),
    ] = False,
    kafka: Kafka = None,
    var: Var = None,
) -> None:
    """Put a backup into an empty folder; the next run, or the next workers, go on from there.

    Every file is checked before anything is changed. On Kafka topics are made and filled; there
    must be none, or empty ones. See docs/backup.md.
    """
    from streams.program import screen
    from streams.program.backup.folder import restore as put
    from streams.program.backup.folder import told

    settings = settings_of(kafka=kafka, var=var)
    where = str(settings.var)
    if settings.kafka is not None:
        from streams.program.backup import kafka as topics

        made, aside = topics.restore(settings, path, replace=replace)
        where = f"topics {settings.kafka_prefix}… and {where}"
    else:
        made, aside = put(settings.var, path, replace=replace)
    if aside:
        screen.say(f"What was there lies in {aside} now.")
    screen.say(f"{where}: {told(made)}.")
