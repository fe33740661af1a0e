"""The model is asked about a text again, by the versions that had to do with it."""

from __future__ import annotations

from collections.abc import Sequence

from models.proposals import proposals
from streams.figures import Story
from streams.glance import Glance
from streams.lookup import Lesson, Lookup
from streams.program.asked_again import AskedAgain, Change, Said
from streams.program.exemplars import Exemplars
from streams.program.taught import taught
from streams.records import Contender, Labeled, Verdict
from streams.stage import Log
from streams.wire import Vector

NEIGHBOURS = 5


def asked_again(
    log: Log,
    lookup: Lookup,
    story: Story,
    text_id: str,
    vector: Vector | None,
    lessons: Sequence[Lesson],
) -> AskedAgain:
    """Return what the model says of a text; without its embedding, of its lessons alone."""
    feed = Glance(log)
    serving = feed.newest()
    standing = taught(lessons, feed, serving)
    encoder = serving.manifest.called
    if vector is None or vector.encoder != serving.manifest.encoder:  # it came a moment ago
        return AskedAgain(serving.number, encoder, lessons=standing)
    said, elsewhere = _said(feed, story, vector)
    near = Exemplars(serving.classifier, log, lookup).near(text_id, vector.array(), NEIGHBOURS)
    return AskedAgain(
        serving=serving.number,
        encoder=encoder,
        elsewhere=elsewhere,
        versions=said,
        heads=proposals(serving.classifier, vector.array()),
        nearest=near,
        changes=_changes(feed, said),
        lessons=standing,
    )


def _said(feed: Glance, story: Story, vector: Vector) -> tuple[list[Said], dict[int, str]]:
    """Let the versions that had to do with the text, and the one in service, say it again.

    Those of another encoder are named instead.
    """
    serving, manifests = feed.newest(), feed.repository.manifests
    records: list[Labeled | Verdict] = [*story.events, *story.verdicts, *story.reviews]
    named = [one.model for one in records]
    kept = [n for n in sorted(set(named)) if n in manifests and n != serving.number]
    whole = [n for n in (kept[0], kept[-1]) if feed.whole(n)] if kept else []
    found, elsewhere = [], {}
    for version in [*(feed.load(n) for n in dict.fromkeys(whole)), serving]:
        if vector.encoder != version.manifest.encoder:
            elsewhere[version.number] = version.manifest.called
            continue
        (one,) = version.predict(vector.array()[None])
        contenders = [
            Contender(label=c.label, probability=round(c.probability, 6)) for c in one.contenders
        ]
        found.append(Said(version.number, contenders))
    return found, elsewhere


def _changes(feed: Glance, said: Sequence[Said]) -> list[Change]:
    """Return the versions after the first that said something which touched its contenders."""
    if not said:
        return []
    labels = {one.label for version in said for one in version.contenders}
    return [
        Change(number, sorted(labels & {*manifest.touched}))
        for number, manifest in sorted(feed.repository.manifests.items())
        if said[0].version < number <= said[-1].version and labels & {*manifest.touched}
    ]
