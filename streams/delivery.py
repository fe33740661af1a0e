"""How a stage's errors are answered, in any runner: retry, dead letter or stop."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence

import structlog

from models.errors import Fatal, Permanent, Transient
from streams.errors import NotYet
from streams.stage import Delivered, Outgoing, Stage, dead_letter
from streams.topology import DEADLETTERS
from streams.trace import about, carried

LONGEST_BACKOFF = 10.0
"""Seconds between two tries of a batch that fails for a passing reason."""

log = structlog.get_logger()


async def _sleep(seconds: float) -> bool:
    await asyncio.sleep(seconds)
    return True


async def deliver(
    stage: Stage,
    batch: Sequence[Delivered],
    *,
    rest: Callable[[float], Awaitable[bool]] = _sleep,
    again: Callable[[str], None] = lambda why: None,
) -> list[Outgoing]:
    """Have a stage handle a batch, whatever is in it.

    A passing trouble (`Transient`, a full disk) is tried again without end, at most
    `LONGEST_BACKOFF` seconds apart. Any other failure is isolated: the batch is handed over one
    record at a time, and the record that fails alone becomes a dead letter. `rest` waits so many
    seconds between two tries; it returns False where the run ends meanwhile. `again` is told of
    each try that failed in passing why it did.

    Raises:
        NotYet: the whole batch is to be asked for again later, or the run ends.
        Fatal: the run must stop.
    """
    attempt = 0
    while True:
        attempt += 1
        try:
            return carried(batch, await stage.handle(batch))
        except (Fatal, NotYet):
            raise
        except (Transient, OSError, MemoryError, sqlite3.OperationalError) as error:
            wait = min(LONGEST_BACKOFF, 0.1 * 2 ** min(attempt, 10))
            log.warning("trying again", stage=stage.spec.name, error=str(error), seconds=wait)
            again(str(error) or type(error).__name__)
            if not await rest(wait):
                raise NotYet("the run ends", delay=0.0) from error
        except Exception as error:
            if len(batch) == 1:
                if not isinstance(error, Permanent):
                    log.exception("unexpected", stage=stage.spec.name, **about(batch[0]))
                return carried(batch, [dead_letter(batch[0], stage.spec.name, error, attempt)])
            return await _without_the_bad(stage, batch, rest, again)


async def _without_the_bad(
    stage: Stage,
    batch: Sequence[Delivered],
    rest: Callable[[float], Awaitable[bool]],
    again: Callable[[str], None],
) -> list[Outgoing]:
    """Find the records that fail alone, and hand over all others in one batch.

    Not one by one: a stage that builds on what it has committed (the trainer) would build each
    answer on the same ground, and only the last would count.
    """
    good, dead = [], []
    for one in batch:
        answer = await deliver(stage, [one], rest=rest, again=again)
        if [(out.topic, out.key) for out in answer] == [(DEADLETTERS.name, one.position.encode())]:
            dead += answer
        else:
            good.append(one)
    if not good:
        return dead
    if len(good) == len(batch):
        raise Fatal(
            f"stage {stage.spec.name!r} fails on a batch whose records all pass alone: a defect;"
            f" the batch begins at {batch[0].position}, and REDSTREAM_BATCH=1 gets past it"
        )
    return dead + await deliver(stage, good, rest=rest, again=again)
