"""Putting dead letters back after a repair."""

from __future__ import annotations

import time
from collections.abc import Collection

from streams.derived import readable
from streams.figures import Figures
from streams.program.folder import Folder, changing
from streams.program.settings import Settings
from streams.records import DeadLetter
from streams.stage import Log, Outgoing, outgoing
from streams.textindex import REQUEUED_HEADER
from streams.topology import DEADLETTERS, LEDGER


def list_dead(settings: Settings, *, all_of_them: bool = False) -> list[DeadLetter]:
    """Return the dead letters of a folder, oldest first."""
    figures = Figures(Folder(settings.var).ledger)
    try:
        return figures.dead_letters(all_of_them=all_of_them)
    finally:
        figures.close()


def _put_back(log: Log) -> set[str]:
    """Return the positions put back since the ledger last read."""
    since = log.position(LEDGER.name, DEADLETTERS.name)
    letters = (letter for _, letter in readable(log, DEADLETTERS, DeadLetter, since))
    return {letter.position for letter in letters if letter.requeued is not None}


def requeue(settings: Settings, positions: Collection[str] | None) -> int:
    """Publish dead letters to where they came from; None for all. Returns how many.

    The next run handles them. An id they claimed before is still theirs.
    """
    letters = [
        letter
        for letter in list_dead(settings)
        if positions is None or letter.position in positions
    ]
    with changing(settings) as log:
        done = _put_back(log)
        letters = [letter for letter in letters if letter.position not in done]
        for letter in letters:
            marked = letter.model_copy(update={"requeued": time.time()})
            headers = {REQUEUED_HEADER: letter.position, **letter.original_headers()}
            log.append(
                [
                    Outgoing(letter.topic, letter.original_key(), letter.original(), headers),
                    outgoing(DEADLETTERS, letter.position, marked),
                ]
            )
    return len(letters)
