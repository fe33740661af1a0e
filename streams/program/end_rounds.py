"""`redstream rounds`: at the end of an input on Kafka, what is held is examined again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from streams.derived import backlog
from streams.figures import Figures
from streams.program.folder import Folder, log_of
from streams.program.settings import Settings
from streams.records import Round
from streams.rounds import Rounds, latest_rounds
from streams.stage import Log

LOOK_SECONDS = 1.5
"""Between two looks at what waits: a count may be a second old."""

QUIET = 3
"""Looks in a row at which nothing waits, after which all is done: work travels in between."""


def end_rounds(settings: Settings, tell: Callable[[str], None]) -> list[Round]:
    """Wait until the workers have nothing to do, and begin and end rounds until none is worth it.

    Needs the ledger's folder (`--var` of its worker).

    Raises:
        Fatal: there is no ledger in the folder.
        Transient: the brokers do not answer.
    """
    with (
        closing(Figures(Folder(settings.var).ledger)) as figures,
        log_of(settings, appends=True) as log,
    ):
        rounds = Rounds(log, figures, settings.rounds)
        while True:
            _settle(log, tell)
            if not (records := rounds.at_rest()):
                return latest_rounds(log)
            log.append(records)


def _settle(log: Log, tell: Callable[[str], None]) -> None:
    quiet, said = 0, 0
    while quiet < QUIET:
        waiting = sum(backlog(log).values())
        quiet = 0 if waiting else quiet + 1
        if waiting and waiting != said:
            tell(f"{waiting} records are still with the workers")
            said = waiting
        time.sleep(LOOK_SECONDS)
