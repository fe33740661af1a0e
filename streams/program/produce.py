"""`redstream produce` and `consume`: texts into Kafka, events out of it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from models.errors import Fatal, Permanent
from streams.embedded.runner import POLL_SECONDS, Source
from streams.incoming import read_text
from streams.kafka.reader import KafkaReader
from streams.program.folder_source import FolderSource
from streams.program.kafka_settings import connection
from streams.program.pipe_source import StandardInput
from streams.program.settings import Settings, columns
from streams.stage import Delivered, Outgoing
from streams.topology import TEXTS, TOPICS

MANY = 500


def produce(settings: Settings, texts: str, *, follow: bool, tell: Callable[[str], None]) -> int:
    """Publish the texts of a file, a folder or a pipe; return how many. Again, only what is new.

    Raises:
        Fatal: there is no such file, or it cannot be read.
        Transient: the brokers do not answer.
    """
    with (
        closing(KafkaReader(connection(settings))) as log,
        closing(_source(settings, texts, log, follow, tell)) as source,
    ):
        count = 0
        with suppress(KeyboardInterrupt):
            while not source.exhausted:
                records = source.take(MANY)
                log.append([_keyed(one, settings) for one in records])
                count += sum(one.topic == TEXTS.name for one in records)
                if not records and not source.exhausted:
                    time.sleep(POLL_SECONDS)
        return count


def _source(
    settings: Settings, texts: str, log: KafkaReader, follow: bool, tell: Callable[[str], None]
) -> Source:
    if texts == "-":
        return StandardInput(partial(os.read, 0), columns(settings), tell)
    return FolderSource(Path(texts), log, columns(settings), follow=follow, tell=tell)


def _keyed(record: Outgoing, settings: Settings) -> Outgoing:
    """Give a text its id as key, so that one id is always in one partition."""
    if record.topic != TEXTS.name:
        return record
    with suppress(Permanent):  # what is no text goes to the dead letters from any partition
        text = read_text(record.value, "", record.headers, max_text=settings.max_text)
        return replace(record, key=text.id.encode())
    return record


def consume(settings: Settings, topic: str, *, follow: bool, newest: bool) -> None:
    """Print the values of a topic, a line each.

    Raises:
        Fatal: there is no such topic.
        Transient: the brokers do not answer.
    """
    if topic not in {one.name for one in TOPICS}:
        raise Fatal(f"there is no topic {topic!r}: {', '.join(one.name for one in TOPICS)}")
    with closing(KafkaReader(connection(settings))) as log, suppress(KeyboardInterrupt):
        records = _records(log, topic, follow=follow)
        if newest:
            last: dict[bytes | None, Delivered] = {}
            for one in records:
                last.pop(one.key, None)
                last[one.key] = one
            records = iter(last.values())
        for one in records:
            if one.value is not None:
                sys.stdout.write(one.value.decode("utf-8", "backslashreplace") + "\n")
                sys.stdout.flush()


def _records(log: KafkaReader, topic: str, *, follow: bool) -> Iterator[Delivered]:
    places = dict.fromkeys(log.partitions(topic), 0)
    while True:
        found = False
        for part in places:
            while records := log.read_from(topic, places[part], MANY, part):
                yield from records
                places[part] = records[-1].offset + 1
                found = True
        if not (found or follow):
            return
        if not found:
            time.sleep(POLL_SECONDS)
