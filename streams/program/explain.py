"""`redstream explain`: the story of one text, from the ledger."""

from __future__ import annotations

from contextlib import closing

from models.errors import Fatal
from streams.figures import Figures, Story
from streams.program.folder import Folder
from streams.program.settings import Settings
from streams.textindex import TextIndex


def explain(settings: Settings, text_id: str) -> Story:
    """Return the story of a text.

    Raises:
        Fatal: the id was never seen in this folder.
    """
    folder = Folder(settings.var)
    with closing(Figures(folder.ledger)) as figures:
        story = figures.story(text_id)
    if not story.events and not story.verdicts:
        with closing(TextIndex(folder.texts, read_only=True)) as index:
            if not index.has(text_id):
                raise Fatal(f"no text {text_id!r} was seen in {settings.var}")
    return story
