"""Which texts are to be forgotten: what is known of each id that a person named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from streams.derived import chunks
from streams.errors import Unreadable
from streams.figures import Figures
from streams.forgotten import GoneNow, followed
from streams.lookup import Lookup
from streams.mentions import subject, subject_of
from streams.program.folder import Folder, log_of
from streams.program.settings import Settings
from streams.records import Retrain
from streams.stage import Log, text_of
from streams.textindex import TextIndex
from streams.topology import CLASSIFY, RETRAIN, TEXTS


@dataclass
class Found:
    """A text by its id. `words`: what it says, as far as that is known; a `seed` was an example of
    the fit; `forgotten`: when that was, if it was.
    """

    id: str
    known: bool = False
    seed: bool = False
    lessons: int = 0
    labelled: bool = False
    forgotten: float | None = None
    words: set[str] = field(default_factory=set)


def look(settings: Settings, ids: Sequence[str]) -> list[Found]:
    """Return what is known of texts, and of the rows that had their words changed under their id.

    In the order given, each once.
    """
    folder = Folder(settings.var)
    with ExitStack() as opened:
        log = opened.enter_context(log_of(settings))
        every = list(dict.fromkeys(ids))
        index: TextIndex | None = None
        if folder.texts.exists():
            index = opened.enter_context(closing(TextIndex(folder.texts, read_only=True)))
            every = [one for text_id in every for one in (text_id, *index.revisions(text_id))]
        found = {text_id: Found(text_id) for text_id in dict.fromkeys(every)}
        gone = followed(log)
        for one in found.values():
            one.known = index is not None and index.has(one.id)
            one.forgotten = gone.at(one.id)
        if folder.ledger.exists():
            figures = opened.enter_context(closing(Figures(folder.ledger)))
            lookup = opened.enter_context(closing(Lookup(folder.ledger)))
            _from_ledger(found.values(), figures, lookup)
        _from_log(found, log, gone)
        return list(found.values())


def _from_ledger(found: Iterable[Found], figures: Figures, lookup: Lookup) -> None:
    dead = {subject_of(letter) for letter in figures.dead_letters(all_of_them=True)}
    for one in found:
        story = figures.story(one.id)
        lessons = lookup.lessons(one.id)
        one.labelled = story.truth is not None
        one.words |= {event.text for event in story.events}
        if story.held is not None:
            one.words.add(story.held.text.text)
        seen = bool(one.words or story.verdicts or story.reviews or lessons)
        one.known = one.known or seen or one.id in dead


def _from_log(found: dict[str, Found], log: Log, gone: GoneNow) -> None:
    """Look among the lessons, and among the texts that nobody has read yet."""
    for records in chunks(log, RETRAIN):
        for record in records:
            one = found.get(text_of(record.key))
            if one is None or record.value is None:
                continue
            try:
                lesson = Retrain.decode(record.value)
            except Unreadable:
                continue
            one.known, one.lessons = True, one.lessons + (lesson.kind != "revoked")
            one.seed = one.seed or lesson.kind == "seed"
            one.words |= {lesson.text} - {""}
    if all(one.known or one.forgotten for one in found.values()):
        return
    for part in log.partitions(TEXTS.name):
        start = log.position(CLASSIFY.name, TEXTS.name, part)
        for records in chunks(log, TEXTS, start, partition=part):
            for record in records:
                waiting = found.get(subject(record) or "")
                if waiting is not None:
                    waiting.known = True
