"""Forgotten texts out of the embedded log: their records lose key and value and keep their places.

Offsets stay what they were, since positions, versions and the ledger name them.
"""

from __future__ import annotations

from collections import Counter

from streams.derived import chunks
from streams.embedded.log import MENTIONING, SqliteLog
from streams.forgotten import Gone
from streams.mentions import subject, without
from streams.snapshot import KEY
from streams.stage import Delivered
from streams.topology import DRIFT, LABELED, LABELED_LATEST, MARKS, RETRAIN, TOPICS, VERDICTS

SHOWING = frozenset({DRIFT.name, MARKS.name})
"""Topics that may show any text."""

NAMING = frozenset({LABELED.name, LABELED_LATEST.name, VERDICTS.name})
"""Topics that name the examples a judge went by: only what was taught can be one."""


def erase(log: SqliteLog, gone: Gone) -> Counter[str]:
    """Erase texts from every record of the log; return by topic how many were about them.

    In one transaction: killed before it, nothing is done, and all of it is done again.
    """
    found: Counter[str] = Counter()
    values: list[tuple[str, int, bytes | None]] = []
    # Lessons first: they tell whether others may name a text.
    for topic in sorted(TOPICS, key=lambda one: one is not RETRAIN):
        if topic.name not in MENTIONING | SHOWING:
            continue
        for records in chunks(log, topic):
            for record in records:
                if _is_about(record, gone):
                    found[topic.name] += 1
                    values.append((topic.name, record.offset, None))
                elif _may_name(record, taught=found[RETRAIN.name] > 0):
                    left = without(record, gone)
                    if left is not record.value:
                        values.append((topic.name, record.offset, left))
    if values:
        log.replace(values)
    return found


def _is_about(record: Delivered, gone: Gone) -> bool:
    if record.value is None or record.topic not in MENTIONING:
        return False
    about = subject(record)
    return about is not None and about in gone


def _may_name(record: Delivered, *, taught: bool) -> bool:
    if record.value is None:
        return False
    if record.topic == MARKS.name:
        return record.key == KEY.encode()
    return record.topic in SHOWING or (taught and record.topic in NAMING)
