"""The program itself, in processes of its own, fed hostile records among good ones.

What comes of it is counted: each good text has a label or is held; each hostile record is one of
these, a repeat of one, or a dead letter with its original bytes; and none is missing.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from models.errors import Permanent
from streams.derived import everything
from streams.incoming import read_text
from streams.records import DeadLetter
from streams.stage import Delivered, Outgoing, Reader
from streams.topology import DEADLETTERS, TEXTS, Topic
from tests.e2e import program
from tests.hostile.bench import REASONS, Sent
from tests.hostile.topics import sent, text_values

LARGEST = 300_000
"""Bytes of a hostile value here; what is larger the boundaries have, and no broker takes."""

MOST_TEXT = 20_000
"""Characters: what a text may have where nothing is set."""


@dataclass
class Report:
    """What was sent, and what became of it."""

    hostile: int = 0
    good: int = 0
    labelled_or_held: int = 0
    dead: int = 0
    repeats: int = 0
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    memory_mib: list[dict[str, float]] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """As JSON, the lists of what is wrong shortened."""
        return {**asdict(self), "missing": self.missing[:20], "wrong": self.wrong[:20]}


def drawn(one: SearchStrategy[Sent], count: int, number: int) -> list[Sent]:
    """So many hostile records: the same ones for the same number."""
    found: list[Sent] = []

    @seed(number)
    @settings(
        max_examples=2 * count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(one)
    def put(record: Sent) -> None:
        if len(found) < count and len(record.value or b"") <= LARGEST:
            nothing = record.key is None and record.value is None  # which no client sends
            found.append(replace(record, key=b"k") if nothing else record)

    put()
    return found


def hostile_texts(count: int, number: int = 1) -> list[Outgoing]:
    """Hostile records for `texts`."""
    return [
        Outgoing(TEXTS.name, one.key, one.value, one.headers)
        for one in drawn(sent(text_values()), count, number)
    ]


def good_texts(first: int, count: int) -> list[Outgoing]:
    """Texts of the example under ids of their own."""
    rows = [json.loads(line) for line in program.TEXTS.read_bytes().splitlines()]
    made = []
    for number in range(first, first + count):
        text = {"id": f"good-{number}", "text": f"{rows[number % len(rows)]['text']} ({number})"}
        made.append(Outgoing(TEXTS.name, text["id"].encode(), json.dumps(text).encode()))
    return made


def mixed(hostile: Sequence[Outgoing], good: Sequence[Outgoing]) -> Iterator[Outgoing]:
    """Good ones spread evenly among hostile ones."""
    each = max(1, len(hostile) // max(1, len(good)))
    rest = list(good)
    for place, one in enumerate(hostile):
        yield one
        if place % each == 0 and rest:
            yield rest.pop(0)
    yield from rest


def of_topic(reader: Reader, topic: Topic) -> list[Delivered]:
    """All records of a topic."""
    return [one for records in everything(reader, topic) for one in records]


def count(reader: Reader, decided: set[str], report: Report) -> None:
    """Tell of each record of `texts` what became of it."""
    letters = {}
    for one in of_topic(reader, DEADLETTERS):
        letter = DeadLetter.decode(one.value)
        letters[letter.position] = letter
    contents: dict[str, str] = {}
    for one in of_topic(reader, TEXTS):
        if (letter := letters.get(one.position)) is not None:
            report.dead += 1
            value = base64.b64encode(one.value or b"").decode()
            if letter.value != value or letter.original_key() != one.key:
                report.wrong.append(f"{one.position}: other bytes")
            if letter.error not in REASONS:
                report.wrong.append(f"{one.position}: {letter.error}")
            continue
        try:
            text = read_text(one.value, one.position, one.headers, max_text=MOST_TEXT)
        except Permanent:
            report.missing.append(one.position)
            continue
        if text.id not in decided:
            report.missing.append(f"{one.position} ({text.id})")
        elif text.id in contents:
            report.repeats += 1
        else:
            contents[text.id] = text.content
            report.labelled_or_held += 1


def memory(pids: dict[str, int]) -> dict[str, float]:
    """MiB that processes hold, by name."""
    size = os.sysconf("SC_PAGE_SIZE") / 2**20
    return {
        name: round(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * size, 1)
        for name, pid in pids.items()
    }
