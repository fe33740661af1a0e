"""Moving a model to another encoder while it serves: everything it was taught, encoded anew.

All that stands is fitted, as by `fit`, what was accepted with what people said: fitted on people's
examples alone, and taught the rest, it was 9 points behind (docs/adr/0024). The outcome is the
first version of a new epoch, so that one which the trainer publishes meanwhile cannot undo it; what
was taught meanwhile the trainer learns from the log. Nothing is held: workers and a run go on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from models.classifier import Classifier
from models.encoder import Encoder, load_encoder
from models.encoder_paths import PathChoice
from models.errors import Fatal
from streams.derived import readable
from streams.embedded.lock import held
from streams.embedded.runner import EmbeddedRunner
from streams.encoding import Encodings, Item, Words
from streams.errors import Held
from streams.feed import Feed, Version
from streams.forgotten import followed
from streams.ledger import Ledger
from streams.program.encoder_refit import Accuracy, Progress, Refit
from streams.program.encoder_stores import drop_store, fills
from streams.program.folder import Folder, log_of, working
from streams.program.rollback import lessons
from streams.program.settings import Settings
from streams.records import Encoded, LabelCommand
from streams.stage import Log, outgoing
from streams.stages.ledger import LedgerStage
from streams.stages.remember import store_mark
from streams.teaching import teach
from streams.topology import LABELS, MARKS, VERDICTS


@dataclass(frozen=True)
class Moved:
    """What a change came to. `version` is the model that has it; None where nothing was written,
    or nothing was to be done (`before` is None then).

    Of `lessons` so many are `gold`; in so many texts the encoder finds `nothing`. `filled`: the
    new example store was filled here; else the worker that remembers does it.
    """

    name: str
    encoder: Encoder
    serving: Version
    before: Accuracy | None = None
    after: Accuracy | None = None
    version: int | None = None
    lessons: int = 0
    gold: int = 0
    nothing: int = 0
    filled: bool = True


def change(
    settings: Settings, name: str, path: PathChoice, progress: Progress, *, dry: bool = False
) -> Moved:
    """Move the model to the encoder of that name; with `dry` only measure what that would bring.

    Raises:
        Fatal: the encoder cannot be loaded, another change is under way, or something that does
            not go together with it was done meanwhile (a rollback).
    """
    with held(settings.var / "locks" / "encoder"), log_of(settings, appends=not dry) as log:
        feed = Feed(log)
        base = feed.newest()
        progress("loading the encoder", 0.0)
        encoder = load_encoder(name, path)
        if encoder.identity == base.manifest.encoder:
            return Moved(name, encoder, base)
        work = Refit(settings, log, base, encoder, progress)
        classifier, after = work.fitted()
        before = work.before()
        done = Moved(
            name,
            encoder,
            base,
            before,
            after,
            lessons=len(work.lessons),
            gold=work.gold,
            nothing=work.nothing,
            filled=fills(settings),
        )
        if dry:
            return done
        store = f"-{feed.repository.epoch + 1}"
        if done.filled:
            asyncio.run(work.fill(store))
        progress("publishing", 0.95)
        try:
            named = _named(settings, name, store, work, feed)
            version = _publish(log, feed, work, classifier, named)
        except Fatal:
            drop_store(settings, store)
            raise
        _told(settings)
        if base.manifest.encoded is not None:  # nobody names it any more
            drop_store(settings, base.manifest.encoded.store_before)
        return replace(done, version=version)


def _named(settings: Settings, name: str, store: str, work: Refit, feed: Feed) -> Encoded:
    earlier = work.base.manifest.encoded
    place = Path(name)
    return Encoded(
        name=str(place.absolute()) if place.is_dir() else name,
        path=work.encoder.path,
        dimension=work.encoder.dimension,
        number=feed.moves_to(),
        verdicts=0,
        store=store,
        before=work.base.manifest.encoder,
        name_before=earlier.name if earlier else settings.encoder,
        store_before=earlier.store if earlier else "",
        dimension_before=work.base.classifier.dimension,
    )


def _publish(log: Log, feed: Feed, work: Refit, classifier: Classifier, named: Encoded) -> int:
    """Teach what the trainer has learnt meanwhile, and publish all of it; return the number."""
    now, base, encoder = feed.newest(), work.base, work.encoder
    if now.manifest.epoch != base.manifest.epoch or now.manifest.left_out != base.manifest.left_out:
        raise Fatal(
            "the model was rolled back, or moved to another encoder, meanwhile: nothing was"
            " published; give the command again"
        )
    if followed(log).of({lesson.id for _, lesson in work.lessons}):
        raise Fatal("a text was forgotten meanwhile: nothing was published; give the command again")
    draft = base.manifest.model_copy(update={"encoder": encoder.identity, "encoded": named})
    read: list[Item] = []
    read += readable(
        log, LABELS, LabelCommand, base.manifest.applied_labels, now.manifest.applied_labels
    )
    gone = followed(log)
    since = lessons(log, base.manifest.applied, now.manifest.applied)
    read += [one for one in since if one[1].id not in gone]
    words = Words(encoder.identity, [(k, i.name, i.guide) for k, i in classifier.infos.items()])
    ours = Encodings(lambda manifest: encoder, encoder)
    taught = teach(Version(draft, classifier), ours.lessons(read, draft, words))
    if set(taught.classifier.labels) != set(now.manifest.labels):
        raise Fatal(
            "the labels were changed meanwhile in a way that cannot be followed: nothing was"
            " published; give the command again"
        )
    verdicts = log.end(VERDICTS.name)
    mark = store_mark(named.store, base.manifest.applied if fills(work.settings) else 0)
    version = feed.move(
        taught.classifier,
        encoded=named.model_copy(update={"verdicts": verdicts, "number": feed.moves_to()}),
        threshold=taught.classifier.threshold,
        audit=None,
        claim=None,
        judged_from=verdicts,
        layer=None,
    )
    log.append([outgoing(MARKS, mark.key, mark), *version])
    return feed.newest().number


def _told(settings: Settings) -> None:
    """Let the ledger of a folder know at once, where nobody works on it."""
    try:
        with working(settings) as log:
            ledger = LedgerStage(Ledger(Folder(settings.var).ledger))
            asyncio.run(EmbeddedRunner(log, [ledger]).run(lockstep=True))
    except Held:
        pass
