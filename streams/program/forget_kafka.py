"""Forgetting texts on Kafka while workers run, and what the topics keep until when."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from streams.derived import everything
from streams.errors import Unreadable
from streams.feed import Feed
from streams.forgotten import Gone
from streams.program.folder import log_of
from streams.program.forget import WAIT_SECONDS, Done, noted, waited
from streams.program.forget_files import strike_out
from streams.program.forget_look import Found
from streams.program.settings import Settings
from streams.records import Drift, Forgotten
from streams.stage import Delivered, Log, Outgoing, text_of
from streams.topology import (
    DEADLETTERS,
    DRIFT,
    LABELED_LATEST,
    MARKS,
    MODELS,
    RETRAIN,
    TEXTS,
    TOPICS,
    VERDICTS,
    Topic,
)

DAY_MS = 24 * 60 * 60 * 1_000


@dataclass(frozen=True)
class Stays:
    """Until when a topic may still have something of a text that is forgotten now."""

    topic: str
    until: str


def forget(
    settings: Settings,
    found: Sequence[Found],
    tell: Callable[[str], None],
    *,
    wait: float = WAIT_SECONDS,
) -> Done:
    """Forget texts in the topics, and wait for the workers to forget them.

    Raises:
        NoModel: nothing was fitted yet.
        Transient: the brokers do not answer.
    """
    done = Done(guides=strike_out(settings, {word for one in found for word in one.words}))
    ids = [one.id for one in found]
    with log_of(settings, appends=True) as log:
        feed = Feed(log)
        before = noted(log, feed, ids)
        tell("waiting for the workers")
        done.waiting = waited(log, wait)
        tell("erasing from the topics")
        gone = Gone(Forgotten.of(text_id, time.time()) for text_id in ids)
        erased = list(_erased(log, ids, gone))
        log.append(erased)
        done.erased = Counter(one.topic for one in erased)
        done.taken_in = not done.waiting
        done.version = feed.newest().number
        done.versions = sorted(before - feed.repository.manifests.keys())
    return done


def _erased(log: Log, ids: Sequence[str], gone: Gone) -> Iterator[Outgoing]:
    """Return records without a value, under the key of each that has something of the texts."""
    for text_id in ids:
        yield Outgoing(LABELED_LATEST.name, text_id.encode(), None)
    for topic in (RETRAIN, VERDICTS, DRIFT):
        keys = {
            one.key: None
            for records in everything(log, topic)
            for one in records
            if one.value is not None and _has(one, gone)
        }
        for key in keys:
            yield Outgoing(topic.name, key, None)


def _has(record: Delivered, gone: Gone) -> bool:
    if record.topic != DRIFT.name:
        return text_of(record.key) in gone
    try:
        return bool(gone.of(Drift.decode(record.value).texts))
    except Unreadable:
        return False


def kept(settings: Settings, now: float | None = None) -> list[Stays]:
    """Return what the topics keep until when, by how they are configured on the brokers.

    Raises:
        Transient: the brokers do not answer.
    """
    from streams.kafka.topics import configured  # here: its client takes a while to load
    from streams.program.kafka_settings import connection

    where = connection(settings)
    names = {topic.name: where.topic(topic.name) for topic in OF_WORDS}
    configs = asyncio.run(configured(where, list(names.values())))
    moment = time.time() if now is None else now
    return [
        Stays(names[topic.name], _until(topic, config, moment))
        for topic in OF_WORDS
        if (config := configs.get(names[topic.name])) is not None
    ]


OF_WORDS: tuple[Topic, ...] = (
    TEXTS,
    *(topic for topic in TOPICS if topic.of_text),
    DRIFT,
    DEADLETTERS,
    MODELS,
    MARKS,
)
"""Topics that may have something of a text."""


def _until(topic: Topic, config: Mapping[str, str], now: float) -> str:
    def days(name: str) -> float | None:
        value = int(config.get(name, "-1"))
        return None if value < 0 or value >= 2**62 else value / DAY_MS

    rolled = days("segment.ms") or 0.0
    if "compact" in config.get("cleanup.policy", "delete"):
        lag = days("max.compaction.lag.ms")
        if lag is None:
            return (
                "until the brokers compact it, which may be never: max.compaction.lag.ms is not"
                " set (`redstream topics check`)"
            )
        return f"until {_day(now + lag * 86_400)} ({_count(lag)}), then compaction removes it"
    retention = days("retention.ms")
    if retention is None:
        why = ": it is declared as compacted (`redstream topics check`)" if topic.erasable else ""
        return f"for ever, since it is kept for ever and not compacted{why}"
    last = retention + rolled
    more = f", kept {_count(retention)} in segments of up to {_count(rolled)}" if rolled else ""
    return f"until {_day(now + last * 86_400)} at the latest ({_count(last)}{more})"


def _count(days: float) -> str:
    return f"{days:.0f} {'day' if round(days) == 1 else 'days'}" if days >= 1 else "hours"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(seconds))
