"""Going back to an older version of the model, and keeping versions by a pin."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from models.errors import Fatal
from streams.derived import readable
from streams.embedded.log import SqliteLog
from streams.embedded.runner import EmbeddedRunner
from streams.feed import Feed, Version
from streams.intake import Intake
from streams.labelset import LabelSet
from streams.ledger import Ledger
from streams.program.encoding import encodings
from streams.program.folder import Folder, changing
from streams.program.settings import Settings
from streams.records import LabelCommand, Retrain
from streams.repository import pin, unpin
from streams.stage import Delivered, Reader
from streams.stages.ledger import LedgerStage
from streams.teaching import Taught, teach
from streams.topology import LABELS, RETRAIN, TRAIN

Lesson = tuple[Delivered, Retrain]


@dataclass(frozen=True)
class RolledBack:
    """What a rollback came to; without a change there was nothing to go back to.

    Of the lessons that stand since, so many are `left_out`, `gold` of them a person's; so many of
    its texts were `taken_back` since, and it is without them; so many label `commands` were
    carried out on it again; so many lessons and revocations are `waiting` for the next run.
    """

    before: int
    now: Version
    changed: bool
    left_out: int = 0
    gold: int = 0
    taken_back: int = 0
    commands: int = 0
    waiting: int = 0


def rollback(settings: Settings, number: int) -> RolledBack:
    """Publish what a version held as the next one, so that every reader goes back to it.

    Lessons taught since are left out, and are not learnt again; what was taken back since is
    taken out of the older version as well, and the labels stay as they are.

    Raises:
        NoVersion: there is no such version, or it is not whole.
        Fatal: it reads vectors of another encoder, or its labels cannot be made those of now; a
            run holds the folder.
    """
    with changing(settings) as log:
        feed = Feed(log)
        serving = feed.newest()
        if number == serving.number:
            return RolledBack(serving.number, serving, changed=False)
        older = feed.load(number)
        if older.manifest.encoder != serving.manifest.encoder:
            raise Fatal(
                f"version {number} reads vectors of encoder {older.manifest.encoder}, the one in"
                f" service of {serving.manifest.encoder}: a rollback does not change the encoder."
                f" `redstream encoder change {_moves_back(feed, older)}` does, and keeps what"
                " was taught since"
            )
        since = list(lessons(log, older.manifest.applied, serving.manifest.applied))
        intake = Intake(encodings(settings))
        again, taught = _labelled(log, older, serving, since, intake)
        back = _taken_back(since, taught)
        classifier = taught.classifier.unlearn(back) if back else taught.classifier
        if classifier.hash() == serving.classifier.hash():
            return RolledBack(serving.number, serving, changed=False)
        log.append(feed.restore(older.manifest, classifier, older.manifest.learnt + taught.learnt))
        if isinstance(log, SqliteLog):  # on Kafka a worker does it
            ledger = LedgerStage(Ledger(Folder(settings.var).ledger))
            asyncio.run(EmbeddedRunner(log, [ledger]).run(lockstep=True))
        learnt = {lesson.id for lesson in taught.lessons}
        out = [lesson for _, lesson in standing(since) if lesson.id not in learnt]
        shelves = older.classifier.shelves.values()
        at = max(serving.manifest.applied, log.position(TRAIN.name, RETRAIN.name))
        return RolledBack(
            before=serving.number,
            now=feed.newest(),
            changed=True,
            left_out=len(out),
            gold=sum(lesson.gold for lesson in out),
            taken_back=sum(len(back & shelf.members) for shelf in shelves),
            commands=again,
            waiting=sum(1 for _ in lessons(log, at, log.end(RETRAIN.name))),
        )


def _labelled(
    reader: Reader, older: Version, serving: Version, since: Sequence[Lesson], intake: Intake
) -> tuple[int, Taught]:
    """Carry the label commands since out on the older version; return how many, and the outcome.

    They are a person's decisions and no lessons. A label that was added gets the examples that a
    person taught it as well: without them it would be no more than a name.

    Raises:
        Fatal: the labels are not then those in service.
    """
    start, end = older.manifest.applied_labels, serving.manifest.applied_labels
    commands: list[tuple[Delivered, Retrain | LabelCommand]] = []
    anew = Version(serving.manifest, older.classifier)  # it may be moved, and moved back, since
    commands += intake.encoded(list(readable(reader, LABELS, LabelCommand, start, end)), anew)
    wanted = LabelSet.of(serving.manifest)
    had = teach(older, commands).labels
    if replace(had, applied=wanted.applied) != wanted:
        told = [
            f"{what} since: {', '.join(sorted(names))}"
            for what, names in (
                ("added", wanted.labels - had.labels),
                ("gone", had.labels - wanted.labels),
            )
            if names
        ]
        raise Fatal(
            f"version {older.number} has other labels ({'; '.join(told) or 'other earlier names'}),"
            " and the label commands since do not lead to those of now: go back to a version with"
            " these labels"
        )
    added = wanted.labels - {wanted.now(label) for label in older.manifest.labels}
    examples = [
        (at, lesson)
        for at, lesson in standing(since)
        if lesson.gold and wanted.now(lesson.label) in added
    ]
    return len(commands), teach(older, [*commands, *intake.encoded(examples, anew)])


def _moves_back(feed: Feed, older: Version) -> str:
    """Return the name of the older version's encoder, as far as it is known."""
    if older.manifest.encoded:
        return older.manifest.encoded.name
    moves = (one.encoded for one in feed.repository.manifests.values() if one.encoded)
    names = [one.name_before for one in moves if one.before == older.manifest.encoder]
    return next((name for name in names if name), "NAME")


def lessons(reader: Reader, start: int, end: int) -> Iterator[Lesson]:
    """Yield the lessons and revocations of `retrain` from an offset up to before another."""
    return readable(reader, RETRAIN, Retrain, start, end)


def standing(since: Iterable[Lesson]) -> list[Lesson]:
    """Return the lessons among these that were not taken back after: the last on each text."""
    last = {lesson.id: (at, lesson) for at, lesson in since}
    return [(at, lesson) for at, lesson in last.values() if lesson.kind != "revoked"]


def _taken_back(since: Sequence[Lesson], taught: Taught) -> set[str]:
    """Return the texts revoked since, but for those taught again as the older version has them."""
    back: set[str] = set()
    for _, lesson in since:
        shelf = taught.classifier.shelves.get(taught.labels.now(lesson.label))
        if lesson.kind == "revoked":
            back.add(lesson.id)
        elif shelf is not None and lesson.id in shelf.members:
            back.discard(lesson.id)
    return back


def set_pin(settings: Settings, number: int, *, pinned: bool) -> bool:
    """Pin a version, or take its pin away; False where it was so already.

    Raises:
        NoVersion: there is no such version, or the one to pin is not whole.
        Fatal: a run holds the folder.
    """
    with changing(settings) as log:
        feed = Feed(log)
        feed.newest()
        if pinned:
            feed.load(number)
        else:
            feed.manifest(number)
        if (number in feed.repository.pinned) == pinned:
            return False
        log.append([pin(number) if pinned else unpin(number)])
        return True
