"""Going back to an older version of the model, and keeping versions by a pin."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from models.classifier import Classifier
from models.errors import Fatal
from streams.derived import chunks
from streams.embedded.runner import EmbeddedRunner
from streams.errors import Unreadable
from streams.feed import Feed, Version
from streams.ledger import Ledger
from streams.program.folder import Folder, working
from streams.program.settings import Settings
from streams.records import Retrain
from streams.repository import pin, unpin
from streams.stage import Reader
from streams.stages.ledger import LedgerStage
from streams.topology import RETRAIN, TRAIN


@dataclass(frozen=True)
class RolledBack:
    """What a rollback came to; without a change there was nothing to go back to.

    Of the lessons that stand since, so many are `left_out`, `gold` of them a person's; so many of
    its texts were `taken_back` since, and it is without them; so many lessons and revocations are
    `waiting` for the next run.
    """

    before: int
    now: Version
    changed: bool
    left_out: int = 0
    gold: int = 0
    taken_back: int = 0
    waiting: int = 0


def rollback(settings: Settings, number: int) -> RolledBack:
    """Publish what a version held as the next one, so that every reader goes back to it.

    Lessons taught since are left out, and are not learnt again; what was taken back since is
    taken out of the older version as well.

    Raises:
        NoVersion: there is no such version, or it is not whole.
        Fatal: it reads vectors of another encoder, or has other labels; a run holds the folder.
    """
    with working(settings) as log:
        feed = Feed(log)
        serving = feed.newest()
        if number == serving.number:
            return RolledBack(serving.number, serving, changed=False)
        older = feed.load(number)
        if older.manifest.encoder != serving.manifest.encoder:
            raise Fatal(
                f"version {number} reads vectors of encoder {older.manifest.encoder}, the one in"
                f" service of {serving.manifest.encoder}: a rollback does not change the encoder;"
                " fit again with the other one into another --var"
            )
        _check_labels(older, serving)
        since = list(lessons(log, older.manifest.applied, serving.manifest.applied))
        back = _taken_back(since, older.classifier)
        classifier = older.classifier.unlearn(back) if back else older.classifier
        if classifier.hash() == serving.classifier.hash():
            return RolledBack(serving.number, serving, changed=False)
        log.append(feed.restore(older.manifest, classifier))
        ledger = LedgerStage(Ledger(Folder(settings.var).ledger))
        asyncio.run(EmbeddedRunner(log, [ledger]).run(lockstep=True))
        taught = standing(since)
        at = max(serving.manifest.applied, log.position(TRAIN.name, RETRAIN.name))
        return RolledBack(
            before=serving.number,
            now=feed.newest(),
            changed=True,
            left_out=len(taught),
            gold=sum(lesson.gold for lesson in taught),
            taken_back=sum(
                len(back & shelf.members) for shelf in older.classifier.shelves.values()
            ),
            waiting=sum(1 for _ in lessons(log, at, log.end(RETRAIN.name))),
        )


def _check_labels(older: Version, serving: Version) -> None:
    """Other labels are no matter of what was taught: everybody else has followed the commands."""
    then, now = set(older.manifest.labels), set(serving.manifest.labels)
    told = [
        f"{what} since: {', '.join(sorted(names))}"
        for what, names in (("added", now - then), ("gone", then - now))
        if names
    ]
    if told:
        raise Fatal(
            f"version {older.number} has other labels ({'; '.join(told)}): go back to a version"
            " with these labels, or bring the labels back first with `redstream labels`"
        )


def lessons(reader: Reader, start: int, end: int) -> Iterator[Retrain]:
    """Yield the lessons and revocations of `retrain` from an offset up to before another."""
    for records in chunks(reader, RETRAIN, start):
        for record in records:
            if record.offset >= end:
                return
            try:
                yield Retrain.decode(record.value)
            except Unreadable:  # among the dead letters
                continue


def standing(since: Iterable[Retrain]) -> list[Retrain]:
    """Return the lessons among these that were not taken back after: the last on each text."""
    last = {lesson.id: lesson for lesson in since}
    return [lesson for lesson in last.values() if lesson.kind != "revoked"]


def _taken_back(since: list[Retrain], older: Classifier) -> set[str]:
    """Return the texts revoked since, but for those taught again as the older version has them."""
    back: set[str] = set()
    for lesson in since:
        if lesson.kind == "revoked":
            back.add(lesson.id)
        elif lesson.label in older.shelves and lesson.id in older.shelves[lesson.label].members:
            back.discard(lesson.id)
    return back


def set_pin(settings: Settings, number: int, *, pinned: bool) -> bool:
    """Pin a version, or take its pin away; False where it was so already.

    Raises:
        NoVersion: there is no such version, or the one to pin is not whole.
        Fatal: a run holds the folder.
    """
    with working(settings) as log:
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
