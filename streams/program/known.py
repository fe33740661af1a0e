"""A text that was seen: found again from what the folder keeps of it."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import closing

from streams.errors import Unreadable
from streams.figures import Story
from streams.lookup import Lookup
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.records import Manifest, Retrain, Text, Uncertain
from streams.stage import Reader
from streams.textindex import TextIndex
from streams.topology import RETRAIN
from streams.wire import Vector


def text_of(story: Story) -> Text | None:
    """Return the text of a story; None where nothing happened to it yet."""
    if story.held is not None:
        return story.held.text
    if not story.events:
        return None
    event = story.truth or story.events[-1]
    return Text(
        id=event.id,
        text=event.text,
        attributes=event.attributes,
        source=event.source,
        received=event.received,
    )


def case_of(story: Story, embedding: Vector) -> Uncertain:
    """Return a text that has a label as a case, as if it were put to somebody."""
    text, event = text_of(story), story.truth or story.events[-1]
    assert text is not None
    return Uncertain(text=text, embedding=embedding, contenders=event.contenders, model=event.model)


def lesson_at(reader: Reader, offset: int) -> Retrain | None:
    """Return the lesson at a place in `retrain`; None if it cannot be read, or is erased."""
    found = reader.read_from(RETRAIN.name, offset, 1)
    try:
        return Retrain.decode(found[0].value) if found and found[0].offset == offset else None
    except Unreadable:
        return None


def examples_of(reader: Reader, lookup: Lookup, ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """Return label and text of examples by their ids; without those never taught."""
    return {
        id_: (lesson.label, lesson.text)
        for id_, offset in lookup.taught_at(ids).items()
        if (lesson := lesson_at(reader, offset)) is not None
    }


def embedding_of(
    story: Story,
    manifest: Manifest,
    reader: Reader,
    lookup: Lookup,
    *,
    encode_by: Settings | None = None,
) -> Vector | None:
    """Return the embedding of a text from the log, where it is there, else made again.

    It is of the encoder that the version with this manifest reads. Without settings to `encode_by`
    nothing is made: loading an encoder takes seconds.
    """
    text = text_of(story)
    kept = [story.held.embedding] if story.held else []
    kept += [one.apart for one in story.verdicts if one.apart is not None]
    if text is not None:
        lessons = [lesson_at(reader, at) for at in lookup.taught_at([text.id]).values()]
        kept += [one.embedding for one in lessons if one is not None and one.embedding is not None]
    for vector in kept:
        if vector.encoder == manifest.encoder:
            return vector
    if encode_by is None or text is None:
        return None
    import numpy as np  # here: who only looks at records starts without it

    from streams.program.encoding import encoder_of

    encoder = encoder_of(encode_by, manifest)
    row = encoder.encode([text.text])[0]
    return Vector.of(np.asarray(row, np.float32), encoder.identity)


def forgotten_on(settings: Settings, text_id: str) -> str | None:
    """Return the day on which a text was forgotten; None if it was not.

    Raises:
        Fatal: nothing was run in this folder yet.
    """
    with closing(Lookup(Folder(settings.var).ledger)) as lookup:
        moment = lookup.forgotten(text_id)
    return None if moment is None else day(moment)


def day(moment: float) -> str:
    """Return the day of a moment, as a person writes it."""
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def unknown(settings: Settings, lookup: Lookup, text_id: str) -> str:
    """Say that nothing is known of a text: it is on its way, or there is none of that id."""
    if (moment := lookup.forgotten(text_id)) is not None:
        return f"{text_id!r} was forgotten on {day(moment)}: nothing of it is kept"
    with closing(TextIndex(Folder(settings.var).texts, read_only=True)) as index:
        if index.has(text_id):
            return f"{text_id!r} is not decided yet, nor held: it is still on its way"
    near = lookup.near(text_id)
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    return f"no text {text_id!r} was seen in {settings.var}{hint}"
