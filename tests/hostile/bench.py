"""The whole program on a log in memory, with a tiny model: hostile records in, a good text after.

What is checked after each: no stage fell; the good text has its label or is held; a dead letter is
one of our own reasons and has the original bytes; and the same again after a restart without any
of the files that are derived from the log.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from judge.memory_store import MemoryExampleStore
from judge.question import Answer, Case, Neighbour, picked, verified
from models import errors as roots
from streams import errors
from streams.answers import Answers
from streams.asking import Asking
from streams.audits import Audits
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.feed import Feed
from streams.following import Following
from streams.incoming import read_text
from streams.ledger import Ledger
from streams.outputs import Outputs
from streams.program.deadletters import list_dead
from streams.program.explain import explain
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.program.summary import summarize
from streams.records import DeadLetter, Labeled
from streams.stage import Delivered, Outgoing, Stage, outgoing
from streams.stages import later
from streams.stages.classify import Classify
from streams.stages.drift import Notice
from streams.stages.judge import JudgeStage
from streams.stages.later import Later
from streams.stages.ledger import LedgerStage
from streams.stages.remember import Remember
from streams.stages.train import Train
from streams.textindex import TextIndex
from streams.topology import DEADLETTERS, LABELED_LATEST, RETRAIN, TEXTS
from streams.weighing import Weighing
from tests.hostile.boundary import Unanswered
from tests.unit.streams import make, tiny

LONGEST_TEXT = 2_000
PATIENCE = 30.0
"""Seconds for a few dozen records, which take a tenth of one."""

REASONS = {
    one.__name__
    for module in (roots, errors)
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, roots.Permanent)
}
"""What a dead letter may give as its reason: everything else nobody thought of."""


class Agrees:
    """A judge that says yes to every second question."""

    signature, teaches = "agrees", True

    async def verify(self, case: Case, label: str, neighbours: Sequence[Neighbour]) -> Answer:
        return verified(label, len(case.text) % 2 == 0, "so", calls=1)

    async def choose(
        self, case: Case, options: Sequence[str], neighbours: Sequence[Neighbour]
    ) -> Answer:
        return picked(options[0] if len(case.text) % 3 else None, tuple(options), "so", calls=1)


@dataclass(frozen=True)
class Sent:
    """One record of somebody hostile."""

    value: bytes | None
    key: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Bench:
    """One folder, from its fit to its end."""

    def __init__(self) -> None:
        memory = Path("/dev/shm")
        self._folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
        self.settings = Settings(var=self._folder / "var", encoder="hashing")
        self.settings.var.mkdir()
        self.log = SqliteLog(Folder(self.settings.var).log)
        tiny.fitted(self.log, applied=len(tiny.LABELS))
        self.log.append(
            outgoing(RETRAIN, label, make.lesson(label, label, "seed", tiny.vector(label)))
            for label in tiny.LABELS
        )

    def close(self) -> None:
        self.log.close()
        shutil.rmtree(self._folder)

    def _stages(self) -> list[Stage]:
        folder, feed = Folder(self.settings.var), Feed(self.log)
        store = MemoryExampleStore(tiny.ENCODER.dimension)
        weighing = Weighing(feed, "weigh")
        index, asking = TextIndex(folder.texts), Asking(0.3, 0, certify=True)
        classify = Classify(
            tiny.ENCODER, feed, index, asking, max_text=LONGEST_TEXT, weighing=weighing
        )
        audits, following = Audits(folder.audits, 0.9, 0.1), Following(folder.following)
        return [
            classify,
            JudgeStage(Agrees(), store, concurrency=4, feed=feed, weighing=weighing),
            Later(),
            Remember(store, feed),
            Train(feed, audits, Outputs(), Answers(), following),
            LedgerStage(Ledger(folder.ledger)),
            Notice(seed=0),
        ]

    def run(self) -> None:
        """Work until nothing waits."""
        runner = EmbeddedRunner(self.log, self._stages())

        async def work() -> bool:
            async with asyncio.timeout(PATIENCE):
                return await runner.run(lockstep=True)

        try:
            with mock.patch.object(later, "LONGEST_SECONDS", 0.01):  # five minutes, otherwise
                asyncio.run(work())
        except TimeoutError:
            raise Unanswered("something waits for ever") from None

    def lose(self) -> None:
        """Remove all that is derived from the log."""
        folder = Folder(self.settings.var)
        for path in (folder.ledger, folder.texts, folder.audits, folder.following):
            for one in path.parent.glob(f"{path.name}*"):
                one.unlink()

    def letters(self) -> dict[str, DeadLetter]:
        """The dead letters by the position of what they are about."""
        found = self.log.read_from(DEADLETTERS.name, 0, 100_000)
        known = {}
        for one in found:
            try:
                letter = DeadLetter.decode(one.value)
            except errors.Unreadable:
                continue  # it was sent here
            if (one.key or b"") == letter.position.encode():
                known[letter.position] = letter
        return known

    def decided(self) -> set[str]:
        """The ids of texts that have a label or are held."""
        with closing(Ledger(Folder(self.settings.var).ledger)) as ledger:
            rows = ledger._db.execute("SELECT id FROM truths UNION SELECT id FROM held")
            return {one for (one,) in rows}

    def good(self, name: str) -> None:
        """Send a text that nothing is wrong with, and see to it that it comes through."""
        text = make.text(name, tiny.UNSURE if name.endswith("1") else tiny.SURE["printer"])
        self.log.append([outgoing(TEXTS, name, text)])
        self.run()
        if name not in self.decided():
            raise Unanswered(f"the good text {name} has neither a label nor a place")

    def put(self, topic: str, records: Sequence[Sent]) -> str:
        """Send records, and see how each is answered; "dead letters" if any became one."""
        first = self.log.end(topic)
        self.log.append(Outgoing(topic, one.key, one.value, one.headers) for one in records)
        sent = [one for one in self.log.read_from(topic, first, 10_000)][: len(records)]
        self.good("good-1")
        dead = self._checked(sent)
        if topic == TEXTS.name:
            self._closed(sent)
        self._shown()
        self.lose()
        self.good("good-2")
        return "dead letter" if dead else "value"

    def _checked(self, sent: Sequence[Delivered]) -> int:
        letters = self.letters()
        dead = 0
        for one in sent:
            letter = letters.get(one.position)
            if letter is None:
                continue
            dead += 1
            if letter.error not in REASONS:
                raise Unanswered(f"{letter.stage}: {letter.error}: {letter.message[:300]}")
            if letter.original() != (one.value or b"") or letter.original_key() != one.key:
                raise Unanswered("a dead letter without its original bytes")
            if letter.original_headers() != dict(one.headers):
                raise Unanswered("a dead letter without its headers")
            if len(letter.message) > 1_000:
                raise Unanswered("a reason as long as what it is about")
        return dead

    def _closed(self, sent: Sequence[Delivered]) -> None:
        """Every text has a label, is held, or lies in the dead letters: none is missing."""
        letters, decided = self.letters(), self.decided()
        for one in sent:
            if one.position in letters:
                continue
            text = read_text(one.value, one.position, one.headers, max_text=LONGEST_TEXT)
            if text.id not in decided:
                raise Unanswered(f"nothing became of {one.position} ({text.id!r})")

    def _shown(self) -> None:
        summarize(self.settings)
        list_dead(self.settings, all_of_them=True)
        explain(self.settings, "good-1")
        for one in self.log.read_from(LABELED_LATEST.name, 0, 10_000):
            if (one.key or b"").startswith(b"good-"):
                Labeled.decode(one.value)
