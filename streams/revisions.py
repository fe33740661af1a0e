"""Rows whose words were changed under their id: the file was edited, and they are new texts.

In one reading of a file, as in a stream, an id stands for one text. Read again from its start, the
file has its rows as somebody wants them now: what has other words under an id than it had in an
earlier reading gets an id of its own, made of both.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.incoming import READING_HEADER, SOURCE_HEADER
from streams.records import Text
from streams.stage import Delivered, Reader
from streams.textindex import Claim, TextIndex
from streams.topology import TEXTS


def revised_id(text_id: str, content: str) -> str:
    """Return the id of a row with these words where its own id stands for others."""
    return f"{text_id}~{content}"


def claimed(
    index: TextIndex, reader: Reader | None, texts: Sequence[tuple[Delivered, Text]]
) -> list[tuple[Delivered, Text, Claim]]:
    """Claim the ids of texts, a revised one where the row was changed; in the order given."""
    found = [
        (delivered, text, claim)
        for (delivered, text), claim in zip(texts, index.claim(texts), strict=True)
    ]
    changed = {
        place: (delivered, text.model_copy(update={"id": revised_id(text.id, text.content)}))
        for place, (delivered, text, claim) in enumerate(found)
        if claim is Claim.CONFLICT and reader and _was_changed(index, reader, delivered, text)
    }
    for place, claim in zip(changed, index.claim(list(changed.values())), strict=True):
        found[place] = (*changed[place], claim)
    return found


def _was_changed(index: TextIndex, reader: Reader, delivered: Delivered, text: Text) -> bool:
    """Tell whether an earlier reading of the same file gave the id its words."""
    reading = int(delivered.headers.get(READING_HEADER, "1"))
    if reading == 1:
        return False
    offset, partition = index.owner(text.id)
    owner = reader.read_from(TEXTS.name, offset, 1, partition)
    if not owner or owner[0].offset != offset or _file(owner[0]) != _file(delivered):
        return False
    return int(owner[0].headers.get(READING_HEADER, "1")) < reading


def _file(delivered: Delivered) -> str:
    return delivered.headers.get(SOURCE_HEADER, "").rpartition(":")[0]
