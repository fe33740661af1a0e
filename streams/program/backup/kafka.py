"""`redstream backup` and `restore` of topics on Kafka, with the folder beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from streams.embedded.lock import held
from streams.kafka.copyfile import CopyFile
from streams.kafka.export import export
from streams.kafka.reader import KafkaReader
from streams.kafka.refill import place, refill
from streams.kafka.topics import Declared, create
from streams.ledger import seen_up_to
from streams.program.backup.archive import begun
from streams.program.backup.contents import LEDGER, TOPICS, copy_folder
from streams.program.backup.folder import put, taken, written
from streams.program.backup.manifest import Manifest
from streams.program.kafka_settings import connection, topics
from streams.program.settings import Settings
from streams.topology import LEDGER as LEDGER_STAGE
from streams.topology import STAGES


def back_up(settings: Settings, path: Path, tell: Callable[[str], None]) -> Manifest:
    """Copy all topics and what is kept in the folder, also while workers work.

    Raises:
        Fatal: a topic is not there, the brokers refuse us, or there is something at `path`.
        Transient: the brokers do not answer.
    """
    if not (settings.var / LEDGER).exists():
        tell(
            f"No ledger in {settings.var}: it will be rebuilt, without events that were overruled"
            " long ago. For a whole backup say this where the ledger's worker has its folder."
        )
    with begun(path) as filled:
        # The ledger before the topics: it may be behind them, and never ahead.
        copy_folder(settings.var, filled, log=False)
        with (
            closing(KafkaReader(connection(settings))) as reader,
            closing(CopyFile(filled / TOPICS)) as file,
        ):
            export(reader, file, lambda topic, count: tell(f"{topic}: {count} records"))
        return written(filled, "kafka")


def restore(settings: Settings, path: Path, *, replace: bool) -> tuple[Manifest, Path | None]:
    """Fill topics that are empty, or not there yet, and a folder.

    Raises:
        Held: a worker holds the folder.
        Fatal: a topic has records, something is in the folder, or the backup cannot be used.
        Transient: the brokers do not answer: what is there now has to go before the next try.
    """
    var = settings.var
    with ExitStack() as stack:
        stack.enter_context(held(var))
        for spec in STAGES:
            stack.enter_context(held(var / "locks" / spec.name))
        made, fresh = stack.enter_context(taken(var, path, "kafka", replace=replace))
        with closing(CopyFile(fresh / TOPICS, read_only=True)) as file:
            asyncio.run(_filled(settings, file))
            if (fresh / LEDGER).exists():
                _ledger_moved(fresh / LEDGER, file)
        (fresh / TOPICS).unlink()
        return made, put(var, fresh)


async def _filled(settings: Settings, file: CopyFile) -> None:
    where = connection(settings)
    await create(where, _as_they_were(topics(settings), file, where.name))
    await refill(where, file)


def _as_they_were(
    wanted: Sequence[Declared], file: CopyFile, name: Callable[[str], str]
) -> list[Declared]:
    """Return topics with as many partitions as they had: keys are shared out by their number."""
    parts = {lane.topic: lane.partition + 1 for lane in file.lanes()}
    return [replace(one, partitions=parts.get(name(one.name), one.partitions)) for one in wanted]


def _ledger_moved(ledger: Path, file: CopyFile) -> None:
    """Have a ledger go on where it was also in what is compacted, where places are others now."""
    for topic in LEDGER_STAGE.reads:
        if topic.compacted:
            seen_up_to(ledger, topic.name, partial(place, file, topic.name, 0))
