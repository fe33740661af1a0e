"""A person's review: which texts, what is known of each, and what is decided, into the log.

Every decision is published at once, in a transaction of its own: killed at any moment, what was
decided stays. A run that holds the folder takes it in; without one it is taken in at the end.
"""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from models.errors import Fatal
from streams.asking import worth
from streams.derived import chunks
from streams.errors import Held, Unreadable
from streams.feed import Feed, Version
from streams.figures import Figures, Story
from streams.labelset import LabelSet, meant
from streams.lookup import Lookup, Waiting
from streams.program.exemplars import Exemplars, Near
from streams.program.folder import Folder, log_of, working
from streams.program.known import case_of, embedding_of, unknown
from streams.program.lessons import teach
from streams.program.settings import Settings
from streams.records import Authority, Contender, Uncertain, Verdict
from streams.reviewed import decided
from streams.stage import Log, outgoing
from streams.topology import LEDGER, VERDICTS

Which = Literal["held", "audits", "people"]

NEIGHBOURS = 5


@dataclass(frozen=True)
class Item:
    """A text to decide about. `case` has the contenders of the version in service; `before` is a
    person's word about it so far, None if there is none or it was withdrawn.
    """

    case: Uncertain
    story: Story
    near: list[Near]
    before: Verdict | None
    for_a_person: bool = False

    @property
    def id(self) -> str:
        """Return the text's id."""
        return self.case.text.id

    @property
    def now(self) -> str | None:
        """Return the label it has now: "" where a person said none, None while undecided."""
        if self.before is not None:
            return self.before.label or ""
        truth = self.story.truth
        others = [one for one in self.story.events if one.authority is not Authority.PERSON]
        if truth is not None and truth.authority is Authority.PERSON:
            # Withdrawn, and not yet in the ledger: what the others said.
            truth = max(others, key=lambda one: one.order, default=None)
        return truth.label if truth else None


class Review:
    """The texts of one folder before a person."""

    def __init__(self, settings: Settings) -> None:
        """Open the folder.

        Raises:
            Fatal: nothing was fitted, or nothing was run yet.
        """
        self._settings = settings
        folder = Folder(settings.var)
        with ExitStack() as opened:
            # These first: they make nothing where there is nothing.
            self._figures = opened.enter_context(closing(Figures(folder.ledger)))
            self._lookup = opened.enter_context(closing(Lookup(folder.ledger)))
            self._log = opened.enter_context(log_of(settings, appends=True))
            self._feed = Feed(self._log)
            self._version = self._feed.newest()
            self._opened = opened.pop_all()
        self._next = self._log.position(LEDGER.name, VERDICTS.name)
        self._pending: dict[str, Verdict] = {}
        self._done: list[Item] = []
        self._published = 0

    def close(self) -> None:
        """Let go of the folder's files."""
        self._opened.close()

    @property
    def log(self) -> Log:
        """The folder's log."""
        return self._log

    @property
    def version(self) -> Version:
        """The version of the model that the contenders are of."""
        return self._version

    @property
    def labels(self) -> LabelSet:
        """The labels there are."""
        return LabelSet.of(self._version.manifest)

    def label(self, name: str) -> str:
        """Return the label that is called so, now or earlier.

        Raises:
            Fatal: there is none; suggests the nearest.
        """
        labels = self.labels
        if (now := labels.now(name)) in labels.labels:
            return now
        if now in labels.retired:
            raise Fatal(f"{now!r} was retired: `redstream labels add` brings it back")
        raise Fatal(f"there is no label {name!r}{meant(name, labels.labels)}")

    def queue(self, which: Which = "held", label: str | None = None) -> list[str]:
        """Return ids, those most worth a person's time first.

        Of the held texts these are those that wait for a person, and then by the worth of asking;
        of audits those where the classifier was surest; of those decided before, the latest.

        Raises:
            Fatal: there is no such label.
        """
        self._follow()
        names = None
        if label is not None:
            names = self.labels.names(self.label(label))
        found = {
            "held": lambda: sorted(self._lookup.held(names), key=self._urgency),
            "audits": self._lookup.disagreements,
            "people": self._lookup.reviewed,
        }[which]()
        if which != "held" and names is not None:
            found = [one for one in found if one.label in names]
        if which != "people":
            found = [one for one in found if not self._decided_since(one.id)]
        return [one.id for one in found]

    def _decided_since(self, text_id: str) -> bool:
        """Tell whether a person has decided, and the ledger does not know it yet."""
        word = self._pending.get(text_id)
        return word is not None and word.outcome != "no_verdict"

    def _urgency(self, one: Waiting) -> tuple[bool, float]:
        label = self.labels.now(one.label)
        return not one.for_a_person, -worth(label, one.confidence, self._version)

    def item(self, text_id: str) -> Item:
        """Return a text with all that helps to decide.

        Raises:
            Fatal: no such text was seen, or it is still on its way.
        """
        self._follow()
        story = self._figures.story(text_id)
        case, made_by = story.held, self._version.manifest.encoder
        if case is None and not story.events:
            raise Fatal(unknown(self._settings, self._lookup, text_id))
        if case is None or case.embedding.encoder != made_by:
            embedding = embedding_of(
                story,
                self._version.manifest,
                self._log,
                self._lookup,
                encode_by=self._settings,
            )
            assert embedding is not None
            same = {"embedding": embedding}
            case = case.model_copy(update=same) if case else case_of(story, embedding)
        row = case.embedding.array()
        (said,) = self._version.predict(row[None])
        contenders = [
            Contender(label=one.label, probability=round(one.probability, 6))
            for one in said.contenders
        ]
        case = case.model_copy(
            update={
                "contenders": contenders,
                "rejected": [self.labels.now(label) for label in case.rejected],
                "model": self._version.number,
            }
        )
        near = self.exemplars.near(text_id, row, NEIGHBOURS)
        waits = story.held is not None and story.rounds_left <= 0
        return Item(case, story, near, self._word(text_id, story), waits)

    @cached_property
    def exemplars(self) -> Exemplars:
        """The examples of the version."""
        return Exemplars(self._version.classifier, self._log, self._lookup)

    def undecided(self, text_id: str) -> bool:
        """Tell whether a text is still without a label, and without a person's word."""
        self._follow()
        return self._word(text_id) is None and self._figures.story(text_id).held is not None

    def decide(self, item: Item, label: str | None) -> Verdict:
        """Publish a person's decision: a label, or None for none of them.

        Raises:
            Fatal: the log cannot be written; nothing is decided then.
        """
        verdict = self._publish(item, label)
        self._done.append(item)
        return verdict

    def undo(self) -> Item | None:
        """Undo the last decision of this session that is not undone; return its text, or None.

        Raises:
            Fatal: the log cannot be written; the decision stands then.
        """
        if not self._done:
            return None
        item = self._done[-1]
        if item.before is None:
            self._publish(item, None, withdrawn=True)
        else:
            self._publish(item, item.before.label)
        return self._done.pop()

    @property
    def decided(self) -> int:
        """Return how many decisions of this session stand."""
        return len(self._done)

    @property
    def published(self) -> int:
        """Return how many verdicts this session has published, those that undo among them."""
        return self._published

    def _publish(self, item: Item, label: str | None, *, withdrawn: bool = False) -> Verdict:
        self._follow()
        numbers = [one.round for one in self._figures.story(item.id).reviews]
        if item.id in self._pending:
            numbers.append(self._pending[item.id].round)
        verdict = decided(item.case, label, 1 + max(numbers, default=0), withdrawn=withdrawn)
        try:
            self._log.append([outgoing(VERDICTS, verdict.id, verdict)])
        except sqlite3.OperationalError as error:
            raise Fatal(
                f"the decision about {item.id!r} was not kept: {error}; what was decided before is"
            ) from None
        self._published += 1
        return verdict

    def _word(self, text_id: str, story: Story | None = None) -> Verdict | None:
        """Return a person's last word about a text, unless it was withdrawn."""
        told = (story or self._figures.story(text_id)).reviews
        told = [*told, *([self._pending[text_id]] if text_id in self._pending else [])]
        last = max(told, key=lambda one: one.round, default=None)
        return None if last is None or last.outcome == "no_verdict" else last

    def _follow(self) -> None:
        """Take note of people's words that the ledger may not know yet."""
        for records in chunks(self._log, VERDICTS, self._next):
            for record in records:
                self._next = record.offset + 1
                try:
                    verdict = Verdict.decode(record.value)
                except Unreadable:
                    continue
                if verdict.authority is Authority.PERSON:
                    self._pending[verdict.id] = verdict


def take_in(settings: Settings) -> int | None:
    """Take in what was decided, where nothing holds the folder: return the model that has it.

    None where a run holds it, which takes it in itself.
    """
    try:
        with working(settings) as log:
            teach(settings, log)
            return Feed(log).newest().number
    except Held:
        return None
